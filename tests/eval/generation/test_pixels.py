"""The filled region in pixels, against closed forms."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mgv.eval.generation.pixels import CasePixels, fill_from_six_sides, region_distance, region_psnr_db
from mgv.tokenizer import load_tokenizer


def test_psnr_of_the_region_alone() -> None:
    truth = np.full((2, 4, 4, 3), 0.4, np.float32)
    made = truth + np.float32(10 / 255)
    given = np.zeros((2, 4, 4), bool)
    given[0] = True
    made[0] = 1.0  # what is given does not count
    assert region_psnr_db(truth, made, given) == pytest.approx(20 * np.log10(255 / 10), abs=1e-6)
    assert region_psnr_db(truth, truth, given) == 100


def test_distance_is_of_frames_that_are_not_whole_with_the_given_pixels_pasted(mean_difference) -> None:
    truth, made = np.zeros((2, 2, 2, 3), np.float32), np.full((2, 2, 2, 3), 0.5, np.float32)
    given = np.zeros((2, 2, 2), bool)
    given[0] = True
    given[1, 0] = True
    assert region_distance(truth, made, given, mean_difference) == pytest.approx(0.5)  # half of 1 in [-1, 1]


def test_a_gap_in_a_line_is_interpolated() -> None:
    clip = np.zeros((1, 1, 5, 3), np.float32)
    clip[0, 0, 0], clip[0, 0, 4] = 0.2, 1.0
    given = np.array([True, False, False, False, True]).reshape(1, 1, 5)
    filled = fill_from_six_sides(clip, given)
    assert filled[0, 0, :, 1] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0], abs=1e-6)


def test_a_pixel_seen_at_another_time_counts() -> None:
    clip = np.full((3, 1, 1, 3), 0.9, np.float32)
    clip[0], clip[2] = 0.2, 0.6
    given = np.array([True, False, True]).reshape(3, 1, 1)
    assert fill_from_six_sides(clip, given)[1, 0, 0] == pytest.approx([0.4] * 3, abs=1e-6)


def test_corners_and_edges_repeat_the_edge() -> None:
    clip = np.zeros((1, 3, 3, 3), np.float32)
    clip[0, 1, 1] = 0.7
    given = clip[..., 0] > 0
    assert fill_from_six_sides(clip, given) == pytest.approx(np.full((1, 3, 3, 3), 0.7), abs=1e-6)
    nothing = fill_from_six_sides(clip, np.zeros((1, 3, 3), bool))
    assert np.array_equal(nothing, np.zeros_like(clip))


def test_padding_passes_through_the_tokenizer(make_case, tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    case, pixels = make_case(0), CasePixels(tokenizer)
    truth = pixels.decode(case, case.ids)
    assert truth.shape == (5, 16, 16, 3)
    grey = pixels.padded(case, truth, lambda clip, _: np.full_like(clip, 0.5))
    clip = torch.full((1, 3, 5, 16, 16), 0.5)
    expected = tokenizer.decode(tokenizer.encode(clip))[0].permute(1, 2, 3, 0).numpy()
    assert np.array_equal(grey, expected)
