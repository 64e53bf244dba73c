"""Takes files apart into chunks however damaged, and makes all their CRCs fit again; on its own, by FORMAT.md."""

import struct
import zlib

import zstandard

SIGNATURE = b"\x89MGV\r\n\x1a\n"
HEADER_BYTES = 17
FIXED_BYTES = 24
"""Of a SEGM payload, before the rows of the layer table."""
ROW_BYTES = 12


def split(data: bytes) -> list[bytes]:
    """Cut a file into its signature, its chunks, and what follows the last whole chunk."""
    place = len(SIGNATURE)
    parts = [data[:place]]
    while place + HEADER_BYTES <= len(data):
        end = place + HEADER_BYTES + struct.unpack_from("<Q", data, place + 5)[0] + 4
        if end > len(data):
            break
        parts.append(data[place:end])
        place = end
    return [*parts, data[place:]]


def payload_of(chunk: bytes) -> bytes:
    return chunk[HEADER_BYTES:-4]


def with_payload(chunk: bytes, payload: bytes) -> bytes:
    """Put another payload into a chunk; its CRCs are left for `refit`."""
    return chunk[:5] + struct.pack("<Q", len(payload)) + bytes(4) + payload + bytes(4)


def refit(data: bytes) -> bytes:
    """Make the signature and every CRC fit what is there, but for `decoded_crc`, which needs the decoder."""
    _, *parts = split(data)
    rest = parts.pop()
    return SIGNATURE + b"".join(_refit_chunk(part) for part in parts) + _refit_prefix(rest)


def _refit_prefix(data: bytes) -> bytes:
    if len(data) < HEADER_BYTES:
        return data
    return data[:13] + struct.pack("<I", zlib.crc32(data[:13])) + data[HEADER_BYTES:]


def _refit_chunk(chunk: bytes) -> bytes:
    payload = payload_of(chunk)
    if chunk[:4] == b"SEGM":
        payload = _refit_layers(payload)
    return _refit_prefix(chunk[:HEADER_BYTES]) + payload + struct.pack("<I", zlib.crc32(payload))


def _refit_layers(payload: bytes) -> bytes:
    if len(payload) < FIXED_BYTES:
        return payload
    num_layers = payload[FIXED_BYTES - 1]
    table_bytes = FIXED_BYTES + num_layers * ROW_BYTES
    if len(payload) < table_bytes + 4:
        return payload
    fitted = bytearray(payload)
    place = table_bytes + 4
    for row in range(FIXED_BYTES, table_bytes, ROW_BYTES):
        num_bytes = struct.unpack_from("<I", payload, row)[0]
        struct.pack_into("<I", fitted, row + 4, zlib.crc32(payload[place : place + num_bytes]))
        place += num_bytes
    struct.pack_into("<I", fitted, table_bytes, zlib.crc32(fitted[:table_bytes]))
    return bytes(fitted)


def unpack(kind: bytes, payload: bytes) -> tuple[bytes, bytes] | None:
    """Give the content of the zstd frame of a META, TIME or APKT payload and what follows it, if that can be."""
    frame, rest = payload, b""
    if kind == b"APKT" and len(payload) >= 4:
        end = 4 + struct.unpack_from("<I", payload)[0]
        frame, rest = payload[4:end], payload[end:]
    try:
        if kind not in (b"META", b"TIME", b"APKT") or zstandard.frame_content_size(frame) > 1 << 16:
            return None
        return zstandard.ZstdDecompressor().decompress(frame), rest
    except zstandard.ZstdError:
        return None


def repack(kind: bytes, content: bytes, rest: bytes) -> bytes:
    """Make a payload of what `unpack` gave."""
    frame = zstandard.ZstdCompressor(level=1).compress(content)
    return struct.pack("<I", len(frame)) + frame + rest if kind == b"APKT" else frame
