"""The grammar of the bytes, in `construct`; FORMAT.md says the same in words, and a test compares them.

Field names, their order and types are those of FORMAT.md's tables. What is more than a field (ranges, limits,
what must fit what) is checked by the dataclasses, `packing` and `segment_packing`.
"""

from __future__ import annotations

from construct import (
    Array,
    Bytes,
    Construct,
    GreedyBytes,
    GreedyRange,
    Int8ul,
    Int16ul,
    Int32ul,
    Int64sl,
    Int64ul,
    PascalString,
    Prefixed,
    Struct,
    this,
)

SIGNATURE = b"\x89MGV\r\n\x1a\n"
"""The first eight bytes: not text, and changed by every usual mistreatment of binary files as text."""

HEAD = b"HEAD"
META = b"META"
AHDR = b"AHDR"
TIME = b"TIME"
SEGM = b"SEGM"
APKT = b"APKT"
INDX = b"INDX"
END = b"END "

FRACTION = Struct("numerator" / Int32ul, "denominator" / Int32ul)
TEXT = PascalString(Int8ul, "utf8")
BLOB = Prefixed(Int32ul, GreedyBytes)
HASH = Bytes(32)

TYPE_NAMES: dict[Construct, str] = {
    Int8ul: "u8",
    Int16ul: "u16",
    Int32ul: "u32",
    Int64ul: "u64",
    Int64sl: "i64",
    FRACTION: "fraction",
    TEXT: "text",
    BLOB: "blob",
    HASH: "hash",
    GreedyBytes: "rest",
}
"""What FORMAT.md calls each type of field."""

CHUNK_PREFIX = Struct(
    "type" / Bytes(4),
    "flags" / Int8ul,
    "payload_bytes" / Int64ul,
)

CHUNK_HEADER = Struct(
    "type" / Bytes(4),
    "flags" / Int8ul,
    "payload_bytes" / Int64ul,
    "header_crc" / Int32ul,
)

HEAD_PAYLOAD = Struct(
    "major" / Int8ul,
    "minor" / Int8ul,
    "width" / Int32ul,
    "height" / Int32ul,
    "coded_width" / Int32ul,
    "coded_height" / Int32ul,
    "sample_aspect" / FRACTION,
    "rotation_degrees" / Int16ul,
    "primaries" / Int8ul,
    "transfer" / Int8ul,
    "matrix" / Int8ul,
    "full_range" / Int8ul,
    "time_base" / FRACTION,
    "tick" / Int32ul,
    "start_pts" / Int64sl,
    "tokenizer" / TEXT,
    "tokenizer_sha256" / HASH,
    "stride_frames" / Int8ul,
    "stride_rows" / Int8ul,
    "stride_columns" / Int8ul,
    "bits_per_token" / Int8ul,
    "num_layers" / Int8ul,
    "bit_depths" / Array(this.num_layers, Int8ul),
    "coder" / Int8ul,
    "coder_sha256" / HASH,
    "segment_frames" / Int32ul,
    "software" / TEXT,
    "extension" / GreedyBytes,
)

AHDR_PAYLOAD = Struct(
    "stream" / Int8ul,
    "codec" / TEXT,
    "extradata" / BLOB,
    "sample_rate" / Int32ul,
    "channel_layout" / TEXT,
    "time_base" / FRACTION,
    "bit_rate" / Int64ul,
    "frame_size" / Int32ul,
    "block_align" / Int32ul,
    "initial_padding" / Int32ul,
    "sample_format" / TEXT,
    "language" / TEXT,
    "extension" / GreedyBytes,
)

TIME_CONTENT = Struct(
    "first_frame" / Int32ul,
    "num_frames" / Int32ul,
    "durations" / Array(this.num_frames, Int64ul),
    "views" / GreedyBytes,
)

LAYER_ROW = Struct(
    "coded_bytes" / Int32ul,
    "coded_crc" / Int32ul,
    "decoded_crc" / Int32ul,
)

SEGM_FIXED = Struct(
    "first_frame" / Int32ul,
    "num_frames" / Int32ul,
    "pts" / Int64sl,
    "has_time" / Int8ul,
    "latent_frames" / Int16ul,
    "latent_rows" / Int16ul,
    "latent_columns" / Int16ul,
    "num_layers" / Int8ul,
)

SEGM_TABLE = Struct(
    *SEGM_FIXED.subcons,
    "layers" / Array(this.num_layers, LAYER_ROW),
)

SEGM_PAYLOAD = Struct(
    *SEGM_TABLE.subcons,
    "table_crc" / Int32ul,
    "layer_payloads" / GreedyBytes,
)

PACKET_ROW = Struct(
    "stream" / Int8ul,
    "flags" / Int8ul,
    "pts_step" / Int64sl,
    "dts_step" / Int64sl,
    "duration" / Int64ul,
    "num_bytes" / Int32ul,
)

PACKET_TABLE = GreedyRange(PACKET_ROW)

APKT_PAYLOAD = Struct(
    "table" / BLOB,
    "packets" / GreedyBytes,
)

INDEX_ROW = Struct(
    "first_frame" / Int32ul,
    "pts" / Int64sl,
    "offset_bytes" / Int64ul,
)

INDX_FIXED = Struct(
    "num_frames" / Int32ul,
    "num_segments" / Int32ul,
)

INDX_PAYLOAD = Struct(
    *INDX_FIXED.subcons,
    "entries" / Array(this.num_segments, INDEX_ROW),
    "rest" / GreedyBytes,
)

END_PAYLOAD = Struct(
    "index_offset" / Int64ul,
    "num_frames" / Int32ul,
    "rest" / GreedyBytes,
)

CHUNK_HEADER_BYTES: int = CHUNK_HEADER.sizeof()
CHUNK_OVERHEAD_BYTES = CHUNK_HEADER_BYTES + 4
"""Bytes that a chunk takes beside its payload: its header and the CRC-32 of the payload."""
END_CHUNK_BYTES = CHUNK_OVERHEAD_BYTES + 12
"""Bytes of a whole END chunk, by which it is found from the end of a file."""

PACKET_IS_KEY = 1
PACKET_HAS_PTS = 2
PACKET_HAS_DTS = 4


def segment_table_bytes(num_layers: int) -> int:
    """Give the bytes of a SEGM payload before its `table_crc`."""
    return int(SEGM_FIXED.sizeof() + num_layers * LAYER_ROW.sizeof())
