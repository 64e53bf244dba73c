"""Fixtures of the bench: small prepared clips and a small finished run."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from mgv.codec import Colour
from mgv.eval.codecs import ClipFormat, CodecSpec, Rate, SourceClip
from mgv.eval.codecs.ffmpeg import QUIET, find_ffmpeg
from mgv.eval.codecs.process import run_measured

Prepare = Callable[..., SourceClip]
BT601 = Colour(6, 6, 6, full_range=False)


def write_pattern(path: Path, size: tuple[int, int], num_frames: int, source: str = "testsrc2") -> None:
    """Write a lossless clip of a moving test pattern."""
    pattern = f"{source}=s={size[0]}x{size[1]}:r=25"
    arguments = [find_ffmpeg(), *QUIET, "-f", "lavfi", "-i", pattern, "-frames:v", str(num_frames)]
    arguments += ["-vf", f"scale={size[0]}:{size[1]},format=yuv420p"]  # the sources give even sizes only
    run_measured([*arguments, "-c:v", "ffv1", "-g", "1", str(path)])


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    """Make a prepared clip of a size and length."""

    def make(size: tuple[int, int] = (96, 64), num_frames: int = 8, source: str = "testsrc2") -> SourceClip:
        path = tmp_path / f"clip-{size[0]}x{size[1]}-{num_frames}-{source}.mov"
        write_pattern(path, size, num_frames, source)
        return SourceClip("clip", path, ClipFormat(*size, num_frames, Fraction(25), BT601))

    return make


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run of two clips through x264 and x265 at four rates each."""
    from mgv.eval.metrics.registry import MetricOptions
    from mgv.eval.rd.datasets import read_dataset
    from mgv.eval.rd.runner import RunPlan, run_plan

    clips, folder = tmp_path_factory.mktemp("clips"), tmp_path_factory.mktemp("run")
    write_pattern(clips / "a.mkv", (96, 64), 8)
    write_pattern(clips / "b.mkv", (79, 65), 8, "mandelbrot")
    ladder = [Rate("quality", value) for value in (22, 28, 34, 40)]
    codecs = [CodecSpec("x264", "x264"), CodecSpec("x265", "x265", {"preset": "ultrafast"})]
    metrics = MetricOptions(("psnr", "lpips"), lpips_weights=clips / "not-there.pth")
    plan = RunPlan(folder, read_dataset(clips), codecs, {"x264": ladder, "x265": ladder}, metrics)
    summary = run_plan(plan)
    assert (summary.num_done, summary.num_kept, summary.failures) == (16, 0, [])
    assert list(summary.missing) == ["lpips"]
    return folder
