"""Faults that only a decoder finds: of the models that a file names, of coded motion, of the coded bytes of layers."""

import struct
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

from mgv.container import layout
from mgv.container.views import VIEW_BYTES

from .chunks import Chunk, join, reindex, split
from .editing import Make, Recipe, edit_fields, head, plain, seal_table, unzstd, zstd


def coded(coder: str, layer: int, edit: Callable[[bytes], bytes], *, is_sealed: bool = False) -> Make:
    """Make a file with other coded bytes in a layer of its first segment, all CRCs that are not decoded made anew.

    Args:
        coder: of the golden file.
        layer: its number.
        edit: gives the other bytes.
        is_sealed: whether to make `decoded_crc` that of the other bytes, too, which a raw layer wants.
    """

    def make(golden: Path) -> bytes:
        chunks = split((golden / f"fewer-layers-{coder}.mgv").read_bytes())
        fields = layout.SEGM_PAYLOAD.parse(chunks[1].payload)
        payloads, place = [], 0
        for row in fields.layers:
            payloads.append(fields.layer_payloads[place : place + row.coded_bytes])
            place += row.coded_bytes
        payloads[layer] = edit(payloads[layer])
        row = fields.layers[layer]
        row.coded_bytes, row.coded_crc = len(payloads[layer]), crc32(payloads[layer])
        if is_sealed:
            row.decoded_crc = crc32(payloads[layer])
        fields.layer_payloads = b"".join(payloads)
        payload = seal_table(bytes(layout.SEGM_PAYLOAD.build(fields)), {})
        return join(reindex([chunks[0], Chunk(b"SEGM", payload), *chunks[2:]]))

    return make


def wrong_decoded_crc(golden: Path) -> bytes:
    """Change `decoded_crc` of the second layer."""
    chunks = plain(golden)
    fields = layout.SEGM_PAYLOAD.parse(chunks[1].payload)
    fields.layers[1].decoded_crc ^= 1
    payload = seal_table(bytes(layout.SEGM_PAYLOAD.build(fields)), {})
    return join([chunks[0], Chunk(b"SEGM", payload), *chunks[2:]])


def motion(change: Callable[[bytes], bytes]) -> Make:
    """Make a file with other motion in its first segment, which has 17 frames, so four groups at most."""

    def make(golden: Path) -> bytes:
        chunks = split((golden / "motion-raw.mgv").read_bytes())
        first = next(number for number, chunk in enumerate(chunks) if chunk.kind == b"TIME")
        content = unzstd(chunks[first].payload)
        fields = layout.TIME_CONTENT.parse(content)
        end = VIEW_BYTES * fields.num_frames
        views = fields.views[:end] + change(fields.views[end:])
        payload = zstd(edit_fields(layout.TIME_CONTENT, content, {"views": views}))
        chunks[first] = chunks[first]._replace(payload=payload)
        return join(reindex(chunks))

    return make


def no_segments(golden: Path) -> bytes:
    return join(reindex([chunk for chunk in plain(golden) if chunk.kind == b"HEAD"]))


def flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 0x80]) + data[1:]


