"""Weights on disk: nothing is lost, and what does not belong together is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mgv.tokenizer import MgvSNetwork, WeightsError, load_tokenizer, save_tokenizer
from mgv.tokenizer.model import Tokenizer
from mgv.tokenizer.presets import MGV_S

TINY = replace(MGV_S, name="tiny", network=MgvSNetwork(4, 6, 1, 6, 1, 4, 1))


def test_weights_survive_saving_to_the_last_bit(tmp_path: Path) -> None:
    tokenizer = Tokenizer(TINY)
    save_tokenizer(tokenizer, tmp_path, {"note": "hello"})
    loaded = load_tokenizer(tmp_path)
    assert loaded.sha256 == tokenizer.sha256
    for name, tensor in tokenizer.state_dict().items():
        assert torch.equal(tensor.half(), loaded.state_dict()[name].half())
    assert json.loads((tmp_path / "model.json").read_text())["note"] == "hello"


def test_wrong_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no model"):
        load_tokenizer(tmp_path / "nothing")
    save_tokenizer(Tokenizer(TINY), tmp_path, {})
    card = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**card, "sha256": "0" * 64}))
    with pytest.raises(WeightsError, match="do not belong together"):
        load_tokenizer(tmp_path)
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(WeightsError, match="no model card"):
        load_tokenizer(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps(card))
    weights = (tmp_path / "tokenizer.safetensors").read_bytes()
    (tmp_path / "tokenizer.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load_tokenizer(tmp_path)
