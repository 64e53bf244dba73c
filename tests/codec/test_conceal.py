"""Gaps: where their frames belong, and what fills them."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mgv.codec.conceal import Gap, LostFrames, fill_gaps, freeze_gaps, place_gaps
from mgv.codec.token_stream import FrameBatch, SegmentTokens
from mgv.container import AudioPacket

Item = SegmentTokens | Gap | AudioPacket
PACKET = AudioPacket(0, 0, 0, 1, True, b"x")


def segment(first_frame: int, pts: tuple[int, ...]) -> SegmentTokens:
    return SegmentTokens(np.full((1, 1, 1), first_frame), 20, first_frame, pts, 10)


def decoded(items: Iterator[SegmentTokens | LostFrames | AudioPacket]) -> Iterator[object]:
    """Turn each frame of a segment into a picture that has its number for a colour."""
    for item in items:
        if not isinstance(item, SegmentTokens):
            yield item
            continue
        rgb = np.stack([np.full((2, 2, 3), item.first_frame + i, np.uint8) for i in range(len(item.pts))])
        yield FrameBatch(rgb, item.first_frame, item.pts, (10,) * len(item.pts), item.is_concealed)


def frozen(items: list[Item]) -> list[tuple[int, int, int, bool]]:
    """(frame number, pts, pixel value, concealed) of every frame."""
    batches = [each for each in freeze_gaps(decoded(place_gaps(items, 10))) if isinstance(each, FrameBatch)]
    return [
        (each.first_frame + i, pts, int(each.rgb[i, 0, 0, 0]), each.is_concealed)
        for each in batches
        for i, pts in enumerate(each.pts)
    ]


def test_a_gap_in_the_middle_repeats_the_frame_before_it() -> None:
    assert frozen([segment(0, (0, 10)), Gap(2, 2), segment(4, (40,))]) == [
        (0, 0, 0, False),
        (1, 10, 1, False),
        (2, 20, 1, True),
        (3, 30, 1, True),
        (4, 40, 4, False),
    ]


def test_a_gap_at_the_start_shows_the_frame_after_it() -> None:
    assert frozen([Gap(0, 2), segment(2, (20, 30))]) == [
        (0, 0, 2, True),
        (1, 10, 2, True),
        (2, 20, 2, False),
        (3, 30, 3, False),
    ]


def test_a_gap_at_the_end_goes_on_from_the_last_frame() -> None:
    assert frozen([segment(0, (5,)), Gap(1, 2)]) == [(0, 5, 0, False), (1, 15, 0, True), (2, 25, 0, True)]


def test_a_video_of_one_gap_gives_nothing() -> None:
    assert frozen([Gap(0, 3)]) == []


def test_durations_reach_to_the_next_frame() -> None:
    items = freeze_gaps(decoded(place_gaps([segment(0, (0,)), Gap(1, 2), segment(3, (40,))], 10)))
    made = [each for each in items if isinstance(each, FrameBatch) and each.is_concealed]
    assert [(each.pts, each.durations) for each in made] == [((13,), (13,)), ((26,), (14,))]


def test_audio_passes_through() -> None:
    items: list[Item] = [segment(0, (0,)), Gap(1, 1), PACKET, segment(2, (20,))]
    assert PACKET in list(freeze_gaps(decoded(place_gaps(items, 10))))
    assert PACKET in list(fill_gaps(place_gaps(items, 10), lambda before, lost, after: ()))


def test_a_filler_of_tokens_is_told_both_neighbours_and_the_times() -> None:
    seen = []

    def fill(
        before: SegmentTokens | None, lost: LostFrames, after: SegmentTokens | None
    ) -> list[SegmentTokens]:
        seen.append((before and before.first_frame, lost.num_frames, after and after.first_frame))
        pts = tuple(lost.pts(index) for index in range(lost.num_frames))
        return [SegmentTokens(np.zeros((1, 1, 1)), 20, lost.first_frame, pts, lost.pts(len(pts)) - pts[-1])]

    items: list[Item] = [Gap(0, 1), segment(1, (10,)), Gap(2, 2), segment(4, (40,)), Gap(5, 3)]
    made = list(fill_gaps(place_gaps(items, 10), fill))
    assert seen == [(None, 1, 1), (1, 2, 4), (4, 3, None)]
    assert [(each.first_frame, each.pts) for each in made] == [
        (0, (0,)),
        (1, (10,)),
        (2, (20, 30)),
        (4, (40,)),
        (5, (50, 60, 70)),
    ]


@given(st.integers(-1000, 1000), st.integers(1, 200), st.integers(1, 50))
def test_times_in_a_gap_rise_between_their_neighbours(last: int, distance: int, count: int) -> None:
    items: list[Item] = [segment(0, (last,)), Gap(1, count), segment(1 + count, (last + distance,))]
    lost = [each for each in place_gaps(items, 10) if isinstance(each, LostFrames)]
    num_frames = sum(each.num_frames for each in lost)
    assert num_frames == min(count, distance - 1)
    for each in lost:
        times = [last, *(each.pts(index) for index in range(num_frames + 1))]
        assert all(early < late for early, late in pairwise(times))
        assert times[-1] == last + distance
