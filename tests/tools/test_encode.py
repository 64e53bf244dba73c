"""`mgv encode` with a rate: reports, notes, wrong use."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mgv.tools.cli import run

ClipMaker = Callable[..., Path]


def test_a_rate_is_kept_and_reported(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, out = make_clip(num_frames=40), tmp_path / "out.mgv"
    arguments = ["encode", str(clip), str(out), "--model", str(tiny_model), "--force"]
    assert run([*arguments, "--json"]) == 0
    full = json.loads(capsys.readouterr().out)
    assert (full["target"], full["notes"], full["duration_seconds"]) == (None, [], 1.6)
    asked = full["file_bytes"] * 9 // 10
    assert run([*arguments, "--size", str(asked), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["quality"] is None
    assert facts["target"] == {"kind": "size", "asked": asked, "reached": out.stat().st_size}
    assert 0.9 * asked <= out.stat().st_size <= asked
    assert run([*arguments, "--bpp", "0.06"]) == 0
    assert ", asked for 0.06 bpp, reached 9" in capsys.readouterr().out


def test_a_rate_that_can_not_be_used_is_noted(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["encode", str(make_clip()), str(tmp_path / "out.mgv"), "--model", str(tiny_model)]
    assert run([*arguments, "--bitrate", "9M"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "note: 9000000 bit/s is more than this video can use" in out


def test_a_target_named_as_a_video_is_told(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.MP4"
    assert run(["encode", str(make_clip(num_frames=1)), str(out), "--model", str(tiny_model)]) == 0
    assert capsys.readouterr().err.startswith(f"mgv: warning: {out} is an .mgv in spite of its name")
    assert out.read_bytes().startswith(b"\x89MGV")
    assert run(["encode", str(make_clip(num_frames=1)), str(out), "--model", str(tiny_model)]) == 7
    assert capsys.readouterr().err.startswith("mgv: error: ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--bpp", "0.1", "--size", "1M"], "--bpp and --size are given"),
        (["--quality", "1", "--bitrate", "80k"], "--quality and --bitrate are given"),
        (["--bpp", "much"], "bpp is 'much', expected a number above 0"),
        (["--effort", "2", "--bpp", "0.1"], "--effort and --bpp are given"),
        (["--effort", "21"], "21 is not in the range 0<=x<=20"),
        (["--segment-frames", "0"], "0 is not in the range x>=1"),
        (["--size", "0"], "size is 0.0, expected a number above 0"),
        (["--size", "300"], "take at least"),
    ],
)
def test_wrong_use_is_one_line(
    options: list[str],
    message: str,
    make_clip: ClipMaker,
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out.mgv"
    assert run(["encode", str(make_clip()), str(out), "--model", str(tiny_model), *options]) == 2
    err = capsys.readouterr().err
    assert err.startswith("mgv: error: ")
    assert err.count("\n") == 1
    assert message in err
    assert not list(tmp_path.glob("out*"))
