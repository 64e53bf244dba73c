"""Faults of the frame: signature, chunk headers and their order, checksums, INDX and END, files that are cut."""

import struct
from pathlib import Path
from typing import Any
from zlib import crc32

from mgv.container import layout

from .chunks import SIGNATURE, Chunk, join, place_of, reindex
from .editing import Make, Recipe, edit_fields, plain, rich, with_chunks, with_payload


def whole(golden: Path) -> bytes:
    return join(plain(golden))


def flip(position: int, offset: int) -> Make:
    """Make a file with one bit of one chunk changed, and no checksum made anew."""

    def make(golden: Path) -> bytes:
        data = bytearray(whole(golden))
        data[place_of(plain(golden), position) + offset] ^= 1
        return bytes(data)

    return make


def cut(position: int, offset: int) -> Make:
    """Make a file that ends within one chunk."""
    return lambda golden: whole(golden)[: place_of(plain(golden), position) + offset]


def long_chunk(kind: bytes, num_bytes: int) -> Make:
    """Put in a chunk header that declares a length beyond its limit."""
    prefix = kind + struct.pack("<BQ", 0, num_bytes)

    def make(golden: Path) -> bytes:
        place = place_of(plain(golden), 1)
        chunk_header = layout.CHUNK_HEADER.build(
            {"type": kind, "flags": 0, "payload_bytes": num_bytes, "header_crc": crc32(prefix)}
        )
        return whole(golden)[:place] + chunk_header + whole(golden)[place:]

    return make


def index(**changes: Any) -> Make:
    return with_payload(
        4, lambda payload: edit_fields(layout.INDX_PAYLOAD, payload, changes), is_reindexed=False
    )


def end(**changes: Any) -> Make:
    return with_payload(
        5, lambda payload: edit_fields(layout.END_PAYLOAD, payload, changes), is_reindexed=False
    )


def moved(source: int, target: int) -> Make:
    """Take the chunk at `source` of the rich file out, and put it in again at `target`."""

    def move(chunks: list[Chunk]) -> list[Chunk]:
        chunk = chunks.pop(source)
        return [*chunks[:target], chunk, *chunks[target:]]

    return with_chunks(move, rich, is_reindexed=False)


def doubled(position: int) -> Make:
    """Put a chunk of the rich file in twice."""
    return with_chunks(lambda c: [*c[: position + 1], *c[position:]], rich)


def segment_behind_index(chunks: list[Chunk]) -> list[Chunk]:
    """Put the last segment behind an INDX that lists the others."""
    *body, last = chunks[:4]
    *rest, end_chunk = reindex(body)
    return [*rest, last, end_chunk]


