"""Concealment: where lost frames belong, and what stands in for them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from ..container import AudioPacket, CorruptError, Header
from ..container.limits import MAX_SEGMENT_FRAMES
from .token_stream import FrameBatch, SegmentTokens


@dataclass(frozen=True)
class Gap:
    """Frames that are lost."""

    first_frame: int
    num_frames: int
    file_bytes: int = 0
    """Bytes of the file up to where it ends; what it may cost goes by them, see `place_gaps`."""


@dataclass(frozen=True)
class LostFrames:
    """Frames to be made up, at even times strictly between their neighbours."""

    first_frame: int
    num_frames: int
    last_pts: int | None
    """Of the frame before, None at the start of a video."""
    end_pts: int | None
    """Of the frame after, None at the end; one of the two is known."""
    tick: int
    """Nominal duration of a frame."""

    def pts(self, index: int) -> int:
        """Give the time of a frame, 0 to `num_frames`; the last of these is where they end."""
        if self.last_pts is None:
            return (self.end_pts or 0) + self.tick * (index - self.num_frames)
        if self.end_pts is None:
            return self.last_pts + self.tick * (index + 1)
        return self.last_pts + (self.end_pts - self.last_pts) * (index + 1) // (self.num_frames + 1)


GapFiller = Callable[[SegmentTokens | None, LostFrames, SegmentTokens | None], Iterable[SegmentTokens]]
"""Given the segment before lost frames, them, and the segment after (one may be None), makes segments in their place.

What it makes has their numbers and times, and is marked as concealed.
"""

OpenGapFiller = Callable[[Header], GapFiller]
"""Makes a filler for a file of that header, whose last bit depth is what is decoded; raises what stands against it."""


def place_gaps(
    items: Iterable[SegmentTokens | Gap | AudioPacket], tick: int
) -> Iterator[SegmentTokens | LostFrames | AudioPacket]:
    """Give the frames of gaps their times, and refuse gaps that are too long.

    A gap in front of the first frame starts as many ticks before it as it has frames; one at the end goes on
    from the last frame. Frames for which two neighbours leave no tick are left out, and so is a gap without
    any neighbour. A few bytes can declare billions of missing frames: all gaps up to one together are filled
    only if they have no more frames than one segment may have, and one for each byte of the file up to there.

    Args:
        items: segments in order, with a `Gap` where frames are missing; packets pass through.
        tick: nominal duration of a frame, in ticks.

    Raises:
        CorruptError: more frames are missing than are filled.
    """
    num_filled = 0
    last_pts: int | None = None
    gap: Gap | None = None
    for item in items:
        if isinstance(item, Gap):
            gap = item
            continue
        if isinstance(item, SegmentTokens):
            if gap is not None:
                lost = _place(gap, last_pts, item.pts[0], tick)
                num_filled = _count(gap, lost, num_filled)
                if lost.num_frames > 0:
                    yield lost
                gap = None
            last_pts = item.pts[-1]
        yield item
    if gap is not None and last_pts is not None:
        lost = _place(gap, last_pts, None, tick)
        _count(gap, lost, num_filled)
        yield lost


def fill_gaps(
    items: Iterable[SegmentTokens | LostFrames | AudioPacket], fill: GapFiller
) -> Iterator[SegmentTokens | AudioPacket]:
    """Make tokens in the place of lost frames; holds one segment more.

    Args:
        items: from `place_gaps`; packets pass through.
        fill: makes the tokens.
    """
    before: SegmentTokens | None = None
    lost: LostFrames | None = None
    for item in items:
        if isinstance(item, LostFrames):
            lost = item
        elif isinstance(item, AudioPacket):
            yield item
        else:
            if lost is not None:
                yield from fill(before, lost, item)
                lost = None
            yield item
            before = item
    if lost is not None:
        yield from fill(before, lost, None)


def freeze_gaps(items: Iterable[FrameBatch | LostFrames | AudioPacket]) -> Iterator[FrameBatch | AudioPacket]:
    """Repeat the frame before lost frames in their place; at the start of a video, the one after them.

    Args:
        items: what was decoded, in order; packets pass through.
    """
    before: FrameBatch | None = None
    waiting: LostFrames | None = None
    for item in items:
        if isinstance(item, AudioPacket):
            yield item
        elif isinstance(item, LostFrames):
            if before is None:
                waiting = item
            else:
                yield from _freeze(item, before)
        else:
            if waiting is not None:
                yield from _freeze(waiting, replace(item, rgb=item.rgb[:1]))
                waiting = None
            yield item
            before = replace(item, rgb=item.rgb[-1:].copy(), pts=item.pts[-1:], durations=item.durations[-1:])


def _place(gap: Gap, last_pts: int | None, end_pts: int | None, tick: int) -> LostFrames:
    num_frames = gap.num_frames
    if last_pts is not None and end_pts is not None:
        num_frames = min(num_frames, end_pts - last_pts - 1)
    return LostFrames(gap.first_frame, num_frames, last_pts, end_pts, tick)


def _count(gap: Gap, lost: LostFrames, num_filled: int) -> int:
    """Count what is filled up to and with a gap; CorruptError if that is too much."""
    limit = MAX_SEGMENT_FRAMES + gap.file_bytes
    if num_filled + lost.num_frames > limit:
        raise CorruptError(
            f"frames {gap.first_frame} to {gap.first_frame + gap.num_frames - 1} are missing; up to there only "
            f"{limit} frames are made up for {gap.file_bytes} bytes of file; `mgv repair` leaves them out",
            field="first_frame",
        )
    return num_filled + lost.num_frames


def _freeze(lost: LostFrames, still: FrameBatch) -> Iterator[FrameBatch]:
    for index in range(lost.num_frames):
        start = lost.pts(index)
        duration = lost.pts(index + 1) - start
        yield FrameBatch(still.rgb, lost.first_frame + index, (start,), (duration,), is_concealed=True)
