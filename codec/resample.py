"""Scaling of frames between source size and coded size."""

import numpy as np
from numpy.typing import NDArray

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
    from PIL import Image

    resized = np.empty((frames.shape[0], height, width, 3), np.uint8)
    for index, frame in enumerate(frames):
        image = Image.fromarray(np.ascontiguousarray(frame))
        resized[index] = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
    return resized
