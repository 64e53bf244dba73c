"""Says which part of the video each damage of a file hits: segment, frames, seconds."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from fractions import Fraction

from .errors import Damage
from .header import Header
from .segment import Index, TimedSegment


@dataclass(frozen=True)
class PlacedDamage(Damage):
    """A damage and what it hits. The fields are None where that is no segment, but HEAD, INDX or such."""

    segment: int | None
    """Number of the segment, from 0; the first one where several in a row are lost."""
    first_frame: int | None
    """The first frame of what is hit."""
    num_frames: int | None
    """Frames that are hit; None where the file is cut and does not say how many there were."""
    start_seconds: Fraction | None
    """When the first is shown, counted from the header's `start_pts`."""
    end_seconds: Fraction | None
    """When the last ends; None where nothing says so."""


@dataclass(frozen=True)
class _Row:
    """A segment with the audio behind it, or several in a row that are lost."""

    offset_bytes: int
    """Where it starts; it ends where the next row does."""
    segment: int
    first_frame: int
    end_frame: int | None
    pts: int
    end_pts: int | None


class SegmentTable:
    """Where each segment is, or was: as INDX says where that fits what was found, else as it was found."""

    def __init__(self, header: Header, body_offset_bytes: int) -> None:
        """Begin an empty table of a file whose headers end at `body_offset_bytes`."""
        self._header = header
        self._body_offset = body_offset_bytes
        self._rows: list[_Row] = []
        self._found: set[tuple[int, int]] = set()
        self._end_offset: int | None = None

    def add(self, timed: TimedSegment) -> None:
        """Note a segment that can be read, and what is missing before it."""
        segment, timing = timed.segment, timed.timing
        end_pts = timing.pts[-1] + timing.last_duration
        self._add_lost(segment.first_frame, timing.pts[0])
        number = self._next_number(segment.first_frame)
        place = timed.offset_bytes, number, segment.first_frame, segment.end_frame, timing.pts[0], end_pts
        self._rows.append(_Row(*place))
        self._found.add((timed.offset_bytes, segment.first_frame))

    def finish(self, index: Index | None, index_offset_bytes: int | None, num_frames: int | None) -> None:
        """Take over what INDX and END say; None where they are missing or damaged."""
        self._end_offset = index_offset_bytes
        last = self._rows[-1] if self._rows else None
        if index is not None and self._found <= {(e.offset_bytes, e.first_frame) for e in index.entries}:
            ends: list[tuple[int, int | None]] = [
                (entry.first_frame, entry.pts) for entry in index.entries[1:]
            ]
            is_last_found = last is not None and last.end_frame == index.num_frames
            ends.append((index.num_frames, last.end_pts if last is not None and is_last_found else None))
            self._rows = [
                _Row(entry.offset_bytes, number, entry.first_frame, end_frame, entry.pts, end_pts)
                for number, (entry, (end_frame, end_pts)) in enumerate(zip(index.entries, ends, strict=False))
            ]
        elif num_frames is None or last is None or num_frames > (last.end_frame or 0):
            self._add_lost(num_frames, None)

    def place(self, damage: Damage) -> PlacedDamage:
        """Look up what a damage hits."""
        facts = damage.offset_bytes, damage.num_bytes, damage.reason
        # What left no bytes behind is noted where the next thing begins.
        offset = damage.offset_bytes if damage.num_bytes else max(damage.offset_bytes - 1, self._body_offset)
        number = bisect.bisect_right(self._rows, offset, key=lambda row: row.offset_bytes) - 1
        if number < 0 or (self._end_offset is not None and offset >= self._end_offset):
            return PlacedDamage(*facts, None, None, None, None, None)
        row = self._rows[number]
        num_frames = None if row.end_frame is None else row.end_frame - row.first_frame
        return PlacedDamage(
            *facts,
            row.segment,
            row.first_frame,
            num_frames,
            self._seconds(row.pts),
            self._seconds(row.end_pts),
        )

    def _add_lost(self, end_frame: int | None, end_pts: int | None) -> None:
        """Note that there is something lost after the last row, up to `end_frame`."""
        last = self._rows[-1] if self._rows else None
        first_frame = 0 if last is None else last.end_frame or 0
        if first_frame == end_frame:
            return
        # Where the bytes of the last segment end is not known; they are whole, so no damage is in them.
        offset = self._body_offset if last is None else last.offset_bytes + 1
        pts = self._header.start_pts
        if last is not None:
            pts = last.pts if last.end_pts is None else last.end_pts
        pts = pts if end_pts is None else min(pts, end_pts)
        self._rows.append(_Row(offset, self._next_number(first_frame), first_frame, end_frame, pts, end_pts))

    def _next_number(self, first_frame: int) -> int:
        """Count on from the last row, which may stand for several segments of nominal length."""
        if not self._rows:
            return 0
        last = self._rows[-1]
        return last.segment + max(1, -(-(first_frame - last.first_frame) // self._header.segment_frames))

    def _seconds(self, pts: int | None) -> Fraction | None:
        return None if pts is None else (pts - self._header.start_pts) * self._header.time_base
