"""`mgv train int8`, `mgv decode --engine` and `mgv bench-decode`: made, chosen, refused, measured."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import mgv
from mgv.tokenizer import load_tokenizer, save_tokenizer
from mgv.tokenizer.int8_engine import INT8_NAME
from mgv.tools.cli import run

pytestmark = pytest.mark.usefixtures("short_segments", "one_thread")


@pytest.fixture
def model(tmp_path: Path, tiny_model: Path) -> Path:
    return shutil.copytree(tiny_model, tmp_path / "model")


@pytest.fixture
def clip(make_clip: Callable[..., Path]) -> Path:
    return make_clip(num_frames=40)


@pytest.fixture
def shards(tmp_path: Path, clip: Path) -> Path:
    folder = tmp_path / "shards"
    assert run(["train", "prepare", str(clip), "-o", str(folder)]) == 0
    return folder


@pytest.fixture
def coded(tmp_path: Path, clip: Path, model: Path) -> Path:
    target = tmp_path / "clip.mgv"
    mgv.encode(clip, target, model=model, coder="raw")
    return target


def decode(capsys: pytest.CaptureFixture[str], coded: Path, model: Path, *options: str) -> dict[str, object]:
    capsys.readouterr()
    target = coded.with_suffix(".y4m")
    assert run(["decode", str(coded), str(target), "--model", str(model), "--json", "--force", *options]) == 0
    report: dict[str, object] = json.loads(capsys.readouterr().out)
    return {**report, "frames": np.frombuffer(target.read_bytes()[-40 * (6 + 3 * 64 * 48) :], np.uint8)}


def test_it_is_made_and_then_the_default(
    shards: Path, coded: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = decode(capsys, coded, model)
    assert before["engine"] == "torch"
    assert run(["train", "int8", str(model), str(shards)]) == 0
    assert f"{INT8_NAME}: " in capsys.readouterr().out
    after, asked = decode(capsys, coded, model), decode(capsys, coded, model, "--engine", "torch")
    assert (after["engine"], asked["engine"]) == ("int8", "torch")
    assert after["num_frames"] == 40
    np.testing.assert_array_equal(asked["frames"], before["frames"])
    assert np.abs(after["frames"].astype(int) - before["frames"]).max() <= 3  # it starts at a zero residual
    with mgv.open(coded, model=model) as one, mgv.open(coded, model=model, engine="torch") as other:
        pairs = zip(one.frames(), other.frames(), strict=True)
        assert max(int(np.abs(a.rgb.astype(int) - b.rgb).max()) for a, b in pairs) <= 3


def test_trained_on_it_is_left_alone(
    shards: Path, coded: Path, clip: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", "int8", str(model), str(shards)]) == 0
    tokenizer = load_tokenizer(model)
    tokenizer.decoder.scale.mul_(1.5)
    save_tokenizer(tokenizer, model, {})
    mgv.encode(clip, coded, model=model, coder="raw", force=True)
    assert decode(capsys, coded, model)["engine"] == "torch"
    assert run(["decode", str(coded), str(tmp_path / "a.y4m"), "--model", str(model)]) == 0
    warning = capsys.readouterr().err
    assert "decoded in float32, which is slower" in warning
    assert "make it anew with `mgv train int8`" in warning
    command = ["decode", str(coded), str(tmp_path / "b.y4m"), "--model", str(model), "--engine", "int8"]
    assert run(command) == 5
    assert "was made of the weights" in capsys.readouterr().err
    assert not (tmp_path / "b.y4m").exists()


def test_asked_for_where_there_is_none(coded: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["decode", str(coded), "-", "--model", str(model), "--engine", "int8"]) == 5
    assert "make it with `mgv train int8`" in capsys.readouterr().err
    with pytest.raises(ValueError, match="engine is 'gpu', expected torch or int8"):
        mgv.decode(coded, coded.with_suffix(".y4m"), model=model, engine="gpu")


def test_without_onnx_none_is_made(
    shards: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mgv.tools.train.find_spec", lambda name: None)
    assert run(["train", "int8", str(model), str(shards)]) == 6
    assert "pip install 'mgv[export]'" in capsys.readouterr().err
    assert not (model / INT8_NAME).exists()


def test_what_both_engines_cost(
    shards: Path, clip: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", "int8", str(model), str(shards)]) == 0
    capsys.readouterr()
    assert run(["bench-decode", str(clip), "-q", "2", "--model", str(model)]) == 0
    rows = [[cell.strip() for cell in row.split("|")] for row in capsys.readouterr().out.splitlines()]
    assert [row[5] for row in rows[2:]] == ["torch", "int8"] * 2
    assert all(float(value) > 0 for row in rows[2:] for value in row[6:10])
    exact, rounded = (float(row[12]) for row in rows[2:4])
    assert exact > 20
    assert abs(exact - rounded) < 0.2
