"""Faults of what comes after the headers: fields of TIME, SEGM and APKT that can be found without decoding."""

from collections.abc import Callable
from typing import Any
from zlib import crc32

from mgv.container import layout
from mgv.container.views import pack_places

from .chunks import Chunk
from .editing import (
    Make,
    Recipe,
    edit_fields,
    edit_segment,
    head,
    rich,
    segment,
    unzstd,
    with_chunks,
    with_payload,
    zstd,
)

FIRST_APKT, FIRST_TIME = 5, 6


def time(**changes: Any) -> Make:
    """Make a file with other fields in its first TIME."""
    return time_content(lambda content: edit_fields(layout.TIME_CONTENT, content, changes))


def time_content(edit: Callable[[bytes], bytes]) -> Make:
    return with_payload(FIRST_TIME, lambda payload: zstd(edit(unzstd(payload))), rich)


def packets(**changes: Any) -> Make:
    """Make a file with other fields in the table of its first APKT; `0.stream` is the first packet's."""
    return packet_table(lambda table: _edit_rows(table, changes))


def packet_table(edit: Callable[[bytes], bytes]) -> Make:
    def make(payload: bytes) -> bytes:
        table = layout.APKT_PAYLOAD.parse(payload).table
        return edit_fields(layout.APKT_PAYLOAD, payload, {"table": zstd(edit(unzstd(table)))})

    return with_payload(FIRST_APKT, make, rich)


def _edit_rows(table: bytes, changes: dict[str, Any]) -> bytes:
    rows = layout.PACKET_TABLE.parse(table)
    for path, value in changes.items():
        number, name = path.split(".")
        rows[int(number)][name] = value
    return bytes(layout.PACKET_TABLE.build(rows))


def _other_layers(payload: bytes) -> bytes:
    """Change a bit of the second layer, and make no CRC of a layer anew."""
    fields = layout.SEGM_PAYLOAD.parse(payload)
    data = bytearray(fields.layer_payloads)
    data[fields.layers[0].coded_bytes] ^= 1
    return edit_segment(payload, {"layer_payloads": bytes(data)})


def _without_times(chunks: list[Chunk]) -> list[Chunk]:
    return [chunk for chunk in chunks if chunk.kind != b"TIME"]


def _more_layers(payload: bytes) -> bytes:
    """Add a fourth layer, which is empty."""
    fields = layout.SEGM_PAYLOAD.parse(payload)
    row = {"coded_bytes": 0, "coded_crc": crc32(b""), "decoded_crc": 0}
    return edit_segment(payload, {"num_layers": 4, "layers": [*fields.layers, row]})


def _no_layers(payload: bytes) -> bytes:
    return edit_segment(payload, {"num_layers": 0, "layers": [], "layer_payloads": b""})


