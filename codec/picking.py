"""Cutting frames out of coded pictures: the camera's way and what moves are undone."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ..container import WHOLE, View
from ..tokenizer.resize import resize_frames
from .camera import Similarity, Size, size_of
from .motion import Field, exact_every, look_up, settle, spread

Frames = NDArray[np.uint8]

NO_WORSE = 1.05
"""Coded over wanted resolution up to which a picture is not scaled down before frames are cut out of it."""


def to_source(coded: Frames, views: Sequence[View], fields: Sequence[Field | None], size: Size) -> Frames:
    """Give the frames that coded pictures `[T, H', W', 3]` stand for.

    Args:
        coded: uint8.
        views: of each frame; none where all are the coded pictures.
        fields: how far each is from what is coded, see `displacements`.
        size: of a frame.

    Returns:
        uint8 `[T, H, W, 3]`.
    """
    if all(view == WHOLE for view in views) and all(field is None for field in fields):
        return resize_frames(coded, *size)
    laid = [Similarity.from_view(view, size) for view in views or (WHOLE,) * len(coded)]
    return pick_up(coded, laid, fields, size)


def pick_up(coded: Frames, laid: Sequence[Similarity], fields: Sequence[Field | None], size: Size) -> Frames:
    """Cut frames out of coded pictures. Inverse: `Canvas.lay` and `align_motion`.

    Args:
        coded: uint8 `[T, H', W', 3]`.
        laid: where each frame lies.
        fields: how far each is from what is coded, see `displacements`.
        size: of a frame.

    Returns:
        uint8 `[T, H, W, 3]`.
    """
    finest = size_of(laid, size)
    if coded.shape[2] > NO_WORSE * finest[0] or coded.shape[1] > NO_WORSE * finest[1]:
        coded = resize_frames(coded, *finest)
    frames = np.empty((len(coded), size[1], size[0], 3), np.uint8)
    for frame, picture, where, field in zip(frames, coded, laid, fields, strict=True):
        if field is not None:
            frame[:] = _cut_out_moved(picture, where, field, size)
        elif where != Similarity():
            coded_size = picture.shape[1], picture.shape[0]
            matrix = where.matrix(size, coded_size, size)
            flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
            cv2.warpAffine(picture, matrix, size, frame, flags, cv2.BORDER_REPLICATE)
        else:
            frame[:] = resize_frames(picture[None], *size)[0]
    return frames


def _cut_out_moved(
    picture: NDArray[np.uint8], where: Similarity, field: Field, size: Size
) -> NDArray[np.uint8]:
    """Give a frame that lies somewhere and in which things have moved."""
    every = exact_every(field, size)
    # One point more on each side, so that lines between points reach the border.
    x, y = (every * (np.arange(-(-side // every) + 2) - 0.5) - side / 2 for side in size)
    placed = where(x + 1j * y[:, None])
    points = np.stack([placed.real, placed.imag], axis=-1).astype(np.float32)
    scale = np.array([picture.shape[1] / size[0], picture.shape[0] / size[1]], np.float32)
    middle = np.array([picture.shape[1] - 1, picture.shape[0] - 1], np.float32) / 2
    found = (settle(points, field, size) * scale + middle).astype(np.float32)
    everywhere = spread(found, (every * len(x), every * len(y)))
    inside = slice(every, every + size[1]), slice(every, every + size[0])
    return look_up(picture, everywhere[inside], cv2.INTER_CUBIC)
