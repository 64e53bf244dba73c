"""Fields that are wrong under CRCs that are right: each ends in the right error, in no other exception."""

import io
import json
import struct
import zlib

import pytest
import zstandard

from mgv.container import CorruptError, LimitError, Reader, VersionError


def edit(files, golden, kind, change, *, nth=0):
    """Change the payload of the nth chunk of a kind and frame it again with right CRCs."""
    chunks = files.split(golden)
    place = [number for number, chunk in enumerate(chunks) if chunk.kind == kind][nth]
    chunks[place] = chunks[place]._replace(payload=change(chunks[place].payload))
    return files.join(chunks)


def put(place, value, form="<I"):
    def change(payload):
        raw = bytearray(payload)
        struct.pack_into(form, raw, place, value)
        return bytes(raw)

    return change


def retable(change):
    """Change the SEGM table of three layers and make its CRC right again."""

    def changed(payload):
        raw = change(payload)
        return raw[:60] + struct.pack("<I", zlib.crc32(raw[:60])) + raw[64:]

    return changed


HEAD_DEFECTS = {
    "major-two": (put(0, 2, "<B"), VersionError, "version 2"),
    "width-zero": (put(2, 0), CorruptError, "width is 0"),
    "width-huge": (put(2, 1 << 31), LimitError, "width is 2147483648, the limit is 16384"),
    "height-above-limit": (put(6, 16385), LimitError, "height"),
    "coded-wider-than-twice-the-source": (put(10, 31), CorruptError, "coded_width is 31, expected 1 to 30"),
    "aspect-zero": (put(18, 0), CorruptError, "sample_aspect"),
    "aspect-by-zero": (put(22, 0), CorruptError, "sample_aspect"),
    "aspect-not-reduced": (put(18, 6), CorruptError, "lowest terms"),
    "rotation-45": (put(26, 45, "<H"), CorruptError, "rotation_degrees is 45"),
    "range-two": (put(31, 2, "<B"), CorruptError, "full_range"),
    "time-base-above-limit": (put(36, (1 << 31) + 1), CorruptError, "time_base"),
    "tick-zero": (put(40, 0), CorruptError, "tick is 0"),
    "start-out-of-range": (put(44, -(1 << 63), "<q"), CorruptError, "start_pts"),
    "tokenizer-empty": (lambda p: p[:52] + b"\0" + p[57:], CorruptError, "tokenizer is empty"),
    "tokenizer-escape": (lambda p: p[:53] + b"\x1b[2J" + p[57:], CorruptError, "control characters"),
    "tokenizer-not-utf8": (lambda p: p[:53] + b"\xff\xfe\xfd\xfc" + p[57:], CorruptError, "do not fit"),
    "tokenizer-surrogate": (lambda p: p[:53] + b"a\xed\xa0\x80" + p[57:], CorruptError, "do not fit"),
    "stride-zero": (put(89, 0, "<B"), CorruptError, "strides"),
    "stride-above-limit": (put(91, 65, "<B"), CorruptError, "strides"),
    "bits-zero": (put(92, 0, "<B"), CorruptError, "bits_per_token"),
    "bits-above-limit": (put(92, 63, "<B"), LimitError, "bits_per_token"),
    "layers-none": (lambda p: p[:93] + b"\0" + p[97:], CorruptError, "bit_depths is empty"),
    "layers-more-than-bytes": (put(93, 255, "<B"), CorruptError, "do not fit"),
    "depths-fall": (put(95, 6, "<B"), CorruptError, "do not rise"),
    "depth-above-bits": (put(96, 19, "<B"), CorruptError, "bit_depths"),
    "segment-frames-zero": (put(130, 0), CorruptError, "segment_frames"),
    "segment-frames-above-limit": (put(130, 4097), LimitError, "segment_frames"),
    "bytes-after": (lambda p: p + b"!", CorruptError, "after its last field"),
    "short": (lambda p: p[:60], CorruptError, "do not fit"),
    "empty": (lambda p: b"", CorruptError, "do not fit"),
}


@pytest.mark.parametrize("defect", HEAD_DEFECTS)
def test_defects_of_head(files, golden, defect):
    change, kind, words = HEAD_DEFECTS[defect]
    with pytest.raises(kind, match=words) as caught:
        Reader(io.BytesIO(edit(files, golden, b"HEAD", change)))
    assert type(caught.value) is kind
    assert caught.value.offset_bytes == 8
    with pytest.raises(kind):
        files.read_damaged(edit(files, golden, b"HEAD", change))


def frame(data, **options):
    return zstandard.ZstdCompressor(**options).compress(data)


def json_text(value):
    return lambda payload: frame(b'{"a":' + value + b"}")


def nested(depth):
    return json_text(b"[" * depth + b"]" * depth)


def times(first_frame, num_frames, *durations):
    return lambda payload: frame(struct.pack(f"<2I{len(durations)}Q", first_frame, num_frames, *durations))


