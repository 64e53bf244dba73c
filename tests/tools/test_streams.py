"""Standard streams that are full, closed or not there: one line, the documented exit code."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import mgv
from mgv.codec import OptionError
from mgv.tools.cli import run

MGV = f"{sys.executable} -c 'from mgv.tools.cli import main; main()'"
GOLDEN = Path(__file__).parents[1] / "conformance" / "golden" / "moving-raw.mgv"


def shell(command: str) -> tuple[int, str, str]:
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("command", "code", "error"),
    [
        ("info FILE > /dev/full", 7, "mgv: error: writing failed: No space left on device\n"),
        ("info FILE >&-", 0, ""),
        (
            "decode FILE - >&-",
            2,
            "mgv: error: stdout is closed; nothing can be written to it (see mgv decode --help)\n",
        ),
        ("info - <&-", 2, "mgv: error: stdin is closed; nothing can be read from it (see mgv info --help)\n"),
    ],
)
def test_streams_that_cannot_be_used(command: str, code: int, error: str) -> None:
    assert shell(f"{MGV} {command.replace('FILE', str(GOLDEN))}") == (code, "", error)


@pytest.mark.parametrize("arguments", [[], ["train"]], ids=str)
def test_a_group_alone_shows_its_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Usage: mgv")
    assert "Commands:\n" in err


def test_a_choice_that_is_missing_is_asked_for_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["generate", "task"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "Choose from: FP, FI" in err


@pytest.mark.parametrize("command", ["thin --layers 1", "repair"])
@pytest.mark.parametrize("places", [("FILE", "-"), ("-", "out.mgv")], ids=str)
def test_what_works_on_files_refuses_pipes(
    command: str,
    places: tuple[str, str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run([*command.split(), *(place.replace("FILE", str(GOLDEN)) for place in places)]) == 2
    assert "this works on files, not on pipes" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_segments_longer_than_a_file_may_have_are_refused(
    make_clip: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match="segment_frames is 5000, expected 1 to 4096"):
        mgv.encode(make_clip(num_frames=2), tmp_path / "out.mgv", model=tiny_model, segment_frames=5000)
