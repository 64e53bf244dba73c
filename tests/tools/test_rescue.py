"""When something goes wrong: what verify says, what decode still gives, what repair saves, what is refused."""

import io
import json
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import mgv
from mgv.container import AudioPacket, Reader, TimedSegment
from mgv.tools.cli import run

pytestmark = pytest.mark.usefixtures("one_thread", "short_segments")
ClipMaker = Callable[..., Path]
COMMAND = [
    sys.executable,
    "-c",
    "from mgv.codec import segmenter; from mgv.tools.cli import main; "
    "segmenter.DEFAULT_SEGMENT_FRAMES = 33; main()",
]
FRAME = b"FRAME\n"


@pytest.fixture
def coded(make_clip: ClipMaker, tiny_model: Path, tmp_path: Path) -> Path:
    """Segments of 33, 33 and 14 frames, with audio."""
    path = tmp_path / "coded.mgv"
    mgv.encode(make_clip("clip.mp4", num_frames=80, with_audio=True), path, model=tiny_model, coder="raw")
    return path


def offsets(path: Path) -> list[int]:
    with path.open("rb") as file:
        return [entry.offset_bytes for entry in Reader(file).index().entries]


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_verify_says_which_segment_and_which_seconds(coded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flip(coded, offsets(coded)[1] + 150)
    assert run(["verify", str(coded)]) == 4
    out, err = capsys.readouterr()
    assert out.startswith(
        f"{coded}: segment 1, frames 33 to 65, 1.32 s to 2.64 s: the payload of chunk SEGM does not fit its CRC"
    )
    assert err.startswith(f"mgv: error: {coded}: damaged in ")
    assert err.count("\n") == 1
    assert run(["verify", str(coded), "--json"]) == 4
    damage = json.loads(capsys.readouterr().out)["damages"][0]
    expected = {
        "segment": 1,
        "first_frame": 33,
        "num_frames": 33,
        "start_seconds": 1.32,
        "end_seconds": 2.64,
    }
    assert expected.items() <= damage.items()


def test_verify_of_a_file_without_index_and_of_a_cut_one(
    coded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, starts = coded.read_bytes(), offsets(coded)
    flip(coded, whole.rindex(b"INDX") + 20)
    assert run(["verify", str(coded)]) == 4
    assert capsys.readouterr().out.startswith(f"{coded}: no segment is hit: the payload of chunk INDX")
    coded.write_bytes(whole[: starts[1] + 100])
    assert run(["verify", str(coded)]) == 4
    assert capsys.readouterr().out.startswith(f"{coded}: from segment 1, frame 33, 1.32 s on: the file ends")


def test_a_cut_file_goes_into_a_pipe_up_to_its_last_whole_segment(
    coded: Path, tiny_model: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    coded.write_bytes(coded.read_bytes()[: offsets(coded)[2] + 50])
    for options, code in (([], 4), (["--conceal"], 8)):
        assert run(["decode", str(coded), "-", "--model", str(tiny_model), *options]) == code
        out, err = capsysbinary.readouterr()
        assert out.count(FRAME) == 66
        assert err.startswith(b"mgv: error: " if code == 4 else b"mgv: warning: ")
        assert err.count(b"\n") == (1 if code == 4 else err.count(b"mgv: warning: "))


def test_repair_rebuilds_index_and_end_and_drops_what_is_damaged(
    coded: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Frames are numbered anew; times stay, so sound still fits picture."""
    whole, mended = coded.read_bytes(), tmp_path / "mended.mgv"
    flip(coded, offsets(coded)[1] + 20)  # in its table, so that none of its layers can be kept
    flip(coded, whole.rindex(b"INDX") + 20)
    assert run(["repair", str(coded), str(mended)]) == 8
    out, err = capsys.readouterr()
    assert out.startswith(f"{mended}: 2 segments, 47 frames, ")
    assert all(line.startswith("mgv: warning: ") for line in err.splitlines())
    assert run(["verify", str(mended)]) == 0
    with mgv.open(mended, model=tiny_model) as video:
        assert [round(frame.seconds * 25) for frame in video.frames()] == [*range(33), *range(66, 80)]
    packets = [
        [event for event in Reader(io.BytesIO(data)).events() if isinstance(event, AudioPacket)]
        for data in (whole, mended.read_bytes())
    ]
    assert packets[0] == packets[1] != []


def make_other(folder: Path, target: Path) -> str:
    """Save the same tokenizer with other weights; give their hash."""
    from mgv.tokenizer import load_tokenizer, save_tokenizer

    tokenizer = load_tokenizer(folder)
    tokenizer.decoder.scale.mul_(2)
    save_tokenizer(tokenizer, target, {})
    return tokenizer.sha256


def test_other_weights_are_refused_and_both_named(
    coded: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, target = tmp_path / "other", tmp_path / "out.mkv"
    sha256, other_sha256 = mgv.load_tokenizer(tiny_model).sha256, make_other(tiny_model, other)
    for command in (["decode", str(coded), str(target)], ["tokens", str(coded), str(tmp_path / "out.npz")]):
        assert run([*command, "--model", str(other)]) == 5
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert re.search(
            rf"tiny \(SHA-256 {sha256[:16]}\).*tiny \(SHA-256 {other_sha256[:16]}\).*--model", err
        )
        assert run(command) == 5  # no model of that name comes with the package
        assert re.search(rf"tiny \(SHA-256 {sha256[:16]}\).*--model", capsys.readouterr().err)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "coded.mgv", "other"]


def test_the_tokenizer_named_in_a_file_is_never_a_path(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a file from a stranger could have any folder opened."""
    coded = tmp_path / "coded.mgv"
    mgv.encode(make_clip(num_frames=2), coded, model=tiny_model, coder="raw")
    shutil.copytree(tiny_model, tmp_path / "tiny")
    monkeypatch.chdir(tmp_path)
    assert run(["decode", "coded.mgv", "out.mkv"]) == 5


def test_other_tables_of_the_coder_are_refused_and_both_named(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from mgv.codec.entropy.adaptive_tables import default_tables, save_tables

    coded, clip = tmp_path / "coded.mgv", make_clip(num_frames=2)
    folders = [tmp_path / "one", tmp_path / "two"]
    for number, folder in enumerate(folders):
        shutil.copytree(tiny_model, folder)
        tables = default_tables()
        tables.weights[0, 0] += number + 1
        save_tables(tables, folder / "adaptive.safetensors")
    mgv.encode(clip, coded, model=folders[0])
    with coded.open("rb") as file:
        sha256 = Reader(file).header.coder_sha256.hex()
    for folder, found in ((folders[1], "[0-9a-f]{16}"), (tiny_model, "none")):
        assert run(["decode", str(coded), str(tmp_path / "out.mkv"), "--model", str(folder)]) == 5
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert re.search(rf"adaptive \(SHA-256 {sha256[:16]}\).*adaptive \(SHA-256 {found}\).*--model", err)
    assert run(["decode", str(coded), str(tmp_path / "out.mkv"), "--model", str(folders[0])]) == 0


@contextmanager
def no_file_above(num_bytes: int) -> Iterator[None]:
    """Let writes fail beyond a size, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("command", ["encode", "decode", "repair", "thin", "tokens"])
def test_a_disk_that_fills_up_in_the_middle(
    command: str, coded: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ["--model", str(tiny_model)]
    arguments = {
        "encode": [tmp_path / "clip.mp4", tmp_path / "out.mgv", *model],
        "decode": [coded, tmp_path / "out.mkv", *model],
        "repair": [coded, tmp_path / "out.mgv"],
        "thin": [coded, tmp_path / "out.mgv", "--layers", "2"],
        "tokens": [coded, tmp_path / "out.npz", *model],
    }[command]
    with no_file_above(3000):
        assert run([command, *map(str, arguments)]) == 7
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "can't be written" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "coded.mgv"]


def test_names_and_titles_cannot_command_the_terminal(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "red \x1b[31m\n\udcff.mgv"
    assert run(["encode", str(make_clip(num_frames=1)), str(path), "--model", str(tiny_model)]) == 0
    assert run(["verify", str(path)]) == 0
    assert run(["verify", f"{path}.not"]) == 3
    out, err = capsys.readouterr()
    assert (out.count("\n"), err.count("\n")) == (2, 1)
    assert "\x1b" not in out + err
    assert r"red \x1b[31m\n\udcff.mgv: whole" in out


def test_what_a_killed_run_had_finished_can_be_saved(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = make_clip("clip.mkv", num_frames=120, with_audio=True)
    whole, target = tmp_path / "whole.mgv", tmp_path / "out.mgv"
    part, saved = tmp_path / "out.mgv.part", target
    options = ["--coder", "raw", "--model", str(tiny_model)]
    assert run(["encode", str(clip), str(whole), *options]) == 0
    starts, data = offsets(whole), clip.read_bytes()
    with subprocess.Popen([*COMMAND, "encode", "-", str(target), *options], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(data[: len(data) * 9 // 10])  # the end never comes, so the run can't finish
        process.stdin.flush()
        for _ in range(10_000):  # far more than it takes
            if process.poll() is not None or (part.exists() and part.stat().st_size >= starts[2]):
                break
            time.sleep(0.01)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not target.exists()
    left = part.read_bytes()
    assert left == whole.read_bytes()[: len(left)]
    capsys.readouterr()

    assert run(["encode", str(clip), str(target), *options]) == 7  # it would overwrite the only copy
    assert f"{part}: holds what an unfinished run made" in capsys.readouterr().err
    assert part.read_bytes() == left

    assert run(["repair", str(part), str(saved)]) == 8
    assert part.read_bytes() == left
    assert run(["verify", str(saved)]) == 0
    events = [list(Reader(io.BytesIO(path.read_bytes())).events()) for path in (whole, saved)]
    assert events[1] == events[0][: len(events[1])]
    with mgv.open(whole, model=tiny_model) as before, mgv.open(saved, model=tiny_model) as after:
        assert 2 <= after.num_segments < before.num_segments
        for number in range(after.num_segments):
            np.testing.assert_array_equal(after.tokens(number).ids, before.tokens(number).ids)
    places = [place for place, event in enumerate(events[0]) if isinstance(event, TimedSegment)]
    assert len(events[1]) >= places[2] > 3  # the audio of the first two is there too

    target.unlink()
    assert run(["encode", str(clip), str(target), "--force", *options]) == 0
    assert target.read_bytes() == whole.read_bytes()
    assert not part.exists()


def test_looking_and_mending_load_no_network(coded: Path, tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from mgv.tools.cli import run\n"
        "source, folder = sys.argv[1:]\n"
        "assert run(['thin', source, folder + '/thin.mgv', '--layers', '1']) == 0\n"
        "assert run(['repair', source, folder + '/repaired.mgv']) == 0\n"
        "assert run(['verify', source]) == run(['info', source]) == 0\n"
        "print(sorted({'torch', 'av', 'numba', 'mgv.tokenizer'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(coded), str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("\n[]\n")
