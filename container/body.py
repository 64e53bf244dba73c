"""Reads what comes after the headers: segments with their times, audio packets, the index and the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from . import layout
from .chunks import Chunk, chunk_name, is_skippable, peek_header, read_chunk
from .errors import CorruptError, Damage, FormatError, TruncatedError, VersionError
from .header import Header
from .order import SegmentOrder, check_streams
from .packing import unpack_end, unpack_index
from .segment import AudioPacket, Index, TimedSegment, Timing
from .segment_packing import UnpackedSegment, join_timing, unpack_packets, unpack_segment, unpack_timing
from .source import READ_BYTES, ByteSource
from .views import check_views

OnDamage = Callable[[Damage], None]


@dataclass(frozen=True)
class OtherChunk:
    """A chunk of a type that this reader does not know and may go past."""

    kind: bytes
    """The four bytes of the type."""
    flags: int
    payload: bytes


Packets = tuple[AudioPacket, ...]
"""The contents of one APKT chunk."""
Item = TimedSegment | Packets | OtherChunk


@dataclass(frozen=True)
class BodyContext:
    """What a body reader has to know from before the body."""

    header: Header
    streams: frozenset[int]
    """Audio streams that have an AHDR."""
    num_segments_before: int = 0
    """Segments of the file that come before the place where reading starts."""
    on_damage: OnDamage | None = None
    """Told of damage that was stepped over; None makes the first damage an error."""
    end_offset_bytes: int | None = None
    """Where the first chunk is that is not wanted; None for everything. Only for files that can seek."""


class BodyReader:
    """Goes through the chunks after the headers, one pass, and holds them against the rules of FORMAT.md."""

    def __init__(
        self, source: ByteSource, context: BodyContext, order: SegmentOrder, bytes_by_chunk: Counter[str]
    ) -> None:
        self._source = source
        self._context = context
        self._order = order
        self._bytes_by_chunk = bytes_by_chunk
        self._time: Chunk | None = None
        """The TIME chunk just before, which must belong to the SEGM that comes next."""
        self._index_offset: int | None = None
        self.index_offset_bytes: int | None = None
        """Where INDX is, or should be by END."""
        self.listed_index: Index | None = None
        """What INDX says; None until it was read."""
        self._has_damage = False
        self.num_frames: int | None = None
        """Frames in the file as END says; None until END was read."""

    def read(self) -> Iterator[Item]:
        """Give segments, groups of packets and unknown skippable chunks in file order.

        Raises:
            TruncatedError, CorruptError, LimitError, VersionError: at the first damage, if no `on_damage`.
        """
        while not self._is_past_end() and (
            chunk := read_chunk(self._source, is_tolerant=self._context.on_damage is not None)
        ):
            count_chunk(self._bytes_by_chunk, chunk)
            try:
                item = self._take(chunk)
            except FormatError as error:
                self._fail(error, chunk.offset_bytes, chunk.num_bytes)
                continue
            if item is not None:
                yield item
            if self.num_frames is not None:
                self._finish()
                return
        if self._is_past_end():
            yield from self._late_packets()
            return
        offset = self._source.offset_bytes
        self._fail(
            TruncatedError("the file ends without an END chunk: it was cut, or is still being written"),
            offset,
            0,
        )

    def _is_past_end(self) -> bool:
        end_offset = self._context.end_offset_bytes
        return end_offset is not None and self._source.offset_bytes >= end_offset

    def _late_packets(self) -> Iterator[Packets]:
        """Give the packets behind one segment more, which is hopped over: audio may come a little late.

        Damage there is left alone, for it is behind what is wanted.
        """
        num_segments = 0
        while self._context.streams and (header := peek_header(self._source)) is not None:
            num_segments += header.kind == layout.SEGM
            if num_segments > 1 or header.kind in (layout.INDX, layout.END):
                return
            if header.kind != layout.APKT:
                self._source.skip(layout.CHUNK_OVERHEAD_BYTES + header.payload_bytes)
                continue
            with suppress(FormatError):
                chunk = read_chunk(self._source, is_tolerant=False)
                packets = unpack_packets(chunk.payload) if chunk else ()
                check_streams(packets, self._context.streams)
                yield packets
                continue
            return

    def _fail(self, error: FormatError, offset_bytes: int, num_bytes: int) -> None:
        """Raise the error, or report it as damage and return."""
        error.at(offset_bytes)
        if self._context.on_damage is None:
            raise error
        self._has_damage = True
        self._context.on_damage(Damage(offset_bytes, num_bytes, error.message))

    def _take(self, chunk: Chunk) -> Item | None:
        time, self._time = self._time, None
        if time is not None and chunk.error is None and chunk.kind != layout.SEGM:
            problem = CorruptError("a TIME chunk is not followed by its segment", field="TIME")
            self._fail(problem, time.offset_bytes, time.num_bytes)
        if chunk.kind == layout.SEGM:
            return self._take_segment(chunk, time)
        if chunk.error is not None:
            raise chunk.error
        if is_skippable(chunk.kind):
            return OtherChunk(chunk.kind, chunk.flags, chunk.payload)
        if self._index_offset is not None and chunk.kind != layout.END:
            raise CorruptError(f"chunk {chunk_name(chunk.kind)} comes after INDX", field="type")
        if chunk.kind == layout.APKT:
            packets = unpack_packets(chunk.payload)
            check_streams(packets, self._context.streams)
            return packets
        self._take_other(chunk)
        return None

    def _take_other(self, chunk: Chunk) -> None:
        name = chunk_name(chunk.kind)
        if chunk.kind == layout.TIME:
            self._time = chunk
        elif chunk.kind == layout.INDX:
            self._index_offset = self.index_offset_bytes = chunk.offset_bytes
            self._check_index(chunk.payload)
        elif chunk.kind == layout.END:
            self._take_end(chunk)
        elif chunk.kind in (layout.HEAD, layout.META, layout.AHDR):
            raise CorruptError(f"chunk {name} is there twice or too late", field="type")
        else:
            raise VersionError(
                f"chunk type {name!r} is unknown here and must not be skipped; a newer mgv may know it",
                field="type",
            )

    def _take_segment(self, chunk: Chunk, time: Chunk | None) -> TimedSegment:
        if self._index_offset is not None:
            raise CorruptError("chunk SEGM comes after INDX", field="type")
        unpacked = self._unpack_segment(chunk)
        segment = unpacked.segment
        timing = self._timing(unpacked, time)
        timed = TimedSegment(segment, timing, chunk.offset_bytes if time is None else time.offset_bytes)
        next_frame = self._order.next_frame
        self._order.add(timed)
        if segment.first_frame > next_frame:
            missing = f"frames {next_frame} to {segment.first_frame - 1} are missing"
            self._fail(CorruptError(missing, field="first_frame"), timed.offset_bytes, 0)
        if chunk.error is not None:
            kept = f"{len(segment.layers)} layers of the segment at frame {segment.first_frame} are kept"
            error = CorruptError(f"{chunk.error.message}; {kept}")
            self._fail(error, chunk.offset_bytes, chunk.num_bytes)
        return timed

    def _unpack_segment(self, chunk: Chunk) -> UnpackedSegment:
        if chunk.error is None:
            return unpack_segment(chunk.payload, self._context.header)
        if isinstance(chunk.error, VersionError):
            raise chunk.error
        try:
            return unpack_segment(chunk.payload, self._context.header, is_partial=True)
        except FormatError:
            raise chunk.error from None

    def _timing(self, unpacked: UnpackedSegment, time: Chunk | None) -> Timing:
        segment = unpacked.segment
        name = f"the segment at frame {segment.first_frame}"
        if not unpacked.has_time:
            if time is not None:
                raise CorruptError(
                    f"{name} has a TIME chunk before it, but says that it has none", field="has_time"
                )
            return Timing.nominal(unpacked.pts, segment.num_frames, self._context.header.tick)
        if time is None:
            raise CorruptError(f"{name} lacks the TIME chunk that belongs before it", field="has_time")
        first_frame, durations, views, motion = unpack_timing(time.payload)
        if first_frame != segment.first_frame or len(durations) != segment.num_frames:
            raise CorruptError(
                f"{name} has {segment.num_frames} frames, "
                f"the TIME chunk before it is for {len(durations)} frames at frame {first_frame}",
                field="first_frame",
            )
        check_views(views, self._context.header)
        return join_timing(unpacked.pts, durations, views, motion)

    def _check_index(self, payload: bytes) -> None:
        self.listed_index = index = unpack_index(payload)
        seen = self._order.index()
        expected = index.entries[self._context.num_segments_before :]
        if not self._has_damage and (expected != seen.entries or index.num_frames != seen.num_frames):
            raise CorruptError("INDX does not list the segments that are in the file", field="entries")

    def _take_end(self, chunk: Chunk) -> None:
        index_offset, num_frames = unpack_end(chunk.payload)
        next_frame = self._order.next_frame
        self.index_offset_bytes = self.index_offset_bytes or index_offset
        self.num_frames = max(num_frames, next_frame)
        if num_frames > next_frame:
            missing = f"END counts {num_frames} frames: frames {next_frame} to {num_frames - 1} are missing"
            self._fail(CorruptError(missing, field="num_frames"), chunk.offset_bytes, 0)
        elif num_frames < next_frame:
            self._fail(
                CorruptError(f"END counts {num_frames} frames, there are {next_frame}", field="num_frames"),
                chunk.offset_bytes,
                0,
            )
        if index_offset != self._index_offset and not self._has_damage:
            found = (
                "there is no INDX" if self._index_offset is None else f"INDX is at byte {self._index_offset}"
            )
            self._fail(
                CorruptError(f"END places INDX at byte {index_offset}, but {found}", field="index_offset"),
                chunk.offset_bytes,
                0,
            )

    def _finish(self) -> None:
        """Make sure that nothing follows END."""
        offset = self._source.offset_bytes
        if self._source.peek(1):
            if self._context.on_damage is not None:
                while self._source.take(READ_BYTES):
                    pass
            num_bytes = self._source.offset_bytes - offset
            self._fail(CorruptError("there are bytes after END"), offset, num_bytes)


def count_chunk(bytes_by_chunk: Counter[str], chunk: Chunk) -> None:
    """Add a chunk to the tally; what is damaged counts as `damaged`."""
    name = "damaged" if chunk.error is not None else chunk_name(chunk.kind)
    bytes_by_chunk[name] += chunk.num_bytes
