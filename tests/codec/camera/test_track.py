"""The camera's motion is found to a fraction of a pixel, and none is made up."""

import cmath

import numpy as np
import pytest

from mgv.codec.camera import Similarity
from mgv.codec.camera.track import Tracker

from .pictures import pan, scenery, seen_from


@pytest.mark.parametrize("size", [(320, 180), (180, 320), (700, 400)])
@pytest.mark.parametrize(
    ("step", "turn"), [(2.3 - 1.1j, 1), (0, cmath.rect(1, 0.01)), (0.4j, 1.004), (9, 1)], ids=str
)
def test_motion_is_found(size: tuple[int, int], step: complex, turn: complex) -> None:
    places = pan(8, step, turn)
    tracker = Tracker(size)
    found = [tracker.push(frame) for frame in seen_from(scenery(), places, size)]
    assert found[0].motion == Similarity()
    corners = np.array(
        [complex(x, y) for x in (-size[0] / 2, size[0] / 2) for y in (-size[1] / 2, size[1] / 2)]
    )
    for number in range(1, 8):
        true = places[number - 1].inverse() @ places[number]
        assert np.abs(found[number].motion(corners) - true(corners)).max() < 0.3
        assert found[number].followed.mean() < 0.3 * found[number].still.mean()
    towards, true = Similarity(), places[0].inverse() @ places[-1]
    for step_found in found[1:]:
        towards = towards @ step_found.motion
    assert np.abs(towards(corners) - true(corners)).max() < 0.5  # errors don't add up


def test_a_thing_that_moves_before_what_stands_still_is_not_the_camera() -> None:
    still = scenery(400)[:180, :320].copy()
    thing = scenery(80, seed=1)
    tracker = Tracker((320, 180))
    for number in range(6):
        frame = still.copy()
        frame[50:130, 40 + 12 * number : 120 + 12 * number] = thing
        motion = tracker.push(frame).motion
        assert abs(motion.turn - 1) < 1e-3
        assert abs(motion.shift) < 0.1


@pytest.mark.parametrize("kind", ["flat", "noise", "cut"])
def test_where_nothing_is_seen_again_nothing_is_moved_far(kind: str) -> None:
    random = np.random.default_rng(0)
    frames = {
        "flat": [np.full((120, 160, 3), 90, np.uint8)] * 3,
        "noise": [random.integers(0, 256, (120, 160, 3), dtype=np.uint8) for _ in range(3)],
        "cut": [scenery(160, seed)[:120] for seed in range(3)],
    }[kind]
    tracker = Tracker((160, 120))
    steps = [tracker.push(frame) for frame in frames]
    if kind == "flat":
        assert all(step.motion == Similarity() and not step.still.any() for step in steps)
    else:
        assert all(step.followed.mean() >= 0.5 * step.still.mean() for step in steps[1:])


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (16, 16)])
def test_any_size(size: tuple[int, int]) -> None:
    tracker = Tracker(size)
    for value in (10, 200):
        step = tracker.push(np.full((size[1], size[0], 3), value, np.uint8))
        assert step.motion == Similarity()
        assert step.still.shape == step.followed.shape
