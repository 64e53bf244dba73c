"""A mesh of vectors over the coded picture: how what is seen there moves from frame to frame of a group."""

from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ..camera import Size

_Number = TypeVar("_Number", np.float32, np.uint8)

Motion = NDArray[np.int16]
"""`[groups, rows, columns, 2]`: right and down, in 1 / `MOTION_UNIT` of a source pixel a frame."""

Field = NDArray[np.float32]
"""`[rows, columns, 2]`: right and down, in source pixels."""

MOTION_UNIT = 2

CELL_SIDE = 40
"""Source pixels, about, of a cell that has a vector of its own in its middle."""

MOST_CELLS = 32
"""Along a picture's side."""

NOTHING: Any = None
"""For arguments that OpenCV takes None for, and its types do not."""

MOST_APART = 8
"""Pixels between points that are followed back along their motion; between them lie straight lines."""

STEPS_TO_SETTLE = 8
"""After which a point has been followed back along its motion."""


def mesh_size(size: Size) -> Size:
    """Give the columns and rows of a picture's mesh."""
    side = max(CELL_SIDE, max(size) / MOST_CELLS)
    return max(1, round(size[0] / side)), max(1, round(size[1] / side))


def num_groups(num_frames: int, stride: int) -> int:
    """Give the groups of a segment's frames: `stride` each after the first frame, the last may be shorter."""
    return -(-(num_frames - 1) // stride)


def displacements(motion: Motion, frames: range, stride: int) -> tuple[Field | None, ...]:
    """Say for frames of a segment how far each point is from where the coded picture shows it.

    Frames after the first are taken `stride` at a time. What moves by v a frame is shown where it is in the middle
    of its group: in frame number k of 1 to s it has moved by (k - (s + 1) / 2) v.

    Args:
        motion: of the segment; groups that it has not are still.
        frames: their numbers in the segment.
        stride: frames of a group, s.

    Returns:
        One a frame; None where all is where it is shown.
    """
    found: list[Field | None] = []
    for frame in frames:
        group, place = divmod(frame - 1, stride)
        is_moved = 0 <= group < len(motion) and bool(motion[group].any())
        found.append(group_field(motion[group], place, stride) if is_moved else None)
    return tuple(found)


def group_field(vectors: NDArray[np.int16], place: int, stride: int) -> Field:
    """Give how far points are, in the frame at a place of its group (from 0), from where the group shows them."""
    field: Field = (vectors * ((place - (stride - 1) / 2) / MOTION_UNIT)).astype(np.float32)
    return field


def spread(field: Field, size: Size) -> Field:
    """Give a field's vector at every pixel of a picture of that size, which the mesh covers."""
    return cv2.resize(field, size, interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)


def exact_every(field: Field, size: Size) -> int:
    """Give how many pixels points may be apart so that lines between them are exact enough, for `settle`."""
    cell = min(size[0] / field.shape[1], size[1] / field.shape[0])
    return max(1, min(MOST_APART, int(cell / 4)))


def settle(points: NDArray[np.float32], field: Field, size: Size) -> NDArray[np.float32]:
    """Find where the coded picture shows points: the x for which x + field(x) is the point, step by step.

    Args:
        points: `[H, W, 2]`, in source pixels from the picture's middle; about as far apart as is exact enough.
        field: of the frame that the points are of.
        size: of the picture, in source pixels.

    Returns:
        `[H, W, 2]`.
    """
    rows, columns = points.shape[:2]
    field = spread(field, (columns, rows))
    scale = np.array([columns / size[0], rows / size[1]], np.float32)
    middle = np.array([(columns - 1) / 2, (rows - 1) / 2], np.float32)
    found = points
    for _ in range(STEPS_TO_SETTLE):
        found = points - look_up(field, (found * scale + middle).astype(np.float32), cv2.INTER_LINEAR)
    return found


def look_up(picture: NDArray[_Number], at: NDArray[np.float32], filter_: int) -> NDArray[_Number]:
    """Look up what a picture, or a field, shows at positions `[H, W, 2]` (column, row); its border goes on and on."""
    found = cv2.remap(picture, at, NOTHING, filter_, borderMode=cv2.BORDER_REPLICATE)
    return found.astype(picture.dtype, copy=False)
