"""Ctrl-C, SIGTERM and a reader that leaves: exit codes, and nothing left behind."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ClipMaker = Callable[..., Path]
COMMAND = [sys.executable, "-c", "from mgv.tools.cli import main; main()"]

pytestmark = pytest.mark.slow


def heed_signals() -> None:
    """Undo what a shell does to jobs in the background, which ignore SIGINT and hand that on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_an_encoding_without_a_trace(
    number: signal.Signals, code: int, make_clip: ClipMaker, tiny_model: Path, tmp_path: Path
) -> None:
    clip, target = make_clip(num_frames=1500, size=(128, 96)), tmp_path / "out.mgv"
    part = target.with_name("out.mgv.part")
    arguments = ["encode", str(clip), str(target), "--coder", "raw", "--model", str(tiny_model)]
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed_signals
    ) as process:
        while process.poll() is None and not (part.exists() and part.stat().st_size > 0):
            time.sleep(0.01)
        process.send_signal(number)
        err = process.communicate()[1]
    assert process.returncode == code
    assert err in (b"", b"mgv: error: interrupted\n")
    assert sorted(tmp_path.glob("out.mgv*")) == []


def test_a_reader_that_leaves_ends_a_decoding_silently(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path
) -> None:
    clip, coded = make_clip(num_frames=60, size=(256, 192)), tmp_path / "out.mgv"
    model = ["--model", str(tiny_model)]
    subprocess.run(
        [*COMMAND, "encode", str(clip), str(coded), "--coder", "raw", *model], check=True, capture_output=True
    )
    with subprocess.Popen(
        [*COMMAND, "decode", str(coded), "-", *model], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(9) == b"YUV4MPEG2"
        process.stdout.close()
        err = process.stderr.read()
        assert process.wait() == 141
    assert err == b""


def test_ctrl_c_ends_a_generation_without_a_trace(make_clip: ClipMaker, tmp_path: Path) -> None:
    clip, coded, target = make_clip(num_frames=9, size=(64, 64)), tmp_path / "in.mgv", tmp_path / "out.mgv"
    part = target.with_name("out.mgv.part")
    subprocess.run([*COMMAND, "encode", str(clip), str(coded)], check=True, capture_output=True)
    with subprocess.Popen(
        [*COMMAND, "generate", "predict", str(coded), str(target), "--frames", "100000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heed_signals,
    ) as process:
        while process.poll() is None and not (part.exists() and part.stat().st_size > 0):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        err = process.communicate()[1]
    assert process.returncode == 130
    assert err in (b"", b"mgv: error: interrupted\n")
    assert sorted(tmp_path.glob("out.mgv*")) == []
