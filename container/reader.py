"""Reads `.mgv` files front to back from anything that has `read`, and by segment where the file can seek."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

from . import layout
from .body import BodyContext, BodyReader, Item, OnDamage, OtherChunk, count_chunk
from .chunks import Chunk, chunk_name, find_header, is_skippable, peek_header, read_chunk
from .errors import CorruptError, Damage, FormatError, NotMgvError, TruncatedError
from .header import AudioHeader, Header
from .limits import MAX_AUDIO_STREAMS, MAX_EARLY_CHUNK_BYTES, MAX_EARLY_CHUNKS, check_limit
from .order import SegmentOrder
from .packing import unpack_audio_header, unpack_header, unpack_metadata
from .scan import read_index, scan_index
from .segment import AudioPacket, Index, IndexEntry, TimedSegment
from .source import ByteSource, is_seekable

Event = TimedSegment | AudioPacket
"""What `Reader.events` gives."""

HEAD_SEARCH_BYTES = 1 << 16
"""How far a tolerant reader looks for HEAD when the signature is damaged."""


class Reader:
    """Reads one `.mgv` file; inverse: `Writer`.

    Attributes:
        header: what HEAD says.
        metadata: what META says; empty where there is none.
        audio_headers: what the AHDR chunks say, in file order.
        body_offset_bytes: where the headers end.
        num_frames: frames in the file as END says; None until `events` came to the end.
        listed_index: what INDX says, likewise; None where it is missing or damaged.
        index_offset_bytes: where INDX is, or should be by END, likewise.
        bytes_by_chunk: bytes gone past so far for each chunk type, headers and checksums included.
    """

    def __init__(self, file: BinaryIO, on_damage: OnDamage | None = None) -> None:
        """Read the signature, HEAD, META and AHDR.

        Args:
            file: readable binary file that stands at the signature; need not seek.
            on_damage: told of damage that was stepped over, here and in `events`; without it the first damage
                is an error.

        Raises:
            NotMgvError: if the signature is another.
            VersionError: if the file needs a newer reader.
            TruncatedError, CorruptError, LimitError: if HEAD is damaged, or META or AHDR without `on_damage`.
        """
        self._file = file
        self._start = file.tell() if is_seekable(file) else None
        self._source = ByteSource(file, self._start)
        self._on_damage = on_damage
        self._index: Index | None = None
        self._is_spent = False
        self.bytes_by_chunk: Counter[str] = Counter()
        self._read_signature()
        self.header: Header = self._read_header()
        self.metadata: dict[str, Any] = {}
        self.audio_headers: tuple[AudioHeader, ...] = ()
        self.num_frames: int | None = None
        self.listed_index: Index | None = None
        self.index_offset_bytes: int | None = None
        self._has_metadata = False
        self._other_chunks: list[OtherChunk] = []
        self._early_bytes = 0
        self._read_preamble()
        self.body_offset_bytes = self._source.offset_bytes
        self._preamble_bytes = self.bytes_by_chunk.copy()

    @property
    def is_seekable(self) -> bool:
        """Whether the file can seek, so that `index` and `read_segment` work."""
        return self._start is not None

    def events(
        self, on_damage: OnDamage | None = None, start_segment: int = 0, end_segment: int | None = None
    ) -> Iterator[Event]:
        """Give segments and audio packets in file order.

        Args:
            on_damage: told of damage that was stepped over; None takes the constructor's. Without either
                the first damage is an error. Damaged segments are left out (the next `first_frame` shows the
                gap), or come with fewer layers where the coarse ones are whole.
            start_segment: position in `index().entries` to begin with; above 0 the file must be seekable.
            end_segment: position after the last one that is wanted; None for all. Packets come of one segment
                more, for audio may be a little late, but nothing else behind is read or checked.

        Raises:
            TruncatedError: if the file ends without END.
            CorruptError, LimitError, VersionError: at the first damage.
            io.UnsupportedOperation: on the second call for a file that cannot seek.
            IndexError: if there is no segment `start_segment`.
        """
        for item in self.items(on_damage, start_segment, end_segment):
            if isinstance(item, TimedSegment):
                yield item
            elif isinstance(item, tuple):
                yield from item

    def items(
        self, on_damage: OnDamage | None = None, start_segment: int = 0, end_segment: int | None = None
    ) -> Iterator[Item]:
        """Do as `events`, but give packets in groups as APKT holds them, and unknown skippable chunks too."""
        order = SegmentOrder()
        offset = self.body_offset_bytes
        if start_segment:
            entry = self._entry(start_segment)
            order, offset = SegmentOrder(entry.first_frame), entry.offset_bytes
        end_offset = None
        if end_segment is not None and end_segment < len(self.index().entries):
            end_offset = self._entry(end_segment).offset_bytes
        streams = self._streams()
        context = BodyContext(self.header, streams, start_segment, on_damage or self._on_damage, end_offset)
        body = self._body(context, order, offset)
        if not start_segment:
            yield from self._other_chunks
        yield from body.read()
        self.num_frames, self.listed_index = body.num_frames, body.listed_index
        self.index_offset_bytes = body.index_offset_bytes

    def index(self) -> Index:
        """List where each segment is: as INDX says or, where that is missing or damaged, by a scan.

        Raises:
            io.UnsupportedOperation: if the file cannot seek.
        """
        if self._start is None:
            raise io.UnsupportedOperation(
                "finding segments needs a file that can seek; read a pipe with events()"
            )
        if self._index is None:
            file_bytes = self._file.seek(0, io.SEEK_END) - self._start
            try:
                self._index = read_index(ByteSource(self._file, self._start), file_bytes)
            except FormatError:
                self._index = scan_index(
                    ByteSource(self._file, self._start, self.body_offset_bytes), file_bytes
                )
        return self._index

    def read_segment(self, segment: int) -> TimedSegment:
        """Read one segment, touching nothing else.

        Args:
            segment: position in `index().entries`.

        Raises:
            IndexError: if there is no such segment.
            TruncatedError, CorruptError, LimitError: if it is damaged, or not where the index says.
            io.UnsupportedOperation: if the file cannot seek.
        """
        entry = self._entry(segment)
        source = ByteSource(self._file, self._start, entry.offset_bytes)
        context = BodyContext(self.header, self._streams())
        for item in BodyReader(source, context, SegmentOrder(entry.first_frame), Counter()).read():
            if not isinstance(item, TimedSegment) or item.timing.pts[0] != entry.pts:
                break
            return item
        raise CorruptError(
            f"segment {segment} is not where the index says",
            offset_bytes=entry.offset_bytes,
            field="offset_bytes",
        )

    def _entry(self, segment: int) -> IndexEntry:
        entries = self.index().entries
        if not 0 <= segment < len(entries):
            raise IndexError(f"there is no segment {segment}, the file has {len(entries)}")
        return entries[segment]

    def _streams(self) -> frozenset[int]:
        return frozenset(header.stream for header in self.audio_headers)

    def _body(self, context: BodyContext, order: SegmentOrder, offset_bytes: int) -> BodyReader:
        if self._start is not None:
            source = ByteSource(self._file, self._start, offset_bytes)
        elif self._is_spent:
            raise io.UnsupportedOperation("a file that cannot seek can be read only once")
        else:
            source = self._source
        self._is_spent = True
        self.bytes_by_chunk = self._preamble_bytes.copy()
        return BodyReader(source, context, order, self.bytes_by_chunk)

    def _read_signature(self) -> None:
        signature = layout.SIGNATURE
        found = self._source.peek(len(signature))
        if found == signature:
            self._source.skip(len(signature))
            self.bytes_by_chunk["signature"] = len(signature)
            return
        if not found:
            raise NotMgvError("the file is empty", offset_bytes=0, field="signature")
        if signature.startswith(found):
            raise TruncatedError(
                f"the file ends after {len(found)} bytes", offset_bytes=len(found), field="signature"
            )
        if self._on_damage is not None and self._find_head():
            num_bytes = self._source.offset_bytes
            self._on_damage(Damage(0, num_bytes, "the signature is damaged"))
            self.bytes_by_chunk["damaged"] = num_bytes
            return
        hint = "; its line ends were changed, as if it were text" if found[1:4] == signature[1:4] else ""
        raise NotMgvError(
            f"this is no mgv file: it begins with {found.hex(' ')}, expected {signature.hex(' ')}{hint}",
            offset_bytes=0,
            field="signature",
        )

    def _find_head(self) -> bool:
        source = ByteSource(io.BytesIO(self._source.peek(HEAD_SEARCH_BYTES)))
        find_header(source)
        header = peek_header(source)
        if header is None or header.kind != layout.HEAD:
            return False
        self._source.skip(source.offset_bytes)
        return True

    def _read_header(self) -> Header:
        offset = self._source.offset_bytes
        chunk = read_chunk(self._source, is_tolerant=False)
        if chunk is None:
            raise TruncatedError("the file ends after its signature", offset_bytes=offset, field="HEAD")
        if chunk.kind != layout.HEAD:
            raise CorruptError(
                f"the first chunk is {chunk_name(chunk.kind)}, expected HEAD",
                offset_bytes=offset,
                field="type",
            )
        count_chunk(self.bytes_by_chunk, chunk)
        try:
            return unpack_header(chunk.payload)
        except FormatError as error:
            raise error.at(offset) from None

    def _read_preamble(self) -> None:
        """Read chunks up to the first that is neither META nor AHDR nor unknown and skippable."""
        while self._source.peek(1):
            header = peek_header(self._source)
            if (
                header is not None
                and header.kind not in (layout.META, layout.AHDR)
                and not is_skippable(header.kind)
            ):
                return
            chunk = read_chunk(self._source, is_tolerant=self._on_damage is not None)
            if chunk is None:
                return
            count_chunk(self.bytes_by_chunk, chunk)
            try:
                self._take_preamble(chunk)
            except FormatError as error:
                if self._on_damage is None:
                    raise error.at(chunk.offset_bytes) from None
                self._on_damage(Damage(chunk.offset_bytes, chunk.num_bytes, error.message))

    def _take_preamble(self, chunk: Chunk) -> None:
        if chunk.error is not None:
            raise chunk.error
        if chunk.kind == layout.META:
            if self._has_metadata:
                raise CorruptError("there are two META chunks", field="META")
            self._has_metadata = True
            self.metadata = unpack_metadata(chunk.payload)
        elif chunk.kind == layout.AHDR:
            header = unpack_audio_header(chunk.payload, self.header.version[1])
            if header.stream in self._streams():
                raise CorruptError(f"audio stream {header.stream} has two headers", field="stream")
            check_limit("audio streams", len(self.audio_headers) + 1, MAX_AUDIO_STREAMS)
            self.audio_headers += (header,)
        else:
            self._early_bytes += len(chunk.payload)
            check_limit("chunks before the first segment", len(self._other_chunks) + 1, MAX_EARLY_CHUNKS)
            check_limit("bytes of chunks before the first segment", self._early_bytes, MAX_EARLY_CHUNK_BYTES)
            self._other_chunks.append(OtherChunk(chunk.kind, chunk.flags, chunk.payload))
