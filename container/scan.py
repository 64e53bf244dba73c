"""Finds the segments of a seekable file: by its INDX, or without one by hopping from chunk to chunk."""

from __future__ import annotations

from . import layout
from .chunks import ChunkHeader, chunk_name, find_header, peek_header, read_chunk
from .errors import CorruptError, FormatError
from .limits import MAX_FRAMES, MAX_INDEX_ENTRIES, MAX_SEGMENT_FRAMES, check_limit, max_payload_bytes
from .packing import unpack_end, unpack_index
from .segment import Index, IndexEntry
from .segment_packing import parse_segment_table
from .source import ByteSource

_FIXED_BYTES = layout.segment_table_bytes(0)
"""Of a SEGM payload before its layer table; the last of them is the number of layers."""


def read_index(source: ByteSource, file_bytes: int) -> Index:
    """Read INDX by way of the END chunk at the end of the file.

    Args:
        source: seekable; where it stands does not matter.
        file_bytes: length of the file from the signature on.

    Raises:
        FormatError: if END is not there, or INDX not where END says, or one of them is damaged.
    """
    end_offset = file_bytes - layout.END_CHUNK_BYTES
    index_offset, num_frames = unpack_end(_read_payload(source, end_offset, layout.END, end_offset))
    index = unpack_index(_read_payload(source, index_offset, layout.INDX, end_offset))
    if index.num_frames != num_frames:
        raise CorruptError(f"INDX counts {index.num_frames} frames, END {num_frames}", field="num_frames")
    if index.entries and index.entries[-1].offset_bytes >= index_offset:
        raise CorruptError("INDX places a segment after itself", field="offset_bytes")
    return index


def _read_payload(source: ByteSource, offset_bytes: int, kind: bytes, limit_bytes: int) -> bytes:
    if not len(layout.SIGNATURE) <= offset_bytes <= limit_bytes:
        raise CorruptError(f"chunk {chunk_name(kind)} cannot be at byte {offset_bytes}", field="index_offset")
    source.go_to(offset_bytes)
    chunk = read_chunk(source, is_tolerant=False)
    if chunk is None or chunk.kind != kind:
        raise CorruptError(f"chunk {chunk_name(kind)} is not at byte {offset_bytes}", field="index_offset")
    return chunk.payload


def scan_index(source: ByteSource, file_bytes: int) -> Index:
    """List the segments that are wholly there by reading nothing but chunk headers and layer tables.

    Segments out of order are left out, as a tolerant reader leaves them out.

    Args:
        source: seekable, stands at a chunk.
        file_bytes: length of the file from the signature on.

    Raises:
        LimitError: if there are too many segments.
    """
    entries: list[IndexEntry] = []
    next_frame = 0
    time_offset: int | None = None
    while source.peek(1):
        offset = source.offset_bytes
        header = peek_header(source)
        if header is None or header.payload_bytes > max_payload_bytes(header.kind):
            source.skip(1)
            find_header(source)
            time_offset = None
            continue
        source.skip(layout.CHUNK_HEADER_BYTES)
        if (
            header.kind == layout.SEGM
            and offset + layout.CHUNK_OVERHEAD_BYTES + header.payload_bytes <= file_bytes
        ):
            place = offset if time_offset is None else time_offset
            next_frame = _add_entry(entries, source, header, place, next_frame)
        time_offset = offset if header.kind == layout.TIME else None
        source.skip(header.payload_bytes + 4)
    return Index(tuple(entries), next_frame)


def _add_entry(
    entries: list[IndexEntry], source: ByteSource, header: ChunkHeader, place: int, next_frame: int
) -> int:
    try:
        num_layers = (source.peek(_FIXED_BYTES) or b"\0")[-1]
        table_bytes = layout.segment_table_bytes(num_layers) + 4
        table = parse_segment_table(source.peek(min(header.payload_bytes, table_bytes)))
        entry = IndexEntry(table.first_frame, table.pts, place)
    except FormatError:
        return next_frame
    end_frame = int(table.first_frame + table.num_frames)
    if not entry.first_frame < end_frame <= min(entry.first_frame + MAX_SEGMENT_FRAMES, MAX_FRAMES):
        return next_frame
    if entry.first_frame < next_frame or (entries and entry.pts <= entries[-1].pts):
        return next_frame
    check_limit("segments in a file", len(entries) + 1, MAX_INDEX_ENTRIES)
    entries.append(entry)
    return end_frame
