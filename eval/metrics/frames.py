"""Distortion of decoded frames against their originals, and the memory a process took."""

import resource
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]

PEAK = 255.0
MAX_PSNR_DB = 100.0
"""Given for identical frames, whose PSNR has no limit."""

MIN_MS_SSIM_SIDE = 161
"""Shorter side from which MS-SSIM's five scales of an 11-tap window exist."""

LUMA_WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""H.273 matrix coefficients -> (weight of red, weight of blue)."""


@dataclass(frozen=True)
class Distortion:
    """How far decoded frames are from their originals, as means over frames."""

    num_frames: int
    psnr_y_db: float
    """Mean over frames of the PSNR of full-range luma (peak 255), identical frames counting 100 dB."""

    ms_ssim: float | None
    """Mean MS-SSIM of RGB; None where the shorter side is under 161 pixels, for which it is not defined."""


def luma(frame: Frame, matrix: int) -> NDArray[np.float32]:
    """Weigh RGB to full-range luma.

    Args:
        frame: uint8 `[..., 3]`.
        matrix: H.273 matrix coefficients; an unlisted one counts as BT.709.

    Returns:
        float32 `[...]` in [0, 255].
    """
    red, blue = LUMA_WEIGHTS.get(matrix, LUMA_WEIGHTS[1])
    weights = np.array([red, 1.0 - red - blue, blue], np.float32)
    return frame.astype(np.float32) @ weights


def psnr_db(original: NDArray[np.generic], decoded: NDArray[np.generic]) -> float:
    """Peak signal-to-noise ratio in dB at peak 255; 100 dB at most."""
    difference = original.astype(np.float64) - decoded.astype(np.float64)
    mse = float(np.mean(np.square(difference)))
    if mse == 0:
        return MAX_PSNR_DB
    return min(MAX_PSNR_DB, 10 * float(np.log10(PEAK**2 / mse)))


def ms_ssim(original: Frame, decoded: Frame) -> float | None:
    """MS-SSIM of two RGB frames uint8 `[H, W, 3]`; None where the shorter side is under 161 pixels."""
    if min(original.shape[:2]) < MIN_MS_SSIM_SIDE:
        return None
    import torch
    from pytorch_msssim import ms_ssim as compare

    pair = [torch.from_numpy(f.astype(np.float32)).permute(2, 0, 1)[None] for f in (original, decoded)]
    with torch.inference_mode():
        return float(compare(pair[0], pair[1], data_range=PEAK))


def compare_frames(
    originals: Iterable[Frame],
    decoded: Iterable[Frame],
    matrix: int = 1,
    *,
    with_ms_ssim: bool = True,
    on_pair: Callable[[int, Frame, Frame], None] | None = None,
) -> Distortion:
    """Compare two videos frame by frame, holding one pair at a time.

    Args:
        originals: uint8 `[H, W, 3]` each.
        decoded: as many, of the same size.
        matrix: H.273 matrix coefficients of the source, for luma.
        with_ms_ssim: False leaves MS-SSIM out.
        on_pair: shown each pair with its number.

    Raises:
        ValueError: the videos differ in length or size, or are empty.
    """
    psnrs: list[float] = []
    similarities: list[float] = []
    for original, other in _pairs(originals, decoded):
        if original.shape != other.shape:
            raise ValueError(f"frame {len(psnrs)} is {other.shape}, its original {original.shape}")
        if on_pair is not None:
            on_pair(len(psnrs), original, other)
        psnrs.append(psnr_db(luma(original, matrix), luma(other, matrix)))
        similarity = ms_ssim(original, other) if with_ms_ssim else None
        if similarity is not None:
            similarities.append(similarity)
    if not psnrs:
        raise ValueError("no frames to compare")
    return Distortion(
        len(psnrs), float(np.mean(psnrs)), float(np.mean(similarities)) if similarities else None
    )


def peak_memory_bytes() -> int:
    """Give the largest resident memory this process has had since it was started."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count the parent's memory in, from before exec
        for line in status.read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _pairs(originals: Iterable[Frame], decoded: Iterable[Frame]) -> Iterator[tuple[Frame, Frame]]:
    first, second = iter(originals), iter(decoded)
    count = 0
    while True:
        one, other = next(first, None), next(second, None)
        if one is None and other is None:
            return
        if one is None or other is None:
            shorter = "the original" if one is None else "the decoded video"
            raise ValueError(f"{shorter} ends after {count} frames, the other goes on")
        count += 1
        yield one, other
