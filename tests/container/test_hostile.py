"""Damaged, cut and hostile files: each ends in the right error, none in another exception."""

import io

import pytest

from mgv.container import (
    CorruptError,
    FormatError,
    NotMgvError,
    Reader,
    TruncatedError,
)


@pytest.mark.parametrize("is_pipe", [False, True])
def test_every_prefix_is_an_error(files, golden, is_pipe):
    for length in range(len(golden)):
        with pytest.raises(FormatError) as caught:
            files.read(golden[:length], is_pipe=is_pipe)
        assert type(caught.value) is (TruncatedError if length else NotMgvError)
        assert caught.value.offset_bytes is not None
        assert caught.value.offset_bytes <= length


def test_a_cut_loses_nothing_before_it(files):
    data = files.many(3)
    second, third = (chunk.offset for chunk in files.split(data)[2:4])
    for length in range(second, third):
        events = Reader(io.BytesIO(data[:length])).events()
        assert files.first_frames([next(events)]) == [0]
        with pytest.raises(TruncatedError):
            next(events)


def test_every_flipped_bit_is_an_error(files, golden):
    for bit in range(len(golden) * 8):
        damaged = bytearray(golden)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(NotMgvError if bit < 64 else CorruptError) as caught:
            files.read(damaged)
        assert caught.value.offset_bytes <= bit // 8


def test_a_tolerant_reader_notes_every_changed_byte(files, golden):
    """It never fails but for HEAD, and gives nothing that was not in the sound file."""
    sound = files.read(golden)
    end_of_head = files.split(golden)[1].offset
    for place in range(len(golden)):
        damaged = bytearray(golden)
        damaged[place] ^= 0xFF
        if 8 <= place < end_of_head:
            with pytest.raises(CorruptError):
                files.read_damaged(damaged)
            continue
        events, damages = files.read_damaged(damaged)
        assert damages
        for event in events:
            if hasattr(event, "segment"):
                twin = next(other for other in sound if getattr(other, "timing", None) == event.timing)
                assert event.segment.layers == twin.segment.layers[: len(event.segment.layers)]
            else:
                assert event in sound


def test_zeros_are_never_a_chunk(files, golden):
    for chunk in files.split(golden):
        length = len(chunk.pack())
        damaged = golden[: chunk.offset] + bytes(length) + golden[chunk.offset + length :]
        with pytest.raises(CorruptError):
            files.read(damaged)
        with pytest.raises(CorruptError):
            files.read(golden[: chunk.offset] + bytes(40) + golden[chunk.offset :])


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"", NotMgvError, "empty"),
        (b"\x89MGV", TruncatedError, "after 4 bytes"),
        (b"\x89PNG\r\n\x1a\n", NotMgvError, "begins with 89 50"),
        (b"hello", NotMgvError, "no mgv file"),
        (bytes(4096), NotMgvError, "no mgv file"),
        (b"\x89MGV\n\x1a\n" + bytes(50), NotMgvError, "line ends were changed"),
        (b"\x89MGV\r\r\n\x1a\r\n", NotMgvError, "line ends were changed"),
        (b"\x09MGV\r\n\x1a\n", NotMgvError, "begins with 09"),
    ],
)
def test_other_files(files, data, error, words):
    for is_pipe in (False, True):
        with pytest.raises(error, match=words) as caught:
            files.read(data, is_pipe=is_pipe)
        assert type(caught.value) is error
        with pytest.raises(error):
            files.read_damaged(data, is_pipe=is_pipe)
