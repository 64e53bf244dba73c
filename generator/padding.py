"""Padding of interior conditions (thesis 6.4.2): what stands in a clip where no pixel is given."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

Clip = NDArray[np.float32]
"""`[T, H, W, 3]`, RGB in [0, 1]."""

Padding = Callable[[Clip, NDArray[np.bool_]], Clip]
"""Takes a clip and the pixels of it that are given, `[T, H, W]`; gives a clip in which all others are made up."""


def pad_zero(clip: Clip, given: NDArray[np.bool_]) -> Clip:
    """Leave the rest black."""
    return np.where(given[..., None], clip, np.float32(0))


def pad_repeated(clip: Clip, given: NDArray[np.bool_]) -> Clip:
    """Repeat the last frame that is given; whole frames are."""
    last = int(_given_frames(given)[-1])
    return np.where(given[..., None], clip, clip[last])


def pad_interpolated(clip: Clip, given: NDArray[np.bool_]) -> Clip:
    """Blend linearly between the last frame given at the beginning and the first given at the end."""
    frames = _given_frames(given)
    gap = int(np.argmax(np.diff(frames))) if len(frames) > 1 else 0
    before, after = int(frames[gap]), int(frames[min(gap + 1, len(frames) - 1)])
    share = (np.arange(len(clip), dtype=np.float32) - before) / max(1, after - before)
    share = share.clip(0, 1)[:, None, None, None]
    blend = (1 - share) * clip[before] + share * clip[after]
    return np.where(given[..., None], clip, blend).astype(np.float32)


def pad_edge(clip: Clip, given: NDArray[np.bool_]) -> Clip:
    """Repeat the nearest pixel that is given of each frame; a frame of which none is stays black."""
    padded = pad_zero(clip, given)
    for index, (frame, inside) in enumerate(zip(clip, given, strict=True)):
        if inside.any():
            rows, columns = distance_transform_edt(~inside, return_distances=False, return_indices=True)
            padded[index] = frame[rows, columns]
    return padded


def _given_frames(given: NDArray[np.bool_]) -> NDArray[np.int64]:
    frames = np.flatnonzero(given.all((1, 2)))
    if not len(frames):
        raise ValueError("this padding needs at least one whole frame")
    return frames
