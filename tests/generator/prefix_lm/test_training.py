"""A training run of the prefix LM from its TOML to a filler of windows."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

import mgv
from mgv.codec import MissingToolError
from mgv.generator.errors import DataError
from mgv.generator.prefix_lm.config import SIZES, PrefixConfig
from mgv.generator.prefix_lm.filler import PrefixFiller
from mgv.generator.prefix_lm.multitask import SequenceMixture
from mgv.generator.prefix_lm.stages import TwoStages
from mgv.generator.registry import load_generator, read_run
from mgv.generator.train import train
from mgv.generator.train_config import RunSettings, from_table
from mgv.generator.window import Condition, Sampling, TokenWindow
from mgv.tokenizer import WeightsError

CONFIGS = Path(mgv.__file__).parent / "generator" / "configs"

CONFIG = """
kind = "prefix-lm"

[run]
train_folders = ["{folder}"]
validation_folders = ["{folder}"]
tokenizer = "{tokenizer}"
steps = 30
batch_size = 4
learning_rate = 1e-2
warmup_steps = 5
ema_decay = 0.9
validate_every = 15
validation_batches = 8

[model]
size = "tiny"
window = [3, 4, 4]
{model}

[mixture]
full_depth_share = 1.0
images = {{ first_share = 0.5 }}
{more}
"""


@pytest.fixture
def write(tmp_path, folder, tiny_model):
    def make(model: str = "", more: str = "") -> Path:
        path = tmp_path / "run.toml"
        path.write_text(CONFIG.format(folder=folder, tokenizer=tiny_model, model=model, more=more))
        return path

    return make


def test_a_run_learns_and_what_it_leaves_fills_windows(write, tmp_path, one_thread) -> None:
    losses = []
    out = tmp_path / "run"
    objective = read_run(write())
    assert train(objective, out, on_step=lambda report: losses.append(report.losses["loss"]))
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    first, last = map(json.loads, (out / "validation.jsonl").read_text().splitlines())
    for task in ("image", "video", "future", "painting"):
        assert last[task] < 0.97 * first[task] < 21

    filler = load_generator(out / "model")
    assert isinstance(filler, PrefixFiller)
    assert filler.labels == ("cat", "dog")
    assert filler.tokenizer_sha256 == objective.tokenizer.sha256
    kept = np.zeros((3, 4, 4), bool)
    kept[0] = True
    window = TokenWindow(np.full((3, 4, 4), 3), np.array([True, False, False]), 20)
    random = torch.Generator().manual_seed(0)
    filled = filler.fill(window, Condition.of_kept(kept), "FP", "cat", Sampling(guidance=1.0), random)
    assert (filled[0] == 3).all()


def test_a_run_starts_from_weights(write, tmp_path, one_thread) -> None:
    objective = read_run(write())
    objective.save(objective.build_model(), tmp_path / "old", {})
    path = write()
    path.write_text(path.read_text().replace("[run]", f'[run]\nstart_from = "{tmp_path / "old"}"'))
    torch.manual_seed(7)
    again = read_run(path).build_model().state_dict()
    saved = load_generator(tmp_path / "old").model.state_dict()
    assert all(torch.equal(again[name], saved[name]) for name in again)
    path.write_text(path.read_text().replace('size = "tiny"', 'size = "small"'))
    larger = read_run(path)
    with pytest.raises(DataError, match="another configuration"):
        larger.build_model()


@pytest.mark.parametrize(
    ("model", "more", "message"),
    [
        ('heads = "many"', "", r"\[model\]: heads are 'many'"),
        ("depth = 3", "", r"\[model\]: .*depth"),
        ("", "shuffle = true", r"\[mixture\]: unknown field shuffle"),
        ("", "[mixture.images]\nfirst = 1", r"images"),
        ("", "[loss]\nmask = 1", "unknown table loss"),
        ("", '[text]\nclip = "x"', r"\[text\]: unknown field clip"),
    ],
)
def test_a_wrong_configuration_is_one_line(write, model, more, message) -> None:
    with pytest.raises(DataError, match=message):
        read_run(write(model, more))


def test_an_unknown_size_is_refused(write) -> None:
    path = write()
    path.write_text(path.read_text().replace('size = "tiny"', 'size = "2B"'))
    with pytest.raises(DataError, match="size is '2B', expected one of tiny, small, 300M, 1B, 8B"):
        read_run(path)


def test_text_without_an_encoder_is_a_missing_tool(write) -> None:
    with pytest.raises(MissingToolError):
        read_run(write("", '[text]\nt5 = "nowhere"'))


def test_a_card_says_how_tokens_are_best_drawn(write, tmp_path) -> None:
    objective = read_run(write())
    objective.save(objective.build_model(), tmp_path / "model", {})
    path = tmp_path / "model" / "generator.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "sampling": {"token_temperature": 0.25}}))
    assert load_generator(path.parent).sampling == Sampling(token_temperature=0.25)


def test_a_card_of_something_else_is_refused(write, tmp_path) -> None:
    objective = read_run(write())
    objective.save(objective.build_model(), tmp_path / "model", {})
    card = json.loads((tmp_path / "model" / "generator.json").read_text())
    card["generator"].pop("width")
    (tmp_path / "model" / "generator.json").write_text(json.dumps(card))
    with pytest.raises(WeightsError, match="describes no prefix language model"):
        load_generator(tmp_path / "model")


@pytest.mark.parametrize("name", ["prefix-lm-small", "prefix-lm-300m"])
def test_shipped_configurations_are_whole(name) -> None:
    tables = tomllib.loads((CONFIGS / f"{name}.toml").read_text("utf-8"))
    assert tables.pop("kind") == "prefix-lm"
    assert from_table(RunSettings, tables.pop("run"), "run").train_folders == ("TRAIN",)
    mixture = tables.pop("mixture")
    images = from_table(TwoStages, mixture.pop("images", {}), "images")
    assert images == TwoStages()
    from_table(SequenceMixture, mixture, "mixture")
    model = tables.pop("model")
    PrefixConfig.from_dict({**SIZES[model.pop("size")], "bit_depths": (18,), **model})
    assert set(tables) <= {"text"}
