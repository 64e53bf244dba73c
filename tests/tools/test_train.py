"""`mgv train`: from videos to a model that encodes, by the commands alone."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mgv.codec.entropy import CODER_NAMES
from mgv.codec.entropy.prior_parameters import load_prior
from mgv.container import Reader
from mgv.tokenizer.shards import open_shards
from mgv.tools.cli import run

RUN = """
video_shards = ["{shards}"]
image_shards = []
validation_shards = ["{shards}"]
transform = "model"
validate_every = 3

[tokenizer]
name = "tiny"
kind = "mgv-s"
strides = [4, 8, 8]
dimension_bits = [4, 2]
plane_dimensions = [0, 0, 1, 0, 1, 0]
bit_depths = [3, 6]

[tokenizer.network]
encoder_quarter_width = 4
encoder_width = 4
num_encoder_blocks = 1
decoder_width = 4
num_decoder_blocks = 1
decoder_quarter_width = 4
num_decoder_quarter_blocks = 1

[[phases]]
kind = "video"
steps = 3
batch_size = 1
crop = 32
num_frames = 5
"""


@pytest.fixture
def shards(tmp_path: Path, make_clip: Callable[..., Path]) -> Path:
    make_clip("a.mkv")
    make_clip("b.mkv", num_frames=1)
    (tmp_path / "c.mp4").write_text("no video")
    assert run(["train", "prepare", str(tmp_path), "-o", str(tmp_path / "shards")]) == 3
    return tmp_path / "shards"


def test_what_cannot_be_read_is_named_and_the_rest_prepared(
    shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [(shard.source, shard.num_frames) for shard in open_shards(shards)] == [
        ("a.mkv", 12),
        ("b.mkv", 1),
    ]
    assert run(["train", "prepare", str(shards.parent), "-o", str(shards)]) == 3
    message = capsys.readouterr().err
    assert "c.mp4" in message
    assert "1 of 3" in message


def test_a_trained_model_encodes(shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, out = tmp_path / "run.toml", tmp_path / "run"
    config.write_text(RUN.format(shards=shards))
    assert run(["train", "tokenizer", str(config), "-o", str(out), "--workers", "0"]) == 0
    assert "finished" in capsys.readouterr().out
    assert run(["train", "adaptive", str(out / "model"), str(shards), "--segments", "1"]) == 0
    assert (out / "model" / "adaptive.safetensors").is_file()
    coded = tmp_path / "a.mgv"
    assert run(["encode", str(tmp_path / "a.mkv"), str(coded), "--model", str(out / "model")]) == 0
    assert run(["decode", str(coded), str(tmp_path / "a.y4m"), "--model", str(out / "model")]) == 0


@pytest.mark.usefixtures("one_thread")
def test_a_prior_is_trained_and_then_the_default(
    shards: Path, tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    train = ["train", "prior", str(model), str(shards), "--segments", "1", "--steps", "2"]
    assert run(train) == 2
    assert "none is left to train on" in capsys.readouterr().err
    coders = []
    for _ in range(2):
        coded = tmp_path / f"{len(coders)}.mgv"
        assert run(["encode", str(tmp_path / "a.mkv"), str(coded), "--model", str(model)]) == 0
        with coded.open("rb") as file:
            coders.append(Reader(file).header.coder)
        assert run([*train, "--held-out", "0"]) == 0
    assert [CODER_NAMES[coder] for coder in coders] == ["adaptive", "prior"]
    y4m = tmp_path / "a.y4m"
    assert run(["decode", str(tmp_path / "1.mgv"), str(y4m), "--model", str(model)]) == 0

    before = load_prior(model / "prior.safetensors")
    assert run([*train[:4], "--segments", "1", "--keep-networks"]) == 0
    after = load_prior(model / "prior.safetensors")
    assert np.array_equal(before.networks[0].first, after.networks[0].first)
    (model / "prior.safetensors").unlink()
    capsys.readouterr()
    assert run([*train[:4], "--keep-networks"]) == 2
    assert "there are no networks to keep" in capsys.readouterr().err


def test_a_wrong_config_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "run.toml"
    config.write_text("colour = 1\n")
    assert run(["train", "tokenizer", str(config), "-o", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert "run.toml" in error
    assert "colour" in error
    assert not (tmp_path / "run").exists()


def test_a_part_that_a_model_has_not_is_one_line(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, out = tmp_path / "run.toml", tmp_path / "out"
    config.write_text(
        RUN.format(shards=shards).replace("steps = 3", 'steps = 3\nparts = ["decoder.outer_in"]', 1)
    )
    capsys.readouterr()
    assert run(["train", "tokenizer", str(config), "-o", str(out), "--workers", "0"]) == 2
    assert capsys.readouterr().err == "mgv: error: tiny has no part decoder.outer_in to train\n"
    assert not out.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('\nvideo_shards = ["{shards}', '\nvideo_shards = ["nowhere'), "nowhere holds no index.json"),
        (('validation_shards = ["', 'validation_shards = ["no'), "holds no index.json"),
        (("num_frames = 5", "num_frames = 99"), "has 99 frames of at least 32x32"),
        (('"model"', '"klt"'), "to fit a transform on"),
    ],
)
def test_shards_that_cannot_be_trained_on(
    change: tuple[str, str], message: str, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, out = tmp_path / "run.toml", tmp_path / "out"
    config.write_text(RUN.replace(*change).format(shards=shards))
    capsys.readouterr()
    assert run(["train", "tokenizer", str(config), "-o", str(out), "--workers", "0"]) == 3
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert message in error
    assert not out.exists()


@pytest.mark.parametrize("command", ["adaptive", "prior"])
def test_an_empty_folder_holds_no_shards(
    command: str, tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", command, str(tiny_model), str(tmp_path)]) == 3
    assert "holds no index.json; make it with `mgv train prepare`" in capsys.readouterr().err


def test_a_folder_without_media_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "prepare", str(tmp_path), "-o", str(tmp_path / "shards")]) == 2
    assert "no video" in capsys.readouterr().err
