"""Every limit is refused just above, accepted at the limit, and before memory is taken."""

import io
import struct
import zlib
from dataclasses import replace
from fractions import Fraction

import pytest
import zstandard

from mgv.container import (
    AudioPacket,
    CorruptError,
    FormatError,
    Index,
    IndexEntry,
    Layer,
    LimitError,
    Reader,
    Segment,
    Timing,
    limits,
)
from mgv.container.chunks import pack_chunk
from mgv.container.compression import decompress
from mgv.container.order import SegmentOrder
from mgv.container.packing import pack_metadata, unpack_index
from mgv.container.segment_packing import pack_packets

LAYER = Layer.from_payload(b"", 0)


def header_with(**changes):
    return lambda files: replace(files.header(), **changes)


def audio_with(**changes):
    return lambda files: replace(files.audio_header(), **changes)


def segment_with(first_frame=0, num_frames=1, shape=(1, 1, 1), num_layers=1):
    return lambda files: Segment(first_frame, num_frames, shape, (LAYER,) * num_layers)


def nested(depth):
    return {} if depth == 1 else {"a": nested(depth - 1)}


def entries(number):
    return lambda files: Index(tuple(IndexEntry(k, k, k) for k in range(number)), number)


AT_AND_ABOVE = {
    "MAX_SIDE_PIXELS": (header_with(width=16384), header_with(width=16385)),
    "MAX_STRIDE": (header_with(strides=(64, 64, 64)), header_with(strides=(4, 8, 65))),
    "MAX_BITS_PER_TOKEN": (header_with(bits_per_token=62), header_with(bits_per_token=63)),
    "MAX_BITS_PER_TOKEN of layers": (segment_with(num_layers=62), segment_with(num_layers=63)),
    "MAX_SEGMENT_FRAMES": (header_with(segment_frames=4096), header_with(segment_frames=4097)),
    "MAX_SEGMENT_FRAMES of a segment": (segment_with(num_frames=4096), segment_with(num_frames=4097)),
    "MAX_SEGMENT_FRAMES of times": (
        lambda files: Timing(tuple(range(4096)), 1),
        lambda files: Timing(tuple(range(4097)), 1),
    ),
    "MAX_MOTION_BYTES": (
        lambda files: Timing((0,), 1, motion=bytes(1 << 19)),
        lambda files: Timing((0,), 1, motion=bytes((1 << 19) + 1)),
    ),
    "MAX_SEGMENT_TOKENS": (segment_with(shape=(8, 2048, 2048)), segment_with(shape=(9, 2048, 2048))),
    "MAX_FRAMES": (segment_with(first_frame=2**32 - 2), segment_with(first_frame=2**32 - 2, num_frames=2)),
    "MAX_PTS": (lambda files: Timing((-limits.MAX_PTS,), 1), lambda files: Timing((-limits.MAX_PTS - 1,), 1)),
    "MAX_TICK": (header_with(tick=2**32 - 1), header_with(tick=2**32)),
    "MAX_FRACTION_PART": (
        header_with(time_base=Fraction(2**31 - 1, 2**31 - 2)),
        header_with(time_base=Fraction(1, 2**31)),
    ),
    "MAX_TEXT_BYTES": (header_with(software="é" * 127), header_with(software="é" * 128)),
    "MAX_METADATA_BYTES": (
        lambda files: pack_metadata({"a": "b" * ((1 << 20) - 8)}),
        lambda files: pack_metadata({"a": "b" * ((1 << 20) - 7)}),
    ),
    "MAX_METADATA_DEPTH": (lambda files: pack_metadata(nested(32)), lambda files: pack_metadata(nested(33))),
    "MAX_AUDIO_STREAMS": (audio_with(stream=31), audio_with(stream=32)),
    "MAX_EXTRADATA_BYTES": (audio_with(extradata=bytes(1 << 20)), audio_with(extradata=bytes((1 << 20) + 1))),
    "MAX_SAMPLE_RATE": (audio_with(sample_rate=1 << 24), audio_with(sample_rate=(1 << 24) + 1)),
    "MAX_AUDIO_PACKET_BYTES": (
        lambda files: AudioPacket(0, None, None, 0, True, bytes(1 << 24)),
        lambda files: AudioPacket(0, None, None, 0, True, bytes((1 << 24) + 1)),
    ),
    "MAX_INDEX_ENTRIES": (entries(1 << 18), entries((1 << 18) + 1)),
}


