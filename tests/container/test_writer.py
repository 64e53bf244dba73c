"""The writer: order of calls, byte counts, files it can write to."""

import io
from dataclasses import replace

import pytest

from mgv.container import CorruptError, FormatError, LimitError, Reader, Timing, VersionError, Writer


def started(files) -> Writer:
    writer = Writer(io.BytesIO())
    writer.write_header(files.header())
    return writer


def test_same_calls_give_same_bytes(files, golden):
    assert files.write(files.full) == golden


def test_chunks_stand_in_the_order_of_the_format(files, golden):
    kinds = [chunk.kind for chunk in files.split(golden)]
    assert kinds == [b"HEAD", b"META", b"AHDR", b"SEGM", b"APKT", b"TIME", b"SEGM", b"APKT", b"INDX", b"END "]


def test_counts_its_bytes_and_frames(files, golden):
    file = io.BytesIO()
    with Writer(file) as writer:
        writer.write_header(files.header())
        files.full(writer)
    assert writer.num_bytes == len(golden)
    assert writer.num_frames == 8
    expected: dict[str, int] = {"signature": 8}
    for chunk in files.split(golden):
        name = chunk.kind.decode().strip()
        expected[name] = expected.get(name, 0) + len(chunk.pack())
    assert dict(writer.bytes_by_chunk) == expected


class Narrow(io.RawIOBase):
    """Takes few bytes at a time, and neither seeks nor tells."""

    def __init__(self):
        self.data = b""

    def writable(self):
        return True

    def write(self, data):
        self.data += bytes(data[:7])
        return min(len(data), 7)


def test_needs_no_seek_and_takes_short_writes(files, golden):
    file = Narrow()
    with Writer(file) as writer:
        writer.write_header(files.header())
        files.full(writer)
    assert file.data == golden


