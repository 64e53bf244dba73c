"""Where things are in a frame, and where the coded picture shows them."""

import numpy as np
import pytest

from mgv.codec.motion import displacements, settle
from mgv.codec.motion.mesh import (
    MOTION_UNIT,
    exact_every,
    group_field,
    look_up,
    mesh_size,
    num_groups,
    spread,
)


@pytest.mark.parametrize(
    ("size", "mesh"),
    [
        ((640, 360), (16, 9)),
        ((360, 640), (9, 16)),
        ((1, 1), (1, 1)),
        ((3840, 2160), (32, 18)),
        ((16384, 1), (32, 1)),
    ],
)
def test_a_mesh_has_few_cells(size: tuple[int, int], mesh: tuple[int, int]) -> None:
    assert mesh_size(size) == mesh


def test_frames_are_around_the_middle_of_their_group() -> None:
    motion = np.zeros((2, 1, 1, 2), np.int16)
    motion[1] = 4 * MOTION_UNIT, -2 * MOTION_UNIT
    fields = displacements(motion, range(8), 4)
    assert fields[:5] == (None,) * 5
    assert [field.ravel().tolist() for field in fields[5:]] == [[-6, 3], [-2, 1], [2, -1]]
    assert displacements(motion, range(9, 30), 4) == (None,) * 21
    assert [field.ravel().tolist() for field in displacements(motion, range(6, 7), 4)] == [[-2, 1]]


@pytest.mark.parametrize(("num_frames", "groups"), [(1, 0), (2, 1), (5, 1), (6, 2), (129, 32)])
def test_groups_of_a_segment(num_frames: int, groups: int) -> None:
    assert num_groups(num_frames, 4) == groups


def test_points_settle_where_they_are_shown() -> None:
    size = (160, 120)
    vectors = np.random.default_rng(0).integers(-6, 7, (3, 4, 2)).astype(np.int16)
    field = group_field(vectors, 3, 4)
    x, y = np.meshgrid(np.arange(160, dtype=np.float32), np.arange(120, dtype=np.float32))
    shown = np.dstack([x - 79.5, y - 59.5])
    points = shown + spread(field, size)
    assert np.abs(settle(points, field, size) - shown)[20:-20, 20:-20].max() < 0.05


@pytest.mark.parametrize(
    ("mesh", "apart"), [((9, 16), 8), ((1, 1), 8), ((32, 32), 2), ((1, 255), 1)], ids=str
)
def test_points_are_as_near_as_cells_are_small(mesh: tuple[int, int], apart: int) -> None:
    assert exact_every(np.zeros((*mesh, 2), np.float32), (640, 360)) == apart


def test_a_border_goes_on() -> None:
    picture = np.arange(6, dtype=np.uint8).reshape(2, 3)
    at = np.array([[[-5, 0], [9, 1]]], np.float32)
    assert look_up(picture, at, 0).tolist() == [[0, 5]]
