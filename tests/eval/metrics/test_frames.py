"""Metrics against closed forms."""

import numpy as np
import pytest

from mgv.eval.metrics import compare_frames, luma, ms_ssim, peak_memory_bytes, psnr_db


def flat(value: int, height: int = 4, width: int = 4) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def test_psnr_of_a_constant_difference() -> None:
    assert psnr_db(flat(100), flat(105)) == pytest.approx(20 * np.log10(255 / 5))
    assert psnr_db(flat(100), flat(100)) == 100


@pytest.mark.parametrize(("matrix", "red"), [(1, 0.2126), (6, 0.299), (9, 0.2627), (77, 0.2126)])
def test_luma_weighs_by_the_matrix(matrix: int, red: float) -> None:
    frame = np.zeros((1, 1, 3), np.uint8)
    frame[..., 0] = 200
    assert luma(frame, matrix)[0, 0] == pytest.approx(200 * red, rel=1e-5)
    assert luma(flat(200), matrix)[0, 0] == pytest.approx(200, rel=1e-5)


def test_ms_ssim_is_one_for_equal_frames_and_less_for_noise() -> None:
    rng = np.random.default_rng(0)
    frame = np.repeat(np.repeat(rng.integers(0, 256, (24, 24, 3), np.uint8), 8, 0), 8, 1)
    noisy = np.clip(frame + rng.normal(0, 30, frame.shape), 0, 255).astype(np.uint8)
    same, other = ms_ssim(frame, frame), ms_ssim(frame, noisy)
    assert same == pytest.approx(1.0, abs=1e-5)
    assert other is not None
    assert 0.3 < other < 0.99


def test_ms_ssim_is_not_defined_for_small_frames() -> None:
    assert ms_ssim(flat(1, 160, 200), flat(1, 160, 200)) is None
    assert compare_frames([flat(1)], [flat(1)]).ms_ssim is None


def test_means_over_frames() -> None:
    distortion = compare_frames([flat(0), flat(0)], [flat(1), flat(2)], with_ms_ssim=False)
    expected = (20 * np.log10(255) + 20 * np.log10(255 / 2)) / 2
    assert distortion.psnr_y_db == pytest.approx(expected, abs=1e-4)
    assert distortion.num_frames == 2


@pytest.mark.parametrize(
    ("originals", "decoded", "message"),
    [
        ([flat(0)], [], "decoded video ends after 0"),
        ([flat(0)], [flat(0), flat(0)], "original ends after 1"),
        ([flat(0)], [flat(0, 8, 8)], "frame 0 is"),
        ([], [], "no frames"),
    ],
)
def test_videos_that_cannot_be_compared(originals: list, decoded: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compare_frames(originals, decoded)


def test_peak_memory_rises_with_what_is_allocated() -> None:
    before = peak_memory_bytes()
    block = np.ones(before + (64 << 20), np.uint8)
    assert peak_memory_bytes() >= before + (48 << 20)
    assert block[-1] == 1
