"""`mgv eval generation` and `mgv bench-generation` on the command line."""

import json
from pathlib import Path

import pytest

import mgv
from mgv.tools.cli import run

Output = pytest.CaptureFixture[str]


@pytest.fixture
def folders(make_clip, tmp_path: Path, tiny_model: Path) -> dict[str, str]:
    """A folder of tokens to fit on and to measure on, and a tiny untrained generator for them."""
    import torch

    from mgv.generator.card import save_generator
    from mgv.generator.masked.config import SIZES, MaskedConfig
    from mgv.generator.masked.transformer import MaskedTransformer
    from mgv.tokenizer import load_tokenizer

    (tmp_path / "tokens").mkdir()
    for name, num_frames in (("one", 9), ("two", 12)):
        clip = make_clip(f"{name}.mkv", num_frames=num_frames)
        mgv.encode(clip, tmp_path / "tokens" / f"{name}.mgv", model=tiny_model, coder="raw")
    tokenizer = load_tokenizer(tiny_model)
    torch.manual_seed(0)
    config = MaskedConfig(**SIZES["tiny"], window=(3, 6, 6), bit_depths=tokenizer.config.bit_depths)
    card = {"kind": "masked", "generator": config.to_dict(), "tokenizer": "tiny"}
    save_generator(
        MaskedTransformer(config), tmp_path / "generator", {**card, "tokenizer_sha256": tokenizer.sha256}
    )
    tokens = str(tmp_path / "tokens")
    return {
        "--generator": str(tmp_path / "generator"),
        "--train": tokens,
        "--valid": tokens,
        "--model": str(tiny_model),
    }


def options(folders: dict[str, str], **changes: str) -> list[str]:
    values = {**folders, **{f"--{name}": value for name, value in changes.items()}}
    return [word for pair in values.items() for word in pair]


def test_table_json_and_sheet(folders: dict[str, str], tmp_path: Path, capsys: Output) -> None:
    report = tmp_path / "report"
    few = ["--windows", "3", "--filled", "2", "--steps", "2", "--sheet-clip", "two", "-o", str(report)]
    assert run(["eval", "generation", *options(folders), *few]) == 0
    table = capsys.readouterr().out
    assert table == (report / "generation.md").read_text("utf-8")
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")][2:]
    assert rows == ["FP", "FI", "OPC", "OPV", "OPH", "OPD", "IPC", "IPD", "CG", "CFP"]
    assert (report / "contact-sheet.png").stat().st_size > 1000
    facts = json.loads((report / "generation.json").read_text("utf-8"))
    by_task = {row["task"]: row for row in facts["results"]}
    assert [one["name"] for one in by_task["FP"]["bits"]["against"]] == ["copy", "frequencies"]
    bits = by_task["FP"]["bits"]
    assert bits["ours"]["mean"] == pytest.approx(20, abs=0.1)  # it never learned anything
    assert bits["beats_all"] is all(one["gain"]["mean"] > 0 for one in bits["against"])
    assert [one["name"] for one in by_task["CG"]["bits"]["against"]] == ["frequencies"]
    assert by_task["CG"]["psnr_db"] is None
    assert (facts["num_windows"], facts["num_filled"], facts["num_clips"]) == (3, 2, 2)


