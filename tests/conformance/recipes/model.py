"""The conformance model: a tiny tokenizer whose linear shortcut is a closed-form KLT, and tables of its coders."""

import io
import json
from pathlib import Path

import numpy as np
import torch
import zstandard
from numpy.typing import NDArray

from mgv.codec.entropy.adaptive import train_tables
from mgv.codec.entropy.adaptive_tables import save_tables
from mgv.codec.entropy.prior_parameters import save_prior
from mgv.codec.entropy.train_prior import PriorTraining, train_prior
from mgv.tokenizer import Tokenizer, load_tokenizer, save_tokenizer
from mgv.tokenizer.config import MgvSNetwork, TokenizerConfig
from mgv.tokenizer.klt import model_klt
from mgv.tokenizer.mgv_s import set_linear_transform

from .scenes import SCENES, picture

CONFIG = TokenizerConfig(
    name="conformance",
    kind="mgv-s",
    strides=(4, 8, 8),
    dimension_bits=(6, 4, 4, 3, 3),
    plane_dimensions=(0, 0, 0, 1, 2, 1, 2, 0, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4),
    bit_depths=(5, 10, 20),
    network=MgvSNetwork(8, 8, 1, 8, 1, 8, 1),
)
RATE_POINTS = [
    {"scale": 0.5, "layers": 1},
    {"scale": 0.5, "layers": 3},
    {"scale": 1.0, "layers": 2},
    {"scale": 1.0, "layers": 3},
]
TABLES = "adaptive.safetensors.zst"
PRIOR = "prior.safetensors.zst"
"""Packed, for most of their counters are those of the untrained coder; `unpack` gives the files that mgv takes."""


def make_tokenizer() -> Tokenizer:
    """Build the tokenizer: random weights that add little to a linear transform."""
    torch.manual_seed(20)
    tokenizer = Tokenizer(CONFIG)
    transform = model_klt(CONFIG.strides, len(CONFIG.dimension_bits))
    steps = np.sqrt(transform.variance) * 4 / 2.0 ** np.array(CONFIG.dimension_bits)
    set_linear_transform(tokenizer.encoder, tokenizer.decoder, transform, steps)
    return tokenizer.eval().requires_grad_(False)


def tokenize(tokenizer: Tokenizer, frames: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Give the tokens int64 `[t, h, w]` of one segment of frames uint8 `[T, H, W, 3]`."""
    num_padded = -(len(frames) - 1) % tokenizer.config.strides[0]
    padded = np.concatenate([frames, np.repeat(frames[-1:], num_padded, axis=0)])
    return tokenizer.encoder_stream(*frames.shape[1:3]).push(padded)


def make_model(folder: Path) -> None:
    """Write weights, card, quality levels and tables."""
    tokenizer = make_tokenizer()
    save_tokenizer(tokenizer, folder, {"purpose": "conformance tests; never trained"})
    (folder / "rate_points.json").write_text(json.dumps(RATE_POINTS, indent=2) + "\n")
    tables = train_tables(training_tokens(tokenizer), CONFIG.planes, CONFIG.bit_depths)
    path = folder / TABLES.removesuffix(".zst")
    save_tables(tables, path)
    pack(path)


def make_prior(folder: Path) -> None:
    """Write networks and tables of the `prior` coder, trained a little on tokens of the model in `folder`."""
    segments = training_tokens(load_tokenizer(folder))
    training = PriorTraining(steps=80, batch_size=8, crop=6, width=8, learning_rate=1e-2)
    path = folder / PRIOR.removesuffix(".zst")
    save_prior(train_prior(segments, CONFIG.planes, CONFIG.bit_depths, training)[0], path)
    pack(path)


def training_tokens(tokenizer: Tokenizer) -> list[NDArray[np.int64]]:
    """Tokenize pictures that no scene shows."""
    starts = range(100, 100 + 20 * len(SCENES), 20)
    clips = [np.stack([picture(start + index, 64, 48) for index in range(9)]) for start in starts]
    return [tokenize(tokenizer, clip) for clip in clips]


def pack(path: Path) -> None:
    """Replace a file by its zstd frame, under its name and `.zst`; inverse: `unpack`."""
    packed = zstandard.ZstdCompressor(level=19).compress(path.read_bytes())
    path.with_name(f"{path.name}.zst").write_bytes(packed)
    path.unlink()


def unpack(folder: Path, target: Path) -> Path:
    """Copy the model into `target` as `--model` takes it."""
    for path in folder.iterdir():
        data = path.read_bytes()
        if path.suffix == ".zst":
            data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()
        (target / path.name.removesuffix(".zst")).write_bytes(data)
    return target
