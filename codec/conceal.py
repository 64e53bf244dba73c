"""Concealment: what stands in for the frames of segments that are lost."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..container import AudioPacket
from .token_stream import FrameBatch

Picture = NDArray[np.uint8]

GapFiller = Callable[[Picture | None, Picture | None, int], Iterable[Picture]]
"""Given the frame before a gap, the one after it (one may be None) and the number missing, makes as many."""


@dataclass(frozen=True)
class Gap:
    """Frames that are lost."""

    first_frame: int
    num_frames: int


def freeze(before: Picture | None, after: Picture | None, num_frames: int) -> Iterator[Picture]:
    """Repeat the frame before the gap; at the start of a video, the one after it."""
    still = before if before is not None else after
    if still is None:
        raise ValueError("a gap with no frame on either side")
    for _ in range(num_frames):
        yield still


def fill_gaps(
    items: Iterable[FrameBatch | Gap | AudioPacket], tick: int, fill: GapFiller
) -> Iterator[FrameBatch | AudioPacket]:
    """Put made-up frames into the gaps, at even times between their neighbours.

    A gap in front of the first frame starts as many ticks before it as it has frames; one at the end goes on
    from the last frame. Frames for which two neighbours leave no tick are left out, and so is a gap without
    any neighbour.

    Args:
        items: batches in order, with a `Gap` where frames are missing; packets pass through.
        tick: nominal duration of a frame, in ticks.
        fill: makes the frames.
    """
    before: FrameBatch | None = None
    gap: Gap | None = None
    for item in items:
        if isinstance(item, AudioPacket):
            yield item
        elif isinstance(item, Gap):
            gap = item
        else:
            if gap is not None:
                yield from _fill(gap, before, item, tick, fill)
                gap = None
            yield item
            before = replace(item, rgb=item.rgb[-1:].copy(), pts=item.pts[-1:], durations=item.durations[-1:])
    if gap is not None and before is not None:
        yield from _fill(gap, before, None, tick, fill)


def gap_pts(gap: Gap, last: int | None, end: int | None, tick: int) -> tuple[int, ...]:
    """Give times for the frames of a gap, strictly rising and strictly between their neighbours.

    Args:
        gap: the gap.
        last: pts of the frame before it, None at the start of a video.
        end: pts of the frame after it, None at the end.
        tick: nominal duration of a frame.
    """
    count = gap.num_frames
    if last is None and end is not None:
        return tuple(end - tick * (count - i) for i in range(count))
    if last is None:
        return tuple(tick * i for i in range(count))
    if end is None:
        return tuple(last + tick * (i + 1) for i in range(count))
    count = min(count, end - last - 1)
    return tuple(last + (end - last) * (i + 1) // (count + 1) for i in range(count))


def _fill(
    gap: Gap, before: FrameBatch | None, after: FrameBatch | None, tick: int, fill: GapFiller
) -> Iterator[FrameBatch]:
    last, end = before.pts[-1] if before else None, after.pts[0] if after else None
    pts = gap_pts(gap, last, end, tick)
    ends = (*pts[1:], end if end is not None else (pts[-1] + tick if pts else 0))
    pictures = fill(before.rgb[-1] if before else None, after.rgb[0] if after else None, len(pts))
    for index, (picture, start, stop) in enumerate(zip(pictures, pts, ends, strict=True)):
        yield FrameBatch(picture[None], gap.first_frame + index, (start,), (stop - start,), is_concealed=True)
