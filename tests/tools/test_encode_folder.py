"""`mgv encode FOLDER FOLDER`: reports, exit codes, wrong use, Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mgv.codec.encode_video import EncodeReport
from mgv.codec.tree import encode_tree
from mgv.codec.tree.settings import EncodeSettings, Failure, FileJob, TreeEncoder
from mgv.codec.tree.workers import Outcome
from mgv.tools.cli import run

ClipMaker = Callable[..., Path]
COMMAND = [sys.executable, "-c", "from mgv.tools.cli import main; main()"]


@pytest.fixture
def tree(tmp_path: Path, make_clip: ClipMaker) -> Path:
    root = tmp_path / "in"
    (root / "sub").mkdir(parents=True)
    make_clip("a.mkv", num_frames=3).rename(root / "a.mkv")
    make_clip("b.mp4", num_frames=2).rename(root / "sub" / "b.mp4")
    (root / "notes.txt").touch()
    return root


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Encode without starting processes, which takes seconds."""

    def run_here(
        jobs: Iterator[FileJob], settings: EncodeSettings, num_processes: int, on_frames: object
    ) -> Iterator[tuple[FileJob, EncodeReport | Failure]]:
        encoder = TreeEncoder(settings, num_threads=1)
        outcomes: Iterator[Outcome] = ((job, encoder.run(job)) for job in jobs)
        yield from outcomes

    monkeypatch.setattr(encode_tree, "run_here", run_here)


@pytest.fixture
def arguments(tree: Path, tiny_model: Path, tmp_path: Path) -> list[str]:
    return ["encode", str(tree), str(tmp_path / "out"), "--model", str(tiny_model), "--coder", "raw"]


