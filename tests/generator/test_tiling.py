"""Windows cover what is wanted, overlap little, and go from the known outward."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mgv.generator.tiling import Grid, fill_grid, plan_windows
from mgv.generator.window import Condition, TokenWindow

SHAPE = (5, 12, 12)


def grid_of(wanted: np.ndarray, known: np.ndarray) -> Grid:
    ids = np.where(known, np.arange(known.size).reshape(known.shape), 0)
    window = TokenWindow(ids, np.arange(len(ids)) == 0, 20)
    return Grid(window, Condition.of_kept(known), wanted)


def spans(wanted: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(axis.start for axis in window) for window in plan_windows(wanted, SHAPE)]


@settings(max_examples=40)
@given(
    arrays(bool, array_shapes(min_dims=3, max_dims=3, max_side=9)),
    st.tuples(st.integers(1, 3), st.integers(2, 4), st.integers(2, 4)),
)
def test_all_that_is_wanted_is_made_and_nothing_else_changes(
    wanted: np.ndarray, window_shape: tuple[int, int, int]
) -> None:
    grid = grid_of(wanted, ~wanted)
    made = []

    def fill(window: TokenWindow, condition: Condition) -> np.ndarray:
        assert all(size <= most for size, most in zip(window.shape, window_shape, strict=True))
        assert not condition.kept.all()
        return np.full(window.shape, -5)  # also where tokens are kept, which must not reach the grid

    result = fill_grid(grid, window_shape, fill, made.append)
    np.testing.assert_array_equal(result[~wanted], grid.window.ids[~wanted])
    assert (result[wanted] == -5).all()
    assert sum(made) == wanted.sum()


def test_what_is_neither_known_nor_wanted_stays() -> None:
    wanted = np.zeros((2, 3, 20), bool)
    wanted[:, :, :3] = True
    seen = []

    def fill(window: TokenWindow, condition: Condition) -> np.ndarray:
        seen.append(condition.kept.any())
        return np.full(window.shape, 9)

    result = fill_grid(grid_of(wanted, np.zeros_like(wanted)), SHAPE, fill)
    assert (result[wanted] == 9).all()
    assert not result[~wanted].any()
    assert seen == [False]


def test_a_small_hole_takes_one_window_with_its_surroundings_in_the_middle() -> None:
    wanted = np.zeros((5, 45, 80), bool)
    wanted[:, 20:24, 40:44] = True
    assert spans(wanted) == [(0, 16, 36)]


def test_windows_stay_inside() -> None:
    wanted = np.zeros((5, 45, 80), bool)
    wanted[:, 44:, 79:] = True
    assert spans(wanted) == [(0, 33, 68)]


def test_a_grid_smaller_than_a_window_is_one() -> None:
    assert spans(np.ones((2, 3, 4), bool)) == [(0, 0, 0)]


def test_nothing_wanted_takes_no_window() -> None:
    assert spans(np.zeros((2, 3, 4), bool)) == []


@pytest.mark.parametrize(("shape", "most"), [((4, 45, 80), 1.6), ((17, 45, 80), 1.6), ((4, 23, 40), 1.5)])
def test_overlaps_cost_little(shape: tuple[int, int, int], most: float) -> None:
    windows = plan_windows(np.ones(shape, bool), SHAPE)
    work = len(windows) * min(shape[0], 5) * 12 * 12
    assert work / np.prod(shape) <= most


def test_windows_go_from_the_known_outward() -> None:
    known = np.zeros((1, 1, 60), bool)
    known[..., 30:] = True
    order = []

    def fill(window: TokenWindow, condition: Condition) -> np.ndarray:
        assert condition.kept.any()
        order.append(int(window.ids.max()))
        return np.full(window.shape, 1)

    fill_grid(grid_of(~known, known), SHAPE, fill)
    assert order[0] == 30  # the window at the border of what is known, which shows ids from 30 on
    assert set(order[1:]) == {1}


def test_a_gap_in_time_is_filled_from_both_ends() -> None:
    known = np.zeros((14, 2, 2), bool)
    known[[0, -1]] = True
    starts = []

    def fill(window: TokenWindow, condition: Condition) -> np.ndarray:
        starts.append(condition.kept.any((1, 2)).tolist())
        return np.full(window.shape, 1)

    fill_grid(grid_of(~known, known), SHAPE, fill)
    assert starts[0] == [True, False, False, False, False]
    assert starts[-1][0]
    assert starts[-1][-1]
