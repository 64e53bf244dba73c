"""Real pipelines with ffmpeg on both sides: the same bytes as through files."""

import shlex
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import pytest

import mgv
from mgv.container import Reader

pytestmark = pytest.mark.slow

FFMPEG = shlex.join([imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error"])
MGV = shlex.join([sys.executable, "-c", "from mgv.tools.cli import main; main()"])
PICTURES = "-f lavfi -i testsrc2=size=64x48:rate=30000/1001:duration=1.5"
SOUND = "-f lavfi -i sine=duration=1.5"


def shell(command: str, folder: Path) -> None:
    """Run a pipeline in which every command must succeed and say nothing."""
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail; {command}"], cwd=folder, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_y4m_in_and_y4m_out(tiny_model: Path, tmp_path: Path) -> None:
    options = f"--model {shlex.quote(str(tiny_model))}"
    shell(
        f"{FFMPEG} {PICTURES} -f yuv4mpegpipe - | tee in.y4m | {MGV} encode - - {options} | tee out.mgv "
        f"| {MGV} decode - - {options} | tee out.y4m | {FFMPEG} -i pipe:0 -f rawvideo out.raw",
        tmp_path,
    )
    coded, decoded = tmp_path / "file.mgv", tmp_path / "file.y4m"
    report = mgv.encode(tmp_path / "in.y4m", coded, model=tiny_model)
    mgv.decode(coded, decoded, model=tiny_model)
    assert report.num_frames == 45
    assert (tmp_path / "out.mgv").read_bytes() == coded.read_bytes()
    assert (tmp_path / "out.y4m").read_bytes() == decoded.read_bytes()
    assert (tmp_path / "out.raw").stat().st_size == 45 * 64 * 48 * 3


def test_matroska_in(tiny_model: Path, tmp_path: Path) -> None:
    shell(
        f"{FFMPEG} {PICTURES} {SOUND} -c:v ffv1 -c:a aac -f matroska - | tee in.mkv "
        f"| {MGV} encode - - --model {shlex.quote(str(tiny_model))} > out.mgv",
        tmp_path,
    )
    coded = tmp_path / "file.mgv"
    mgv.encode(tmp_path / "in.mkv", coded, model=tiny_model)
    assert (tmp_path / "out.mgv").read_bytes() == coded.read_bytes()
    with coded.open("rb") as file:
        assert [header.codec for header in Reader(file).audio_headers] == ["aac"]
