"""Metrics of pairs of raw files, against closed forms and against ffmpeg's own."""

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mgv.codec import Colour, OptionError
from mgv.eval.codecs import ClipFormat
from mgv.eval.codecs.clip import Planes, write_planes
from mgv.eval.codecs.ffmpeg import find_ffmpeg
from mgv.eval.codecs.process import run_measured
from mgv.eval.metrics.interface import ClipPair
from mgv.eval.metrics.registry import MetricOptions, clip_means, make_metrics
from mgv.tokenizer import WeightsError

SIZE = (64, 48)
FORMAT = ClipFormat(*SIZE, 3, Fraction(25), Colour(6, 6, 6))


def flat(y: int, u: int = 128, v: int = 128) -> Planes:
    width, height = SIZE
    chroma = (height // 2, width // 2)
    return np.full((height, width), y, np.uint8), np.full(chroma, u, np.uint8), np.full(chroma, v, np.uint8)


def textured(seed: int, noise: float) -> Planes:
    """A smooth picture, with noise."""
    rng = np.random.default_rng(seed)
    planes = []
    for width, height in (SIZE, (SIZE[0] // 2, SIZE[1] // 2), (SIZE[0] // 2, SIZE[1] // 2)):
        y, x = np.mgrid[0:height, 0:width]
        picture = 120 + 50 * np.sin(x / 7 + seed) + 30 * np.cos(y / 5) + rng.normal(0, noise, (height, width))
        planes.append(np.clip(picture, 16, 235).astype(np.uint8))
    return planes[0], planes[1], planes[2]


def pair_of(folder: Path, source: list[Planes], decoded: list[Planes]) -> ClipPair:
    write_planes(folder / "source.yuv", source)
    write_planes(folder / "decoded.yuv", decoded)
    return ClipPair(folder / "source.yuv", folder / "decoded.yuv", replace(FORMAT, num_frames=len(source)))


def measure(folder: Path, pair: ClipPair, *names: str, **options: object) -> dict[str, tuple]:
    metrics = make_metrics(MetricOptions(names, **options))
    return dict(metrics.measure(pair, folder, names).values)


def test_psnr_of_constant_differences(tmp_path: Path) -> None:
    pair = pair_of(tmp_path, [flat(100), flat(100)], [flat(105, 130, 129), flat(100)])
    found = measure(tmp_path, pair, "psnr")
    by_step = {step: 20 * np.log10(255 / step) for step in (1, 2, 5)}
    assert found["psnr_y"] == pytest.approx((by_step[5], 100))
    assert found["psnr_u"][0] == pytest.approx(by_step[2])
    assert found["psnr_v"][0] == pytest.approx(by_step[1])
    assert found["psnr_611"][0] == pytest.approx((6 * by_step[5] + by_step[2] + by_step[1]) / 8)
    assert 20 < found["psnr_rgb"][0] < by_step[5]
    assert clip_means(found)["psnr_y"] == pytest.approx((by_step[5] + 100) / 2)


def test_ssim_of_constant_frames(tmp_path: Path) -> None:
    found = measure(tmp_path, pair_of(tmp_path, [flat(100)], [flat(120)]), "ssim")
    stabiliser = (0.01 * 255) ** 2
    expected = (2 * 100 * 120 + stabiliser) / (100**2 + 120**2 + stabiliser)
    assert found["ssim_y"] == (pytest.approx(expected, abs=1e-3),)


def test_psnr_is_that_of_ffmpeg(tmp_path: Path) -> None:
    pair = pair_of(tmp_path, [textured(k, 0) for k in range(3)], [textured(k, 9) for k in range(3)])
    found = measure(tmp_path, pair, "psnr")
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "64x48"]
    inputs = [
        find_ffmpeg(),
        "-nostdin",
        "-hide_banner",
        *raw,
        "-i",
        str(pair.decoded),
        *raw,
        "-i",
        str(pair.source),
    ]
    log = tmp_path / "psnr.log"
    run_measured([*inputs, "-lavfi", f"psnr=stats_file={log}", "-f", "null", "-"])
    theirs = [float(value) for value in re.findall(r"psnr_y:([\d.]+)", log.read_text("utf-8"))]
    assert found["psnr_y"] == pytest.approx(theirs, abs=0.01)


def test_vmaf_pairs_frames_by_number_and_knows_equal_ones(tmp_path: Path) -> None:
    frames = [textured(k, 0) for k in range(3)]
    worse = [frames[0], flat(120), frames[2]]
    same = measure(tmp_path, pair_of(tmp_path, frames, frames), "vmaf")
    other = measure(tmp_path, pair_of(tmp_path, frames, worse), "vmaf")
    assert min(same["vmaf"]) > 90
    assert len(other["vmaf"]) == len(other["vmaf_neg"]) == 3
    assert other["vmaf"][1] < min(other["vmaf"][0], other["vmaf"][2]) - 5


def test_ms_ssim_is_left_out_where_it_is_not_defined(tmp_path: Path) -> None:
    metrics = make_metrics(MetricOptions(("ms-ssim",)))
    found = metrics.measure(pair_of(tmp_path, [flat(9)], [flat(9)]), tmp_path, ["ms-ssim"])
    assert found.values == {}
    assert found.unavailable == {"ms-ssim": "needs 161 pixels on the shorter side"}


def test_slow_metrics_look_at_every_nth_frame_and_say_so(tmp_path: Path) -> None:
    frames = [textured(k, 0) for k in range(3)]
    pair = pair_of(tmp_path, frames, frames)
    metrics = make_metrics(MetricOptions(("psnr", "ssim"), every=2))
    assert metrics.versions() == {"psnr": "1", "ssim": "1, every 2"}
    found = metrics.measure(pair, tmp_path, ["psnr", "ssim"]).values
    assert found["psnr_y"] == (100, 100, 100)
    assert found["ssim_y"] == (pytest.approx(1, abs=1e-5), None, pytest.approx(1, abs=1e-5))
    assert clip_means(found)["ssim_y"] == pytest.approx(1, abs=1e-5)


def test_squeezenet_distance_from_a_file(tmp_path: Path) -> None:
    from mgv.tokenizer.perceptual import SQUEEZENET_FIRE, Fire

    rng = np.random.default_rng(0)
    shapes = {"0.weight": (64, 3, 3, 3), "0.bias": (64,)}
    for index, size in SQUEEZENET_FIRE.items():
        shapes |= {f"{index}.{name}": tuple(t.shape) for name, t in Fire(*size).state_dict().items()}
    tensors = {
        f"features.{name}": rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()
    }
    np.savez(tmp_path / "weights.npz", **tensors)
    frames = [textured(0, 0)]
    options = {"squeezenet_weights": tmp_path / "weights.npz"}
    same = measure(tmp_path, pair_of(tmp_path, frames, frames), "squeezenet", **options)
    other = measure(tmp_path, pair_of(tmp_path, frames, [textured(0, 30)]), "squeezenet", **options)
    assert same["squeezenet"] == (pytest.approx(0, abs=1e-6),)
    assert other["squeezenet"][0] > 0.001
    assert len(make_metrics(MetricOptions(("squeezenet",), **options)).versions()["squeezenet"]) == 16


def test_metrics_that_are_not_to_be_had_say_why(tmp_path: Path) -> None:
    found = make_metrics(MetricOptions(("lpips", "squeezenet"), lpips_weights=tmp_path / "no.pth"))
    assert found.metrics == {}
    assert "no.pth" in found.unavailable["lpips"]
    assert "--lpips-weights" in found.unavailable["lpips"]
    assert found.unavailable["squeezenet"] == "no weights given: --squeezenet-weights FILE.npz"


def test_wrong_names_and_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="metric is 'psnr-y', expected one of psnr"):
        MetricOptions(("psnr-y",))
    with pytest.raises(WeightsError, match=r"no\.npz"):
        make_metrics(MetricOptions(("squeezenet",), squeezenet_weights=tmp_path / "no.npz"))
