"""Chunks: how their headers and checksums frame the file, and how to find the next one after damage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .errors import CorruptError, FormatError, LimitError, TruncatedError, VersionError
from .layout import CHUNK_HEADER, CHUNK_HEADER_BYTES, CHUNK_PREFIX
from .limits import max_payload_bytes
from .segment import crc32
from .source import ByteSource

SCAN_BYTES = 1 << 16
"""Bytes looked at together when searching for a header."""

MOST_RESCANNED_BYTES = 1 << 31
"""Bytes of damaged payloads that are searched for headers; beyond it a file could cost quadratic time."""

# What a chunk header looks like: type, flags, length (its high half is zero, by the limits), CRC.
_HEADER_LOOK = re.compile(rb"(?=[A-Za-z][A-Za-z0-9 ]{3}[\0-\xff]{5}\0{4}[\0-\xff]{4})")
_TYPE_LOOK = re.compile(rb"[A-Za-z][A-Za-z0-9 ]{3}")


@dataclass(frozen=True)
class ChunkHeader:
    """The bytes before a payload."""

    kind: bytes
    """The four bytes of the type."""
    flags: int
    payload_bytes: int


@dataclass(frozen=True)
class Chunk:
    """One chunk as it was read, or what is left of one."""

    kind: bytes
    """The four bytes of the type; empty when the header itself is damaged."""
    flags: int
    payload: bytes
    """The payload; incomplete or wrong where `error` is set."""
    offset_bytes: int
    """Where the chunk starts."""
    num_bytes: int
    """Bytes from there to where the next chunk starts (damaged bytes included)."""
    error: FormatError | None = None
    """What is wrong with it, None for a whole chunk."""


def chunk_name(kind: bytes) -> str:
    """Give a chunk type as people write it: END has a space at its end."""
    return kind.decode("ascii").rstrip()


def is_skippable(kind: bytes) -> bool:
    """Tell whether a reader that does not know this type may go past it: the first letter is lower case."""
    return kind[:1].islower()


def is_safe_to_copy(kind: bytes) -> bool:
    """Tell whether a changed file may keep a chunk of unknown type: the last letter is lower case too."""
    return is_skippable(kind) and kind[3:].islower()


def pack_chunk(kind: bytes, payload: bytes) -> bytes:
    """Frame a payload; inverse: `read_chunk`.

    Raises:
        CorruptError: if `kind` is no chunk type.
        LimitError: if the payload is too long for its type.
    """
    if not _TYPE_LOOK.fullmatch(kind):
        raise CorruptError(
            f"{kind!r} is no chunk type: a letter, then three letters, digits or spaces", field="type"
        )
    if len(payload) > max_payload_bytes(kind):
        raise _over_limit(kind, len(payload))
    prefix = CHUNK_PREFIX.build({"type": kind, "flags": 0, "payload_bytes": len(payload)})
    return b"".join(
        (prefix, crc32(prefix).to_bytes(4, "little"), payload, crc32(payload).to_bytes(4, "little"))
    )


def unpack_chunk_header(data: bytes) -> ChunkHeader | None:
    """Read a chunk header, or give None if these bytes are none (too few, or the CRC does not fit)."""
    if len(data) < CHUNK_HEADER_BYTES or not _TYPE_LOOK.match(data):
        return None
    prefix, header_crc = data[: CHUNK_HEADER_BYTES - 4], data[CHUNK_HEADER_BYTES - 4 : CHUNK_HEADER_BYTES]
    if crc32(prefix) != int.from_bytes(header_crc, "little"):
        return None
    fields = CHUNK_HEADER.parse(data[:CHUNK_HEADER_BYTES])
    return ChunkHeader(fields.type, fields.flags, fields.payload_bytes)


def peek_header(source: ByteSource) -> ChunkHeader | None:
    """Give the header of the chunk that comes next; None at damage and at the end of the file."""
    return unpack_chunk_header(source.peek(CHUNK_HEADER_BYTES))


def read_chunks(source: ByteSource, *, is_tolerant: bool) -> Iterator[Chunk]:
    """Give chunk after chunk up to the end of the file.

    Args:
        source: stands at the start of a chunk.
        is_tolerant: give damaged chunks too, with `Chunk.error` set, and go on at the next header that fits.

    Raises:
        TruncatedError, CorruptError, LimitError, VersionError: at the first damage, unless `is_tolerant`.
    """
    while (chunk := read_chunk(source, is_tolerant=is_tolerant)) is not None:
        yield chunk


def read_chunk(source: ByteSource, *, is_tolerant: bool) -> Chunk | None:
    """Read one chunk, or what is left of it; None where the file ends. See `read_chunks`."""
    offset = source.offset_bytes
    head = source.peek(CHUNK_HEADER_BYTES)
    if not head:
        return None
    header = unpack_chunk_header(head)
    error = _header_error(header, head)
    kind, flags, payload, tail = b"", 0, b"", b""
    if header is not None and error is None:
        kind, flags = header.kind, header.flags
        source.skip(CHUNK_HEADER_BYTES)
        payload = source.take(header.payload_bytes)
        tail = source.take(4)
        error = _payload_error(header, payload, tail)
    if error is not None:
        error.at(offset)
        if not is_tolerant:
            raise error
        if not kind:
            source.skip(1)
            find_header(source)
        elif not isinstance(error, VersionError) and not _fits_what_follows(source):
            # The length is right, for its CRC is: payload bytes were lost, and the next chunk comes early.
            if source.put_back_bytes + len(payload) <= MOST_RESCANNED_BYTES:
                source.put_back(payload + tail)
            find_header(source)
    return Chunk(kind, flags, payload, offset, source.offset_bytes - offset, error)


def find_header(source: ByteSource) -> None:
    """Go forward to the next chunk header that fits its CRC and the limits, or to the end of the file."""
    while True:
        data = source.peek(SCAN_BYTES)
        for match in _HEADER_LOOK.finditer(data):
            place = match.start()
            header = unpack_chunk_header(data[place : place + CHUNK_HEADER_BYTES])
            if header is not None and header.payload_bytes <= max_payload_bytes(header.kind):
                source.skip(place)
                return
        if len(data) < SCAN_BYTES:
            source.skip(len(data))
            return
        source.skip(len(data) - CHUNK_HEADER_BYTES + 1)


def _fits_what_follows(source: ByteSource) -> bool:
    following = source.peek(CHUNK_HEADER_BYTES)
    return not following or unpack_chunk_header(following) is not None


def _header_error(header: ChunkHeader | None, head: bytes) -> FormatError | None:
    if len(head) < CHUNK_HEADER_BYTES:
        return TruncatedError(
            f"the file ends inside a chunk header: {len(head)} of {CHUNK_HEADER_BYTES} bytes are there"
        )
    if header is None:
        return CorruptError("there is no chunk header here whose CRC fits", field="header_crc")
    if header.payload_bytes > max_payload_bytes(header.kind):
        return _over_limit(header.kind, header.payload_bytes)
    return None


def _payload_error(header: ChunkHeader, payload: bytes, tail: bytes) -> FormatError | None:
    name = chunk_name(header.kind)
    if len(payload) + len(tail) < header.payload_bytes + 4:
        return TruncatedError(
            f"the file ends inside chunk {name}, after {len(payload)} of {header.payload_bytes} payload bytes"
        )
    if crc32(payload) != int.from_bytes(tail, "little"):
        return CorruptError(f"the payload of chunk {name} does not fit its CRC", field="payload_crc")
    if header.flags and not is_skippable(header.kind):
        return VersionError(
            f"chunk {name} has flags {header.flags:#04x}, which this reader does not know; a newer mgv may",
            field="flags",
        )
    return None


def _over_limit(kind: bytes, num_bytes: int) -> LimitError:
    name, limit = chunk_name(kind), max_payload_bytes(kind)
    return LimitError(
        f"chunk {name} has {num_bytes} payload bytes, the limit is {limit}", field="payload_bytes"
    )
