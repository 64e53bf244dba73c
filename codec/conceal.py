"""Concealment: what stands in for the frames of segments that are lost."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..container import AudioPacket, CorruptError
from ..container.limits import MAX_SEGMENT_FRAMES
from .token_stream import FrameBatch

Picture = NDArray[np.uint8]

GapFiller = Callable[[Picture | None, Picture | None, int], Iterable[Picture]]
"""Given the frame before a gap, the one after it (one may be None) and the number missing, makes as many."""


@dataclass(frozen=True)
class Gap:
    """Frames that are lost."""

    first_frame: int
    num_frames: int
    file_bytes: int = 0
    """Bytes of the file up to where it ends; what it may cost goes by them, see `fill_gaps`."""


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
    any neighbour. A few bytes can declare billions of missing frames: all gaps up to one together are filled
    only if they have no more frames than one segment may have, and one for each byte of the file up to there.

    Args:
        items: batches in order, with a `Gap` where frames are missing; packets pass through.
        tick: nominal duration of a frame, in ticks.
        fill: makes the frames.

    Raises:
        CorruptError: more frames are missing than are filled.
    """
    num_filled = 0
    before: FrameBatch | None = None
    gap: Gap | None = None
    for item in items:
        if isinstance(item, AudioPacket):
            yield item
        elif isinstance(item, Gap):
            gap = item
        else:
            if gap is not None:
                num_filled += _count(gap, before, item, num_filled)
                yield from _fill(gap, before, item, tick, fill)
                gap = None
            yield item
            before = replace(item, rgb=item.rgb[-1:].copy(), pts=item.pts[-1:], durations=item.durations[-1:])
    if gap is not None and before is not None:
        _count(gap, before, None, num_filled)
        yield from _fill(gap, before, None, tick, fill)


def num_gap_frames(gap: Gap, last: int | None, end: int | None) -> int:
    """Count the frames of a gap for which its neighbours leave time; arguments as of `gap_pts`."""
    if last is None or end is None:
        return gap.num_frames
    return min(gap.num_frames, end - last - 1)


def gap_pts(gap: Gap, last: int | None, end: int | None, tick: int) -> Iterator[int]:
    """Give times for the frames of a gap, strictly rising and strictly between their neighbours.

    Args:
        gap: the gap.
        last: pts of the frame before it, None at the start of a video.
        end: pts of the frame after it, None at the end.
        tick: nominal duration of a frame.
    """
    count = num_gap_frames(gap, last, end)
    for index in range(count):
        if last is not None and end is not None:
            yield last + (end - last) * (index + 1) // (count + 1)
        elif last is not None:
            yield last + tick * (index + 1)
        else:
            yield (end or 0) + tick * (index - (0 if end is None else count))


def _neighbours(before: FrameBatch | None, after: FrameBatch | None) -> tuple[int | None, int | None]:
    return before.pts[-1] if before else None, after.pts[0] if after else None


def _count(gap: Gap, before: FrameBatch | None, after: FrameBatch | None, num_filled: int) -> int:
    """Count the frames that a gap needs; CorruptError if that are too many."""
    count = num_gap_frames(gap, *_neighbours(before, after))
    limit = MAX_SEGMENT_FRAMES + gap.file_bytes
    if num_filled + count > limit:
        raise CorruptError(
            f"frames {gap.first_frame} to {gap.first_frame + gap.num_frames - 1} are missing; up to there only "
            f"{limit} frames are made up for {gap.file_bytes} bytes of file; `mgv repair` leaves them out",
            field="first_frame",
        )
    return count


def _fill(
    gap: Gap, before: FrameBatch | None, after: FrameBatch | None, tick: int, fill: GapFiller
) -> Iterator[FrameBatch]:
    last, end = _neighbours(before, after)
    count = num_gap_frames(gap, last, end)
    if count < 1:
        return
    pts = gap_pts(gap, last, end, tick)
    pictures = fill(before.rgb[-1] if before else None, after.rgb[0] if after else None, count)
    start = next(pts)
    for index, picture in enumerate(pictures):
        stop = next(pts, start + tick if end is None else end)
        yield FrameBatch(picture[None], gap.first_frame + index, (start,), (stop - start,), is_concealed=True)
        start = stop
