"""Faults of the fixed facts: fields of HEAD, META and AHDR."""

import json
import struct
from typing import Any

from mgv.container import layout

from .editing import Make, Recipe, edit_fields, head, rich, with_payload, zstd


def metadata(text: str | bytes, **options: Any) -> Make:
    """Make a file with this JSON in META."""
    content = text.encode() if isinstance(text, str) else text
    return with_payload(1, lambda payload: zstd(content, **options), rich)


def audio(**changes: Any) -> Make:
    """Make a file with other fields in its first AHDR."""
    return with_payload(2, lambda payload: edit_fields(layout.AHDR_PAYLOAD, payload, changes), rich)


def replaced(old: bytes, new: bytes) -> Make:
    """Make a file with other bytes in HEAD."""
    return with_payload(0, lambda payload: payload.replace(old, new))


def frame_header(content_bytes: int, window: int | None = None) -> bytes:
    """Make the beginning of a zstd frame, and no blocks; see RFC 8878, 3.1.1.1."""
    descriptor = 0xC0 if window is not None else 0xE0
    window_byte = b"" if window is None else bytes([window])
    return struct.pack("<IB", 0xFD2FB528, descriptor) + window_byte + struct.pack("<Q", content_bytes)


FAULTS: dict[str, Recipe] = {
    "major-version-2": (
        "`major` is 2",
        "VersionError",
        "format version 2, this reader knows 1",
        head(major=2),
    ),
    "major-version-0": (
        "`major` is 0",
        "VersionError",
        "format version 0, this reader knows 1",
        head(major=0),
    ),
    "head-cut": (
        "HEAD lacks its last field",
        "CorruptError",
        "fields of HEAD do not fit",
        with_payload(0, lambda payload: payload[:-13]),
    ),
    "head-empty": (
        "HEAD has no bytes",
        "CorruptError",
        "fields of HEAD do not fit",
        with_payload(0, lambda p: b""),
    ),
    "head-extension-in-known-minor": (
        "bytes after the last field of HEAD, though `minor` is 0",
        "CorruptError",
        "HEAD has 3 bytes after its last field",
        head(extension=b"new"),
    ),
    "width-zero": ("`width` is 0", "CorruptError", "width is 0, expected 1 to 16384", head(width=0)),
    "height-zero": ("`height` is 0", "CorruptError", "height is 0", head(height=0)),
    "width-too-large": (
        "`width` is 16385",
        "LimitError",
        "width is 16385, the limit is 16384",
        head(width=16385),
    ),
    "height-too-large": (
        "`height` is 2^32 - 1",
        "LimitError",
        "height is 4294967295",
        head(height=(1 << 32) - 1),
    ),
    "coded-width-zero": ("`coded_width` is 0", "CorruptError", "coded_width is 0", head(coded_width=0)),
    "coded-over-twice-the-source": (
        "`coded_height` is above twice `height`",
        "CorruptError",
        "coded_height is 33, expected 1 to 32",
        head(coded_height=33),
    ),
    "sample-aspect-zero": (
        "`sample_aspect` is 0/1",
        "CorruptError",
        "sample_aspect is 0/1",
        head(sample_aspect=(0, 1)),
    ),
    "sample-aspect-not-in-lowest-terms": (
        "`sample_aspect` is 4/6",
        "CorruptError",
        "sample_aspect is 4/6",
        head(sample_aspect=(4, 6)),
    ),
    "time-base-without-denominator": (
        "`time_base` is 1/0",
        "CorruptError",
        "time_base is 1/0",
        head(time_base=(1, 0)),
    ),
    "time-base-too-large": (
        "the numerator of `time_base` is 2^31",
        "CorruptError",
        "time_base numerator is 2147483648",
        head(time_base=(1 << 31, 1)),
    ),
    "rotation-45": (
        "`rotation_degrees` is 45",
        "CorruptError",
        "rotation_degrees is 45",
        head(rotation_degrees=45),
    ),
    "full-range-2": ("`full_range` is 2", "CorruptError", "full_range is 2", head(full_range=2)),
    "tick-zero": ("`tick` is 0", "CorruptError", "tick is 0", head(tick=0)),
    "start-pts-too-large": ("`start_pts` is 2^62", "CorruptError", "start_pts is", head(start_pts=1 << 62)),
    "tokenizer-name-empty": (
        "`tokenizer` is empty",
        "CorruptError",
        "tokenizer is empty",
        head(tokenizer=""),
    ),
    "tokenizer-name-with-escape": (
        "`tokenizer` holds a control character",
        "CorruptError",
        "tokenizer holds control characters",
        head(tokenizer="\x1b[31m"),
    ),
    "tokenizer-name-not-utf8": (
        "`tokenizer` is no UTF-8",
        "CorruptError",
        "fields of HEAD do not fit",
        replaced(b"conformance", b"conf\xffrmance"),
    ),
    "software-with-line-end": (
        "`software` holds a control character",
        "CorruptError",
        "software holds control characters",
        head(software="a\nb"),
    ),
    "stride-zero": ("`stride_rows` is 0", "CorruptError", "strides[1] is 0", head(stride_rows=0)),
    "stride-65": ("`stride_frames` is 65", "CorruptError", "strides[0] is 65", head(stride_frames=65)),
    "bits-per-token-zero": (
        "`bits_per_token` is 0",
        "CorruptError",
        "bits_per_token is 0",
        head(bits_per_token=0),
    ),
    "bits-per-token-63": (
        "`bits_per_token` is 63",
        "LimitError",
        "bits_per_token is 63",
        head(bits_per_token=63),
    ),
    "layers-none": (
        "`num_layers` is 0",
        "CorruptError",
        "bit_depths is empty",
        head(num_layers=0, bit_depths=[]),
    ),
    "bit-depth-zero": (
        "a layer of no bits",
        "CorruptError",
        "bit_depths[0] is 0",
        head(bit_depths=[0, 10, 20]),
    ),
    "bit-depths-falling": ("`bit_depths` 5 4 20", "CorruptError", "do not rise", head(bit_depths=[5, 4, 20])),
    "bit-depths-equal": ("`bit_depths` 5 5 20", "CorruptError", "do not rise", head(bit_depths=[5, 5, 20])),
    "bit-depth-above-bits-per-token": (
        "`bit_depths` 5 10 21 of 20 bits",
        "CorruptError",
        "bit_depths[2] is 21",
        head(bit_depths=[5, 10, 21]),
    ),
    "segment-frames-zero": (
        "`segment_frames` is 0",
        "CorruptError",
        "segment_frames is 0",
        head(segment_frames=0),
    ),
    "segment-frames-too-many": (
        "`segment_frames` is 4097",
        "LimitError",
        "segment_frames is 4097",
        head(segment_frames=4097),
    ),
    "metadata-not-zstd": (
        "META is plain JSON",
        "CorruptError",
        "metadata is no zstd frame",
        with_payload(1, lambda payload: b'{"title": "x"}', rich),
    ),
    "metadata-broken": (
        "the zstd frame of META lacks its last byte",
        "CorruptError",
        "metadata is a broken zstd frame",
        with_payload(1, lambda payload: payload[:-1], rich),
    ),
    "metadata-with-bytes-after": (
        "bytes after the zstd frame of META",
        "CorruptError",
        "metadata is a broken zstd frame",
        with_payload(1, lambda payload: payload + b"more", rich),
    ),
    "metadata-without-size": (
        "the zstd frame of META does not declare its content size",
        "CorruptError",
        "without a declared size",
        metadata("{}", write_content_size=False),
    ),
    "metadata-with-dictionary": (
        "the zstd frame of META wants a dictionary",
        "CorruptError",
        "or with a dictionary",
        with_payload(
            1, lambda payload: struct.pack("<IBBQ", 0xFD2FB528, 0xE1, 7, 2) + b"\x11\x00\x00{}", rich
        ),
    ),
    "zstd-bomb-in-metadata": (
        "META unpacks to a gigabyte of zeros, and says so",
        "LimitError",
        "metadata (bytes unpacked) is 1073741824",
        with_payload(1, lambda payload: frame_header(1 << 30) + b"\x02\x00\x10\x00" * 64, rich),
    ),
    "zstd-window-in-metadata": (
        "the zstd frame of META asks for a window of a gigabyte",
        "LimitError",
        "metadata (zstd window) is 1073741824",
        with_payload(1, lambda payload: frame_header(2, window=20 << 3) + b"\x11\x00\x00{}", rich),
    ),
    "zstd-size-lies-in-metadata": (
        "the zstd frame of META holds less than it declares",
        "CorruptError",
        "metadata",
        with_payload(1, lambda payload: frame_header(3) + b"\x11\x00\x00{}", rich),
    ),
    "metadata-not-utf8": (
        "META holds no UTF-8",
        "CorruptError",
        "not valid JSON",
        metadata(b'{"a": "\xff"}'),
    ),
    "metadata-not-json": ("META holds no JSON", "CorruptError", "not valid JSON", metadata("{title: x}")),
    "metadata-nan": ("META holds NaN", "CorruptError", "NaN is no JSON number", metadata('{"a": NaN}')),
    "metadata-lone-surrogate": (
        "META holds half a character",
        "CorruptError",
        "not valid JSON",
        metadata('{"a": "\\ud800"}'),
    ),
    "metadata-name-twice": (
        "an object in META has a name twice",
        "CorruptError",
        "a name comes twice in an object",
        metadata('{"a": [{"b": 1, "c": 2, "b": 1}]}'),
    ),
    "metadata-no-object": ("META holds a list", "CorruptError", "no JSON object", metadata("[1]")),
    "metadata-too-deep": (
        "META has 33 levels",
        "LimitError",
        "metadata (depth) is 33",
        metadata(json.dumps({"a": 0}).replace("0", "[" * 32 + "]" * 32)),
    ),
    "metadata-deep-as-a-stack": (
        "META has 100000 levels",
        "CorruptError",
        "not valid JSON",
        metadata('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"),
    ),
    "audio-header-cut": (
        "AHDR lacks its last field",
        "CorruptError",
        "fields of AHDR do not fit",
        with_payload(2, lambda payload: payload[:-4], rich),
    ),
    "audio-header-extension-in-known-minor": (
        "bytes after the last field of AHDR, though `minor` is 0",
        "CorruptError",
        "AHDR has 1 bytes after",
        audio(extension=b"x"),
    ),
    "audio-stream-32": ("`stream` is 32", "CorruptError", "stream is 32", audio(stream=32)),
    "audio-codec-empty": ("`codec` is empty", "CorruptError", "codec is empty", audio(codec="")),
    "audio-sample-rate-zero": (
        "`sample_rate` is 0",
        "CorruptError",
        "sample_rate is 0",
        audio(sample_rate=0),
    ),
    "audio-sample-rate-too-high": (
        "`sample_rate` is 2^32 - 1",
        "LimitError",
        "sample_rate is 4294967295",
        audio(sample_rate=(1 << 32) - 1),
    ),
    "audio-bit-rate-too-high": ("`bit_rate` is 2^63", "CorruptError", "bit_rate is", audio(bit_rate=1 << 63)),
    "audio-extradata-longer-than-its-chunk": (
        "`extradata` declares more bytes than there are",
        "CorruptError",
        "fields of AHDR do not fit",
        with_payload(2, lambda p: p.replace(b"s16le\0\0\0\0", b"s16le\0\0\0\1"), rich),
    ),
    "audio-language-with-escape": (
        "`language` holds a control character",
        "CorruptError",
        "language holds control characters",
        audio(language="\x1b"),
    ),
}
