"""Things that move in front of others."""

import cv2
import numpy as np
from numpy.typing import NDArray

from ..camera.pictures import Size, scenery


def passing(num_frames: int, size: Size, step: complex, side: int = 100) -> NDArray[np.uint8]:
    """A square that passes a background at rest, in uint8 `[T, H, W, 3]`."""
    width, height = size
    behind = scenery(seed=1)[:height, :width] // 2
    square = scenery(seed=2)[:side, :side]
    middle = complex(width - side, height - side) / 2
    frames = []
    for number in range(num_frames):
        place = middle + step * (number - num_frames / 2)
        matrix = np.array([[1, 0, place.real], [0, 1, place.imag]])
        frame = behind.copy()
        cv2.warpAffine(square, matrix, size, frame, cv2.INTER_CUBIC, cv2.BORDER_TRANSPARENT)
        frames.append(frame)
    return np.stack(frames)
