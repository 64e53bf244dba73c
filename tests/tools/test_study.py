"""`mgv study` on the command line, from a real run of two encoders to results and deletion."""

import csv
import io
import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import moving_picture

pytest.importorskip("sqlalchemy", reason="needs pip install 'mgv[web]'")

from mgv.eval.study.session import Sessions
from mgv.eval.study.store import open_study
from mgv.tools.cli import run

Output = pytest.CaptureFixture[str]

SETTINGS = """
seed = 3
[selection]
tolerance = 9.0
window = 9.0
rates_bpp = [1.0]
[questions]
per_rater = 6
training = 1
min_seconds = 0.0
"""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of x264 at two presets on one clip of 64x48."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "clips").mkdir()
    with (folder / "clips" / "one.y4m").open("wb") as file:
        file.write(b"YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C420\n")
        for index in range(3):
            luma = moving_picture(index, 64, 48)[..., 1]
            file.write(b"FRAME\n" + luma.tobytes() + bytes([128]) * (2 * 32 * 24))
    codecs = "fast=x264:preset=ultrafast,slow=x264:preset=veryfast"
    arguments = ["-o", str(folder / "run"), "--codecs", codecs, "--metrics", "psnr"]
    rates = ["--rates", "fast=30", "--rates", "slow=30"]
    assert run(["rd", "run", str(folder / "clips"), *arguments, *rates]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def made(bench: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    (folder / "settings.toml").write_text(SETTINGS)
    settings = ["-s", str(folder / "settings.toml"), "--json"]
    assert run(["study", "create", str(bench), "-o", str(folder / "study.db"), *settings]) == 0
    return folder / "study.db"


@pytest.fixture
def study(made: Path, tmp_path: Path, capsys: Output) -> Path:
    capsys.readouterr()
    return Path(shutil.copy(made, tmp_path / "study.db"))


def vote(path: Path) -> str:
    """One rater answers everything."""
    store = open_study(path)
    sessions = Sessions(store, lambda: 1000.0)  # nobody is that fast
    rater = sessions.rater_of(sessions.enter())
    state = sessions.begin(rater, {})
    while state["phase"] == "question":
        state = sessions.vote(rater, state["question"]["key"], "left", {})
    store.close()
    return rater.key


def test_from_a_run_to_results(study: Path, tmp_path: Path, capsys: Output) -> None:
    name = str(study)
    assert run(["study", "export", name]) == 0
    header = capsys.readouterr().out
    assert header.startswith("number,rater,clip,")
    assert header.count("\n") == 1
    rater = vote(study)
    assert run(["study", "settings", name]) == 0
    assert "per_rater = 6" in capsys.readouterr().out
    assert run(["study", "results", name]) == 0
    out = capsys.readouterr().out
    assert "0 of 1 raters and 0 answers count" in out
    assert f"left out: {rater}: speed" in out
    assert run(["study", "results", name, "-o", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["votes"] >= 2
    assert (tmp_path / "out" / "report.html").is_file()
    assert run(["study", "results", name, "-o", str(tmp_path / "out")]) == 7
    assert "exists already" in capsys.readouterr().err
    assert run(["study", "export", name]) == 0
    out = capsys.readouterr().out
    assert out.startswith(header)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {row["rater"] for row in rows} == {rater}
    assert {row["first"] for row in rows} == {"fast@0", "source"}
    assert run(["study", "export", name, "--rater", rater, "-o", str(tmp_path / "rater.json")]) == 0
    assert json.loads((tmp_path / "rater.json").read_text())["rater"] == rater
    assert run(["study", "delete-rater", name, rater]) == 0
    assert capsys.readouterr().out == f"{rater}: deleted, with {len(rows)} votes\n"
    assert run(["study", "delete-rater", name, rater]) == 2
    assert "there is no rater" in capsys.readouterr().err


def test_create_tells_what_matches(bench: Path, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "settings.toml").write_text(SETTINGS)
    path = tmp_path / "new.db"
    capsys.readouterr()
    assert run(["study", "create", str(bench), "-o", str(path), "-s", str(tmp_path / "settings.toml")]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{path}: 1 clips about 1 bpp; bytes of two sides differ by at most ")
    assert "(tolerance 900%)" in out


def test_what_can_not_be_made_is_said_in_one_line(
    study: Path, bench: Path, tmp_path: Path, capsys: Output
) -> None:
    run_folder = str(bench)
    assert run(["study", "create", run_folder, "-o", str(study)]) == 7
    strict = tmp_path / "strict.toml"
    strict.write_text("[selection]\ncodecs = ['fast', 'vvc']")
    assert run(["study", "create", run_folder, "-o", str(tmp_path / "new.db"), "-s", str(strict)]) == 2
    assert run(["study", "create", str(tmp_path), "-o", str(tmp_path / "new.db")]) == 3
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 3
    assert "exists already" in err[0]
    assert "codec vvc is not in the run, which has fast, slow" in err[1]
    assert "is no run folder" in err[2]


def test_default_settings_are_printed(capsys: Output) -> None:
    assert run(["study", "settings"]) == 0
    out = capsys.readouterr().out
    assert "[screening]" in out
    assert "per_rater = 120" in out


@pytest.mark.parametrize(
    ("arguments", "module"),
    [
        (["serve", "no.db"], "uvicorn"),
        (["results", "no.db"], "sqlalchemy"),
        (["simulate", "no.db"], "httpx"),
    ],
)
def test_a_missing_extra_is_named(
    arguments: list[str], module: str, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr(
        "mgv.eval.study.extras.find_spec", lambda name: None if name == module else find_spec(name)
    )
    assert run(["study", *arguments]) == 6
    assert (
        capsys.readouterr().err
        == f"mgv: error: {module} is not installed; pip install 'mgv[web]' brings it\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["results", "no.db"], "no.db: there is no such study"),
        (["simulate"], "name a STUDY, or say how many with --in-process"),
        (["simulate", "s.db", "--in-process", "3"], "not both"),
    ],
)
def test_wrong_calls(arguments: list[str], message: str, capsys: Output) -> None:
    assert run(["study", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_short_admin_token_is_refused(study: Path, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "token").write_text("short\n")
    assert run(["study", "serve", str(study), "--admin-token-file", str(tmp_path / "token")]) == 2
    assert "a token has 16 letters or more" in capsys.readouterr().err


def test_a_taken_port_is_said(study: Path, capsys: Output) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert run(["study", "serve", str(study), "--port", str(taken.getsockname()[1])]) == 2
    assert "can't listen" in capsys.readouterr().err
