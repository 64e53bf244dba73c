"""Laying frames into the coded picture, and cutting them out of it again."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ...tokenizer.resize import resize_frames
from .similarity import Similarity, Size

Frames = NDArray[np.uint8]
Picture = NDArray[np.uint8]

NO_WORSE = 1.05
"""Coded over wanted resolution up to which a picture is not scaled down before frames are cut out of it."""


class Canvas:
    """A picture that shows more than one frame: beside each frame stands what others saw there."""

    def __init__(self, frames: Sequence[Picture], laid: Sequence[Similarity]) -> None:
        """Begin with what there is to be seen.

        Args:
            frames: uint8 `[H, W, 3]`, of one size.
            laid: of each.
        """
        self._extent: Size = (frames[0].shape[1], frames[0].shape[0])
        self.size = _size_of(laid, self._extent)
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


def pick_up(coded: Frames, laid: Sequence[Similarity], size: Size) -> Frames:
    """Cut frames out of coded pictures. Inverse: `Canvas.lay`.

    Args:
        coded: uint8 `[T, H', W', 3]`.
        laid: of each frame.
        size: of a frame.

    Returns:
        uint8 `[T, H, W, 3]`.
    """
    finest = _size_of(laid, size)
    if coded.shape[2] > NO_WORSE * finest[0] or coded.shape[1] > NO_WORSE * finest[1]:
        coded = resize_frames(coded, *finest)
    coded_size = coded.shape[2], coded.shape[1]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    frames = np.empty((len(coded), size[1], size[0], 3), np.uint8)
    for frame, picture, where in zip(frames, coded, laid, strict=True):
        matrix = where.matrix(size, coded_size, size)
        cv2.warpAffine(picture, matrix, size, frame, flags, cv2.BORDER_REPLICATE)
    return frames


def _size_of(laid: Sequence[Similarity], size: Size) -> Size:
    """Give the size of a coded picture in which the frame that loses most loses nothing."""
    finest = min(abs(where.turn) for where in laid)
    return max(1, round(size[0] / finest)), max(1, round(size[1] / finest))