def test_json_repeats_itself(folders: dict[str, str], capsys: Output) -> None:
    few = ["--windows", "2", "--steps", "2", "--tasks", "FP,IPC", "--json"]
    assert run(["eval", "generation", *options(folders), *few]) == 0
    first = capsys.readouterr().out
    assert [row["task"] for row in json.loads(first)["results"]] == ["FP", "IPC"]
    assert run(["eval", "generation", *options(folders), *few]) == 0
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(
    ("changes", "more", "code", "words"),
    [
        ({"generator": "nowhere"}, [], 5, "nowhere is no generator"),
        ({"valid": "nowhere"}, [], 2, "'nowhere' does not exist"),
        ({"model": "mgv-s"}, [], 5, "the generator knows tokens of the tokenizer"),
        ({"tasks": "FP,XX"}, [], 2, "'XX' is none, expected some of FP"),
        ({"sheet-clip": "three"}, [], 2, "'three' is in no name of the clips measured (one, two)"),
        ({"squeezenet-weights": __file__}, [], 5, "cannot be read as .npz"),
    ],
)
def test_failures_are_one_line(
    folders: dict[str, str], changes: dict[str, str], more: list[str], code: int, words: str, capsys: Output
) -> None:
    assert run(["eval", "generation", *options(folders, **changes), *more]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err
    assert captured.err.count("\n") == 1


def test_a_folder_without_tokens(folders: dict[str, str], tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "empty").mkdir()
    assert run(["eval", "generation", *options(folders, train=str(tmp_path / "empty"))]) == 2
    assert "there is no .mgv file in it" in capsys.readouterr().err


@pytest.fixture
def prefix_lm(folders: dict[str, str], tmp_path: Path) -> str:
    """Folder of a tiny untrained prefix language model for the same windows."""
    from mgv.generator.card import save_generator
    from mgv.generator.prefix_lm.config import SIZES, PrefixConfig
    from mgv.generator.prefix_lm.model import PrefixLM
    from mgv.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(folders["--model"])
    config = PrefixConfig(**SIZES["tiny"], window=(3, 6, 6), bit_depths=tokenizer.config.bit_depths)
    card = {"kind": "prefix-lm", "generator": config.to_dict(), "tokenizer": "tiny"}
    save_generator(PrefixLM(config), tmp_path / "prefix", {**card, "tokenizer_sha256": tokenizer.sha256})
    return str(tmp_path / "prefix")


def test_a_prefix_lm_is_measured_in_pixels_only(
    folders: dict[str, str], prefix_lm: str, capsys: Output
) -> None:
    few = ["--windows", "2", "--filled", "1", "--tasks", "FP", "--json"]
    assert run(["eval", "generation", *options(folders, generator=prefix_lm), *few]) == 0
    (row,) = json.loads(capsys.readouterr().out)["results"]
    assert row["bits"] is None  # it predicts one after the other
    assert row["psnr_db"]["ours"]["mean"] > 0
    assert row["frechet"] is None  # of a single window


def test_bench_of_ways_to_generate(folders: dict[str, str], prefix_lm: str, capsys: Output) -> None:
    folders.pop("--train")
    few = ["--windows", "2", "--slow-windows", "1", "--steps", "1", "--steps", "3"]
    assert run(["bench-generation", *options(folders), *few, "--against", prefix_lm, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [row["method"] for row in facts["methods"]] == [
        "masked, 1 step",
        "masked, 3 steps",
        "masked, one token a pass",
        "prefix",
    ]
    passes = [row["num_passes"] for row in facts["methods"]]
    assert passes[:3] == [2, 6, 72]
    assert passes[3] >= 72  # one for each token, and for what stands between
    assert [row["num_tokens"] for row in facts["methods"]] == [144, 144, 72, 72]
    assert facts["threads"] == 1
    assert run(["bench-generation", *options(folders), *few[:2], "--slow-windows", "0", "--steps", "2"]) == 0
    assert capsys.readouterr().out.count("| masked") == 1


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"task": "XX"}, 2, "'XX' is none, expected one of FP"),
        ({"against": "nowhere"}, 5, "nowhere is no generator"),
        ({"model": "mgv-s"}, 5, "the generator knows tokens of the tokenizer"),
    ],
)
def test_failures_of_the_bench(
    folders: dict[str, str], changes: dict[str, str], code: int, words: str, capsys: Output
) -> None:
    folders.pop("--train")
    assert run(["bench-generation", *options(folders, **changes)]) == code
    assert words in capsys.readouterr().err


def test_a_bench_of_what_does_not_fit(folders: dict[str, str], prefix_lm: str, capsys: Output) -> None:
    folders.pop("--train")
    assert run(["bench-generation", *options(folders, generator=prefix_lm)]) == 2
    assert "does no masked decoding; give it with --against" in capsys.readouterr().err
