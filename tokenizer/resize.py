"""Scaling between source size and coded size: of frames, and of clips on any device, with gradients."""

import functools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Frames = NDArray[np.uint8]


def resize_frames(frames: Frames, width: int, height: int) -> Frames:
    """Scale frames, antialiased when they shrink.

    Args:
        frames: uint8 `[T, H, W, 3]`.
        width: wanted width in pixels.
        height: wanted height in pixels.

    Returns:
        uint8 `[T, height, width, 3]`; `frames` itself when it has that size.
    """
    if frames.shape[1:3] == (height, width):
        return frames
    clip = torch.from_numpy(np.require(frames, requirements=["C", "W"])).permute(0, 3, 1, 2)
    resized = functional.interpolate(clip, (height, width), mode="bicubic", antialias=True)
    return resized.permute(0, 2, 3, 1).contiguous().numpy()


def resize_clip(clip: Tensor, height: int, width: int) -> Tensor:
    """Scale frames by a bicubic filter, antialiased where they shrink, as `resize_frames` does but without rounding.

    Args:
        clip: float32 `[B, C, T, H, W]`.
        height: wanted rows.
        width: wanted columns.

    Returns:
        float32 `[B, C, T, height, width]`; `clip` itself when it has that size.
    """
    if clip.shape[3:] == (height, width):
        return clip
    rows = _filter(clip.shape[3], height).to(clip.device)
    columns = _filter(clip.shape[4], width).to(clip.device)
    with torch.autocast(clip.device.type, enabled=False):
        return rows @ clip @ columns.T


@functools.lru_cache(maxsize=64)
def _filter(size: int, wanted: int) -> Tensor:
    """Give the weights of each wanted sample, float32 `[wanted, size]`."""
    one_hot = torch.eye(size)[None, None]
    return functional.interpolate(one_hot, (wanted, size), mode="bicubic", antialias=True)[0, 0]