@pytest.mark.usefixtures("in_this_process", "one_thread")
def test_what_is_reported(
    arguments: list[str], tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*arguments, "--jobs", "2"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{tmp_path / 'out'}: 2 encoded, 0 kept, 0 failed; 5 frames in ")
    assert out.endswith("note: 1 files are no videos by their names, and were left out\n")
    assert err == ""

    (tree / "sub" / "bad \x1b[31m.mp4").write_text("no video")
    assert run(arguments) == 9
    out, err = capsys.readouterr()
    assert "0 encoded, 2 kept, 1 failed" in out
    assert err.startswith(r"mgv: error: sub/bad \x1b[31m.mp4: can't be read as video")
    assert err.count("\n") == 1

    assert run([*arguments, "--json"]) == 9
    facts = json.loads(capsys.readouterr().out)
    sizes = [(tmp_path / "out" / name).stat().st_size for name in ("a.mkv.mgv", "sub/b.mp4.mgv")]
    assert (facts["num_encoded"], facts["num_kept"], facts["num_failed"]) == (0, 2, 1)
    assert (facts["file_bytes"], facts["num_other"]) == (sum(sizes), 1)
    kept, _, failed = facts["files"]
    assert (kept["source"], kept["target"], kept["status"]) == ("a.mkv", "a.mkv.mgv", "kept")
    assert (kept["file_bytes"], kept["num_frames"], kept["error"]) == (sizes[0], 3, None)
    assert kept["bpp"] > 0
    assert (failed["status"], failed["target"]) == ("failed", None)
    assert "can't be read" in failed["error"]


@pytest.mark.usefixtures("in_this_process", "one_thread")
def test_photographs_on_demand_and_results_beside_the_sources(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    root = tmp_path / "in"
    root.mkdir()
    Image.new("RGB", (40, 30), (200, 90, 10)).save(root / "photo.png")
    command = ["encode", str(root), str(root), "--model", str(tiny_model), "--coder", "raw"]
    assert run(command) == 3
    assert "--images" in capsys.readouterr().err
    assert run([*command, "--images", "--json"]) == 0
    (photo,) = json.loads(capsys.readouterr().out)["files"]
    assert (photo["target"], photo["num_frames"], photo["width"]) == ("photo.png.mgv", 1, 40)
    assert run([*command, "--images"]) == 0
    assert "0 encoded, 1 kept" in capsys.readouterr().out


@pytest.mark.usefixtures("in_this_process", "one_thread")
def test_what_is_in_the_way_is_replaced_with_force_only(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = tmp_path / "out" / "a.mkv.mgv"
    foreign.parent.mkdir()
    foreign.write_bytes(b"precious")
    assert run(arguments) == 7
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"mgv: error: {foreign}: is there, and no run made it; nothing was encoded: ")
    assert err.count("\n") == 1
    assert foreign.read_bytes() == b"precious"
    assert run([*arguments, "--force"]) == 0
    assert "2 encoded" in capsys.readouterr().out
    assert run([*arguments, "--quality", "0"]) == 7
    assert "was made with quality 2 (" in capsys.readouterr().err
    assert run([*arguments, "--quality", "0", "--force"]) == 0
    assert "2 encoded" in capsys.readouterr().out
    assert run([*arguments, "--quality", "0", "--force"]) == 0
    assert "0 encoded, 2 kept" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["TREE", "-"], "SOURCE is a folder, so TARGET must be one, not a pipe"),
        (["TREE", "OUT", "--jobs", "0"], "0 is not in the range"),
        (["TREE", "OUT", "--engine", "steam"], "engine is 'steam', expected local, ray or an address"),
        (["TREE", "OUT", "--size", "1M", "--effort", "2"], "--effort and --size are given"),
        (["FILE", "OUT", "--jobs", "2"], "--jobs: for a folder of videos only"),
        (
            ["FILE", "OUT", "--images", "--engine", "ray"],
            "--engine and --images: for a folder of videos only",
        ),
        (["-", "OUT", "--images"], "--images: for a folder of videos only, and - is none"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_is_one_line(
    options: list[str], message: str, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"TREE": str(tree), "FILE": str(tree / "a.mkv"), "OUT": str(tmp_path / "out")}
    assert run(["encode", *(names.get(option, option) for option in options)]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert (out, err.count("\n")) == ("", 1)
    assert not (tmp_path / "out").exists()


def wait_for_the_end_of_group(number: int) -> None:
    for _ in range(10_000):  # far more than it takes
        try:
            os.killpg(number, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    pytest.fail("a worker lives on")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_all_processes_and_the_next_run_goes_on(
    number: signal.Signals, code: int, arguments: list[str], make_clip: ClipMaker, tree: Path, tmp_path: Path
) -> None:
    """As a terminal sends it: to every process of the group."""
    make_clip("long.mkv", num_frames=1500, size=(128, 96)).rename(tree / "long.mkv")
    out = tmp_path / "out"
    with subprocess.Popen(
        [*COMMAND, *arguments, "--jobs", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        process_group=0,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        while process.poll() is None and not (out / "long.mkv.mgv.part").exists():
            time.sleep(0.01)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        err = process.communicate()[1]
    assert process.returncode == code
    assert err in (b"", b"mgv: error: interrupted\n")
    assert not list(out.rglob("*.part"))
    assert not (out / "long.mkv.mgv").exists()
    wait_for_the_end_of_group(process.pid)
    (tree / "long.mkv").unlink()
    assert run(arguments) == 0


@pytest.mark.slow
def test_after_kill_9_the_workers_end_and_the_next_run_goes_on(
    arguments: list[str], make_clip: ClipMaker, tree: Path, tmp_path: Path
) -> None:
    make_clip("long.mkv", num_frames=1500, size=(128, 96)).rename(tree / "long.mkv")
    out = tmp_path / "out"
    with subprocess.Popen(
        [*COMMAND, *arguments, "--jobs", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0
    ) as process:
        while process.poll() is None and not (out / "long.mkv.mgv.part").exists():
            time.sleep(0.01)
        process.kill()
    wait_for_the_end_of_group(process.pid)
    make_clip("long.mkv", num_frames=2).rename(tree / "long.mkv")
    assert run(arguments) == 0
    assert sorted(path.name for path in out.rglob("*.mgv*")) == ["a.mkv.mgv", "b.mp4.mgv", "long.mkv.mgv"]
