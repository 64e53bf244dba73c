"""What scikit-video and ColorVideoVDP measure, through what makes them run here."""

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mgv.codec import Colour
from mgv.eval.codecs import ClipFormat
from mgv.eval.codecs.clip import Planes, write_planes
from mgv.eval.metrics.interface import ClipPair
from mgv.eval.metrics.registry import COLUMNS, MetricOptions, make_metrics
from mgv.eval.metrics.skvideo_import import import_skvideo_measure, imresize


def natural(size: tuple[int, int], num_frames: int, noise: float) -> list[Planes]:
    """Frames of smoothed noise, which have about the statistics of pictures, with white noise on them."""
    rng = np.random.default_rng(0)
    width, height = size
    spectrum = np.fft.rfft2(rng.normal(0, 1, (height, width)))
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    picture = np.fft.irfft2(spectrum / (np.hypot(rows, columns) + 0.01), (height, width))
    picture = 120 + 35 * picture / picture.std()
    chroma = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
    frames = (
        np.roll(picture, index, axis=1) + rng.normal(0, noise, picture.shape) for index in range(num_frames)
    )
    return [(np.clip(frame, 16, 235).astype(np.uint8), chroma, chroma) for frame in frames]


def score(name: str, folder: Path, size: tuple[int, int], num_frames: int, noise: float) -> float:
    write_planes(folder / "source", natural(size, num_frames, 0))
    write_planes(folder / "decoded", natural(size, num_frames, noise))
    clip_format = ClipFormat(*size, num_frames, Fraction(25), Colour(6, 6, 6))
    pair = ClipPair(folder / "source", folder / "decoded", clip_format)
    found = make_metrics(MetricOptions((name,))).measure(pair, folder, [name])
    assert found.unavailable == {}
    return float(np.mean(found.values[name]))


def test_niqe_sees_noise(tmp_path: Path) -> None:
    assert score("niqe", tmp_path, (200, 200), 1, 0) < score("niqe", tmp_path, (200, 200), 1, 25)
    assert not COLUMNS["niqe"].has_reference


def test_strred_is_zero_for_the_source_itself(tmp_path: Path) -> None:
    assert score("strred", tmp_path, (96, 96), 24, 0) == 0
    assert score("strred", tmp_path, (96, 96), 24, 15) > 1


def test_viideo_gives_a_score(tmp_path: Path) -> None:
    assert np.isfinite(score("viideo", tmp_path, (96, 96), 24, 5))


def test_short_clips_are_left_out(tmp_path: Path) -> None:
    write_planes(tmp_path / "raw", natural((96, 96), 4, 0))
    pair = ClipPair(tmp_path / "raw", tmp_path / "raw", ClipFormat(96, 96, 4, Fraction(25), Colour(6, 6, 6)))
    found = make_metrics(MetricOptions(("viideo", "strred"))).measure(pair, tmp_path, ["viideo", "strred"])
    assert found.unavailable == {"viideo": "needs 24 frames", "strred": "needs 24 frames"}


def test_numpy_itself_is_left_as_it_is() -> None:
    import_skvideo_measure()
    assert sys.modules["numpy"] is np
    assert not hasattr(np, "int")


def test_scaling_as_scipy_once_did() -> None:
    ramp = np.tile(np.arange(8, dtype=np.float32), (6, 1))
    assert imresize(ramp, 0.5, "bicubic").shape == (3, 4)
    assert imresize(ramp, 200).shape == (12, 16)
    assert imresize(ramp, 0.5).mean() == pytest.approx(ramp.mean())


def test_cvvdp_sees_noise(tmp_path: Path) -> None:
    pytest.importorskip("pycvvdp", reason="needs pip install 'mgv[cvvdp]'")
    assert score("cvvdp", tmp_path, (96, 64), 6, 0) == pytest.approx(10)
    assert score("cvvdp", tmp_path, (96, 64), 6, 20) < 9


def test_cvvdp_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycvvdp", None)
    assert "pip install 'mgv[cvvdp]'" in make_metrics(MetricOptions(("cvvdp",))).unavailable["cvvdp"]
