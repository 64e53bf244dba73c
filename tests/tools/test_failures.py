"""Bad input: one clear line on stderr, the documented exit code, no leftover file."""

import os
from collections.abc import Callable
from pathlib import Path

import click
import pytest

import mgv
from mgv.codec import MediaError, MissingToolError, OptionError, OutputError
from mgv.container import CorruptError
from mgv.tokenizer import ShardError, WeightsError
from mgv.tools import cli
from mgv.tools.cli import run

pytestmark = pytest.mark.usefixtures("short_segments")
ClipMaker = Callable[..., Path]
Make = Callable[[Path], Path]


@pytest.fixture
def fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must fail; gives its one line after checking that nothing was left behind."""

    def check(code: int, *arguments: object) -> str:
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
        assert run([str(argument) for argument in arguments]) == code
        out, err = capsys.readouterr()
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before
        assert out == ""
        assert err.startswith("mgv: error: ")
        assert err.endswith("\n")
        assert err.count("\n") == 1
        return err

    return check


def text_file(folder: Path) -> Path:
    path = folder / "text.mp4"
    path.write_text("This is no video.\n" * 100)
    return path


def empty_file(folder: Path) -> Path:
    path = folder / "empty.mp4"
    path.touch()
    return path


def directory(folder: Path) -> Path:
    path = folder / "folder.mp4"
    path.mkdir()
    return path


def missing_file(folder: Path) -> Path:
    return folder / "missing.mp4"


@pytest.mark.parametrize("make", [text_file, empty_file, directory, missing_file])
def test_a_source_that_is_no_video(
    make: Make, fails: Callable[..., str], tiny_model: Path, tmp_path: Path
) -> None:
    source = make(tmp_path)
    assert str(source) in fails(3, "encode", source, tmp_path / "out.mgv", "--model", tiny_model)


@pytest.mark.parametrize(
    ("make", "code"),
    [(text_file, 4), (empty_file, 4), (directory, 3), (missing_file, 3)],
    ids=lambda v: str(v),
)
@pytest.mark.parametrize("command", ["decode", "info", "verify", "repair", "thin", "tokens"])
def test_a_source_that_is_no_mgv(
    command: str, make: Make, code: int, fails: Callable[..., str], tiny_model: Path, tmp_path: Path
) -> None:
    source = make(tmp_path)
    if command == "tokens":
        source = source.rename(tmp_path / "x.mgv") if source.exists() else tmp_path / "x.mgv"
    arguments = {
        "decode": [tmp_path / "out.mp4", "--model", tiny_model],
        "repair": [tmp_path / "out.mgv"],
        "thin": [tmp_path / "out.mgv", "--layers", "1"],
        "tokens": [tmp_path / "out.npz", "--model", tiny_model],
    }.get(command, [])
    fails(code, command, source, *arguments)


def test_a_bench_of_what_is_no_video(fails: Callable[..., str], tiny_model: Path, tmp_path: Path) -> None:
    source = text_file(tmp_path)
    for command in (["bench-decode", source], ["bench", tmp_path, "-q", "0"], ["bench-still", source]):
        assert str(source) in fails(3, *command, "--model", tiny_model)


def test_a_bench_at_a_quality_that_there_is_not(
    make_clip: ClipMaker, fails: Callable[..., str], tiny_model: Path
) -> None:
    line = fails(2, "bench-decode", make_clip(num_frames=2), "-q", "99", "--model", tiny_model)
    assert "quality is 99" in line


def test_existing_output_is_kept(
    make_clip: ClipMaker, fails: Callable[..., str], tiny_model: Path, tmp_path: Path
) -> None:
    clip, existing, coded = make_clip(num_frames=2), tmp_path / "there.mgv", tmp_path / "coded.mgv"
    existing.write_bytes(b"precious")
    assert "exists" in fails(7, "encode", clip, existing, "--model", tiny_model)
    assert existing.read_bytes() == b"precious"
    mgv.encode(clip, coded, model=tiny_model, coder="raw")
    movie = existing.rename(tmp_path / "there.mp4")
    assert "exists" in fails(7, "decode", coded, movie, "--model", tiny_model)
    assert "exists" in fails(7, "thin", coded, existing.parent / "there.mp4", "--layers", "1")


def test_output_that_cannot_be_written(
    make_clip: ClipMaker, fails: Callable[..., str], tiny_model: Path, tmp_path: Path
) -> None:
    clip, coded = make_clip(num_frames=2), tmp_path / "coded.mgv"
    mgv.encode(clip, coded, model=tiny_model, coder="raw")
    fails(7, "encode", clip, tmp_path / "no" / "such" / "out.mgv", "--model", tiny_model)
    fails(7, "encode", clip, tmp_path, "--model", tiny_model)
    fails(7, "decode", coded, tmp_path / "out.gif", "--model", tiny_model)
    fails(7, "decode", coded, tmp_path / "out.mp4", "--lossless", "--model", tiny_model)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere; runs as an ordinary user")
def test_a_folder_without_write_permission(
    make_clip: ClipMaker, fails: Callable[..., str], tiny_model: Path, tmp_path: Path
) -> None:
    clip, locked = make_clip(num_frames=2), tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert "can't be written" in fails(7, "encode", clip, locked / "out.mgv", "--model", tiny_model)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="runs where there is a /dev/full")
def test_a_full_disk(make_clip: ClipMaker, fails: Callable[..., str], tiny_model: Path) -> None:
    assert "No space left" in fails(7, "encode", make_clip(num_frames=2), "/dev/full", "--model", tiny_model)


def test_a_file_cut_in_half(
    make_clip: ClipMaker,
    fails: Callable[..., str],
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cut, target = tmp_path / "cut.mgv", tmp_path / "out.mp4"
    mgv.encode(make_clip(num_frames=80), cut, model=tiny_model, coder="raw")
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    for command, arguments in [
        ("decode", [target, "--model", tiny_model]),
        ("info", []),
        ("thin", [tmp_path / "thin.mgv", "--layers", "1"]),
    ]:
        fails(4, command, cut, *arguments)
    assert run(["decode", str(cut), str(target), "--model", str(tiny_model), "--conceal"]) == 8
    out, err = capsys.readouterr()
    assert "33 frames" in out
    assert err.startswith("mgv: warning: ")
    assert target.exists()


@pytest.mark.parametrize(
    "options",
    [
        ["encode", "IN", "OUT", "--quality", "3", "--model", "TINY"],
        ["encode", "IN", "OUT", "--quality", "-1"],
        ["encode", "IN", "OUT", "--coder", "morse"],
        ["encode", "IN"],
        ["encode", "", "OUT"],
        ["encode", "IN", ""],
        ["decode", "IN", "OUT", "--start", "-1"],
        ["decode", "IN", "OUT", "--start", "nan"],
        ["decode", "IN", "OUT", "--duration", "inf"],
        ["decode", "IN", "OUT", "--duration", "0"],
        ["decode", "IN", "OUT", "--lossless", "--codec", "x264"],
        ["decode", "MGV", "OUT.mkv", "--layers", "4", "--model", "TINY"],
        ["decode", "MGV", "OUT.mkv", "--start", "99", "--model", "TINY"],
        ["tokens", "IN", "OUT"],
        ["nonsense"],
        ["--nonsense"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line(
    options: list[str], make_clip: ClipMaker, fails: Callable[..., str], tiny_model: Path, tmp_path: Path
) -> None:
    names = {
        "IN": make_clip(num_frames=2),
        "OUT": tmp_path / "out",
        "TINY": tiny_model,
        "OUT.mkv": tmp_path / "o.mkv",
    }
    if "MGV" in options:
        names["MGV"] = tmp_path / "in.mgv"
        mgv.encode(names["IN"], names["MGV"], model=tiny_model, coder="raw")
    fails(2, *(names.get(option, option) for option in options))


def test_a_model_that_is_not_there(make_clip: ClipMaker, fails: Callable[..., str], tmp_path: Path) -> None:
    fails(5, "encode", make_clip(num_frames=2), tmp_path / "out.mgv", "--model", tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OptionError("x"), 2),
        (click.UsageError("x"), 2),
        (MediaError("x"), 3),
        (ShardError("x"), 3),
        (CorruptError("x\ny"), 4),
        (WeightsError("x"), 5),
        (MissingToolError("x"), 6),
        (OutputError("x"), 7),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_expected_error_has_its_code(
    error: BaseException, code: int, fails: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def invoke(arguments: object) -> int:
        raise error

    monkeypatch.setattr(cli, "_invoke", invoke)
    fails(code, "info", "x")


def test_a_bug_shows_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def invoke(arguments: object) -> int:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(cli, "_invoke", invoke)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        run(["info", "x"])


def test_a_closed_pipe_is_silent(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def invoke(arguments: object) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(cli, "_invoke", invoke)
    monkeypatch.setattr(cli, "_leave_stdout", lambda code: code)
    assert run(["info", "x"]) == 141
    assert capfd.readouterr().err == ""
