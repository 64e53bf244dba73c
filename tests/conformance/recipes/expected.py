"""What is written down of a golden file when it is made, for tests to hold it to for ever."""

import hashlib
import math
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from numpy.typing import NDArray

import mgv

from .golden import read_tokens
from .scenes import SCENES, pictures

PSNR_MARGIN_DB = 0.5
"""What another float arithmetic may cost."""

ZSTD_VERSION = ".".join(map(str, zstandard.ZSTD_VERSION))


def skip_other_zstd(facts: dict[str, Any]) -> None:
    """Skip a test of packed bytes: other versions of zstd may pack the same in another way, and be right."""
    if facts["zstd_version"] != ZSTD_VERSION:
        pytest.skip(
            f"made with zstd {facts['zstd_version']}, runs where that is at hand; here is {ZSTD_VERSION}"
        )


def tokens_sha256(segments: Iterable[tuple[NDArray[np.int64], int]]) -> str:
    """Hash the tokens of all segments, each given as its grid and its bit depth.

    A segment is hashed as t, h, w and bit depth in 32 bits each, then the tokens in 64 bits each in raster order,
    all little-endian. Bits from the bit depth up are 0.
    """
    digest = hashlib.sha256()
    for ids, bit_depth in segments:
        digest.update(struct.pack("<4I", *ids.shape, bit_depth))
        digest.update(ids.astype("<i8").tobytes())
    return digest.hexdigest()


def psnr_db(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Give the PSNR of all samples taken together."""
    error = np.mean((first.astype(float) - second) ** 2)
    return 10 * math.log10(255**2 / error) if error else math.inf


def describe(path: Path, scene: str, model: Path) -> dict[str, Any]:
    """Note what a golden file must give."""
    segments = read_tokens(path.read_bytes(), model)
    with mgv.open(path, model=model) as video:
        frames = list(video.frames())
        header = video.info.header
    measured = psnr_db(np.stack([frame.rgb for frame in frames]), pictures(SCENES[scene]))
    return {
        "scene": scene,
        "coder": video.info.coder_name,
        "file_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "tokens_sha256": tokens_sha256((tokens.ids, tokens.bit_depth) for tokens in segments),
        "num_frames": len(frames),
        "width": header.width,
        "height": header.height,
        "pts": [frame.pts for frame in frames],
        "least_psnr_db": math.floor(10 * (measured - PSNR_MARGIN_DB)) / 10,
        "zstd_version": ZSTD_VERSION,
    }