FAULTS: dict[str, Recipe] = {
    "time-missing": (
        "SEGM says that a TIME stands before it, and there is none",
        "CorruptError",
        "lacks the TIME chunk",
        with_chunks(_without_times, rich),
    ),
    "time-not-announced": (
        "`has_time` is 0 after a TIME",
        "CorruptError",
        "says that it has none",
        with_payload(7, lambda payload: edit_segment(payload, {"has_time": 0}), rich),
    ),
    "has-time-2": ("`has_time` is 2", "CorruptError", "has_time is 2", segment(has_time=2)),
    "time-of-another-segment": (
        "`first_frame` of TIME is not that of its SEGM",
        "CorruptError",
        "TIME chunk before it is for 5 frames at frame 6",
        time(first_frame=6),
    ),
    "time-of-fewer-frames": (
        "TIME has four durations for five frames",
        "CorruptError",
        "TIME chunk before it is for 4 frames",
        time_content(lambda content: b"\x05\0\0\0\x04\0\0\0" + content[8:40]),
    ),
    "time-cut": (
        "TIME lacks a duration",
        "CorruptError",
        "fields of TIME do not fit",
        time_content(lambda content: content[:-8]),
    ),
    "time-too-long": (
        "bytes after the last duration",
        "CorruptError",
        "another number of durations",
        time(views=b"\0"),
    ),
    "views-missing": (
        "TIME has a view less than frames",
        "CorruptError",
        "64 more bytes for 5 frames, expected 16 a frame or none",
        time(views=bytes(64)),
    ),
    "view-too-far": (
        "a view's x is -2^20 - 1",
        "CorruptError",
        "views[0] is -1048577",
        time(views=pack_places([(-(1 << 20) - 1, 0, 0, 0)] * 5, b"", 5)),
    ),
    "view-too-large": (
        "a view makes a frame more than four times as large",
        "CorruptError",
        "a frame is 4.08 times as large in the coded picture",
        time(views=pack_places([(0, 0, 493, 0)] * 5, b"", 5)),
    ),
    "motion-too-long": (
        "motion has a byte more than 524288",
        "LimitError",
        "bytes of motion is 524289",
        time(views=pack_places([], b"\x01\x01\x01\0" + bytes((1 << 19) - 3), 5)),
    ),
    "time-not-zstd": (
        "TIME is not packed",
        "CorruptError",
        "TIME is no zstd frame",
        with_payload(FIRST_TIME, unzstd, rich),
    ),
    "zstd-bomb-in-time": (
        "TIME unpacks to a megabyte",
        "LimitError",
        "TIME (bytes unpacked) is 1048576",
        time_content(lambda content: bytes(1 << 20)),
    ),
    "duration-zero": (
        "a frame is shown for no time",
        "CorruptError",
        "do not rise",
        time(**{"durations": [0, 1, 1, 1, 1]}),
    ),
    "last-duration-zero": (
        "so is a segment's last",
        "CorruptError",
        "last_duration is 0",
        time(**{"durations": [1, 1, 1, 1, 0]}),
    ),
    "duration-too-long": (
        "a duration of 2^63",
        "CorruptError",
        "pts[1] is",
        time(**{"durations": [1 << 63, 1, 1, 1, 1]}),
    ),
    "segment-table-crc-wrong": (
        "`table_crc` does not fit the layer table",
        "CorruptError",
        "layer table of a segment does not fit its CRC",
        segment(table_crc=0),
    ),
    "layer-crc-wrong": (
        "`coded_crc` does not fit the second layer",
        "CorruptError",
        "layer 1 of the segment at frame 0: the coded bytes",
        with_payload(1, _other_layers),
    ),
    "segment-cut": (
        "SEGM ends within its table",
        "CorruptError",
        "fields of SEGM do not fit",
        with_payload(1, lambda payload: payload[:30]),
    ),
    "segment-of-no-frames": ("`num_frames` is 0", "CorruptError", "num_frames is 0", segment(num_frames=0)),
    "segment-of-too-many-frames": (
        "`num_frames` is 4097",
        "LimitError",
        "num_frames is 4097",
        segment(num_frames=4097),
    ),
    "segment-beyond-the-last-frame": (
        "`first_frame` + `num_frames` is 2^32 + 3",
        "LimitError",
        "first_frame + num_frames is 4294967299",
        segment(first_frame=(1 << 32) - 2),
    ),
    "segment-pts-not-rising": (
        "a segment begins before the one before has ended",
        "CorruptError",
        "begins at time 14400, but the frame before it has time 14400",
        segment(2, pts=14400),
    ),
    "segment-pts-too-large": ("`pts` is 2^62", "CorruptError", "pts[0] is", segment(3, pts=1 << 62)),
    "latent-shape-zero": (
        "`latent_rows` is 0",
        "CorruptError",
        "latent_shape[1] is 0",
        segment(latent_rows=0),
    ),
    "latent-shape-mismatch": (
        "`latent_columns` does not fit `coded_width`",
        "CorruptError",
        "token grid (2, 2, 4), expected (2, 2, 3)",
        segment(latent_columns=4),
    ),
    "latent-frames-mismatch": (
        "`latent_frames` does not fit `num_frames`",
        "CorruptError",
        "token grid (3, 2, 3), expected (2, 2, 3)",
        segment(latent_frames=3),
    ),
    "too-many-tokens": (
        "a token grid of 65535^3",
        "LimitError",
        "tokens in a segment is",
        segment(latent_frames=65535, latent_rows=65535, latent_columns=65535),
    ),
    "segment-of-no-layers": (
        "`num_layers` is 0",
        "CorruptError",
        "num_layers is 0",
        with_payload(1, _no_layers),
    ),
    "segment-of-more-layers-than-head": (
        "SEGM has four layers, HEAD three",
        "CorruptError",
        "has 4 layers, the header only 3",
        with_payload(1, _more_layers),
    ),
    "bytes-after-layers": (
        "bytes after the last layer",
        "CorruptError",
        "SEGM has",
        with_payload(1, lambda payload: payload + b"\0"),
    ),
    "layer-longer-than-segment": (
        "`coded_bytes` is 2^32 - 1",
        "CorruptError",
        "its layers need",
        segment(**{"layers.2.coded_bytes": (1 << 32) - 1}),
    ),
    "other-size-than-head": (
        "HEAD has a picture of other size than all segments",
        "CorruptError",
        "token grid (2, 2, 3), expected (2, 1, 3)",
        head(coded_height=8),
    ),
    "audio-packet-of-unknown-stream": (
        "a packet of a stream without AHDR",
        "CorruptError",
        "names stream 9, which has no AHDR",
        packets(**{"0.stream": 9}),
    ),
    "audio-packet-of-stream-200": (
        "`stream` is 200",
        "CorruptError",
        "stream is 200",
        packets(**{"0.stream": 200}),
    ),
    "audio-packet-flags-unknown": ("`flags` is 8", "CorruptError", "flags is 8", packets(**{"0.flags": 8})),
    "audio-packet-step-without-time": (
        "`pts_step` of an unknown pts is 1",
        "CorruptError",
        "step of an unknown time is 1",
        packets(**{"1.pts_step": 1}),
    ),
    "audio-packet-pts-too-large": (
        "a pts of 2^62",
        "CorruptError",
        "pts is 46",
        packets(**{"0.pts_step": 1 << 62}),
    ),
    "audio-packet-duration-too-long": (
        "`duration` is 2^62",
        "CorruptError",
        "duration is 46",
        packets(**{"0.duration": 1 << 62}),
    ),
    "audio-packets-missing": (
        "the last packet lacks its last byte",
        "CorruptError",
        "bytes of packets, its table says",
        with_payload(FIRST_APKT, lambda payload: payload[:-1], rich),
    ),
    "audio-packet-longer-than-chunk": (
        "`num_bytes` is 2^32 - 1",
        "CorruptError",
        "bytes of packets, its table says",
        packets(**{"0.num_bytes": (1 << 32) - 1}),
    ),
    "audio-table-empty": (
        "APKT of no packet",
        "CorruptError",
        "packet table has 0 bytes",
        packet_table(lambda table: b""),
    ),
    "audio-table-odd": (
        "the packet table ends within a row",
        "CorruptError",
        "packet table has",
        packet_table(lambda table: table[:-1]),
    ),
    "audio-table-not-zstd": (
        "the packet table is not packed",
        "CorruptError",
        "table is no zstd frame",
        with_payload(FIRST_APKT, lambda payload: payload[:4] + b"????" + payload[8:], rich),
    ),
    "audio-table-longer-than-chunk": (
        "`table` declares more bytes than there are",
        "CorruptError",
        "fields of APKT do not fit",
        with_payload(FIRST_APKT, lambda payload: b"\xff\xff\xff\xff" + payload[4:], rich),
    ),
    "zstd-bomb-in-audio-table": (
        "the packet table unpacks to 8 megabytes",
        "LimitError",
        "table (bytes unpacked) is 8388608",
        packet_table(lambda table: bytes(1 << 23)),
    ),
}
