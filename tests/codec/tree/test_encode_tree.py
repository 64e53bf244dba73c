"""Encoding trees by real processes: files, failures, going on, a worker that is killed."""

import multiprocessing
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import mgv
from mgv.codec import MediaError, MissingToolError, OptionError, OutputError, TreeReport
from mgv.codec.tree.journal import JOURNAL_NAME
from mgv.codec.tree.settings import EncodeSettings, Failure, FileJob, TreeEncoder
from mgv.codec.tree.workers import run_here
from mgv.container import Reader
from mgv.tokenizer import WeightsError

ClipMaker = Callable[..., Path]
Encode = Callable[..., TreeReport]


@pytest.fixture
def tree(tmp_path: Path, make_clip: ClipMaker) -> Path:
    """Two clips with names of one stem, one deeper, one that is no video."""
    root = tmp_path / "in"
    for name, num_frames in (("a.mkv", 3), ("a.mp4", 5), ("sub/deep/b.mkv", 2)):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        make_clip(path.name, num_frames=num_frames).rename(path)
    (root / "sub" / "text.mp4").write_text("no video\n" * 100)
    return root


@pytest.fixture
def encode(tiny_model: Path, tmp_path: Path) -> Encode:
    def run(root: Path, out: Path = tmp_path / "out", **options: object) -> TreeReport:
        return mgv.encode_tree(root, out, **{"model": tiny_model, "coder": "raw", **options})

    return run


def statuses(report: TreeReport) -> dict[str, str]:
    return {file.source: file.status for file in report.files}


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_tree_is_encoded_as_each_file_alone_would_be_and_then_kept(
    tree: Path, encode: Encode, tiny_model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    told: list[tuple[int, int, int]] = []
    report = encode(tree, jobs=2, quality=1, progress=lambda *count: told.append(count))
    assert statuses(report) == {
        "a.mkv": "encoded",
        "a.mp4": "encoded",
        "sub/deep/b.mkv": "encoded",
        "sub/text.mp4": "failed",
    }
    assert files_in(out) == ["a.mkv.mgv", "a.mp4.mgv", JOURNAL_NAME, "sub/deep/b.mkv.mgv"]
    (failure,) = report.of("failed")
    assert failure.error is not None
    assert "can't be read as video" in failure.error
    assert str(tree) not in failure.error
    assert (told[0], told[-1]) == ((0, 4, 0), (4, 4, 10))
    for file in report.of("encoded"):
        assert file.facts is not None
        alone = tmp_path / "alone.mgv"
        single = mgv.encode(tree / file.source, alone, model=tiny_model, coder="raw", quality=1, force=True)
        assert file.target == f"{file.source}.mgv"
        assert (out / file.target).read_bytes() == alone.read_bytes()
        assert (file.facts.num_frames, file.facts.bpp) == (single.num_frames, single.bpp)
    assert report.num_frames == 10
    assert report.file_bytes == sum(
        (out / name).stat().st_size for name in files_in(out) if "mgv-" not in name
    )

    (tree / "sub" / "text.mp4").unlink()  # so nothing is left to do, and no process is started
    before = {name: (out / name).stat().st_mtime_ns for name in files_in(out)}
    again = encode(tree, quality=1)
    assert set(statuses(again).values()) == {"kept"}
    assert [file.facts for file in again.files] == [file.facts for file in report.of("encoded")]
    assert {name: (out / name).stat().st_mtime_ns for name in files_in(out)} == before

    with pytest.raises(
        OutputError, match=r"a\.mkv\.mgv: was made with quality 1 .* and 2 more are in the way"
    ):
        encode(tree)
    assert {name: (out / name).stat().st_mtime_ns for name in files_in(out)} == before


def test_a_killed_worker_costs_its_file_and_what_it_left_is_no_hindrance(
    make_clip: ClipMaker, encode: Encode, tmp_path: Path
) -> None:
    root, out = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    make_clip("long.mkv", num_frames=400, size=(256, 192)).rename(root / "long.mkv")
    make_clip("short.mkv", num_frames=2).rename(root / "short.mkv")

    def kill(done: int, expected: int, num_frames: int) -> None:
        if done == 0 and num_frames > 0:  # large files come first
            for worker in multiprocessing.active_children():
                worker.kill()

    report = encode(root, jobs=1, progress=kill)
    assert statuses(report) == {"long.mkv": "failed", "short.mkv": "encoded"}
    assert report.files[0].error == "its process was killed (SIGKILL, perhaps for lack of memory)"
    assert files_in(out) == [JOURNAL_NAME, "short.mkv.mgv"]

    make_clip("long.mkv", num_frames=2).rename(root / "long.mkv")
    (out / "long.mkv.mgv.part").write_bytes((out / "short.mkv.mgv").read_bytes()[:200])
    (out / "short.mkv.mgv").write_bytes((out / "short.mkv.mgv").read_bytes()[:-1])
    assert statuses(encode(root, jobs=1)) == {"long.mkv": "encoded", "short.mkv": "encoded"}
    assert files_in(out) == ["long.mkv.mgv", JOURNAL_NAME, "short.mkv.mgv"]
    assert multiprocessing.active_children() == []


def test_leaving_early_stops_the_processes_and_leaves_no_part(
    make_clip: ClipMaker, encode: Encode, tmp_path: Path
) -> None:
    root, out = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    make_clip(num_frames=400, size=(256, 192)).rename(root / "long.mkv")

    def leave(done: int, expected: int, num_frames: int) -> None:
        if num_frames > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode(root, progress=leave)
    assert files_in(out) == [JOURNAL_NAME]
    assert multiprocessing.active_children() == []


def test_processes_that_can_not_begin_end_the_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    jobs = iter([FileJob(str(tmp_path / "a.mp4"), str(tmp_path / "a.mgv"))])
    with pytest.raises(OptionError, match=r"ended with exit code 1 \(see its trace\) before it could begin"):
        list(run_here(jobs, EncodeSettings(model=str(tmp_path / "nowhere")), 1, lambda frames: None))
    assert "WeightsError" in capfd.readouterr().err


def test_a_worker_encodes_one_file_after_the_other(tree: Path, tiny_model: Path, tmp_path: Path) -> None:
    """In this process, for speed: folders, failures and frames of both passes of a rate."""
    encoder = TreeEncoder(EncodeSettings(model=str(tiny_model), coder="raw", bpp="1"), num_threads=1)
    counts: list[int] = []
    out = tmp_path / "new" / "folder" / "a.mgv"
    result = encoder.run(FileJob(str(tree / "a.mp4"), str(out)), counts.append)
    assert not isinstance(result, Failure)
    assert (result.num_frames, counts[-1]) == (5, 5)
    with out.open("rb") as file:
        assert Reader(file).index().num_frames == 5
    least = TreeEncoder(EncodeSettings(model=str(tiny_model), coder="raw", size=200), num_threads=1)
    result = least.run(FileJob(str(tree / "a.mp4"), str(tmp_path / "b.mgv")))
    assert isinstance(result, Failure)
    assert "take at least" in result.cause
    blocked = encoder.run(FileJob(str(tree / "a.mp4"), str(out / "b.mgv")))
    assert isinstance(blocked, Failure)
    assert "can't be made" in blocked.cause
    assert files_in(tmp_path / "new") == ["folder/a.mgv"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"quality": 99}, OptionError, "quality"),
        ({"quality": 1, "bpp": 0.1}, OptionError, "quality and bpp are given"),
        ({"effort": 2, "size": "1M"}, OptionError, "effort and size are given"),
        ({"bitrate": "much"}, OptionError, "bitrate is 'much'"),
        ({"coder": "morse"}, OptionError, "coder is 'morse'"),
        ({"model": "nowhere"}, WeightsError, "nowhere is no model"),
        ({"segment_frames": 0}, OptionError, "segment_frames is 0"),
        ({"jobs": 0}, OptionError, "jobs is 0"),
        ({"engine": "steam"}, OptionError, "engine is 'steam'"),
    ],
    ids=str,
)
def test_wrong_options_are_found_before_anything_is_made(
    options: dict[str, object],
    error: type[Exception],
    message: str,
    tree: Path,
    encode: Encode,
    tmp_path: Path,
) -> None:
    with pytest.raises(error, match=message):
        encode(tree, **options)
    assert not (tmp_path / "out").exists()


