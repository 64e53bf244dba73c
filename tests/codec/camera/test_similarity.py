"""Similarities as complex numbers, as matrices, and as what a file holds."""

import cmath

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgv.codec.camera import Similarity

SIZE = (640, 360)
CORNERS = np.array([complex(x, y) for x in (-320, 320) for y in (-180, 180)])

similarities = st.builds(
    lambda scale, angle, x, y: Similarity(cmath.rect(scale, angle), complex(x, y)),
    st.floats(0.5, 2),
    st.floats(-3, 3),
    st.floats(-500, 500),
    st.floats(-500, 500),
)


@given(similarities, similarities)
def test_they_are_done_one_after_the_other_and_undone(first: Similarity, second: Similarity) -> None:
    np.testing.assert_allclose((second @ first)(CORNERS), second(first(CORNERS)), atol=1e-6)
    np.testing.assert_allclose((first.inverse() @ first)(CORNERS), CORNERS, atol=1e-6)


@given(similarities)
def test_a_view_is_near_what_it_stands_for(where: Similarity) -> None:
    again = Similarity.from_view(where.to_view(SIZE), SIZE)
    assert np.abs(again(CORNERS) - where(CORNERS)).max() < 0.25
    assert again.to_view(SIZE) == where.to_view(SIZE)


def test_the_view_of_a_frame_that_is_the_coded_picture_is_zero() -> None:
    assert Similarity().to_view(SIZE) == (0, 0, 0, 0)
    assert Similarity.from_view((0, 0, 0, 0), SIZE) == Similarity()


def test_the_formula_of_the_format() -> None:
    where = Similarity.from_view((8, -16, 256, 512), SIZE)
    assert (where.turn, where.shift) == (complex(1 + 256 / (8 * 320), 512 / (8 * 320)), 1 - 2j)


@given(similarities)
def test_matrices_map_the_middles_of_pixels(where: Similarity) -> None:
    source, target = (64, 36), (800, 450)
    matrix = where.matrix(source, target, SIZE)
    column, row = 10, 30
    point = complex(((column + 0.5) / 64 - 0.5) * 640, ((row + 0.5) / 36 - 0.5) * 360)
    moved = where.turn * point + where.shift
    expected = ((moved.real / 640 + 0.5) * 800 - 0.5, (moved.imag / 360 + 0.5) * 450 - 0.5)
    np.testing.assert_allclose(matrix @ (column, row, 1), expected, atol=1e-6)


@pytest.mark.parametrize("size", [(640, 360), (90, 161), (1, 1)])
def test_no_motion_is_no_change(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    matrix = Similarity().matrix(size, size, size)
    assert np.array_equal(cv2.warpAffine(picture, matrix, size, flags=cv2.WARP_INVERSE_MAP), picture)