HASH = bytes(range(32))
FAULTS: dict[str, Recipe] = {
    "no-segments": ("not one SEGM", "CorruptError", "holds no frames", no_segments),
    "coder-unknown": ("`coder` is 99", "VersionError", "entropy coder 99 is not known", head(coder=99)),
    "other-weights": (
        "`tokenizer_sha256` is that of other weights",
        "WeightsError",
        "(SHA-256 0001020304050607)",
        head(tokenizer_sha256=HASH),
    ),
    "other-coder-parameters": (
        "`coder_sha256` is not zero, though `raw` has no parameters",
        "WeightsError",
        "(SHA-256 0001020304050607)",
        head(coder_sha256=HASH),
    ),
    "other-tables": (
        "`coder_sha256` is that of other tables of `adaptive`",
        "WeightsError",
        "(SHA-256 0001020304050607)",
        head(coder=2, coder_sha256=HASH),
    ),
    "other-strides": (
        "`stride_frames` is not that of the tokenizer",
        "WeightsError",
        "strides (5, 8, 8) and 20 bits a token, its tokenizer (4, 8, 8) and 20",
        head(stride_frames=5),
    ),
    "other-bits-per-token": (
        "`bits_per_token` is not that of the tokenizer",
        "WeightsError",
        "and 21 bits a token",
        head(bits_per_token=21),
    ),
    "decoded-crc-wrong": (
        "`decoded_crc` does not fit the bits of the second layer",
        "CorruptError",
        "segment at frame 0 (0.00 s): layer 1 decodes to CRC",
        wrong_decoded_crc,
    ),
    "motion-cut": (
        "motion ends before its number of groups",
        "CorruptError",
        "motion of a segment begins with 05 03: expected columns",
        motion(lambda data: data[:2]),
    ),
    "motion-mesh-empty": (
        "a mesh of no columns",
        "CorruptError",
        "motion of a segment begins with 00 03 03 00",
        motion(lambda data: b"\0" + data[1:]),
    ),
    "motion-mesh-too-large": (
        "a mesh of 33 x 32 cells",
        "CorruptError",
        "of which at most 1024 cells",
        motion(lambda data: bytes((33, 32)) + data[2:]),
    ),
    "motion-of-no-groups": (
        "motion of no group",
        "CorruptError",
        "motion of a segment begins with 05 03 00 00",
        motion(lambda data: data[:2] + b"\0\0" + data[4:]),
    ),
    "motion-of-more-groups-than-segment": (
        "motion of five groups in a segment of four",
        "CorruptError",
        "and 1 to 4 groups",
        motion(lambda data: data[:2] + b"\x05\0" + data[4:]),
    ),
    "motion-vector-too-long": (
        "a vector of more than 1023 steps",
        "CorruptError",
        "motion vector is longer than 1023 steps",
        motion(lambda data: data[:4] + bytes(8)),
    ),
    "motion-with-bytes-after": (
        "motion has more bytes than its bits can need",
        "CorruptError",
        "motion of a segment: a range-coded payload has",
        motion(lambda data: data + bytes(20)),
    ),
    "raw-bits-wrong": (
        "a bit of a raw layer is wrong",
        "CorruptError",
        "layer 0 decodes to CRC",
        coded("raw", 0, flipped),
    ),
    "raw-layer-too-short": (
        "a raw layer lacks its last byte",
        "CorruptError",
        "a layer of 60 packed bits has 7 bytes, expected 8",
        coded("raw", 0, lambda data: data[:-1], is_sealed=True),
    ),
    "raw-layer-too-long": (
        "a raw layer has a byte more",
        "CorruptError",
        "a layer of 60 packed bits has 9 bytes, expected 8",
        coded("raw", 0, lambda data: data + b"\0", is_sealed=True),
    ),
    "raw-layer-empty": (
        "a raw layer has no bytes",
        "CorruptError",
        "has 0 bytes",
        coded("raw", 0, lambda data: b""),
    ),
    "raw-padding-not-zero": (
        "the last bit of the last byte of a raw layer is 1",
        "CorruptError",
        "padding after a layer of 60 packed bits is not zero",
        coded("raw", 0, lambda data: data[:-1] + bytes([data[-1] | 1]), is_sealed=True),
    ),
    "zstd-layer-not-zstd": (
        "a zstd layer is not packed",
        "CorruptError",
        "a zstd layer",
        coded("zstd", 2, unzstd),
    ),
    "zstd-layer-broken": (
        "a zstd layer lacks its last byte",
        "CorruptError",
        "a zstd layer",
        coded("zstd", 2, lambda data: data[:-1]),
    ),
    "zstd-layer-with-bytes-after": (
        "bytes after the frame of a zstd layer",
        "CorruptError",
        "a zstd layer",
        coded("zstd", 2, lambda data: data + b"\0"),
    ),
    "zstd-layer-of-other-size": (
        "a zstd layer declares 16 bytes in place of 15",
        "CorruptError",
        "a zstd layer declares 16 bytes, expected 15",
        coded("zstd", 2, lambda data: zstd(unzstd(data) + b"\0")),
    ),
    "zstd-bomb-in-layer": (
        "a zstd layer declares a terabyte",
        "CorruptError",
        "a zstd layer declares 1099511627776 bytes",
        coded("zstd", 2, lambda data: struct.pack("<IBQ", 0xFD2FB528, 0xE0, 1 << 40)),
    ),
    "zstd-window-in-layer": (
        "a zstd layer asks for a window of a gigabyte",
        "LimitError",
        "a zstd layer",
        coded(
            "zstd",
            2,
            lambda data: struct.pack("<IBBQ", 0xFD2FB528, 0xC0, 20 << 3, 15) + b"\x79\0\0" + unzstd(data),
        ),
    ),
    "zstd-layer-without-size": (
        "a zstd layer does not declare its content size",
        "CorruptError",
        "a zstd layer",
        coded("zstd", 2, lambda data: zstd(unzstd(data), write_content_size=False)),
    ),
    "zstd-layer-padding-not-zero": (
        "the last bit of the last byte of a zstd layer is 1",
        "CorruptError",
        "padding after a layer of 60 packed bits is not zero",
        coded("zstd", 0, lambda data: zstd(unzstd(data)[:-1] + bytes([unzstd(data)[-1] | 1]))),
    ),
    "range-coded-layer-too-long": (
        "a range-coded layer has more bytes than its bits can need",
        "CorruptError",
        "all that its bits need",
        coded("adaptive", 0, lambda data: data + bytes(200)),
    ),
    "range-coded-layer-cut": (
        "a range-coded layer lacks its last half",
        "CorruptError",
        "layer 2 decodes to CRC",
        coded("adaptive", 2, lambda data: data[: len(data) // 2]),
    ),
    "range-coded-layer-wrong": (
        "a bit of a range-coded layer is wrong",
        "CorruptError",
        "layer 0 decodes to CRC",
        coded("adaptive", 0, flipped),
    ),
}
