"""Token grids of training shards, as entropy coders meet them: several coded sizes, with and without rate in mind."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..tokenizer import ShardError, Tokenizer
from ..tokenizer.resize import resize_frames
from ..tokenizer.shards import Shard, map_frames, open_shards
from .segmenter import DEFAULT_SEGMENT_FRAMES

SCALES = (1.0, 1.0, 0.75, 1.0, 0.5)
RATE_WEIGHTS = (0.2, 0.1, 0.2, 0.3, 0.2, 0.0, 0.2)
"""Taken in turn by the segments, so that every scale meets every weight."""


def training_tokens(
    tokenizer: Tokenizer,
    folders: Sequence[Path],
    segments_per_shard: int,
    on_segment: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[NDArray[np.int64]]:
    """Tokenize segments of all shards, in an order that mixes them.

    Args:
        tokenizer: a causal one.
        folders: of shards.
        segments_per_shard: taken of each shard at most, from its beginning.
        on_segment: told of the segments done and of their number.

    Yields:
        int64 `[t, h, w]` at full bit depth.

    Raises:
        ShardError: a folder holds no shards, or a damaged one.
    """
    found = [(folder, shard) for folder in folders for shard in open_shards(folder)]
    if not found:
        raise ShardError(f"no shard in {', '.join(map(str, folders))}; make some with `mgv train prepare`")
    order = np.random.default_rng(0).permutation(len(found) * segments_per_shard)
    for done, number in enumerate(order):
        folder, shard = found[number // segments_per_shard]
        frames = _segment(folder, shard, int(number) % segments_per_shard, tokenizer.config.strides[0])
        if len(frames):
            latent = segment_latent(tokenizer, _scaled(frames, SCALES[done % len(SCALES)]))
            yield tokenizer.quantize(
                latent, tokenizer.config.bits_per_token, RATE_WEIGHTS[done % len(RATE_WEIGHTS)]
            )
        on_segment(done + 1, len(order))


def segment_latent(tokenizer: Tokenizer, frames: NDArray[np.uint8]) -> torch.Tensor:
    """Turn the frames of one segment, uint8 `[1 + s*k, H, W, 3]`, into its latent, float32 `[D, t, h, w]`."""
    stride = tokenizer.config.strides[0]
    stream = tokenizer.encoder_stream(*frames.shape[1:3])
    parts = [stream.push_latent(frames[:1])]
    parts += [stream.push_latent(frames[start : start + stride]) for start in range(1, len(frames), stride)]
    return torch.cat(parts, dim=1)


def _segment(folder: Path, shard: Shard, number: int, stride: int) -> NDArray[np.uint8]:
    start = number * DEFAULT_SEGMENT_FRAMES
    frames = map_frames(folder, shard)[start : start + DEFAULT_SEGMENT_FRAMES]
    whole: NDArray[np.uint8] = frames[: (len(frames) - 1) // stride * stride + 1] if len(frames) else frames
    return whole


def _scaled(frames: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    height, width = (max(1, round(side * scale)) for side in frames.shape[1:3])
    return resize_frames(frames, width, height)
