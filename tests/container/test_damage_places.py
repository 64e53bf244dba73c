"""`verify` finds every flipped bit, and says which segment, frames and seconds it hits."""

import bisect
import io
from fractions import Fraction

import pytest

from mgv.container import FormatError, verify

TICK = Fraction(3003, 90000)


def places(data):
    """(segment, first frame, frames) of every damage."""
    damages = verify(io.BytesIO(data)).damages
    return [(damage.segment, damage.first_frame, damage.num_frames) for damage in damages]


def flip(data, place, bit=0):
    return data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


def spans(files, data):
    """Where each segment begins, by its TIME or SEGM chunk; then where INDX does."""
    chunks = files.split(data)
    starts = []
    for before, chunk in zip([None, *chunks], chunks, strict=False):
        if chunk.kind == b"SEGM":
            starts.append(before.offset if before.kind == b"TIME" else chunk.offset)
    return [*starts, chunks[-2].offset]


def test_every_flipped_bit_is_found_and_placed(files, golden):
    """All bits of every eleventh byte, one bit of the others."""
    starts = spans(files, golden)
    end_of_head = files.split(golden)[1].offset
    expected = [(0, 0, 5), (1, 5, 3)]
    for place in range(len(golden)):
        for bit in range(8) if place % 11 == 0 else [place % 8]:
            data = flip(golden, place, bit)
            try:
                found = places(data)
            except FormatError:
                assert place < end_of_head
                continue
            number = bisect.bisect_right(starts, place) - 1
            if number < 0:  # without AHDR its packets are lost too
                assert found[0] == (None, None, None), (place, bit)
            elif number < len(expected):
                assert expected[number] in found, (place, bit)
                assert set(found) <= {expected[number], (None, None, None)}, (place, bit)
            else:
                assert set(found) == {(None, None, None)}, (place, bit)


@pytest.mark.parametrize("is_pipe", [False, True])
def test_seconds_count_from_the_start(files, is_pipe):
    data = files.many(5)
    place = spans(files, data)[2] + 60
    report = verify(files.Pipe(flip(data, place)) if is_pipe else io.BytesIO(flip(data, place)))
    damage = report.damages[0]
    assert (damage.segment, damage.first_frame, damage.num_frames) == (2, 10, 5)
    assert (damage.start_seconds, damage.end_seconds) == (10 * TICK, 15 * TICK)
    assert "SEGM" in damage.reason


def test_without_index_the_segments_found_tell_where_others_were(files):
    data = files.many(5)
    starts = spans(files, data)
    for lost in ([0], [2], [1, 2], [4]):
        hurt = data
        for number in lost:
            hurt = flip(hurt, starts[number] + 20)
        hurt = flip(hurt, starts[-1] + 30)
        found = places(hurt)
        assert found[0] == (lost[0], 5 * lost[0], 5 * len(lost)), lost
        assert found[-1] == (None, None, None), lost


def test_bytes_that_are_gone_move_what_follows(files):
    data = files.many(5)
    starts = spans(files, data)
    found = places(data[: starts[1] + 25] + data[starts[1] + 30 :])
    assert found[0] == (1, 5, 5)


def test_a_cut_file_is_damaged_from_its_last_whole_segment_on(files):
    data = files.many(5)
    starts = spans(files, data)
    report = verify(io.BytesIO(data[: starts[3] + 10]))
    assert {(d.segment, d.first_frame, d.num_frames) for d in report.damages} == {(3, 15, None)}
    assert {(d.start_seconds, d.end_seconds) for d in report.damages} == {(15 * TICK, None)}
    report = verify(io.BytesIO(data[: starts[0]]))
    assert [(d.segment, d.first_frame) for d in report.damages] == [(0, 0)]


def test_end_tells_how_many_frames_are_lost_behind(files):
    data = files.many(5)
    starts = spans(files, data)
    hurt = flip(flip(data, starts[4] + 20), starts[-1] + 30)
    assert places(hurt)[0] == (4, 20, 5)


def test_a_file_without_segments_has_none_to_hit(files):
    data = files.write(lambda writer: None)
    assert places(flip(data, len(data) - 2)) == [(None, None, None)] * len(places(flip(data, len(data) - 2)))
    assert places(data) == []
