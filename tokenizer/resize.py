"""Scaling of clips on any device, with gradients, by the filter that an encoder scales frames with."""

import functools

import torch
from torch import Tensor
from torch.nn import functional


def resize_clip(clip: Tensor, height: int, width: int) -> Tensor:
    """Scale frames by a bicubic filter, antialiased where they shrink, as Pillow's but without rounding.

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
