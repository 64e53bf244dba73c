"""`repair` makes sound files of damaged ones, `thin` drops layers, `verify` tells what is there."""

import io
from dataclasses import replace

import pytest

from mgv.container import (
    CorruptError,
    FormatError,
    NotMgvError,
    Reader,
    TimedSegment,
    TruncatedError,
    repair,
    thin,
    verify,
)


def repaired(files, data, *, is_pipe=False):
    file = io.BytesIO()
    report = repair(files.Pipe(data) if is_pipe else io.BytesIO(data), file)
    return file.getvalue(), report


def thinned(data, num_layers):
    file = io.BytesIO()
    report = thin(io.BytesIO(data), file, num_layers)
    return file.getvalue(), report


@pytest.mark.parametrize("is_pipe", [False, True])
def test_a_sound_file_comes_out_of_repair_as_it_was(files, golden, is_pipe):
    data, report = repaired(files, golden, is_pipe=is_pipe)
    assert data == golden
    assert (report.num_segments, report.num_frames, report.num_bytes) == (2, 8, len(golden))
    assert (report.damages, report.num_damages) == ((), 0)


def test_repair_of_every_damaged_byte_gives_a_sound_file(files, golden):
    end_of_head = files.split(golden)[1].offset
    for place in [*range(8), *range(end_of_head, len(golden))]:
        damaged = bytearray(golden)
        damaged[place] ^= 0x41
        data, report = repaired(files, bytes(damaged))
        assert report.num_damages > 0
        assert verify(io.BytesIO(data)).is_whole
        times = {event.timing for event in files.read(data) if isinstance(event, TimedSegment)}
        assert times <= {event.timing for event in files.read(golden) if isinstance(event, TimedSegment)}


def test_repair_of_every_cut_gives_a_sound_file(files, golden):
    end_of_head = files.split(golden)[1].offset
    for length in range(len(golden)):
        if length < end_of_head:
            with pytest.raises((TruncatedError, NotMgvError)):
                repaired(files, golden[:length])
        else:
            data, _ = repaired(files, golden[:length])
            assert verify(io.BytesIO(data)).is_whole


def test_repair_numbers_frames_anew_and_keeps_times(files):
    whole = files.many(3)
    second = files.split(whole)[2]
    damaged = bytearray(whole)
    damaged[second.offset] ^= 1
    data, report = repaired(files, bytes(damaged))
    assert [event.segment.first_frame for event in files.read(data)] == [0, 5]
    assert [event.timing for event in files.read(data)] == [event.timing for event in files.read(whole)][::2]
    assert report.num_frames == 10
    assert report.damages[0].offset_bytes == second.offset


def test_repair_keeps_the_coarse_layers_of_a_damaged_segment(files):
    whole = files.many(2)
    damaged = bytearray(whole)
    damaged[files.split(whole)[1].offset + 17 + 64 + 4] ^= 1
    data, _ = repaired(files, bytes(damaged))
    assert [len(event.segment.layers) for event in files.read(data)] == [1, 3]


def test_repair_without_head_is_impossible(files, golden):
    damaged = bytearray(golden)
    damaged[30] ^= 1
    with pytest.raises(CorruptError):
        repaired(files, bytes(damaged))


def test_rewriting_keeps_only_unknown_chunks_that_are_safe_to_copy(files):
    def fill(writer):
        writer.write_other_chunk(b"xyza", b"early")
        writer.write_segment(files.segment(0))
        writer.write_other_chunk(b"xyzA", b"depends on the rest")
        writer.write_other_chunk(b"xyza", b"late")

    data = files.write(fill)
    for new in (repaired(files, data)[0], thinned(data, 2)[0]):
        kinds = [(chunk.kind, chunk.payload) for chunk in files.split(new) if chunk.kind[:1].islower()]
        assert kinds == [(b"xyza", b"early"), (b"xyza", b"late")]


def test_a_newer_minor_version_is_rewritten_as_ours(files, golden):
    chunks = files.split(golden)
    head = chunks[0]._replace(payload=chunks[0].payload[:1] + b"\x07" + chunks[0].payload[2:] + b"new")
    data, _ = repaired(files, files.join([head, *chunks[1:]]))
    assert data == golden


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_thin_equals_writing_fewer_layers(files, golden, num_layers):
    def fill(writer):
        for item in Reader(io.BytesIO(golden)).items():
            if isinstance(item, TimedSegment):
                layers = item.segment.layers[:num_layers]
                writer.write_segment(replace(item.segment, layers=layers), item.timing)
            else:
                writer.write_audio_packets(item)

    def with_headers(writer):
        writer.write_metadata({"title": "Grüße", "tags": [1, 2.5, None]})
        writer.write_audio_header(files.audio_header())
        fill(writer)

    data, report = thinned(golden, num_layers)
    header = files.header(bit_depths=(6, 12, 18)[:num_layers])
    assert data == files.write(with_headers, header)
    assert report.num_bytes == len(data)
    assert (len(data) == len(golden)) == (num_layers == 3)


def test_thin_twice_equals_thin_once(golden):
    assert thinned(thinned(golden, 2)[0], 1)[0] == thinned(golden, 1)[0]


@pytest.mark.parametrize("num_layers", [-1, 0, 4])
def test_thin_to_layers_that_are_not_there(golden, num_layers):
    with pytest.raises(ValueError, match="the file has 3"):
        thinned(golden, num_layers)


def test_thin_refuses_damage(files, golden):
    damaged = bytearray(golden)
    damaged[-60] ^= 1
    with pytest.raises(FormatError):
        thinned(bytes(damaged), 1)


@pytest.mark.parametrize("is_pipe", [False, True])
def test_verify_counts_what_is_there(files, golden, is_pipe):
    report = verify(files.Pipe(golden) if is_pipe else io.BytesIO(golden))
    assert report.is_whole
    assert report.header == files.header()
    assert (report.num_segments, report.num_frames, report.num_frames_expected) == (2, 8, 8)
    assert report.num_audio_packets == 4
    assert sum(report.bytes_by_chunk.values()) == len(golden)


def test_verify_lists_damage(files):
    data = bytearray(files.many(4))
    for chunk in files.split(bytes(data))[2:4]:
        data[chunk.offset] ^= 1
    report = verify(io.BytesIO(data))
    assert not report.is_whole
    assert (report.num_segments, report.num_frames, report.num_frames_expected) == (2, 10, 20)
    assert report.num_damages == len(report.damages) == 2


def test_verify_of_a_cut_file(files, golden):
    report = verify(io.BytesIO(golden[:-1]))
    assert not report.is_whole
    assert report.num_frames_expected is None


def test_verify_keeps_a_bounded_list(files, monkeypatch):
    monkeypatch.setattr("mgv.container.verification.MAX_DAMAGES_KEPT", 3)
    chunks = files.split(files.many(1))
    report = verify(io.BytesIO(files.join([chunks[0], *[files.RawChunk(b"WHAT", b"")] * 9, *chunks[1:]])))
    assert len(report.damages) == 3
    assert report.num_damages >= 9


def test_verify_of_another_file():
    with pytest.raises(NotMgvError):
        verify(io.BytesIO(b"hello"))


def test_rewriting_drops_chunks_with_unknown_flags(files):
    chunks = files.split(files.many(1))
    data = files.join([chunks[0], files.RawChunk(b"xyza", b"?", flags=1)]) + files.join(chunks[1:])[8:]
    assert repaired(files, data)[0] == files.many(1)
