"""The reader on sound files: in order, by segment, from pipes, from newer minor versions."""

import io

import pytest

from mgv.container import AudioPacket, Reader, TimedSegment, Timing


def test_reads_back_everything_in_file_order(files, golden):
    reader = Reader(io.BytesIO(golden))
    assert reader.header == files.header()
    assert reader.metadata == {"title": "Grüße", "tags": [1, 2.5, None]}
    assert reader.audio_headers == (files.audio_header(),)
    assert reader.num_frames is None
    events = list(reader.events())
    assert [type(event) for event in events] == [TimedSegment, *[AudioPacket] * 3, TimedSegment, AudioPacket]
    assert events[0].segment == files.segment(0)
    assert events[0].timing == Timing.nominal(-7, 5, 3003)
    assert events[1:4] == [files.packet(-1024), files.packet(0), files.packet(None, data=b"")]
    assert events[4].segment == files.segment(5, 3)
    assert events[4].timing == Timing((30000, 30001, 39999), 12)
    assert reader.num_frames == 8
    assert reader.bytes_by_chunk.total() == len(golden)


@pytest.mark.parametrize("most_bytes", [1, 7, 1 << 20])
def test_a_pipe_gives_the_same(files, golden, most_bytes):
    reader = Reader(files.Pipe(golden, most_bytes))
    assert not reader.is_seekable
    assert list(reader.events()) == files.read(golden)
    assert reader.bytes_by_chunk.total() == len(golden)


def test_a_pipe_gives_each_segment_before_the_next_is_written(files):
    data = files.many(2)
    end_of_first = files.split(data)[2].offset

    class Slow(files.Pipe):
        def readinto(self, buffer):
            place = self._inner.tell()
            if place >= end_of_first:
                raise AssertionError("read beyond what the first segment needs")
            return super().readinto(memoryview(buffer)[: end_of_first - place])

    assert files.first_frames([next(Reader(Slow(data, 1 << 20)).events())]) == [0]


def test_a_pipe_can_be_read_only_once(files, golden):
    reader = Reader(files.Pipe(golden))
    list(reader.events())
    with pytest.raises(io.UnsupportedOperation, match="once"):
        list(reader.events())
    uses = (Reader.index, lambda reader: reader.read_segment(0), lambda reader: list(reader.events(None, 1)))
    for use in uses:
        with pytest.raises(io.UnsupportedOperation, match="seek"):
            use(Reader(files.Pipe(golden)))


def test_a_file_can_be_read_again_and_in_the_middle_of_reading(files, golden):
    reader = Reader(io.BytesIO(golden))
    events = []
    for event in reader.events():
        events.append(event)
        assert reader.read_segment(1).segment.first_frame == 5
    assert events == files.read(golden) == list(reader.events())
    assert reader.bytes_by_chunk.total() == len(golden)


def test_offsets_count_from_the_signature(files, golden):
    file = io.BytesIO(b"some other bytes" + golden)
    file.seek(16)
    reader = Reader(file)
    assert list(reader.events()) == files.read(golden)
    assert reader.index() == Reader(io.BytesIO(golden)).index()
    assert reader.read_segment(1) == files.read(golden)[4]


def test_index_lists_the_chunk_that_a_segment_begins_with(files, golden):
    index = Reader(io.BytesIO(golden)).index()
    chunks = {chunk.offset: chunk.kind for chunk in files.split(golden)}
    assert [chunks[entry.offset_bytes] for entry in index.entries] == [b"SEGM", b"TIME"]
    assert [(entry.first_frame, entry.pts) for entry in index.entries] == [(0, -7), (5, 30000)]
    assert index.num_frames == 8


def test_index_finds_times(files):
    index = Reader(io.BytesIO(files.many(4))).index()
    starts = [entry.pts for entry in index.entries]
    assert [index.find(pts) for pts in starts] == [0, 1, 2, 3]
    assert [index.find(pts - 1) for pts in starts] == [0, 0, 1, 2]
    assert index.find(10**15) == 3
    with pytest.raises(IndexError):
        Reader(io.BytesIO(files.many(0))).index().find(0)


def test_every_segment_alone_equals_the_slice_of_the_whole(files):
    data = files.many(6)
    events = files.read(data)
    reader = Reader(io.BytesIO(data))
    assert [reader.read_segment(k) for k in range(6)] == events
    for start in range(6):
        assert list(reader.events(start_segment=start)) == events[start:]
    for segment in (-1, 6):
        with pytest.raises(IndexError):
            reader.read_segment(segment)


def test_one_segment_is_read_without_touching_the_others(files):
    data = bytearray(files.many(3))
    middle = files.split(bytes(data))[2]
    for other in files.split(bytes(data))[1:4:2]:
        data[other.offset + 30] ^= 1
    event = Reader(io.BytesIO(data)).read_segment(1)
    assert (event.segment, event.offset_bytes) == (files.segment(5), middle.offset)


def test_many_segments_keep_their_places(files):
    def fill(writer):
        for number in range(250):
            writer.write_segment(files.segment(number, 1, 1))

    data = files.write(fill)
    reader = Reader(io.BytesIO(data))
    assert [entry.first_frame for entry in reader.index().entries] == list(range(250))
    assert reader.read_segment(249).segment.first_frame == 249


def test_a_file_without_segments_is_sound(files):
    reader = Reader(io.BytesIO(files.many(0)))
    assert not list(reader.events())
    assert reader.num_frames == 0
    assert reader.index().entries == ()
    assert reader.metadata == {}


def newer(files, golden, *, minor):
    """The golden file as a newer minor version may write it: HEAD and AHDR have more fields."""
    chunks = []
    for chunk in files.split(golden):
        payload = chunk.payload
        if chunk.kind == b"HEAD":
            payload = payload[:1] + bytes([minor]) + payload[2:] + b"new field"
        elif chunk.kind == b"AHDR":
            payload += b"new field"
        chunks.append(chunk._replace(payload=payload))
    return files.SIGNATURE + b"".join(chunk.pack() for chunk in chunks)


def test_fields_of_a_newer_minor_version_are_ignored(files, golden):
    reader = Reader(io.BytesIO(newer(files, golden, minor=1)))
    assert reader.header == files.header(version=(1, 1))
    assert reader.audio_headers == (files.audio_header(),)


def test_added_fields_are_an_error_in_a_known_version(files, golden):
    with pytest.raises(ValueError, match="HEAD has 9 bytes after its last field"):
        Reader(io.BytesIO(newer(files, golden, minor=0)))


def test_flags_of_skippable_chunks_are_skipped_too(files):
    chunks = files.split(files.many(0))
    data = files.join([chunks[0], files.RawChunk(b"xYZ ", b"?", flags=255)])
    assert Reader(io.BytesIO(data)).metadata == {}


def test_non_blocking_files_are_refused(files):
    class NonBlocking(files.Pipe):
        def read(self, num_bytes=-1):
            return None

    with pytest.raises(io.UnsupportedOperation, match="non-blocking"):
        Reader(NonBlocking(b""))