@pytest.mark.parametrize("limit", AT_AND_ABOVE)
def test_the_limit_holds_and_one_more_does_not(files, limit):
    at, above = AT_AND_ABOVE[limit]
    at(files)
    with pytest.raises((LimitError, CorruptError)) as caught:
        above(files)
    assert caught.value.field
    assert limits.__dict__[limit.split()[0]] > 0


def test_packets_in_a_chunk(monkeypatch, files):
    monkeypatch.setattr("mgv.container.segment_packing.MAX_AUDIO_PACKETS", 2)
    pack_packets([files.packet(0)] * 2)
    with pytest.raises(LimitError, match="packets in a chunk is 3"):
        pack_packets([files.packet(0)] * 3)


def test_a_zstd_window_above_the_limit():
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=24)
    data = zstandard.ZstdCompressor(compression_params=parameters).compress(bytes(1 << 24))
    with pytest.raises(LimitError, match="window"):
        decompress(data, "content", 1 << 24)


def test_segments_in_a_file(monkeypatch, files):
    monkeypatch.setattr("mgv.container.order.MAX_INDEX_ENTRIES", 3)
    events = files.read(files.many(3))
    order = SegmentOrder()
    for event in events:
        order.add(event)
    with pytest.raises(LimitError, match="segments in a file is 4"):
        files.many(4)


def declared(files, kind, payload_bytes):
    """A file whose last chunk header declares what is not there."""
    data = files.many(0)
    head = files.split(data)[0].pack()
    prefix = kind + struct.pack("<BQ", 0, payload_bytes)
    return files.SIGNATURE + head + prefix + struct.pack("<I", zlib.crc32(prefix)) + b"0123456789"


@pytest.mark.parametrize("kind", [*limits.MAX_PAYLOAD_BYTES, b"WHAT", b"what"])
@pytest.mark.parametrize("is_pipe", [False, True])
def test_a_chunk_longer_than_its_type_may_be(files, kind, is_pipe, no_growth):
    limit = limits.max_payload_bytes(kind)
    for payload_bytes in (limit + 1, 1 << 40, (1 << 64) - 1):
        with pytest.raises(LimitError, match="payload bytes, the limit is"):
            files.read(declared(files, kind, payload_bytes), is_pipe=is_pipe)
    with pytest.raises(FormatError, match=f"10 of {limit}|twice"):
        files.read(declared(files, kind, limit), is_pipe=is_pipe)


def test_a_chunk_that_is_too_long_is_not_written():
    with pytest.raises(LimitError, match="chunk END has 257 payload bytes"):
        pack_chunk(b"END ", bytes(257))


def test_a_bomb_takes_no_memory(files, request):
    chunks = files.split(files.many(0))
    bomb = zstandard.ZstdCompressor(level=1).compress(bytes(1 << 26))
    request.getfixturevalue("no_growth")
    with pytest.raises(LimitError, match="limit is 1048576"):
        Reader(io.BytesIO(files.join([chunks[0], files.RawChunk(b"META", bomb)])))


def test_an_index_of_many_declared_entries_takes_no_memory(no_growth):
    with pytest.raises(CorruptError, match="has 208 bytes, expected 5242888"):
        unpack_index(struct.pack("<II", 5, 1 << 18) + bytes(200))
    with pytest.raises(LimitError, match="segments in the index is 4294967295"):
        unpack_index(struct.pack("<II", 5, (1 << 32) - 1) + bytes(200))


def test_chunks_that_must_be_held_are_bounded(monkeypatch, files):
    def with_early_chunks(number):
        def fill(writer):
            for _ in range(number):
                writer.write_other_chunk(b"note", b"123")
            writer.write_segment(files.segment(0))

        return files.write(fill)

    monkeypatch.setattr("mgv.container.reader.MAX_EARLY_CHUNKS", 3)
    files.read(with_early_chunks(3))
    with pytest.raises(LimitError, match="chunks before the first segment is 4"):
        files.read(with_early_chunks(4))
    monkeypatch.setattr("mgv.container.reader.MAX_EARLY_CHUNK_BYTES", 8)
    with pytest.raises(LimitError, match="bytes of chunks before the first segment is 9"):
        files.read(with_early_chunks(3))
    events, damages = files.read_damaged(with_early_chunks(3))
    assert files.first_frames(events) == [0]
    assert len(damages) == 1
