"""Frames held steady where nothing new was said: averaged over time at positions whose token did not change.

A token says how its frames differ in cells, of which none need lie at no difference; a decoder shows that anew with
each token, and a picture at rest trembles. What is said twice over is no motion (EXPERIMENTS.md, 43). Fine bits change
with the noise of a source, so that coarse ones are asked, and those of the neighbours too.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .config import TokenizerConfig

Strides = tuple[int, int, int]
Ids = NDArray[np.int64]

COARSE_LAYERS = 2
"""Layers whose bits must be as before."""

MIN_STEADY = 7
"""Tokens of the nine around a position, itself one of them, whose coarse bits must be as before."""

BAND = 8
"""Rows of tokens that are averaged together."""


def coarse_bits(ids: Ids, config: TokenizerConfig, bit_depth: int) -> Ids:
    """Keep the bits of the first `COARSE_LAYERS` layers, of those that are known."""
    depth = min(config.bit_depths[:COARSE_LAYERS][-1], bit_depth)
    coarse: Ids = ids & (1 << depth) - 1
    return coarse


def hold_steady(frames: NDArray[np.uint8], ids: Ids, strides: Strides) -> None:
    """Replace, in place, the frames that a token shows by their mean where it and its surroundings did not change.

    Args:
        frames: uint8 `[n * s_t, H, W, 3]`; each n-th part is what one latent frame shows.
        ids: int64 `[n + 1, h, w]`, coarse bits only: the latent frame before, then those of `frames`.
        strides: of the tokenizer, the one in time a power of two.
    """
    for part, rows, seen in _steady(ids, strides, frames.shape[1:3]):
        shown = frames[part, rows]
        chosen = np.repeat(seen * np.uint8(255), 3, axis=1).reshape(*seen.shape, 3)
        shown ^= (shown ^ _mean_of_bytes(shown)) & chosen  # many times as fast as with a mask


def hold_start_steady(frames: NDArray[np.uint8], ids: Ids, strides: Strides) -> None:
    """Do as `hold_steady` with the start of a segment, whose first frame is all that its token shows.

    Where nothing changes after it, it becomes what follows: else each segment of a picture at rest would begin with a
    flicker.

    Args:
        frames: uint8 `[1 + n * s_t, H, W, 3]`.
        ids: int64 `[n + 1, h, w]`, coarse bits only, those of `frames`.
        strides: as for `hold_steady`.
    """
    hold_steady(frames[1:], ids, strides)
    for _, rows, seen in _steady(ids[:2], strides, frames.shape[1:3]):
        np.copyto(frames[0, rows], frames[1, rows], where=seen[:, :, np.newaxis])


def hold_clip_steady(clip: Tensor, ids: Ids, strides: Strides) -> None:
    """Do as `hold_start_steady` with a clip on any device, float `[C, 1 + n * s_t, H, W]`."""
    for part, rows, seen in _steady(ids, strides, clip.shape[2:]):
        shown = clip[:, 1:][:, part, rows]
        chosen = torch.from_numpy(seen).to(clip.device)
        shown += (shown.mean(dim=1, keepdim=True) - shown) * chosen
        if part.start == 0:
            first = clip[:, 0, rows]
            first += (shown[:, 0] - first) * chosen


def _steady(
    ids: Ids, strides: Strides, size: tuple[int, ...]
) -> Iterator[tuple[slice, slice, NDArray[np.bool_]]]:
    """Find steady tokens, in bands of a few rows that stay in a processor's cache.

    Yields:
        The frames and the rows of a band that has some, and which of its pixels they show, `[rows, W]`.
    """
    stride_t, stride_h, stride_w = strides
    height, width = size
    is_same = ids[1:] == ids[:-1]
    for index, same in enumerate(is_same):
        steady = same & (_count_around(same) >= MIN_STEADY)
        for top in range(0, len(steady), BAND):
            band = steady[top : top + BAND]
            if band.any():
                rows = slice(top * stride_h, min((top + BAND) * stride_h, height))
                seen = band.repeat(stride_w, axis=1)[:, :width].repeat(stride_h, axis=0)
                yield slice(index * stride_t, (index + 1) * stride_t), rows, seen[: rows.stop - rows.start]


def _count_around(is_set: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Count what is set in the 3x3 around each place of `[h, w]`, as if the border went on as it ends."""
    height, width = is_set.shape
    padded = np.pad(is_set, 1, mode="edge").astype(np.uint8)
    count = np.zeros((height, width), np.uint8)
    for y in range(3):
        for x in range(3):
            count += padded[y : y + height, x : x + width]
    return count


def _mean_of_bytes(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Average over the first axis without leaving bytes, which is fast: pair by pair, halves once up, once down."""
    if len(frames) == 1:
        only: NDArray[np.uint8] = frames[0]
        return only
    first, second = _mean_of_bytes(frames[: len(frames) // 2]), _mean_of_bytes(frames[len(frames) // 2 :])
    half_difference = (first ^ second) >> 1
    if len(frames) == 2:
        return (first | second) - half_difference
    return (first & second) + half_difference