def test_a_tree_without_videos(encode: Encode, tmp_path: Path) -> None:
    root = tmp_path / "in"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "photo.jpg").touch()
    with pytest.raises(MediaError, match=f"{root}: no video in this folder or below.*photographs.*--images"):
        encode(root)
    with pytest.raises(MediaError, match="can't be read: No such file"):
        encode(tmp_path / "missing")
    assert not (tmp_path / "out").exists()


def test_the_target_must_be_a_folder(tree: Path, encode: Encode) -> None:
    with pytest.raises(OutputError, match=r"a\.mp4: is a file, expected a folder"):
        encode(tree, tree / "a.mp4")
    with pytest.raises(OutputError, match="can't be made: Not a directory"):
        encode(tree, tree / "a.mp4" / "out")


def test_without_ray_there_is_a_way_to_get_it(
    tree: Path, encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingToolError, match=r"pip install 'mgv\[scale\]'"):
        encode(tree, engine="ray")


def test_a_cluster_that_is_not_there(tree: Path, encode: Encode) -> None:
    pytest.importorskip("ray", reason="needs pip install 'mgv[scale]'")
    with socket.socket() as bound:  # not listening, so nobody answers
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        for engine in (address, f"ray://{address}"):
            with pytest.raises(MissingToolError, match=f"no Ray cluster at {engine}: .*refused"):
                encode(tree, engine=engine)


@pytest.mark.slow
def test_ray_does_the_same(tree: Path, encode: Encode, tmp_path: Path) -> None:
    """On a cluster of this machine alone; starting it takes a quarter of a minute."""
    pytest.importorskip("ray", reason="needs pip install 'mgv[scale]'")
    here, there = tmp_path / "out", tmp_path / "ray"
    local = encode(tree)
    told: list[tuple[int, int, int]] = []
    remote = encode(tree, there, engine="ray", progress=lambda *count: told.append(count))
    assert statuses(remote) == statuses(local)
    assert told[-1] == (4, 4, 10)
    assert remote.of("failed") == local.of("failed")
    assert files_in(there) == files_in(here)
    for file in local.of("encoded"):
        assert file.target is not None
        assert (there / file.target).read_bytes() == (here / file.target).read_bytes()
    (tree / "sub" / "text.mp4").unlink()
    assert set(statuses(encode(tree, there, engine="ray")).values()) == {"kept"}
