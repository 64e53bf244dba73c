"""Writes `.mgv` files front to back, without ever seeking; inverse: `reader`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Any, BinaryIO, Self

from . import layout
from .chunks import chunk_name, is_skippable, pack_chunk
from .errors import CorruptError, FormatError
from .header import AudioHeader, Header
from .limits import MAX_AUDIO_PACKETS, MAX_AUDIO_STREAMS, check_limit
from .order import SegmentOrder, check_streams
from .packing import pack_audio_header, pack_end, pack_header, pack_index, pack_metadata
from .segment import AudioPacket, Segment, TimedSegment, Timing
from .segment_packing import check_segment, pack_packets, pack_segment, pack_timing
from .views import check_views

PACKET_BATCH_BYTES = 1 << 26
"""Audio data after which `write_audio_packets` begins another chunk."""


class Writer:
    """Writes one `.mgv` file to a file object that needs neither seek nor tell.

    Order of calls: `write_header`, then `write_metadata` and `write_audio_header`, then `write_segment` and
    `write_audio_packets` in turn, then `close`. As a context manager it closes itself, but not after an
    exception: a file that is not whole then says so by having no END. The file object itself stays open.

    Equal calls give equal bytes (TIME, META and the tables of APKT: with equal versions of zstd).
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._header: Header | None = None
        self._has_metadata = False
        self._streams: set[int] = set()
        self._order = SegmentOrder()
        self._has_body = False
        self._is_closed = False
        self.bytes_by_chunk: Counter[str] = Counter()
        """Bytes written for each chunk type, headers and CRCs included; `signature` counts as a type."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file, unless an exception is on its way."""
        if kind is None:
            self.close()

    @property
    def num_bytes(self) -> int:
        """Bytes written so far."""
        return self.bytes_by_chunk.total()

    @property
    def num_frames(self) -> int:
        """Frames in the segments written so far."""
        return self._order.next_frame

    def write_header(self, header: Header) -> None:
        """Write the signature and HEAD; must come first.

        Raises:
            FormatError: if there is a header already.
            VersionError: if `header.version` is not the version this package writes.
        """
        if self._header is not None:
            raise FormatError("the header is written already", field="HEAD")
        payload = pack_header(header)
        self._put("signature", layout.SIGNATURE)
        self._put_chunk(layout.HEAD, payload)
        self._header = header

    def write_metadata(self, metadata: dict[str, Any]) -> None:
        """Write META, a JSON object; once at most, before segments and packets. An empty one writes nothing.

        Raises:
            CorruptError: if JSON cannot hold it.
            LimitError: if it is too large.
            FormatError: if it comes at the wrong time.
        """
        self._expect(is_preamble=True)
        if self._has_metadata:
            raise FormatError("the metadata is written already", field="META")
        if metadata:
            self._put_chunk(layout.META, pack_metadata(metadata))
            self._has_metadata = True

    def write_audio_header(self, header: AudioHeader) -> None:
        """Write AHDR; once for each stream, before segments and packets.

        Raises:
            FormatError: if the stream has one already, or it comes at the wrong time.
            LimitError: if there are too many streams.
        """
        self._expect(is_preamble=True)
        if header.stream in self._streams:
            raise FormatError(f"audio stream {header.stream} has a header already", field="stream")
        check_limit("audio streams", len(self._streams) + 1, MAX_AUDIO_STREAMS)
        self._put_chunk(layout.AHDR, pack_audio_header(header))
        self._streams.add(header.stream)

    def write_segment(self, segment: Segment, timing: Timing | None = None) -> None:
        """Write SEGM, and TIME before it where its frames do not come at the nominal tick. Flushes the file.

        Args:
            segment: must begin at the frame after the last one written.
            timing: of the segment's frames; None for the nominal tick counted from the header's `start_pts`.

        Raises:
            CorruptError: if the segment does not fit the header, the segments before it or its timing.
            FormatError: if it comes at the wrong time.
        """
        header = self._expect()
        check_segment(segment, header)
        if timing is None:
            first_pts = header.start_pts + segment.first_frame * header.tick
            timing = Timing.nominal(first_pts, segment.num_frames, header.tick)
        if len(timing.pts) != segment.num_frames:
            raise CorruptError(f"{len(timing.pts)} times for {segment.num_frames} frames", field="pts")
        check_views(timing.views, header)
        has_time = not timing.is_nominal(header.tick)
        payload = pack_segment(segment, timing.pts[0], has_time=has_time)
        self._order.check_gap(segment.first_frame)
        self._order.add(TimedSegment(segment, timing, self.num_bytes))
        self._has_body = True
        if has_time:
            self._put_chunk(layout.TIME, pack_timing(segment.first_frame, timing))
        self._put_chunk(layout.SEGM, payload)
        self._file.flush()

    def write_audio_packets(self, packets: Sequence[AudioPacket]) -> None:
        """Write APKT: the packets of one segment's time span, after that segment. No packets, no chunk.

        Flushes the file, so that a killed process leaves them too.

        Raises:
            CorruptError: if a packet's stream has no header.
            FormatError: if it comes at the wrong time.
        """
        self._expect()
        check_streams(tuple(packets), self._streams)
        batch: list[AudioPacket] = []
        batch_bytes = 0
        for packet in packets:
            if batch and (
                len(batch) == MAX_AUDIO_PACKETS or batch_bytes + len(packet.data) > PACKET_BATCH_BYTES
            ):
                self._put_chunk(layout.APKT, pack_packets(batch))
                batch, batch_bytes = [], 0
            batch.append(packet)
            batch_bytes += len(packet.data)
        if batch:
            self._put_chunk(layout.APKT, pack_packets(batch))
        self._has_body = self._has_body or bool(packets)
        self._file.flush()

    def write_other_chunk(self, kind: bytes, payload: bytes) -> None:
        """Write a chunk of a type of one's own, which readers that do not know it go past.

        Args:
            kind: four bytes, a lower-case letter first; one last, too, if changed files may keep it.
            payload: anything.

        Raises:
            CorruptError: if `kind` is no such type.
            LimitError: if the payload is too long.
            FormatError: if it comes before the header or after `close`.
        """
        self._expect()
        if not is_skippable(kind):
            raise CorruptError(f"chunk type {kind!r} does not begin with a lower-case letter", field="type")
        self._put_chunk(kind, payload)

    def close(self) -> None:
        """Write INDX and END. Later calls do nothing; the file object stays open.

        Raises:
            FormatError: if there is no header yet.
        """
        if self._is_closed:
            return
        self._expect()
        index_offset = self.num_bytes
        self._put_chunk(layout.INDX, pack_index(self._order.index()))
        self._put_chunk(layout.END, pack_end(index_offset, self.num_frames))
        self._is_closed = True
        self._file.flush()

    def _expect(self, *, is_preamble: bool = False) -> Header:
        if self._is_closed:
            raise FormatError("the file is closed; nothing can be written after END")
        if self._header is None:
            raise FormatError("write_header must come first", field="HEAD")
        if is_preamble and self._has_body:
            raise FormatError("META and AHDR must come before segments and audio packets")
        return self._header

    def _put_chunk(self, kind: bytes, payload: bytes) -> None:
        data = pack_chunk(kind, payload)
        self._put(chunk_name(kind), data)

    def _put(self, name: str, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = self._file.write(view)
            view = view[len(view) if written is None else written :]
        self.bytes_by_chunk[name] += len(data)
