"""Where each frame of a segment lies in the coded picture, as four whole numbers; FORMAT.md 3.4.1 and 3.4.2."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

from .errors import CorruptError
from .header import Header
from .limits import check_each

View = tuple[int, int, int, int]
"""How a frame is shifted right and down, and how far it grows and turns, in 1 / `VIEW_UNIT` of a source pixel."""

VIEW_UNIT = 8
"""Steps of a source pixel."""

MAX_VIEW_STEPS = 1 << 20
MAX_VIEW_SCALE = 4
"""Times that a frame may be larger or smaller in the coded picture."""

VIEW_BYTES = 16
"""Bytes of a view before compression."""


WHOLE: View = (0, 0, 0, 0)
"""The view of a frame that is the coded picture."""


def pack_places(views: Sequence[View], motion: bytes, num_frames: int) -> bytes:
    """Make the end of TIME's content of views and coded motion; inverse: `unpack_places`."""
    return _pack_views(views or (WHOLE,) * num_frames if motion else views) + motion


def unpack_places(data: bytes, num_frames: int) -> tuple[tuple[View, ...], bytes]:
    """Read the end of TIME's content; inverse: `pack_places`, but for views added before motion.

    Raises:
        CorruptError: if it is neither empty nor begins with `VIEW_BYTES` bytes a frame.
    """
    end = VIEW_BYTES * num_frames
    if 0 < len(data) < end:
        raise CorruptError(
            f"TIME holds another number of durations than it says, or no views: {len(data)} more bytes for "
            f"{num_frames} frames, expected {VIEW_BYTES} a frame or none",
            field="views",
        )
    return _unpack_views(data[:end], num_frames), data[end:]


def _pack_views(views: Sequence[View]) -> bytes:
    columns = zip(*views, strict=True)
    steps = [late - early for column in columns for early, late in zip((0, *column), column, strict=False)]
    numbers = [2 * step if step >= 0 else -2 * step - 1 for step in steps]
    return b"".join(bytes(number >> shift & 255 for number in numbers) for shift in (0, 8, 16, 24))


def _unpack_views(data: bytes, num_frames: int) -> tuple[View, ...]:
    if not data:
        return ()
    planes = [data[start : start + 4 * num_frames] for start in range(0, len(data), 4 * num_frames)]
    numbers = [
        sum(byte << 8 * place for place, byte in enumerate(column)) for column in zip(*planes, strict=True)
    ]
    steps = [number >> 1 if number & 1 == 0 else -(number >> 1) - 1 for number in numbers]
    columns = [
        accumulate(steps[start : start + num_frames]) for start in range(0, 4 * num_frames, num_frames)
    ]
    return tuple(zip(*columns, strict=True))


def check_views(views: Sequence[View], header: Header) -> None:
    """Refuse views that no frame of such a file can have.

    Raises:
        CorruptError: a number is out of range, or a frame too large or too small.
    """
    radius = VIEW_UNIT * max(header.width, header.height) / 2
    for view in views:
        check_each("views", view, -MAX_VIEW_STEPS, MAX_VIEW_STEPS)
        scale = math.hypot(1 + view[2] / radius, view[3] / radius)
        if not 1 / MAX_VIEW_SCALE <= scale <= MAX_VIEW_SCALE:
            raise CorruptError(
                f"a frame is {scale:.3g} times as large in the coded picture, "
                f"expected {1 / MAX_VIEW_SCALE} to {MAX_VIEW_SCALE}",
                field="views",
            )
