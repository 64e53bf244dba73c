import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from mgv.generator.card import load_weights, read_card, weights_sha256
from mgv.generator.dataset import TokenFolders
from mgv.generator.errors import DataError
from mgv.generator.masked.config import SIZES, MaskedConfig
from mgv.generator.masked.filler import load_masked
from mgv.generator.masked.multitask import Mixture, WindowBatches, varied_region
from mgv.generator.masked.transformer import MaskedTransformer
from mgv.generator.registry import load_generator, read_run
from mgv.generator.tasks import TASKS, task_condition
from mgv.generator.train import StepReport, train
from mgv.generator.window import Sampling, TokenWindow
from mgv.tokenizer import WeightsError, load_tokenizer

WINDOW = 3, 4, 4


@pytest.fixture(scope="module")
def run_file(tmp_path_factory: pytest.TempPathFactory, token_folder: Path, tiny_model: Path) -> Path:
    path = tmp_path_factory.mktemp("run") / "run.toml"
    path.write_text(
        f"""kind = "masked"
[run]
train_folders = ["{token_folder}"]
validation_folders = ["{token_folder}"]
tokenizer = "{tiny_model}"
steps = 6
batch_size = 3
learning_rate = 3e-3
warmup_steps = 1
validate_every = 6
validation_batches = 10
[model]
size = "tiny"
window = [3, 4, 4]
heads = "chained"
local_mixing = true
guesses = true
copies = true
dropout = 0.0
"""
    )
    return path