def test_an_exception_leaves_the_file_without_end(files):
    file = io.BytesIO()

    def fail():
        with Writer(file) as writer:
            writer.write_header(files.header())
            writer.write_segment(files.segment(0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [chunk.kind for chunk in files.split(file.getvalue())] == [b"HEAD", b"SEGM"]
    assert not file.closed


def test_close_twice_writes_one_end(files):
    file = io.BytesIO()
    with Writer(file) as writer:
        writer.write_header(files.header())
        writer.close()
    assert [chunk.kind for chunk in files.split(file.getvalue())] == [b"HEAD", b"INDX", b"END "]
    assert not files.read(file.getvalue())


def test_nothing_is_written_for_no_metadata_and_no_packets(files):
    writer = started(files)
    before = writer.num_bytes
    writer.write_metadata({})
    writer.write_audio_packets([])
    assert writer.num_bytes == before


def test_timing_on_the_tick_needs_no_time_chunk(files):
    """A segment may begin off the nominal clock; only frames inside it must keep the tick."""
    data = files.write(
        lambda writer: writer.write_segment(files.segment(0, 3), Timing((5, 3008, 6011), 3003))
    )
    assert b"TIME" not in [chunk.kind for chunk in files.split(data)]
    (event,) = files.read(data)
    assert event.timing == Timing((5, 3008, 6011), 3003)


def test_no_timing_means_the_tick_counted_from_start_pts(files):
    *_, event = files.read(files.many(3))
    assert event.timing.pts == tuple(-7 + 3003 * frame for frame in range(10, 15))


def test_another_last_duration_needs_a_time_chunk(files):
    data = files.write(lambda writer: writer.write_segment(files.segment(0, 1), Timing((0,), 9)))
    assert files.read(data)[0].timing == Timing((0,), 9)


def test_a_large_group_of_packets_is_split_into_chunks(files, monkeypatch):
    monkeypatch.setattr("mgv.container.writer.PACKET_BATCH_BYTES", 12)
    packets = [files.packet(pts) for pts in range(5)]

    def fill(writer):
        writer.write_audio_header(files.audio_header())
        writer.write_audio_packets(packets)

    data = files.write(fill)
    assert [chunk.kind for chunk in files.split(data)].count(b"APKT") == 3
    assert files.read(data) == packets


def twice(call):
    return lambda files, writer: [call(files, writer) for _ in range(2)]


def after_a_segment(call):
    return lambda files, writer: [writer.write_segment(files.segment(0)), call(files, writer)]


def segment_with(**changes):
    return lambda files, writer: writer.write_segment(replace(files.segment(0), **changes))


def metadata(value):
    return lambda files, writer: writer.write_metadata({"a": value})


def audio_header(files, writer):
    writer.write_audio_header(files.audio_header())


MISUSES = {
    "HEAD-twice": (lambda files, writer: writer.write_header(files.header()), "already"),
    "META-twice": (twice(metadata(1)), "already"),
    "META-late": (after_a_segment(metadata(1)), "before"),
    "META-nan": (metadata(float("nan")), "JSON"),
    "META-bytes": (metadata(b"bytes"), "JSON"),
    "META-surrogate": (metadata("\ud800"), "JSON"),
    "AHDR-twice": (twice(audio_header), "already"),
    "AHDR-late": (
        after_a_segment(audio_header),
        "before",
    ),
    "APKT-of-no-stream": (lambda files, writer: writer.write_audio_packets([files.packet(0)]), "has no AHDR"),
    "SEGM-after-close": (lambda files, writer: [writer.close(), segment_with()(files, writer)], "closed"),
    "SEGM-gap": (segment_with(first_frame=5), "frames 0 to 4 are missing"),
    "SEGM-twice": (twice(segment_with()), "out of order"),
    "SEGM-times": (
        lambda files, writer: writer.write_segment(files.segment(0), Timing((1, 2), 1)),
        "2 times for 5",
    ),
    "SEGM-wide": (segment_with(latent_shape=(2, 3, 2)), "token grid"),
    "SEGM-long": (segment_with(latent_shape=(3, 2, 2)), "token grid"),
    "SEGM-deep": (lambda files, writer: writer.write_segment(files.segment(0, num_layers=4)), "4 layers"),
    "own-critical": (lambda files, writer: writer.write_other_chunk(b"ABCD", b""), "lower-case"),
    "own-not-a-type": (lambda files, writer: writer.write_other_chunk(b"a\xff", b""), "no chunk type"),
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_misuse_is_refused(files, misuse):
    call, words = MISUSES[misuse]
    with pytest.raises(FormatError, match=words):
        call(files, started(files))


def test_time_must_rise_from_segment_to_segment(files):
    writer = started(files)
    writer.write_segment(files.segment(0, 1), Timing((50,), 1))
    with pytest.raises(CorruptError, match="begins at time 50"):
        writer.write_segment(files.segment(1, 1), Timing((50,), 1))


def test_the_header_comes_first(files):
    for misuse in (Writer.close, lambda writer: writer.write_segment(files.segment(0))):
        with pytest.raises(FormatError, match="write_header must come first"):
            misuse(Writer(io.BytesIO()))


def test_only_our_version_is_written(files):
    with pytest.raises(VersionError):
        Writer(io.BytesIO()).write_header(files.header(version=(1, 1)))


def test_a_refused_call_leaves_the_file_sound(files):
    def fill(writer):
        writer.write_segment(files.segment(0))
        with pytest.raises(CorruptError):
            writer.write_segment(files.segment(0))
        with pytest.raises(LimitError):
            writer.write_other_chunk(b"xyza", bytes((1 << 26) + 1))
        writer.write_segment(files.segment(5))

    assert files.first_frames(files.read(files.write(fill))) == [0, 5]


def test_own_chunks_are_skipped_by_readers(files):
    def fill(writer):
        writer.write_other_chunk(b"xyza", b"before")
        writer.write_metadata({"title": "t"})
        writer.write_segment(files.segment(0))
        writer.write_other_chunk(b"xyzA", b"after")

    data = files.write(fill)
    assert files.first_frames(files.read(data)) == [0]
    reader = Reader(io.BytesIO(data))
    assert reader.metadata == {"title": "t"}
    kinds = [item.kind for item in reader.items() if hasattr(item, "kind")]
    assert kinds == [b"xyza", b"xyzA"]
