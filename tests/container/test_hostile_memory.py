"""Small files that declare as much as the format lets them: reading takes no more memory than FORMAT.md 9 says."""

import io
import json
import struct
import tracemalloc

import pytest
import zstandard

from mgv.container import FormatError, Layer, Reader, Segment, limits, repair, verify
from mgv.container.segment_packing import pack_segment

BOUND_BYTES = 1 << 26
"""What FORMAT.md section 9 allows for whatever a small file declares."""
MOST_FILE_BYTES = 4096


def squeezed(content):
    return zstandard.ZstdCompressor(level=19).compress(content)


def nested_metadata(files):
    """Lists in lists: the most objects that so many bytes of JSON can be."""
    depth = limits.MAX_METADATA_DEPTH - 2
    each = b"[" * depth + b"]" * depth + b","
    content = b'{"a":[' + each * ((limits.MAX_METADATA_BYTES - 10) // len(each)) + b"0]}"
    return [files.RawChunk(b"META", squeezed(content))]


def metadata_of_one_text(files):
    content = json.dumps({"a": "\u20ac" * 349000}, ensure_ascii=False).encode()
    return [files.RawChunk(b"META", squeezed(content))]


def packets_without_data(files):
    row = struct.pack("<BBqqQI", 0, 7, 1, 1, (1 << 62) - 1, 0)
    table = squeezed(row * limits.MAX_AUDIO_PACKETS)
    return [
        files.split(files.write(files.full))[2],
        files.RawChunk(b"APKT", struct.pack("<I", len(table)) + table),
    ]


def durations(files):
    times = squeezed(struct.pack("<II", 0, 4096) + struct.pack("<Q", 1 << 40) * 4096)
    segment = Segment(0, 4096, (1025, 2, 2), (Layer.from_payload(b"", 0),))
    return [files.RawChunk(b"TIME", times), files.RawChunk(b"SEGM", pack_segment(segment, 0, has_time=True))]


def largest_segment(files):
    segment = Segment(0, 29, (8, 2048, 2048), (Layer.from_payload(b"", 0),) * 62)
    return [files.RawChunk(b"SEGM", pack_segment(segment, 0, has_time=False))]


def frames_of_the_end_of_time(files):
    segment = Segment((1 << 32) - 2, 1, (1, 2, 2), (Layer.from_payload(b"", 0),))
    payload = pack_segment(segment, limits.MAX_PTS, has_time=False)
    return [
        files.RawChunk(b"SEGM", payload),
        files.RawChunk(b"END ", struct.pack("<QI", 1 << 62, (1 << 32) - 1)),
    ]


def early_chunks(files):
    return [files.RawChunk(b"note", b"")] * 150


def layers_of_zstd_bombs(files):
    bomb = squeezed(bytes(1 << 22))
    segment = Segment(0, 29, (8, 2048, 2048), (Layer.from_payload(bomb, 0),) * 2)
    return [files.RawChunk(b"SEGM", pack_segment(segment, 0, has_time=False))]


def index_of_many(files):
    return [files.RawChunk(b"INDX", struct.pack("<II", 0, limits.MAX_INDEX_ENTRIES) + bytes(400))]


CHUNKS = (
    nested_metadata,
    metadata_of_one_text,
    packets_without_data,
    durations,
    largest_segment,
    frames_of_the_end_of_time,
    early_chunks,
    layers_of_zstd_bombs,
    index_of_many,
)


SLOW = (nested_metadata, packets_without_data)
"""Read in one way only: tracing a million small objects takes seconds."""


def small_file(files, make_chunks):
    """A file with a header that goes with the chunks, and each CRC right."""
    is_large = make_chunks in (largest_segment, layers_of_zstd_bombs)
    side = limits.MAX_SIDE_PIXELS if is_large else 16
    header = files.header(
        width=side,
        height=side,
        coded_width=side,
        coded_height=side,
        bits_per_token=62,
        bit_depths=tuple(range(1, 63)),
        tick=1,
        coder=1,
    )
    ends = files.split(files.write(lambda writer: None, header))
    return files.join([ends[0], *make_chunks(files), *ends[1:]])


@pytest.mark.parametrize("make_chunks", CHUNKS)
def test_a_small_file_takes_little_memory(files, make_chunks):
    data = small_file(files, make_chunks)
    assert len(data) < MOST_FILE_BYTES
    uses = (
        lambda: files.read(data),
        lambda: files.read(data, is_pipe=True),
        lambda: files.read_damaged(data),
        lambda: verify(io.BytesIO(data)),
        lambda: repair(io.BytesIO(data), io.BytesIO()),
        lambda: Reader(io.BytesIO(data), list().append).index(),
    )
    for use in uses if make_chunks not in SLOW else uses[:1]:
        tracemalloc.start()
        try:
            use()
        except FormatError:
            pass
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak_bytes < BOUND_BYTES


def test_the_hostile_chunks_are_legal_where_they_can_be(files):
    """So that the test above measures the memory for what is declared, not for an early error."""
    for make_chunks in (nested_metadata, metadata_of_one_text, packets_without_data):
        head, *rest = files.split(small_file(files, make_chunks))
        reader = Reader(io.BytesIO(files.join([head, *rest])), list().append)
        num_packets = len(list(reader.events()))
        assert reader.metadata.get("a") or num_packets == limits.MAX_AUDIO_PACKETS
    assert len(files.read_damaged(small_file(files, durations))[0]) == 1
    assert len(files.read_damaged(small_file(files, largest_segment))[0][0].segment.layers) == 62
