from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mgv.generator.padding import pad_edge, pad_interpolated, pad_repeated, pad_zero
from mgv.generator.tasks import TASKS, supervoxels, task_condition
from mgv.generator.window import TokenWindow
from mgv.tokenizer import Tokenizer, load_tokenizer

STRIDES = 4, 8, 8


def test_the_ten_tasks_stand_in_the_order_of_the_thesis() -> None:
    assert " ".join(TASKS) == "FP FI OPC OPV OPH OPD IPC IPD CG CFP"


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("FP", 1 / 17), ("FI", 2 / 17), ("OPC", 0.25), ("OPV", 0.5), ("OPH", 0.5), ("OPD", 0.5),
        ("IPC", 0.75), ("IPD", 0.75), ("CG", 0.0), ("CFP", 1 / 17),
    ],
)  # fmt: skip
def test_a_task_gives_the_share_of_pixels_that_the_thesis_says(name: str, share: float) -> None:
    assert TASKS[name].region(17, 64, 96).mean() == pytest.approx(share)


@pytest.mark.parametrize("name", ["OPD", "IPD"])
def test_a_moving_box_goes_from_the_left_edge_to_the_right_one(name: str) -> None:
    box = TASKS[name].region(17, 64, 96)
    box = ~box if name == "IPD" else box
    assert np.flatnonzero(box[0].any(0)).tolist() == list(range(48))
    assert np.flatnonzero(box[-1].any(0)).tolist() == list(range(48, 96))
    assert np.flatnonzero(box[8].any(0)).tolist() == list(range(24, 72))


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("shape", [(1, 8, 8), (5, 9, 31), (17, 1, 1)])
def test_every_task_takes_any_size(name: str, shape: tuple[int, int, int]) -> None:
    assert TASKS[name].region(*shape).shape == shape


def test_a_supervoxel_is_given_wholly_in_part_or_not() -> None:
    region = np.zeros((5, 8, 24), bool)
    region[0] = True
    region[1:5, :, :8] = True
    region[4, :, 8:16] = True
    wholly, partly = supervoxels(region, STRIDES, starts_with_image=True)
    assert wholly[:, 0].tolist() == [[True, True, True], [True, False, False]]
    assert partly[:, 0].tolist() == [[True, True, True], [True, True, False]]


def test_a_latent_frame_that_holds_padding_is_not_given() -> None:
    wholly, partly = supervoxels(np.ones((4, 8, 8), bool), STRIDES, starts_with_image=True)
    assert wholly.ravel().tolist() == [True, False]
    assert partly.ravel().tolist() == [True, True]


def test_padding_in_space_takes_after_its_neighbour() -> None:
    wholly, _ = supervoxels(np.ones((1, 9, 7), bool), STRIDES, starts_with_image=True)
    assert wholly.shape == (1, 2, 1)
    assert wholly.all()


def test_a_window_within_a_segment_has_whole_latent_frames() -> None:
    wholly, _ = supervoxels(np.ones((8, 8, 8), bool), STRIDES, starts_with_image=False)
    assert wholly.shape == (2, 1, 1)


def ramp(num_frames: int, height: int = 4, width: int = 4) -> np.ndarray:
    frames = np.arange(num_frames * height * width, dtype=np.float32).reshape(num_frames, height, width)
    return np.repeat(frames[..., None] / frames.size, 3, axis=3)


def test_repeated_padding_shows_the_last_frame_given() -> None:
    clip, given = ramp(4), np.zeros((4, 4, 4), bool)
    given[:2] = True
    padded = pad_repeated(clip, given)
    assert np.array_equal(padded[:2], clip[:2])
    assert np.array_equal(padded[2], clip[1])
    assert np.array_equal(padded[3], clip[1])


def test_interpolated_padding_is_linear() -> None:
    clip, given = ramp(5), np.zeros((5, 4, 4), bool)
    given[[0, 4]] = True
    assert np.allclose(pad_interpolated(clip, given), clip, atol=1e-6)  # a ramp is its own interpolation
    clip[2] = 0
    assert np.allclose(pad_interpolated(clip, given)[2], (clip[0] + clip[4]) / 2)


