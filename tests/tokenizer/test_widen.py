"""More bits for some dimensions: the same pictures from the same latents, and new values beyond."""

from dataclasses import replace

import pytest
import torch

from mgv.tokenizer import MgvSNetwork, Tokenizer, TokenizerConfig
from mgv.tokenizer.mgv_s import MgvSEncoder
from mgv.tokenizer.quantize import LookupFreeQuantizer
from mgv.tokenizer.widen import is_wider, new_cells, widen

START = TokenizerConfig(
    "start",
    "mgv-s",
    (4, 8, 8),
    (3, 2, 2),
    (0, 1, 0, 2, 1, 0, 2),
    (3, 5, 7),
    MgvSNetwork(4, 6, 0, 6, 1, 4, 1, (0,), (3,)),
)
WIDE = replace(
    START,
    name="wide",
    dimension_bits=(3, 3, 4),
    plane_dimensions=(0, 1, 1, 0, 2, 2, 2, 1, 0, 2),
    bit_depths=(4, 8, 10),
    network=replace(START.network, wide_dimensions=(2, 0, 1), inner_bits=(2, 3, 2)),
)


def quantizer_of(tokenizer: Tokenizer) -> LookupFreeQuantizer:
    assert isinstance(tokenizer.quantizer, LookupFreeQuantizer)
    return tokenizer.quantizer


def trained() -> Tokenizer:
    torch.manual_seed(0)
    tokenizer = Tokenizer(START)
    with torch.no_grad():
        for parameter in tokenizer.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        quantizer_of(tokenizer).set_outer_values(0, [], [3.5, 5.0])
        quantizer_of(tokenizer).calibrate_centres(torch.empty(500, 3).uniform_(-2, 1))
    return tokenizer


def widened(start: Tokenizer) -> Tokenizer:
    wide = Tokenizer(WIDE)
    wide.load_state_dict(widen(start.state_dict(), START, WIDE))
    return wide


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_values_of_before_decode_to_the_same(layer: int) -> None:
    start = trained()
    wide = widened(start)
    latent = torch.stack(
        [torch.empty(1, 3, 4, 5).uniform_(low, high) for low, high in ((-4, 5), (-2, 1.4), (-2, 1.4))], dim=1
    )
    seen = []
    for tokenizer in (start, wide):
        depth = tokenizer.config.bit_depths[layer]
        quantizer = quantizer_of(tokenizer)
        fed = quantizer.dequantize(quantizer.quantize(latent), depth)
        with torch.no_grad():
            seen.append((fed, tokenizer.decode_latent(fed, depth)))
    assert torch.equal(seen[0][0], seen[1][0])
    torch.testing.assert_close(seen[0][1], seen[1][1], atol=1e-5, rtol=0)


def test_values_beyond_are_told_apart() -> None:
    wide = quantizer_of(widened(trained()))
    assert wide.values(1).tolist() == list(range(-4, 4))
    assert wide.values(2).tolist() == list(range(-8, 8))
    assert wide.values(0)[-2:].tolist() == [3.5, 5.0]
    latent = torch.tensor([0.0, 3.0, -7.0])[None, :, None, None, None]
    assert wide.dequantize(wide.quantize(latent)).flatten().tolist() == [0.0, 3.0, -7.0]


def test_what_a_decoder_has_learnt_of_wide_dimensions_goes_along() -> None:
    start = trained()
    outer = widened(start).state_dict()["decoder.outer_in.weight"]
    assert torch.equal(outer[:, 1], start.state_dict()["decoder.outer_in.weight"][:, 0])
    assert not outer[:, [0, 2]].any()


def test_cells_to_calibrate_are_those_at_the_old_ends_and_beyond() -> None:
    is_new = new_cells(START, WIDE)
    assert not is_new[0].any()
    assert is_new[1, 8:16].tolist() == [True, True, True, False, False, True, True, True]  # -4 to 3
    assert is_new[1, 4:8].all()  # each holds -2, 1, or what lies beyond
    assert is_new[1, 1:4].all()


@pytest.mark.parametrize(
    "change",
    [
        {"strides": (2, 8, 8)},
        {"plane_dimensions": (1, 0, 1, 0, 2, 2, 2, 1, 0, 2)},
        {"bit_depths": (5, 8, 10)},
        {
            "dimension_bits": (2, 3, 4),
            "plane_dimensions": (0, 1, 1, 0, 2, 2, 2, 1, 2),
            "bit_depths": (4, 8, 9),
            "network": replace(START.network, inner_bits=(2,)),
        },
        {
            "dimension_bits": (3, 3, 4, 1),
            "plane_dimensions": (0, 1, 1, 0, 2, 2, 2, 1, 0, 2, 3),
            "bit_depths": (4, 8, 11),
        },
    ],
    ids=str,
)
def test_other_tokens_are_not_wider(change: dict[str, object]) -> None:
    assert is_wider(WIDE, START)
    assert not is_wider(START, WIDE)
    assert not is_wider(replace(WIDE, **change), START)  # type: ignore[arg-type]


def test_the_encoder_stays_what_it_was() -> None:
    start = trained()
    wide = widened(start)
    assert isinstance(wide.encoder, MgvSEncoder)
    clip = torch.rand(1, 3, 5, 16, 16) * 2 - 1
    with torch.no_grad():
        assert torch.equal(start.encoder(clip), wide.encoder(clip))
