"""Pixels, frames and tokens: which touches which, turned pictures too."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgv.codec import Header, OptionError
from mgv.container import Colour
from mgv.generator.geometry import (
    SIDES,
    Box,
    TokenBox,
    frames_of,
    latents_of,
    pixels_of,
    stored_box,
    stored_side,
    tokens_of,
)

HEADER = Header(
    62, 45, 62, 45, Fraction(1), 0, Colour(), Fraction(1, 25), 1, 0, "t", bytes(32), (4, 8, 8), 20, (20,), 0
)


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        (Box(0, 0, 1, 1), (0, 1), (0, 1)),
        (Box(8, 8, 8, 8), (1, 2), (1, 2)),
        (Box(7, 15, 2, 2), (1, 3), (0, 2)),
        (Box(61, 44, 1, 1), (5, 6), (7, 8)),
    ],
)
def test_a_box_touches_tokens(box: Box, rows: tuple[int, int], columns: tuple[int, int]) -> None:
    assert tokens_of(box, HEADER) == TokenBox(slice(*rows), slice(*columns))


def test_tokens_fill_a_box_cut_at_the_edge_of_the_picture() -> None:
    assert pixels_of(TokenBox(slice(5, 6), slice(6, 8)), HEADER) == Box(48, 40, 14, 5)


def test_a_picture_that_is_coded_smaller_is_scaled() -> None:
    header = replace(HEADER, width=124, height=90)
    assert tokens_of(Box(100, 0, 4, 16), header) == TokenBox(slice(0, 1), slice(6, 7))
    assert pixels_of(TokenBox(slice(0, 1), slice(6, 7)), header) == Box(96, 0, 16, 16)


@given(st.data(), st.sampled_from([0, 90, 180, 270]))
def test_turned_boxes_are_where_numpy_turns_them(data: st.DataObject, turn: int) -> None:
    header = replace(HEADER, rotation_degrees=turn)
    numbers = np.arange(62 * 45).reshape(45, 62)
    shown = np.rot90(numbers, -turn // 90)
    x = data.draw(st.integers(0, shown.shape[1] - 1))
    y = data.draw(st.integers(0, shown.shape[0] - 1))
    box = Box(
        x, y, data.draw(st.integers(1, shown.shape[1] - x)), data.draw(st.integers(1, shown.shape[0] - y))
    )
    stored = stored_box(box, header)
    inside = numbers[stored.y : stored.y + stored.height, stored.x : stored.x + stored.width]
    expected = shown[box.y : box.y + box.height, box.x : box.x + box.width]
    assert set(inside.flat) == set(expected.flat)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_turned_sides_are_where_numpy_turns_them(turn: int) -> None:
    header = replace(HEADER, rotation_degrees=turn)
    edges = {"left": np.s_[:, 0], "right": np.s_[:, -1], "top": np.s_[0], "bottom": np.s_[-1]}
    numbers = np.arange(62 * 45).reshape(45, 62)
    shown = np.rot90(numbers, -turn // 90)
    for side in SIDES:
        assert set(shown[edges[side]]) == set(numbers[edges[stored_side(side, header)]])


@pytest.mark.parametrize("numbers", [(60, 0, 3, 1), (0, 45, 1, 1)])
def test_a_box_outside_of_the_picture_is_refused(numbers: tuple[int, int, int, int]) -> None:
    with pytest.raises(OptionError, match="62 x 45"):
        stored_box(Box(*numbers), HEADER)


@pytest.mark.parametrize("numbers", [(-1, 0, 1, 1), (0, 0, 0, 1)])
def test_a_box_of_nothing_is_refused(numbers: tuple[int, int, int, int]) -> None:
    with pytest.raises(OptionError, match="X,Y,W,H"):
        Box(*numbers)


@pytest.mark.parametrize(
    ("frames", "latents"),
    [((0, 1), (0, 1)), ((1, 2), (1, 2)), ((4, 6), (1, 3)), ((0, 9), (0, 3)), ((8, 9), (2, 3))],
)
def test_frames_touch_latents(frames: tuple[int, int], latents: tuple[int, int]) -> None:
    assert latents_of(*frames, 4) == slice(*latents)


def test_no_frames_touch_nothing() -> None:
    assert latents_of(3, 3, 4) == slice(0, 0)


def test_latents_hold_frames() -> None:
    assert frames_of(slice(0, 1), 9, 4) == (0, 1)
    assert frames_of(slice(1, 3), 9, 4) == (1, 9)
    assert frames_of(slice(1, 3), 7, 4) == (1, 7)
