"""`mgv train average`: weights between those of models, exit codes, nothing written over."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mgv.tokenizer import MgvSNetwork, WeightsError, load_tokenizer
from mgv.tokenizer.average import average_tokenizers
from mgv.tokenizer.model import Tokenizer
from mgv.tokenizer.presets import MGV_S
from mgv.tokenizer.weights import save_tokenizer
from mgv.tools.cli import run

TINY = replace(MGV_S, name="tiny", network=MgvSNetwork(4, 6, 1, 6, 1, 4, 1))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for seed, name in enumerate(("a", "b")):
        torch.manual_seed(seed)
        tokenizer = Tokenizer(TINY)
        with torch.no_grad():
            for tensor in tokenizer.state_dict().values():
                tensor.copy_(torch.randn_like(tensor)) if tensor.is_floating_point() else None
        save_tokenizer(tokenizer, tmp_path / name, {})
    return tmp_path / "a", tmp_path / "b"


def test_weights_lie_between_by_share(folders: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = folders
    assert run(["train", "average", f"{a}=3", str(b), "-o", str(tmp_path / "c")]) == 0
    states = [load_tokenizer(folder).state_dict() for folder in (a, b, tmp_path / "c")]
    for name, tensor in states[2].items():
        assert torch.allclose(tensor, 0.75 * states[0][name] + 0.25 * states[1][name], atol=2e-3), name
    card = json.loads((tmp_path / "c" / "model.json").read_text())
    assert [part["share"] for part in card["average_of"]] == [3.0, 1.0]
    assert card["average_of"][1]["sha256"] == load_tokenizer(b).sha256


def test_an_average_of_one_is_that_one(folders: tuple[Path, Path]) -> None:
    tokenizer = load_tokenizer(folders[0])
    assert average_tokenizers([(tokenizer, 0.5)]).sha256 == tokenizer.sha256


@pytest.mark.parametrize("share", ["0", "-1", "nan", "inf", "half"])
def test_a_share_is_a_number_above_0(
    folders: tuple[Path, Path], tmp_path: Path, share: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", "average", f"{folders[0]}={share}", "-o", str(tmp_path / "c")]) == 2
    assert "expected a number above 0" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


def test_other_networks_have_no_average(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    larger = replace(TINY, network=replace(TINY.network, num_decoder_blocks=2))
    save_tokenizer(Tokenizer(larger), tmp_path / "larger", {})
    models = [str(folders[0]), str(tmp_path / "larger")]
    assert run(["train", "average", *models, "-o", str(tmp_path / "c")]) == 5
    assert "other networks or tokens" in capsys.readouterr().err
    with pytest.raises(WeightsError, match="other networks"):
        average_tokenizers([(load_tokenizer(model), 1.0) for model in models])
    with pytest.raises(ValueError, match="at least one"):
        average_tokenizers([])


def test_a_folder_that_exists_is_left_alone(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted((path.name, path.read_bytes()) for path in folders[1].iterdir())
    assert run(["train", "average", str(folders[0]), "-o", str(folders[1])]) == 7
    assert "exists" in capsys.readouterr().err
    assert sorted((path.name, path.read_bytes()) for path in folders[1].iterdir()) == before