FAULTS: dict[str, Recipe] = {
    "empty": ("no byte at all", "NotMgvError", "the file is empty", lambda golden: b""),
    "other-signature": (
        "the signature of PNG",
        "NotMgvError",
        "begins with 89 50 4e 47",
        lambda golden: b"\x89PNG" + whole(golden)[4:],
    ),
    "line-ends-changed": (
        "CR LF became LF",
        "NotMgvError",
        "line ends were changed",
        lambda golden: whole(golden).replace(b"\r\n", b"\n"),
    ),
    "cut-in-signature": ("five bytes", "TruncatedError", "after 5 bytes", lambda golden: SIGNATURE[:5]),
    "cut-after-signature": ("no chunk", "TruncatedError", "after its signature", lambda golden: SIGNATURE),
    "cut-in-head": ("ends inside HEAD", "TruncatedError", "inside chunk HEAD", cut(0, 60)),
    "cut-after-head": ("ends after HEAD", "TruncatedError", "without an END chunk", cut(1, 0)),
    "cut-in-chunk-header": (
        "ends inside a chunk header",
        "TruncatedError",
        "inside a chunk header: 16 of 17",
        cut(2, 16),
    ),
    "cut-in-segment": ("ends inside SEGM", "TruncatedError", "inside chunk SEGM", cut(2, 40)),
    "no-end": ("ends after INDX", "TruncatedError", "without an END chunk", cut(5, 0)),
    "head-crc-wrong": ("a bit of HEAD is wrong", "CorruptError", "HEAD does not fit its CRC", flip(0, 30)),
    "head-header-crc-wrong": (
        "a bit of HEAD's header is wrong",
        "CorruptError",
        "no chunk header",
        flip(0, 4),
    ),
    "head-not-first": (
        "a SEGM comes first",
        "CorruptError",
        "the first chunk is SEGM, expected HEAD",
        with_chunks(lambda c: [c[1], c[0], *c[2:]]),
    ),
    "head-flags-unknown": (
        "HEAD has flags",
        "VersionError",
        "HEAD has flags 0x01",
        with_chunks(lambda c: [c[0]._replace(flags=1), *c[1:]]),
    ),
    "head-too-long": (
        "HEAD has 5000 bytes",
        "LimitError",
        "HEAD has 5000 payload bytes, the limit is 4096",
        with_payload(0, lambda payload: payload.ljust(5000, b"\0")),
    ),
    "head-twice": ("two HEAD", "CorruptError", "HEAD is there twice", doubled(0)),
    "metadata-twice": ("two META", "CorruptError", "two META chunks", doubled(1)),
    "metadata-after-a-segment": (
        "META stands after a SEGM",
        "CorruptError",
        "META is there twice or too late",
        moved(1, 5),
    ),
    "audio-stream-twice": (
        "two AHDR of one stream",
        "CorruptError",
        "audio stream 3 has two headers",
        doubled(2),
    ),
    "audio-header-after-a-segment": (
        "AHDR stands after a SEGM",
        "CorruptError",
        "AHDR is there twice or too late",
        moved(3, 4),
    ),
    "segment-header-crc-wrong": (
        "a bit of SEGM's header is wrong",
        "CorruptError",
        "no chunk header",
        flip(2, 3),
    ),
    "segment-crc-wrong": ("a bit of SEGM is wrong", "CorruptError", "SEGM does not fit its CRC", flip(2, 25)),
    "segment-flags-unknown": (
        "SEGM has flags",
        "VersionError",
        "SEGM has flags 0x80",
        with_chunks(lambda c: [*c[:2], c[2]._replace(flags=0x80), *c[3:]]),
    ),
    "segment-length-too-large": (
        "a SEGM of a terabyte",
        "LimitError",
        "SEGM has 1099511627776 payload bytes",
        long_chunk(b"SEGM", 1 << 40),
    ),
    "unknown-chunk-too-long": (
        "a skippable chunk of 2^27 bytes",
        "LimitError",
        "xyza has 134217728 payload bytes",
        long_chunk(b"xyza", 1 << 27),
    ),
    "too-many-early-chunks": (
        "1025 skippable chunks before the first segment",
        "LimitError",
        "chunks before the first segment is 1025",
        with_chunks(lambda c: [c[0], *[Chunk(b"xyza", b"")] * 1025, *c[1:]]),
    ),
    "unknown-critical-chunk": (
        "a critical chunk of no known type",
        "VersionError",
        "'XYZA' is unknown here",
        with_chunks(lambda c: [*c[:2], Chunk(b"XYZA", b""), *c[2:]]),
    ),
    "unknown-critical-chunk-in-newer-minor": (
        "the same in a file of minor version 9",
        "VersionError",
        "'NEWC' is unknown here",
        with_chunks(
            lambda c: [
                c[0]._replace(payload=b"\x01\x09" + c[0].payload[2:]),
                Chunk(b"NEWC", b""),
                *c[1:],
            ]
        ),
    ),
    "segments-swapped": (
        "the second segment stands first",
        "CorruptError",
        "frames 0 to 4 are missing",
        with_chunks(lambda c: [c[0], c[2], c[1], *c[3:]], is_reindexed=False),
    ),
    "segment-twice": (
        "a SEGM stands twice",
        "CorruptError",
        "out of order",
        with_chunks(lambda c: [*c[:2], *c[1:]]),
    ),
    "segment-missing": (
        "the second of three segments is not there",
        "CorruptError",
        "frames 5 to 9 are missing",
        with_chunks(lambda c: [*c[:2], *c[3:]]),
    ),
    "segment-after-index": (
        "the last SEGM stands behind INDX",
        "CorruptError",
        "SEGM comes after INDX",
        with_chunks(segment_behind_index, is_reindexed=False),
    ),
    "audio-after-index": (
        "an APKT stands behind INDX",
        "CorruptError",
        "APKT comes after INDX",
        moved(11, 12),
    ),
    "time-without-segment": (
        "an APKT stands between TIME and SEGM",
        "CorruptError",
        "TIME chunk is not followed by its segment",
        moved(8, 7),
    ),
    "index-twice": (
        "two INDX",
        "CorruptError",
        "INDX comes after INDX",
        with_chunks(lambda c: [*c[:5], *c[4:]], is_reindexed=False),
    ),
    "no-index": (
        "INDX is not there",
        "CorruptError",
        "but there is no INDX",
        with_chunks(lambda c: [*c[:4], c[5]], is_reindexed=False),
    ),
    "index-points-elsewhere": (
        "INDX has another offset for a segment",
        "CorruptError",
        "does not list the segments",
        index(**{"entries.1.offset_bytes": 300}),
    ),
    "index-points-behind-itself": (
        "INDX places a segment behind itself",
        "CorruptError",
        "does not list the segments",
        index(**{"entries.2.offset_bytes": 1 << 60}),
    ),
    "index-has-other-times": (
        "INDX has another pts for a segment",
        "CorruptError",
        "does not list the segments",
        index(**{"entries.1.pts": 18001}),
    ),
    "index-does-not-rise": (
        "an entry of INDX begins where the one before does",
        "CorruptError",
        "first_frame does not rise in the index",
        index(**{"entries.1.first_frame": 0}),
    ),
    "index-lacks-a-segment": (
        "INDX has two entries for three segments",
        "CorruptError",
        "does not list the segments",
        with_payload(4, lambda p: p[:4] + b"\x02" + p[5:48], is_reindexed=False),
    ),
    "index-cut": (
        "INDX says that it has more entries than it has",
        "CorruptError",
        "INDX",
        with_payload(4, lambda p: p[:4] + b"\x04" + p[5:], is_reindexed=False),
    ),
    "index-too-long": (
        "bytes after the last entry of INDX",
        "CorruptError",
        "INDX",
        with_payload(4, lambda p: p + b"\0", is_reindexed=False),
    ),
    "index-counts-no-frames": (
        "INDX names segments of a file of 0 frames",
        "CorruptError",
        "after the last frame",
        index(num_frames=0),
    ),
    "end-points-elsewhere": (
        "END has another offset for INDX",
        "CorruptError",
        "END places INDX at byte 77",
        end(index_offset=77),
    ),
    "end-points-behind-itself": (
        "END places INDX where no file has a byte",
        "CorruptError",
        "END places INDX at byte 1152921504606846976",
        end(index_offset=1 << 60),
    ),
    "end-counts-more-frames": (
        "END counts 20 of 15 frames",
        "CorruptError",
        "END counts 20 frames",
        end(num_frames=20),
    ),
    "end-counts-fewer-frames": (
        "END counts 14 of 15 frames",
        "CorruptError",
        "END counts 14 frames",
        end(num_frames=14),
    ),
    "end-too-long": ("bytes after the last field of END", "CorruptError", "END", end(rest=b"\0")),
    "end-too-short": (
        "END lacks its last byte",
        "CorruptError",
        "END",
        with_payload(5, lambda p: p[:-1], is_reindexed=False),
    ),
    "bytes-after-end": (
        "a byte after END",
        "CorruptError",
        "bytes after END",
        lambda golden: whole(golden) + b"\0",
    ),
    "chunk-after-end": (
        "a skippable chunk after END",
        "CorruptError",
        "bytes after END",
        with_chunks(lambda c: [*c, Chunk(b"xyza", b"")], is_reindexed=False),
    ),
}