def test_edge_padding_repeats_the_nearest_pixel() -> None:
    clip, given = ramp(1), np.zeros((1, 4, 4), bool)
    given[0, 1:3, 1:3] = True
    padded = pad_edge(clip, given)
    assert np.array_equal(padded[0, 0, 0], clip[0, 1, 1])
    assert np.array_equal(padded[0, 3, 2], clip[0, 2, 2])
    assert np.array_equal(padded[0, 2, 1], clip[0, 2, 1])


def test_edge_padding_fills_a_hole_from_its_rim() -> None:
    clip, given = np.random.default_rng(0).random((2, 5, 7, 3)).astype(np.float32), np.ones((2, 5, 7), bool)
    given[0, 1:4, 1:6] = given[1] = False
    padded = pad_edge(clip, given)
    assert np.array_equal(padded[0, 2, 1], clip[0, 2, 0])
    assert np.array_equal(padded[0, 3, 3], clip[0, 4, 3])
    assert np.array_equal(padded[0, given[0]], clip[0, given[0]])
    assert not padded[1].any()


def test_zero_padding_is_black() -> None:
    clip, given = ramp(1) + 0.1, np.zeros((1, 4, 4), bool)
    given[0, 0] = True
    padded = pad_zero(clip, given)
    assert np.array_equal(padded[0, 0], clip[0, 0])
    assert not padded[0, 1:].any()


def test_padding_by_frames_needs_a_frame() -> None:
    with pytest.raises(ValueError, match="whole frame"):
        pad_repeated(ramp(2), np.zeros((2, 4, 4), bool))


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Tokenizer:
    return load_tokenizer(tiny_model)


def window_of(tokenizer: Tokenizer, shape: tuple[int, int, int]) -> TokenWindow:
    depth = tokenizer.config.bits_per_token
    ids = np.random.default_rng(0).integers(0, 1 << depth, shape)
    return TokenWindow(ids, np.arange(shape[0]) == 0, depth)


def test_whole_supervoxels_are_kept_as_they_are(tokenizer: Tokenizer) -> None:
    condition = task_condition(TASKS["OPC"], window_of(tokenizer, (2, 4, 4)), tokenizer)
    assert condition.kept[:, 1:3, 1:3].all()
    assert condition.kept.sum() == 8
    assert not condition.hinted.any()


def test_a_part_of_a_supervoxel_is_tokenized_anew_with_its_padding(tokenizer: Tokenizer) -> None:
    window = window_of(tokenizer, (2, 2, 2))
    condition = task_condition(TASKS["FI"], window, tokenizer)
    assert condition.kept[0].all()
    assert condition.hinted[1].all()
    assert not condition.kept[1].any()
    assert (condition.hints[1] != window.ids[1]).any()  # of the padded clip, not of the true one


def test_hints_see_nothing_that_is_not_given(tokenizer: Tokenizer) -> None:
    """The leak that COMMIT closes: tokens of the condition must not depend on what is to be made (thesis 6.4.1)."""
    window = window_of(tokenizer, (3, 2, 2))
    changed = replace(window, ids=window.ids.copy())
    changed.ids[1] ^= 1  # a latent frame of which frame interpolation is given nothing
    task = TASKS["FI"]
    first, second = task_condition(task, window, tokenizer), task_condition(task, changed, tokenizer)
    assert np.array_equal(first.hinted, second.hinted)
    clip_given = first.hints[2] == second.hints[2]
    assert clip_given.mean() > 0.5  # the decoder lets a given frame depend a little on frames before it


def test_a_task_needs_a_window_that_begins_a_segment(tokenizer: Tokenizer) -> None:
    window = window_of(tokenizer, (2, 2, 2))
    with pytest.raises(ValueError, match="begins a segment"):
        task_condition(TASKS["FP"], replace(window, is_image=np.zeros(2, bool)), tokenizer)
