"""Frames that are laid out together agree on where things are, have their place, and lose little."""

from itertools import pairwise

import numpy as np
import pytest

from mgv.codec.camera import Similarity
from mgv.codec.camera.layout import FINEST_LOSS, Layout
from mgv.codec.camera.track import Step

SIZE = (640, 360)
CORNERS = np.array([complex(x, y) for x in (-320, 320) for y in (-180, 180)])


def step(motion: Similarity, still: float = 400.0, followed: float = 10.0) -> Step:
    return Step(motion, np.full((12, 20), still, np.float32), np.full((12, 20), followed, np.float32))


def lay_out(motions: list[Similarity], parts: list[int], **values: float):  # type: ignore[no-untyped-def]
    steps = [step(Similarity()), *(step(motion, **values) for motion in motions)]
    return Layout(SIZE).lay_out(steps, parts, is_last=True)


def check(groups, motions: list[Similarity]) -> None:  # type: ignore[no-untyped-def]
    """Everything has its place, and a group's frames lie on one another."""
    laid = [where for group in groups for where in group.laid]
    for where in laid:
        assert np.abs(where(CORNERS).real).max() <= 320 + 1e-6
        assert np.abs(where(CORNERS).imag).max() <= 180 + 1e-6
        assert abs(where.turn) >= FINEST_LOSS - 1e-9
    first = 0
    for group in groups:
        for number in range(first + 1, first + len(group.laid)):
            before = laid[number - 1] @ motions[number - 1]
            np.testing.assert_allclose(before(CORNERS), laid[number](CORNERS), atol=1e-6)
        first += len(group.laid)


def test_a_shaking_camera_makes_one_group_as_large_as_may_be() -> None:
    path = [complex(8 * np.sin(k), 5 * np.cos(2 * k)) for k in range(29)]
    motions = [Similarity(1, late - early) for early, late in pairwise(path)]
    groups = lay_out(motions, [5, 8, 8, 8])
    assert [group.num_parts for group in groups] == [4]
    check(groups, motions)
    assert abs(groups[0].laid[0].turn) > 0.96


def test_a_pan_makes_as_few_groups_as_it_can() -> None:
    motions = [Similarity(1, 9 + 1j)] * 60
    groups = lay_out(motions, [5, *[8] * 7])
    assert sum(group.num_parts for group in groups) == 8
    assert [group.num_parts for group in groups] == [3, 3, 2]
    check(groups, motions)


def test_turning_and_zooming() -> None:
    motions = [Similarity(1.01 * np.exp(0.004j), 1)] * 28
    groups = lay_out(motions, [5, 8, 8, 8])
    check(groups, motions)


def test_a_motion_too_fast_for_one_part_is_not_followed() -> None:
    (group,) = lay_out([Similarity(1, 300)] * 4, [5])
    assert group.laid is None


@pytest.mark.parametrize(("still", "followed"), [(400.0, 395.0), (1.0, 0.1), (100.0, 300.0)])
def test_what_saves_nothing_is_not_followed(still: float, followed: float) -> None:
    groups = lay_out([Similarity(1, 1)] * 12, [5, 8], still=still, followed=followed)
    assert all(group.laid is None for group in groups)


def test_what_the_camera_keeps_in_its_middle_is_not_sacrificed() -> None:
    still, followed = np.full((12, 20), 400, np.float32), np.full((12, 20), 10, np.float32)
    still[3:9, 6:14], followed[3:9, 6:14] = 10, 900
    steps = [Step(Similarity(1, 2), still, followed)] * 13
    assert all(group.laid is None for group in Layout(SIZE).lay_out(steps, [5, 8], is_last=True))
    still[5:7, 9:11], followed[5:7, 9:11] = 1, 60000  # small, but all of what moves
    still[3:9, 6:9], followed[3:9, 6:9] = 400, 10
    assert all(group.laid is None for group in Layout(SIZE).lay_out(steps, [5, 8], is_last=True))


def test_a_picture_alone_is_left_alone() -> None:
    (group,) = lay_out([], [1])
    assert group.laid is None


def test_a_group_goes_on_in_the_next_window_while_there_is_room() -> None:
    layout = Layout(SIZE)
    motions = [Similarity(1, 1.5)] * 40
    first = layout.lay_out([step(Similarity()), *map(step, motions[:12])], [5, 8], is_last=False)
    assert [(group.num_parts, group.is_continued) for group in first] == [(2, False)]
    second = layout.lay_out([step(motion) for motion in motions[12:28]], [8, 8], is_last=False)
    assert [(group.num_parts, group.is_continued) for group in second] == [(2, True)]
    check([type(first[0])(4, first[0].laid + second[0].laid, is_continued=False)], motions)
    third = layout.lay_out([step(Similarity(1, 30))] * 8, [8], is_last=True)
    assert [(group.num_parts, group.is_continued) for group in third] == [(1, False)]


def test_a_group_begun_anew_in_a_later_window_must_save_more() -> None:
    for followed, is_followed in ((300.0, False), (100.0, True)):
        layout = Layout(SIZE)
        first = layout.lay_out(
            [step(Similarity()), *[step(Similarity(1, 2), 400, 300)] * 12], [5, 8], is_last=False
        )
        assert first[0].laid is not None
        (second,) = layout.lay_out([step(Similarity(1, 30), 400, followed)] * 8, [8], is_last=True)
        assert (second.laid is not None, second.is_continued) == (is_followed, False)


@pytest.mark.parametrize("turn", [1.04, 1 / 1.04, 1.15])
def test_however_long_a_zoom_goes_on(turn: float) -> None:
    motions = [Similarity(turn)] * 2000
    groups = lay_out(motions, [5, *[4] * 499])
    assert sum(group.num_parts for group in groups) == 500
    if turn < 1.1:
        check(groups, motions)
