"""Raw frames: what is written is read, odd sizes are padded and cropped, 10 bits are rounded."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mgv.codec import Colour
from mgv.eval.codecs import ClipFormat, CodecError
from mgv.eval.codecs.clip import PlanesToRgb, crop, read_planes, write_planes, write_y4m


def planes(width: int, height: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    chroma = ((height + 1) // 2, (width + 1) // 2)
    return tuple(rng.integers(16, 235, shape, np.uint8) for shape in ((height, width), chroma, chroma))


@pytest.mark.parametrize("size", [(6, 4), (7, 5)])
def test_frames_written_are_read(size: tuple[int, int], tmp_path: Path) -> None:
    frames = [planes(*size, seed) for seed in range(3)]
    assert write_planes(tmp_path / "raw", iter(frames)) == 3
    for frame, again in zip(frames, read_planes(tmp_path / "raw", size, 3), strict=True):
        assert all(np.array_equal(one, other) for one, other in zip(frame, again, strict=True))


def test_another_number_of_frames_is_an_error(tmp_path: Path) -> None:
    write_planes(tmp_path / "raw", [planes(6, 4), planes(6, 4)])
    with pytest.raises(CodecError, match="2 frames of 6x4 came back, expected 3"):
        list(read_planes(tmp_path / "raw", (6, 4), 3))


def test_ten_bits_are_rounded_to_eight(tmp_path: Path) -> None:
    samples = np.array([0, 1, 2, 3, 1021, 1022, 1023, 512], "<u2")
    (tmp_path / "raw").write_bytes(np.concatenate([samples, samples[:4]]).tobytes())
    ((y, u, v),) = read_planes(tmp_path / "raw", (4, 2), 1, bit_depth=10)
    assert y.ravel().tolist() == [0, 0, 1, 1, 255, 255, 255, 128]
    assert (u.ravel().tolist(), v.ravel().tolist()) == ([0, 0], [1, 1])


def test_y4m_repeats_the_last_column_and_row_and_crop_takes_them_off(tmp_path: Path) -> None:
    clip_format = ClipFormat(7, 5, 1, Fraction(25), Colour(6, 6, 6))
    frame = planes(7, 5)
    write_y4m(tmp_path / "a.y4m", clip_format, [frame])
    head, data = (tmp_path / "a.y4m").read_bytes().split(b"\nFRAME\n")
    assert head == b"YUV4MPEG2 W8 H6 F25:1 Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED"
    (tmp_path / "raw").write_bytes(data)
    (padded,) = read_planes(tmp_path / "raw", (8, 6), 1)
    assert np.array_equal(padded[0][:, 7], padded[0][:, 6])
    assert np.array_equal(padded[0][5], padded[0][4])
    assert all(np.array_equal(a, b) for a, b in zip(crop(padded, 7, 5), frame, strict=True))


@pytest.mark.parametrize("size", [(16, 8), (15, 9)])
def test_gray_planes_are_gray_in_rgb(size: tuple[int, int]) -> None:
    width, height = size
    chroma = ((height + 1) // 2, (width + 1) // 2)
    gray = (np.full((height, width), 126, np.uint8), *(np.full(chroma, 128, np.uint8) for _ in "uv"))
    rgb = PlanesToRgb(Colour(6, 6, 6)).convert(gray)
    assert rgb.shape == (height, width, 3)
    assert np.abs(rgb.astype(int) - round((126 - 16) * 255 / 219)).max() <= 1
