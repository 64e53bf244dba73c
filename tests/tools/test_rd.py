"""`mgv rd` on the command line."""

import json
from pathlib import Path

import pytest

from mgv.tools.cli import run

Output = pytest.CaptureFixture[str]


@pytest.fixture
def clips(make_clip, tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    make_clip("one.mkv", num_frames=4).rename(folder / "one.mkv")
    return folder


def test_run_report_compare(clips: Path, tmp_path: Path, capsys: Output) -> None:
    folder = str(tmp_path / "run")
    arguments = [
        "rd",
        "run",
        str(clips),
        "-o",
        folder,
        "--codecs",
        "x264:preset=ultrafast",
        "--metrics",
        "psnr",
    ]
    assert run([*arguments, "--rates", "x264=24,36"]) == 0
    assert capsys.readouterr().out == f"{folder}: 2 points measured, 0 kept; see: mgv rd report {folder}\n"
    assert run([*arguments, "--rates", "x264=24,36", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "num_done": 0,
        "num_kept": 2,
        "failures": [],
        "missing": {},
    }
    assert run(["rd", "report", folder, "--no-frames", "--linear-bpp"]) == 0
    assert capsys.readouterr().out == f"{folder}/report/report.html\n"  # one codec: nothing to compare
    assert run(["rd", "report", folder, "-o", str(tmp_path / "report"), "--no-frames", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["points"]) == 2
    assert run(["rd", "compare", folder, folder, "--codec", "x264"]) == 0
    assert "| one | +0.0% (1.00) |" in capsys.readouterr().out


def test_targets_are_searched(clips: Path, tmp_path: Path, capsys: Output) -> None:
    folder = tmp_path / "run"
    common = [
        "rd",
        "run",
        str(clips),
        "-o",
        str(folder),
        "--codecs",
        "x264:preset=ultrafast",
        "--metrics",
        "psnr",
    ]
    assert run([*common, "--bpp", "0.9", "--frames", "3", "--resize", "32x24"]) == 0
    (path,) = folder.glob("points/one/x264/*.json")
    facts = json.loads(path.read_text("utf-8"))
    assert (facts["label"], facts["reached"]["kind"]) == ("bpp0.9", "quality")
    assert len(facts["frame_metrics"]["psnr_y"]) == 3
    capsys.readouterr()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--codecs", "x266"], 2, "codec is 'x266'"),
        (["--metrics", "psnr,vmag"], 2, "metric is 'vmag'"),
        (["--rates", "x265=1"], 2, "no codec is called 'x265', expected one of x264"),
        (["--rates", "x264=low"], 2, "--rates x264: expected numbers"),
        (["--two-pass"], 2, "--two-pass needs --bpp"),
        (["--bpp", "-1"], 2, "-1 is negative"),
        (["--resize", "big"], 2, "expected WIDTHxHEIGHT"),
        (["--dataset", "kodak"], 2, "data set is 'kodak'"),
        (["--ffmpeg", "/no/such/ffmpeg"], 6, "no codec is there"),
    ],
)
def test_what_is_not_understood(
    options: list[str], code: int, message: str, clips: Path, tmp_path: Path, capsys: Output
) -> None:
    common = ["rd", "run", str(clips), "-o", str(tmp_path / "run"), "--codecs", "x264", "--metrics", "psnr"]
    assert run([*common, *options]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert message in err


def test_a_folder_that_is_no_run(tmp_path: Path, capsys: Output) -> None:
    assert run(["rd", "report", str(tmp_path)]) == 3
    assert "no run folder" in capsys.readouterr().err


def test_a_failing_encoder_is_exit_6_and_the_others_are_measured(
    clips: Path, tmp_path: Path, capsys: Output
) -> None:
    (tmp_path / "codecs.toml").write_text(
        '[broken]\nencode = "false {input} {output}"\nsuffix = "x"\nladder = [1]\n', "utf-8"
    )
    arguments = [
        "rd",
        "run",
        str(clips),
        "-o",
        str(tmp_path / "run"),
        "--codecs",
        "x264",
        "--metrics",
        "psnr",
    ]
    arguments += ["--rates", "x264=30", "--codec-file", str(tmp_path / "codecs.toml")]
    assert run(arguments) == 6
    out, err = capsys.readouterr()
    assert "1 points measured, 0 kept, 1 failed" in out
    assert "one broken q1: false ended with status 1" in err
