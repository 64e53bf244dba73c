"""What must come in which order: one set of rules, kept by the writer and checked by the reader."""

from __future__ import annotations

from collections.abc import Set

from .errors import CorruptError
from .limits import MAX_INDEX_ENTRIES, check_limit
from .segment import AudioPacket, Index, IndexEntry, TimedSegment


class SegmentOrder:
    """Follows the segments of a file: in frames each begins where the last one ended, in time it is later."""

    def __init__(self, next_frame: int = 0) -> None:
        """Expect a segment that begins at `next_frame`."""
        self.next_frame = next_frame
        """Number of the frame that the next segment must begin with."""
        self.entries: list[IndexEntry] = []
        """Where the segments were."""
        self._last_pts: int | None = None

    def check_gap(self, first_frame: int) -> None:
        """Refuse a segment that begins later than it should: what was between is missing.

        Raises:
            CorruptError: if so.
        """
        if first_frame > self.next_frame:
            raise CorruptError(
                f"frames {self.next_frame} to {first_frame - 1} are missing",
                field="first_frame",
            )

    def add(self, timed: TimedSegment) -> None:
        """Note a segment.

        Raises:
            CorruptError: if it begins before the end of the one before, in frames or in time.
            LimitError: if there are too many.
        """
        segment, pts = timed.segment, timed.timing.pts
        if segment.first_frame < self.next_frame:
            raise CorruptError(
                f"the segment at frame {segment.first_frame} is out of order, expected {self.next_frame}",
                field="first_frame",
            )
        if self._last_pts is not None and pts[0] <= self._last_pts:
            raise CorruptError(
                f"the segment at frame {segment.first_frame} begins at time {pts[0]}, "
                f"but the frame before it has time {self._last_pts}",
                field="pts",
            )
        check_limit("segments in a file", len(self.entries) + 1, MAX_INDEX_ENTRIES)
        self.entries.append(IndexEntry(segment.first_frame, pts[0], timed.offset_bytes))
        self.next_frame = segment.end_frame
        self._last_pts = pts[-1]

    def index(self) -> Index:
        """Give the index of what was noted."""
        return Index(tuple(self.entries), self.next_frame)


def check_streams(packets: tuple[AudioPacket, ...], known: Set[int]) -> None:
    """Refuse packets of a stream that has no AHDR.

    Raises:
        CorruptError: if there is one.
    """
    for packet in packets:
        if packet.stream not in known:
            raise CorruptError(
                f"an audio packet names stream {packet.stream}, which has no AHDR", field="stream"
            )
