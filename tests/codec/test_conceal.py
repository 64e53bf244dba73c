"""Gaps: what fills them, and when."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgv.codec.conceal import Gap, fill_gaps, freeze, gap_pts
from mgv.codec.token_stream import FrameBatch
from mgv.container import AudioPacket


def batch(first_frame: int, pts: tuple[int, ...]) -> FrameBatch:
    rgb = np.stack([np.full((2, 2, 3), first_frame + i, np.uint8) for i in range(len(pts))])
    return FrameBatch(rgb, first_frame, pts, (10,) * len(pts))


def filled(items: list[FrameBatch | Gap | AudioPacket]) -> list[tuple[int, int, int, bool]]:
    """(frame number, pts, pixel value, concealed) of every frame."""
    batches = [item for item in fill_gaps(items, 10, freeze) if isinstance(item, FrameBatch)]
    return [
        (each.first_frame + i, pts, int(each.rgb[i, 0, 0, 0]), each.is_concealed)
        for each in batches
        for i, pts in enumerate(each.pts)
    ]


def test_a_gap_in_the_middle_repeats_the_frame_before_it() -> None:
    assert filled([batch(0, (0, 10)), Gap(2, 2), batch(4, (40,))]) == [
        (0, 0, 0, False),
        (1, 10, 1, False),
        (2, 20, 1, True),
        (3, 30, 1, True),
        (4, 40, 4, False),
    ]


def test_a_gap_at_the_start_shows_the_frame_after_it() -> None:
    assert filled([Gap(0, 2), batch(2, (20,))]) == [(0, 0, 2, True), (1, 10, 2, True), (2, 20, 2, False)]


def test_a_gap_at_the_end_goes_on_from_the_last_frame() -> None:
    assert filled([batch(0, (5,)), Gap(1, 2)]) == [(0, 5, 0, False), (1, 15, 0, True), (2, 25, 0, True)]


def test_a_video_of_one_gap_gives_nothing() -> None:
    assert filled([Gap(0, 3)]) == []


def test_audio_passes_through() -> None:
    packet = AudioPacket(0, 0, 0, 1, True, b"x")
    assert packet in list(fill_gaps([batch(0, (0,)), Gap(1, 1), packet, batch(2, (20,))], 10, freeze))


def test_the_filler_is_told_both_neighbours() -> None:
    seen = []

    def filler(before, after, count):  # type: ignore[no-untyped-def]
        seen.append((before[0, 0, 0], after[0, 0, 0], count))
        return [before] * count

    list(fill_gaps([batch(0, (0,)), Gap(1, 2), batch(3, (30,))], 10, filler))
    assert seen == [(0, 3, 2)]


def test_nothing_to_freeze_is_an_error() -> None:
    with pytest.raises(ValueError, match="no frame on either side"):
        list(freeze(None, None, 1))


@given(st.integers(-1000, 1000), st.integers(1, 200), st.integers(1, 50))
def test_times_in_a_gap_rise_between_their_neighbours(last: int, distance: int, count: int) -> None:
    times = (last, *gap_pts(Gap(1, count), last, last + distance, 10), last + distance)
    assert all(early < late for early, late in pairwise(times))
    assert len(times) - 2 == min(count, distance - 1)
