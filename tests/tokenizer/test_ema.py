"""The moving average of weights: warm-up, buffers, swapping, resuming."""

import pytest
import torch
from torch import nn

from mgv.tokenizer.ema import Ema


def linear(value: float) -> nn.Linear:
    model = nn.Linear(1, 1)
    nn.init.constant_(model.weight, value)
    nn.init.constant_(model.bias, -value)
    return model


def test_follows_with_a_rising_decay() -> None:
    model, expected = linear(0.0), 0.0
    ema = Ema(model, decay=0.3)
    nn.init.constant_(model.weight, 1.0)
    for decay in (1 / 10, 2 / 11, 3 / 12, 0.3, 0.3):
        assert ema.current_decay() == pytest.approx(decay)
        ema.update(model)
        expected = decay * expected + (1 - decay)
        assert ema.model.weight.item() == pytest.approx(expected)


def test_the_average_is_frozen_and_apart() -> None:
    model = linear(1.0)
    ema = Ema(model)
    nn.init.constant_(model.weight, 5.0)
    assert ema.model.weight.item() == 1.0
    assert not any(parameter.requires_grad for parameter in ema.parameters())


def test_buffers_are_copied() -> None:
    model = nn.BatchNorm1d(2)
    ema = Ema(model)
    model(torch.randn(8, 2) + 3)
    ema.update(model)
    assert torch.equal(ema.model.running_mean, model.running_mean)
    assert ema.model.num_batches_tracked == 1


def test_swapped_lends_and_takes_back() -> None:
    model = linear(1.0)
    ema = Ema(model)
    nn.init.constant_(model.weight, 5.0)
    with ema.swapped(model):
        assert model.weight.item() == 1.0
    assert model.weight.item() == 5.0
    with pytest.raises(KeyboardInterrupt), ema.swapped(model):
        raise KeyboardInterrupt
    assert model.weight.item() == 5.0
    assert model.weight.requires_grad


def test_resumes_where_it_was() -> None:
    model = linear(1.0)
    ema, resumed = Ema(model), Ema(linear(9.0))
    nn.init.constant_(model.weight, 2.0)
    ema.update(model)
    resumed.load_state_dict(ema.state_dict())
    assert resumed.current_decay() == ema.current_decay()
    assert torch.equal(resumed.model.weight, ema.model.weight)


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_impossible_decays_are_refused(decay: float) -> None:
    with pytest.raises(ValueError, match="decay"):
        Ema(linear(0.0), decay)
