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
        (["--codecs", "mgv:effort=99"], 2, "mgv: effort is '99', expected a whole number from 0 to 20"),
        (["--codecs", "mgv:keyint=0"], 2, "mgv: keyint is '0', expected a whole number from 1"),
        (["--codecs", "mgv:threads=x"], 2, "mgv: threads is 'x', expected a whole number from 1"),
        (["--codecs", "mgv:effort=2", "--bpp", "0.1"], 2, "mgv: effort goes with a quality only"),
        (["--metrics", "psnr,vmag"], 2, "metric is 'vmag'"),
        (["--metrics", ""], 2, "--metrics is '', expected some of psnr, ssim"),
        (["--redo", "zzz"], 2, "--redo zzz: no codec is called that, expected one of x264"),
        (["--rates", "x265=1"], 2, "no codec is called 'x265', expected one of x264"),
        (["--rates", "x264=99"], 2, "x264: crf is 99, expected 0 to 51"),
        (["--rates", "x264=low"], 2, "--rates x264: expected numbers"),
        (["--two-pass"], 2, "--two-pass needs --bpp"),
        (["--rates", "x264=nan"], 2, "--rates x264: nan is no number from 0 up"),
        (["--bpp", "0.1,-1"], 2, "--bpp: -1 is no number from 0 up"),
        (["--bpp", "0.1,nan"], 2, "--bpp: nan is no number from 0 up"),
        (["--bpp", "inf"], 2, "--bpp: inf is no number from 0 up"),
        (["--bpp", "0,0.1"], 2, "--bpp: a rate is above 0 bits per pixel"),
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


def test_mgv_has_levels(clips: Path, tiny_model: Path, tmp_path: Path, capsys: Output) -> None:
    codec = f"mgv:model={tiny_model}"
    arguments = ["rd", "run", str(clips), "-o", str(tmp_path / "run"), "--codecs", codec, "--metrics", "psnr"]
    assert run([*arguments, "--rates", "mgv=1.5"]) == 2
    assert "mgv: quality is 1.5, expected a level from 0 to 2" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made(clips: Path, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "file").touch()
    assert run(["rd", "run", str(clips), "-o", str(tmp_path / "file" / "run"), "--codecs", "x264"]) == 7
    assert "can't be made" in capsys.readouterr().err


@pytest.mark.parametrize("rates", ["0", "-1", "nan", "0.1,inf"])
def test_frames_at_no_rate(rates: str, tmp_path: Path, capsys: Output) -> None:
    assert run(["rd", "report", str(tmp_path), f"--frames-at={rates}"]) == 2
    assert "--frames-at: " in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_reports_of_damaged_runs_and_to_impossible_places(
    clips: Path, tmp_path: Path, capsys: Output
) -> None:
    folder, report = tmp_path / "run", tmp_path / "report"
    measure = ["rd", "run", str(clips), "-o", str(folder), "--codecs", "x264:preset=ultrafast"]
    measure += ["--metrics", "psnr", "--rates", "x264=30"]
    assert run(measure) == 0
    assert run(["rd", "report", str(folder), "--no-frames", "-o", str(folder / "run.json" / "x")]) == 7
    assert "can't be made" in capsys.readouterr().err
    (folder / "report" / "points.csv").mkdir(parents=True)
    assert run(["rd", "report", str(folder), "--no-frames"]) == 7
    assert "can't be written" in capsys.readouterr().err
    (point,) = folder.glob("points/one/x264/*.json")
    coded, source = point.with_suffix(".264"), folder / "clips" / "one.mov"
    bpp = json.loads(point.read_text("utf-8"))["bpp"]
    arguments = ["rd", "report", str(folder), "-o", str(report), "--frames-at", str(bpp)]
    for file, damage, message in (
        (coded, Path.unlink, "q30.264: is missing; the same `mgv rd run` once more makes it anew"),
        (coded, lambda path: path.write_bytes(b"x"), "q30.264: can't be decoded"),
        (source, Path.unlink, "one.mov: is missing; the same `mgv rd run` once more makes it anew"),
    ):
        damage(file)
        assert run(arguments) == 3
        err = capsys.readouterr().err
        assert message in err
        assert err.count("\n") == 1
        assert not list(report.iterdir())
        assert run(measure) == 0
        capsys.readouterr()
    assert run(arguments) == 0
    for path in (point, folder / "clips" / "one.json"):
        kept = path.read_bytes()
        path.write_text("{}")
        assert run(arguments) == 3
        assert f"{path}: lacks what this mgv writes there (KeyError" in capsys.readouterr().err
        path.write_bytes(kept)


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
