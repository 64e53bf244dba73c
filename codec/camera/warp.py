"""Laying frames into the coded picture."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .similarity import Similarity, Size

Frames = NDArray[np.uint8]
Picture = NDArray[np.uint8]


class Canvas:
    """A picture that shows more than one frame: beside each frame stands what others saw there."""

    def __init__(self, frames: Sequence[Picture], laid: Sequence[Similarity]) -> None:
        """Begin with what there is to be seen.

        Args:
            frames: uint8 `[H, W, 3]`, of one size.
            laid: of each.
        """
        self._extent: Size = (frames[0].shape[1], frames[0].shape[0])
        self.size = size_of(laid, self._extent)
        self._whole = np.full(frames[0].shape[:2], 255, np.uint8)
        self._around, _ = self._lay(frames[-1], laid[-1], cv2.INTER_LINEAR)
        for frame, where in zip(frames[-2::-1], laid[-2::-1], strict=True):
            picture, mask = self._lay(frame, where, cv2.INTER_LINEAR)
            cv2.copyTo(picture, mask, self._around)

    def lay(self, frames: Frames, laid: Sequence[Similarity]) -> Frames:
        """Lay the next frames, uint8 `[T, H, W, 3]`, into pictures of the canvas's size."""
        pictures = np.empty((len(frames), self.size[1], self.size[0], 3), np.uint8)
        for target, frame, where in zip(pictures, frames, laid, strict=True):
            picture, mask = self._lay(frame, where, cv2.INTER_CUBIC)
            cv2.copyTo(picture, mask, self._around)
            target[:] = self._around
        return pictures

    def _lay(self, frame: Picture, where: Similarity, filter_: int) -> tuple[Picture, Picture]:
        """Give a frame in its place, its border going on and on, and a mask of where it is."""
        matrix = where.inverse().matrix(self.size, self._extent, self._extent)
        picture = np.empty((self.size[1], self.size[0], 3), np.uint8)
        mask = np.empty((self.size[1], self.size[0]), np.uint8)
        flags = filter_ | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(frame, matrix, self.size, picture, flags, cv2.BORDER_REPLICATE)
        cv2.warpAffine(self._whole, matrix, self.size, mask, cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
        return picture, mask


def size_of(laid: Sequence[Similarity], size: Size) -> Size:
    """Give the size of a coded picture in which the frame that loses most loses nothing."""
    finest = min(abs(where.turn) for where in laid)
    return max(1, round(size[0] / finest)), max(1, round(size[1] / finest))