def viewed(x=0, y=0, grow=0, num_frames=3):
    """Give views to the segment of 3 frames at frame 5: these numbers, as stored, in the first of them."""
    numbers = [[number, *[0] * (num_frames - 1)] for number in (x, y, grow, 0)]
    planes = [number >> shift & 255 for shift in (0, 8, 16, 24) for column in numbers for number in column]
    return lambda payload: frame(struct.pack("<2I3Q", 5, 3, 1, 1, 1) + bytes(planes))


DEFECTS = {
    "META-not-zstd": (b"META", lambda p: b"{}", CorruptError, "no zstd frame"),
    "META-empty": (b"META", lambda p: b"", CorruptError, "no zstd frame"),
    "META-cut": (b"META", lambda p: p[:-3], CorruptError, "zstd"),
    "META-bytes-after": (b"META", lambda p: p + b"\0", CorruptError, "zstd"),
    "META-no-size": (b"META", lambda p: frame(b"{}", write_content_size=False), CorruptError, "declared"),
    "META-bomb": (b"META", lambda p: frame(bytes(1 << 23)), LimitError, "limit is 1048576"),
    "META-array": (b"META", lambda p: frame(b"[1]"), CorruptError, "no JSON object"),
    "META-text": (b"META", lambda p: frame(b"{"), CorruptError, "not valid JSON"),
    "META-not-utf8": (b"META", json_text(b'"\xff"'), CorruptError, "not valid JSON"),
    "META-nan": (b"META", json_text(b"NaN"), CorruptError, "not valid JSON"),
    "META-infinite": (b"META", json_text(b"1e999"), CorruptError, "not valid JSON"),
    "META-surrogate": (b"META", json_text(b'"\\ud800"'), CorruptError, "not valid JSON"),
    "META-long-number": (b"META", json_text(b"9" * 9999), CorruptError, "not valid JSON"),
    "META-deep": (b"META", nested(32), LimitError, "depth"),
    "META-very-deep": (b"META", nested(200_000), CorruptError, "not valid JSON"),
    "AHDR-stream-above-limit": (b"AHDR", put(0, 32, "<B"), CorruptError, "stream is 32"),
    "AHDR-extradata-longer-than-file": (b"AHDR", put(5, 1 << 31), CorruptError, "do not fit"),
    "AHDR-extradata-above-limit": (
        b"AHDR",
        lambda p: p[:5] + struct.pack("<I", (1 << 20) + 1) + bytes((1 << 20) + 1) + p[11:],
        LimitError,
        "extradata",
    ),
    "AHDR-rate-zero": (b"AHDR", put(11, 0), CorruptError, "sample_rate"),
    "AHDR-rate-above-limit": (b"AHDR", put(11, 1 << 25), LimitError, "sample_rate"),
    "AHDR-time-base-zero": (b"AHDR", put(22, 0), CorruptError, "time_base"),
    "AHDR-bytes-after": (b"AHDR", lambda p: p + b"!", CorruptError, "after its last field"),
    "TIME-other-segment": (b"TIME", times(4, 3, 1, 1, 1), CorruptError, "at frame 4"),
    "TIME-other-length": (b"TIME", times(5, 2, 1, 1), CorruptError, "for 2 frames"),
    "TIME-standing-still": (b"TIME", times(5, 3, 0, 1, 1), CorruptError, "not rise"),
    "TIME-no-last-duration": (b"TIME", times(5, 3, 1, 1, 0), CorruptError, "last_dur"),
    "TIME-out-of-range": (b"TIME", times(5, 3, 1 << 63, 1, 1), CorruptError, "pts"),
    "TIME-count-huge": (b"TIME", times(5, 1 << 31, 1), CorruptError, "do not fit"),
    "TIME-bytes-after": (b"TIME", times(5, 3, 1, 1, 1, 1), CorruptError, "number of"),
    "TIME-view-out-of-range": (b"TIME", viewed(2 * (1 << 20) + 2), CorruptError, r"views\[0\] is 1048577"),
    "TIME-view-of-nothing": (b"TIME", viewed(grow=2 * 60 - 1), CorruptError, "times as large"),
    "TIME-views-of-too-few": (b"TIME", viewed(1, num_frames=2), CorruptError, "32 more bytes for 3 frames"),
    "TIME-bomb": (b"TIME", lambda p: frame(bytes(1 << 20)), LimitError, "limit is 622600"),
    "SEGM-empty": (b"SEGM", lambda p: b"", CorruptError, "do not fit"),
    "SEGM-table-crc": (b"SEGM", put(0, 1), CorruptError, "table of a segment does not fit"),
    "SEGM-first-frame-late": (b"SEGM", retable(put(0, 2)), CorruptError, "frames 0 to 1 are missing"),
    "SEGM-frames-none": (b"SEGM", retable(put(4, 0)), CorruptError, "num_frames"),
    "SEGM-frames-above-limit": (b"SEGM", retable(put(4, 4097)), LimitError, "num_frames"),
    "SEGM-pts-out-of-range": (b"SEGM", retable(put(8, 1 << 62, "<q")), CorruptError, "pts"),
    "SEGM-has-time-two": (b"SEGM", retable(put(16, 2, "<B")), CorruptError, "has_time"),
    "SEGM-time-promised": (b"SEGM", retable(put(16, 1, "<B")), CorruptError, "lacks the TIME"),
    "SEGM-grid-zero": (b"SEGM", retable(put(17, 0, "<H")), CorruptError, "latent_shape"),
    "SEGM-grid-huge": (
        b"SEGM",
        retable(lambda p: p[:17] + b"\xff" * 6 + p[23:]),
        LimitError,
        "tokens in a segment is 281462092005375",
    ),
    "SEGM-grid-other": (b"SEGM", retable(put(19, 3, "<H")), CorruptError, "token grid"),
    "SEGM-layer-longer-than-file": (b"SEGM", retable(put(24, 1 << 31)), CorruptError, "layer 0"),
    "SEGM-layer-crc": (b"SEGM", retable(put(28, 1)), CorruptError, "layer 0 of the segment at frame 0"),
    "SEGM-bytes-after": (b"SEGM", lambda p: p + b"!", CorruptError, "its layers need"),
    "APKT-no-packets": (b"APKT", lambda p: struct.pack("<I", 9) + frame(b""), CorruptError, "packet table"),
    "APKT-table-longer-than-file": (b"APKT", put(0, 1 << 31), CorruptError, "do not fit"),
    "APKT-packets-missing": (b"APKT", lambda p: p[:-1], CorruptError, "bytes of packets"),
    "APKT-bytes-after": (b"APKT", lambda p: p + b"!", CorruptError, "bytes of packets"),
    "INDX-other-frames": (b"INDX", put(0, 9), CorruptError, "does not list"),
    "INDX-other-place": (b"INDX", put(20, 7, "<Q"), CorruptError, "does not list"),
    "INDX-falls": (b"INDX", put(28, 0), CorruptError, "first_frame does not rise"),
    "INDX-count-huge": (b"INDX", put(4, (1 << 32) - 1), LimitError, "segments in the index"),
    "INDX-bytes-after": (b"INDX", lambda p: p + b"!", CorruptError, "has 49 bytes, expected 48"),
    "END-other-place": (b"END ", put(0, 8, "<Q"), CorruptError, "places INDX at byte 8"),
    "END-more-frames": (b"END ", put(8, 9), CorruptError, "frames 8 to 8 are missing"),
    "END-fewer-frames": (b"END ", put(8, 7), CorruptError, "counts 7 frames, there are 8"),
    "END-short": (b"END ", lambda p: p[:5], CorruptError, "do not fit"),
    "END-bytes-after": (b"END ", lambda p: p + b"!", CorruptError, "after its last field"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_defects_of_chunks(files, golden, defect):
    kind, change, error, words = DEFECTS[defect]
    data = edit(files, golden, kind, change)
    with pytest.raises(error, match=words) as caught:
        files.read(data)
    assert type(caught.value) is error
    assert caught.value.offset_bytes in {chunk.offset for chunk in files.split(data)}
    _, damages = files.read_damaged(data)
    assert any(caught.value.message == damage.reason for damage in damages)


def packet_table(*rows):
    table = frame(b"".join(struct.pack("<BBqqQI", *row) for row in rows))
    return struct.pack("<I", len(table)) + table


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((1, 0, 0, 0, 0, 0), "stream 1, which has no AHDR"),
        ((0, 8, 0, 0, 0, 0), "flags is 8"),
        ((0, 2, 1 << 62, 0, 0, 0), "pts"),
        ((0, 0, 1, 0, 0, 0), "step of an unknown time"),
        ((0, 0, 0, 0, 1 << 62, 0), "duration"),
        ((0, 0, 0, 0, 0, 1 << 24), "bytes of packets"),
    ],
)
def test_defects_of_packets(files, golden, row, words):
    with pytest.raises(CorruptError, match=words):
        files.read(edit(files, golden, b"APKT", lambda payload: packet_table(row)))


def test_times_that_fall_from_segment_to_segment_are_refused(files):
    chunks = files.split(files.many(2))
    payload = retable(put(8, -7 + 4 * 3003, "<q"))(chunks[2].payload)
    with pytest.raises(CorruptError, match="begins at time 12005"):
        files.read(files.join([*chunks[:2], chunks[2]._replace(payload=payload), *chunks[3:]]))


def test_metadata_may_be_as_deep_as_the_limit(files, golden):
    depth = 31
    data = edit(files, golden, b"META", nested(depth))
    assert json.dumps(Reader(io.BytesIO(data)).metadata).count("[") == depth