@pytest.fixture(scope="module")
def trained(run_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    torch.set_num_threads(1)
    assert train(read_run(run_file), out)
    return out


def test_a_run_leaves_a_generator_that_loads(trained: Path) -> None:
    filler = load_generator(trained / "model")
    assert filler.window_shape == WINDOW
    assert filler.bit_depths == (5, 10, 20)
    assert filler.labels == ("still",)
    entry = json.loads((trained / "validation.jsonl").read_text())
    assert set(entry) == {"step", "mean", *TASKS}
    assert 0 < entry["mean"] < 20


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(
    run_file: Path, trained: Path, tmp_path: Path
) -> None:
    reports: list[StepReport] = []
    assert not train(read_run(run_file), tmp_path, time_limit_seconds=1e-9, on_step=reports.append)
    assert [report.step for report in reports] == [1]
    assert train(read_run(run_file), tmp_path, on_step=reports.append)
    assert [report.step for report in reports] == [1, 2, 3, 4, 5, 6]
    assert read_card(tmp_path / "model")["sha256"] == read_card(trained / "model")["sha256"]


def test_start_from_takes_the_weights(run_file: Path, trained: Path, tmp_path: Path) -> None:
    text = run_file.read_text().replace("steps = 6", f'steps = 6\nstart_from = "{trained / "model"}"', 1)
    (tmp_path / "on.toml").write_text(text)
    model = read_run(tmp_path / "on.toml").build_model()
    assert weights_sha256(model) == read_card(trained / "model")["sha256"]


def test_a_filler_fills_a_window_of_a_task(trained: Path, token_folder: Path, tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    window = TokenFolders([token_folder], tokenizer).read(0, 0, 0, 0, WINDOW)
    filler = load_masked(trained / "model")
    for name, task in TASKS.items():
        condition = task_condition(task, window, tokenizer)
        random = torch.Generator().manual_seed(0)
        filled = filler.fill(window, condition, name, None, Sampling(steps=3), random)
        assert np.array_equal(filled[condition.kept], window.ids[condition.kept])
        assert 0 <= filled.min() <= filled.max() < 1 << 20


def test_a_filler_refuses_what_it_does_not_know(trained: Path) -> None:
    filler = load_masked(trained / "model")
    large = TokenWindow(np.zeros((4, 4, 4), np.int64), np.zeros(4, bool), 20)
    condition = task_of(large)
    with pytest.raises(ValueError, match="at most"):
        filler.prompt(large, condition, "FP", None)
    small = TokenWindow(np.zeros(WINDOW, np.int64), np.zeros(3, bool), 20)
    with pytest.raises(ValueError, match="label 'cat', expected one of still"):
        filler.prompt(small, task_of(small), "CG", "cat")
    shallow = TokenWindow(small.ids, small.is_image, 7)
    with pytest.raises(ValueError, match="bit depth is 7"):
        filler.prompt(shallow, task_of(shallow), "CG", None)


def task_of(window: TokenWindow) -> object:
    from mgv.generator.window import Condition

    return Condition.of_kept(np.zeros(window.shape, bool))


def test_weights_and_card_that_do_not_belong_together_are_refused(trained: Path) -> None:
    card = read_card(trained / "model")
    model = MaskedTransformer(MaskedConfig.from_dict(card["generator"]))
    with pytest.raises(WeightsError, match="do not belong together"):
        load_weights(model, trained / "model", "0" * 64)
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load_weights(torch.nn.Linear(1, 1), trained / "model", card["sha256"])


def test_a_card_may_say_how_tokens_are_best_drawn(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(trained / "model", folder)
    assert load_generator(folder).sampling == Sampling()
    card = read_card(folder)
    (folder / "generator.json").write_text(json.dumps({**card, "sampling": {"steps": 5}}))
    assert load_generator(folder).sampling == Sampling(steps=5)
    (folder / "generator.json").write_text(json.dumps({**card, "sampling": {"step": 5}}))
    with pytest.raises(WeightsError, match="step"):
        load_generator(folder)


def test_a_generator_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is no generator"):
        load_generator(tmp_path)
    (tmp_path / "generator.json").write_text("{}")
    with pytest.raises(WeightsError, match="no generator's card"):
        load_generator(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "masked"', "kind", "is no TOML"),
        ('kind = "masked"', 'kind = "diffusion"', "kind is 'diffusion'"),
        ("steps = 6", "step = 6", "unknown field step"),
        ("steps = 6", "steps = 0", "positive"),
        ('size = "tiny"', 'size = "XXL"', "model size is 'XXL'"),
        ("dropout = 0.0", "drop = 0.0", "drop"),
        ("[model]", "[network]", "unknown table network"),
        ("window = [3, 4, 4]", "window = [3, 40, 4]", "no file has a segment that holds"),
        ("[model]", "[mixture]\nlabel_drop = 0.2\ntask_weights = {XX = 1.0}\n[model]", "task weights"),
    ],
)
def test_a_bad_run_file_is_named(run_file: Path, tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(run_file.read_text().replace(old, new, 1))
    with pytest.raises(DataError, match=message):
        read_run(path).batches(0, 0)


def batches_of(token_folder: Path, tiny_model: Path, task: str, **changes: float) -> WindowBatches:
    tokenizer = load_tokenizer(tiny_model)
    config = MaskedConfig(**SIZES["tiny"], window=WINDOW, bit_depths=(5, 10, 20), labels=("still",))
    mixture = Mixture({task: 1.0}, **changes)
    return WindowBatches(
        TokenFolders([token_folder], tokenizer), config, mixture, batch_size=4, num_batches=30, seed=0
    )


@pytest.mark.parametrize("task", TASKS)
def test_a_batch_depends_on_its_number_alone(token_folder: Path, tiny_model: Path, task: str) -> None:
    first, second = (batches_of(token_folder, tiny_model, task) for _ in range(2))
    for number in (3, 0):
        one, other = first[number], second[number]
        assert all(
            torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
            for a, b in zip(one, other, strict=True)
        )
        assert int(one.ids.max()) < 1 << one.bit_depth
        assert int(one.task.unique()) == list(TASKS).index(task)


def test_labels_go_with_their_tasks_and_are_dropped_at_times(token_folder: Path, tiny_model: Path) -> None:
    data = batches_of(token_folder, tiny_model, "CG", label_drop=0.5)
    labels = torch.cat([data[number].label for number in range(30)])
    share = (labels == 0).float().mean().item()
    assert 0.1 < share < 0.4  # one file of two has a label, half of them are dropped
    other = batches_of(token_folder, tiny_model, "FP", label_drop=0.0)
    assert torch.cat([other[number].label for number in range(30)]).unique().tolist() == [1]


def test_shallow_batches_have_shallow_tokens(token_folder: Path, tiny_model: Path) -> None:
    data = batches_of(token_folder, tiny_model, "OPC", full_depth_share=0.0)
    assert {data[number].bit_depth for number in range(30)} == {5, 10, 20}


@pytest.mark.parametrize("task", TASKS)
def test_varied_regions_keep_something_and_leave_something(task: str) -> None:
    random = np.random.default_rng(0)
    shares = []
    for _ in range(200):
        kept = varied_region(task, (5, 6, 7), random)
        if kept is not None:
            assert not kept.all()
            shares.append(kept.mean())
    if task in ("OPD", "IPD", "CG"):
        assert not shares
    else:
        assert len(set(shares)) > 3
