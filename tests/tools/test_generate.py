"""`mgv generate` and `mgv decode --conceal-with`, with a generator that copies."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes import CopyingFiller

import mgv
from mgv.container import Reader
from mgv.generator.tasks import TASKS
from mgv.tokenizer import load_tokenizer
from mgv.tools import generate
from mgv.tools.cli import run
from mgv.tools.inspect import describe_generated

pytestmark = pytest.mark.usefixtures("short_segments")
ClipMaker = Callable[..., Path]
Fails = Callable[..., str]


@pytest.fixture
def coded(make_clip: ClipMaker, tiny_model: Path, tmp_path: Path) -> Path:
    """Segments of 33 and 7 frames, with audio."""
    path = tmp_path / "coded.mgv"
    mgv.encode(make_clip("clip.mp4", num_frames=40, with_audio=True), path, model=tiny_model, coder="raw")
    return path


@pytest.fixture
def filler(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> CopyingFiller:
    """Stands in for every generator that is asked for."""
    made = CopyingFiller(load_tokenizer(tiny_model).sha256, (10, 20))
    monkeypatch.setattr("mgv.tools.generation.open_generator", lambda name: made)
    return made


@pytest.fixture
def fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Fails:
    """Run a command that must fail with one line, and leave nothing behind."""

    def check(code: int, *arguments: object) -> str:
        before = sorted(tmp_path.iterdir())
        assert run([str(argument) for argument in arguments]) == code
        out, err = capsys.readouterr()
        assert sorted(tmp_path.iterdir()) == before
        assert out == ""
        assert err.startswith("mgv: error: ")
        assert err.count("\n") == 1
        return err

    return check


COMMANDS = [
    (["predict", "--frames", "9"], 49),
    (["interpolate", "--start", "0.5", "--duration", "0.3"], 40),
    (["inpaint", "--box", "10,10,20,20", "--start", "0.5"], 40),
    (["outpaint", "--side", "left", "--side", "top", "--pixels", "9"], 40),
    (["outpaint", "--side", "right", "--columns", "1"], 40),
    (["task", "FP"], 40),
    (["--task", "OPC"], 40),
]


@pytest.mark.parametrize(("command", "num_frames"), COMMANDS, ids=lambda value: str(value))
def test_commands_make_whole_files(
    coded: Path,
    filler: CopyingFiller,
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    num_frames: int,
) -> None:
    out, again = tmp_path / "out.mgv", tmp_path / "again.mgv"
    model = ["--model", str(tiny_model), "--seed", "5", "--steps", "3", "--label", "cat"]
    for target in (out, again):
        assert run(["generate", *command, str(coded), str(target), *model]) == 0
        report, err = capsys.readouterr()
        assert err == ""
        assert report.startswith(f"{target}: {num_frames} frames, {target.stat().st_size} bytes; ")
    assert out.read_bytes() == again.read_bytes()
    assert run(["verify", str(out)]) == 0
    assert run(["info", str(out)]) == 0
    text = capsys.readouterr().out
    assert "; by copying (SHA-256 c0c0c0c0c0c0c0c0), seed 5, label cat" in text
    assert "aac, 16000 Hz" in text
    assert {(sampling.steps, label) for *_, label, sampling in filler.asked} == {(3, "cat")}
    assert mgv.decode(out, io.BytesIO(), model=tiny_model).num_frames == num_frames


def test_facts_come_as_json(
    coded: Path,
    filler: CopyingFiller,
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out.mgv"
    options = ["--model", str(tiny_model), "--json", "--temperature", "0", "--token-temperature", "0.5"]
    assert run(["generate", "predict", str(coded), str(out), *options]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["num_frames"], facts["num_segments"], facts["seed"]) == (53, 3, 0)
    assert facts["num_generated_tokens"] == (1 + 4) * 6 * 8
    assert facts["sampling"]["choice_temperature"] == 0
    assert facts["sampling"]["token_temperature"] == 0.5
    assert run(["info", str(out), "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["metadata"]["generated"]
    assert entry["sampling"] == facts["sampling"]
    assert entry["regions"] == [{"first_frame": 38, "num_frames": 15, "box": None}]


def test_a_class_makes_a_video(
    filler: CopyingFiller, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mgv"
    options = [
        "--model",
        str(tiny_model),
        "--label",
        "dog",
        "--size",
        "40x30",
        "--frames",
        "6",
        "--rate",
        "10",
    ]
    assert run(["generate", "class", str(out), *options]) == 0
    assert run(["verify", str(out)]) == 0
    capsys.readouterr()
    assert run(["info", str(out)]) == 0
    text = capsys.readouterr().out
    assert "picture    40x30" in text
    assert "6 frames, 0.600 s, 10.000 frames/s, constant rate" in text
    assert "class: frames 0 to 5; by copying" in text


def test_a_text_makes_a_video(
    filler: CopyingFiller,
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[object] = []

    def load(*arguments: object) -> CopyingFiller:
        seen.extend(arguments)
        return filler

    monkeypatch.setattr("mgv.generator.prefix_lm.filler.load_for_text", load)
    out = tmp_path / "out.mgv"
    folders = ["--generator", "lm", "--text-encoder", "t5", "--model", str(tiny_model)]
    options = [*folders, "--size", "16x16", "--frames", "1", "--guidance", "2"]
    assert run(["generate", "text", str(out), "--prompt", "a dog", *options]) == 0
    assert seen == ["lm", "a dog", Path("t5")]
    (entry,) = Reader(io.BytesIO(out.read_bytes())).metadata["generated"]
    assert (entry["task"], entry["prompt"]) == ("text", "a dog")


def test_pipes(
    coded: Path,
    filler: CopyingFiller,
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    received, target = io.BytesIO(), tmp_path / "out.mgv"
    options = ["--model", str(tiny_model)]
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", SimpleNamespace(buffer=Pipe(coded.read_bytes())))
        stdout = SimpleNamespace(buffer=received, isatty=lambda: False, flush=lambda: None)
        patch.setattr(sys, "stdout", stdout)
        assert run(["generate", "predict", "-", "-", *options]) == 0
    assert run(["generate", "predict", str(coded), str(target), *options]) == 0
    assert received.getvalue() == target.read_bytes()


class TestRefusals:
    def test_a_generator_that_is_not_there(self, coded: Path, tmp_path: Path, fails: Fails) -> None:
        arguments = [coded, tmp_path / "out.mgv", "--generator", tmp_path / "nowhere"]
        assert "is no generator" in fails(5, "generate", "predict", *arguments)

    def test_a_file_of_another_tokenizer(
        self, coded: Path, filler: CopyingFiller, tiny_model: Path, tmp_path: Path, fails: Fails
    ) -> None:
        filler.tokenizer_sha256 = "ab" * 32
        arguments = [coded, tmp_path / "out.mgv", "--model", tiny_model]
        assert "was trained for those of SHA-256 abab" in fails(5, "generate", "predict", *arguments)
        decoding = [
            "decode",
            coded,
            tmp_path / "out.mkv",
            "--model",
            tiny_model,
            "--conceal-with",
            "generate",
        ]
        assert "was trained for those of SHA-256 abab" in fails(5, *decoding)

    def test_a_bit_depth_that_was_not_learnt(
        self, coded: Path, filler: CopyingFiller, tiny_model: Path, tmp_path: Path, fails: Fails
    ) -> None:
        filler.bit_depths = (10,)
        arguments = [coded, tmp_path / "out.mgv", "--model", tiny_model]
        for command in (["predict"], ["task", "FP"], ["outpaint", "--side", "left", "--columns", "1"]):
            assert "tokens of 20 bits" in fails(5, "generate", *command, *arguments)

    def test_a_foreign_label(
        self, coded: Path, filler: CopyingFiller, tiny_model: Path, tmp_path: Path, fails: Fails
    ) -> None:
        arguments = [coded, tmp_path / "out.mgv", "--model", tiny_model, "--label", "horse"]
        assert "knows cat, dog" in fails(2, "generate", "predict", *arguments)

    @pytest.mark.parametrize("options", [[], ["--text-encoder", "somewhere"]])
    def test_a_text_without_what_reads_it(self, tmp_path: Path, fails: Fails, options: list[str]) -> None:
        line = fails(6, "generate", "text", tmp_path / "out.mgv", "--prompt", "a dog", *options)
        assert "needs a text encoder and a prefix language model" in line

    @pytest.mark.parametrize(
        "arguments",
        [
            ["inpaint", "IN", "OUT", "--box", "1,2,3"],
            ["inpaint", "IN", "OUT", "--box", "60,0,10,1"],
            ["outpaint", "IN", "OUT", "--side", "left"],
            ["outpaint", "IN", "OUT", "--side", "left", "--pixels", "1", "--columns", "1"],
            ["--task", "XX", "IN", "OUT"],
            ["interpolate", "IN", "OUT", "--start", "7", "--duration", "1"],
            ["interpolate", "IN", "OUT", "--start", "0", "--duration", "7"],
            ["class", "OUT", "--size", "40x"],
            ["class", "OUT", "--size", "0x0"],
            ["class", "OUT", "--size", "64x0"],
            ["class", "OUT", "--rate", "nan"],
            ["predict", "IN", "OUT", "--temperature", "nan"],
            ["predict", "IN", "OUT", "--token-temperature", "inf"],
            ["interpolate", "IN", "OUT", "--start", "nan", "--duration", "1"],
            ["predict", "IN", "OUT", "--guidance", "1"],
        ],
        ids=" ".join,
    )
    def test_a_wrong_command_line(
        self,
        coded: Path,
        filler: CopyingFiller,
        tiny_model: Path,
        tmp_path: Path,
        fails: Fails,
        arguments: list[str],
    ) -> None:
        names = {"IN": str(coded), "OUT": str(tmp_path / "out.mgv")}
        fails(2, "generate", *(names.get(each, each) for each in arguments), "--model", tiny_model)

    def test_a_damaged_file(
        self, coded: Path, filler: CopyingFiller, tiny_model: Path, tmp_path: Path, fails: Fails
    ) -> None:
        damage(coded, 0)
        arguments = [coded, tmp_path / "out.mgv", "--model", tiny_model]
        assert "CRC" in fails(4, "generate", "predict", *arguments)

    def test_a_target_that_is_there_before_anything_is_made(
        self, coded: Path, filler: CopyingFiller, tiny_model: Path, tmp_path: Path, fails: Fails
    ) -> None:
        (tmp_path / "out.mgv").touch()
        arguments = [coded, tmp_path / "out.mgv", "--model", tiny_model]
        assert "--force" in fails(7, "generate", "predict", *arguments)
        assert not filler.asked


def damage(path: Path, segment: int) -> None:
    data = bytearray(path.read_bytes())
    offset = Reader(io.BytesIO(bytes(data))).index().entries[segment].offset_bytes
    data[offset + 60 : offset + 100] = bytes(40)
    path.write_bytes(data)


def test_lost_segments_are_generated(
    coded: Path,
    filler: CopyingFiller,
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(coded, 1)
    target, model = tmp_path / "out.mkv", ["--model", str(tiny_model)]
    assert run(["decode", str(coded), str(target), "--conceal-with", "generate", *model, "--json"]) == 8
    facts = json.loads(capsys.readouterr().out)
    assert (facts["num_frames"], facts["num_concealed"]) == (40, 7)
    assert {task for _, _, task, *_ in filler.asked} == {"FP"}
    filler.asked.clear()
    assert run(["decode", str(coded), str(target), "--conceal-with", "freeze", *model, "--force"]) == 8
    assert ", 7 of them concealed" in capsys.readouterr().out
    assert not filler.asked


@pytest.mark.parametrize("entries", [7, "x", [[]], [{"task": 1}], [{"regions": [3], "label": None}], {}])
def test_what_others_wrote_under_that_name_is_shown_as_it_is(entries: object) -> None:
    expected = entries if isinstance(entries, list) else [entries]
    assert describe_generated(entries) == [str(each) for each in expected]


def test_a_generator_goes_with_generating(coded: Path, tmp_path: Path, fails: Fails) -> None:
    for option in ("--generator", "--seed"):
        assert f"{option} goes with" in fails(2, "decode", coded, tmp_path / "out.mkv", option, "3")


def test_the_tasks_are_those_that_there_are() -> None:
    assert tuple(TASKS) == generate.TASKS


@pytest.mark.parametrize("name", sorted(generate.generate.commands))
def test_each_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["generate", name, "--help"]) == 0
    assert f"Usage: mgv generate {name}" in capsys.readouterr().out
