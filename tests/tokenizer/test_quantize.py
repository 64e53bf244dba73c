"""Lookup-free quantization: Eq. 5.2 to 5.4 by hand, round trips, nested depths."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mgv.tokenizer.config import MgvSNetwork, TokenizerConfig
from mgv.tokenizer.presets import MAGVIT_V2, MGV_S
from mgv.tokenizer.quantize import LookupFreeQuantizer, pack_token, unpack_token

NETWORK = MgvSNetwork(4, 4, 1, 4, 1, 4, 1)
SMALL = TokenizerConfig("small", "mgv-s", (4, 8, 8), (3, 2, 1), (0, 1, 0, 2, 1, 0), (2, 4, 6), NETWORK)


def one(*values: float) -> torch.Tensor:
    return torch.tensor(values)[None, :, None, None, None]


def test_signs_are_numbered_as_equation_5_4_says() -> None:
    quantizer = LookupFreeQuantizer(MAGVIT_V2)
    latent = torch.full((1, 18, 1, 1, 1), -0.3)
    latent[0, 0], latent[0, 4], latent[0, 17] = 0.1, 2.0, 0.5
    assert quantizer.quantize(latent).item() == 2**0 + 2**4 + 2**17
    assert quantizer.quantize(torch.zeros(1, 18, 1, 1, 1)).item() == 0  # sign(0) is -1, Eq. 5.3


def test_a_multi_valued_dimension_takes_the_nearest_integer() -> None:
    quantizer = LookupFreeQuantizer(SMALL)
    numbers = unpack_token(quantizer.quantize(one(-9.0, 0.4, 3.0)), SMALL).flatten().tolist()
    assert numbers == [0, 2, 1]  # -4 of -4..3, 0 of -2..1, +1 of -1, 1
    numbers = unpack_token(quantizer.quantize(one(1.6, -0.6, -3.0)), SMALL).flatten().tolist()
    assert numbers == [6, 1, 0]


def test_bits_stand_where_the_plane_order_puts_them() -> None:
    numbers = torch.tensor([0b101, 0b10, 0b1])[None, :, None, None, None]
    # planes: (0,0) (1,0) (0,1) (2,0) (1,1) (0,2) -> bits 1 1 0 1 0 1
    assert pack_token(numbers, SMALL).item() == 0b101011


@given(st.lists(st.integers(0, 2**59 - 1), min_size=1, max_size=20))
def test_ids_survive_unpacking_and_packing(ids: list[int]) -> None:
    tensor = torch.tensor(ids)[None, :, None, None]
    assert torch.equal(pack_token(unpack_token(tensor, MGV_S), MGV_S), tensor)


@pytest.mark.parametrize("config", [SMALL, MAGVIT_V2, MGV_S], ids=lambda config: config.name)
def test_every_id_is_its_own_nearest(config: TokenizerConfig) -> None:
    torch.manual_seed(0)
    ids = torch.randint(2**config.bits_per_token, (1, 3, 4, 5))
    quantizer = LookupFreeQuantizer(config)
    assert torch.equal(quantizer.quantize(quantizer.dequantize(ids)), ids)


def test_what_is_missing_is_the_centre_of_the_cell() -> None:
    quantizer = LookupFreeQuantizer(SMALL)
    ids = quantizer.quantize(one(3.0, -2.0, 1.0))
    assert quantizer.dequantize(ids, 0).flatten().tolist() == [-0.5, -0.5, 0.0]
    # Known: the upper half {0, 1, 2, 3} of dimension 0 and the lower half {-2, -1} of dimension 1.
    assert quantizer.dequantize(ids, 2).flatten().tolist() == [1.5, -1.5, 0.0]
    assert quantizer.dequantize(ids, 6).flatten().tolist() == [3.0, -2.0, 1.0]


def test_depth_k_looks_at_the_low_k_bits_only() -> None:
    torch.manual_seed(1)
    quantizer = LookupFreeQuantizer(MGV_S)
    ids = torch.randint(2**59, (1, 2, 3, 3))
    for depth in MGV_S.bit_depths:
        low = ids & (2**depth - 1)
        assert torch.equal(quantizer.dequantize(ids, depth), quantizer.dequantize(low, depth))


def test_deeper_is_closer() -> None:
    torch.manual_seed(2)
    quantizer = LookupFreeQuantizer(MGV_S)
    latent = torch.randn(1, 18, 4, 8, 8) * 1.2
    quantizer.calibrate_centres(latent[0].flatten(1).T)
    ids = quantizer.quantize(latent)
    errors = [
        float((quantizer.dequantize(ids, depth) - latent).square().mean()) for depth in (0, *MGV_S.bit_depths)
    ]
    assert errors == sorted(errors, reverse=True)


def test_calibrated_centres_are_means_and_values_stay() -> None:
    quantizer = LookupFreeQuantizer(SMALL)
    before = quantizer.values(0).clone()
    quantizer.calibrate_centres(torch.tensor([[0.2, 0.3, -2.0], [1.0, -0.2, 4.0], [-3.0, 0.1, 1.0]]))
    assert torch.equal(quantizer.values(0), before)
    assert quantizer.centres[0, 1] == pytest.approx((0.2 + 1.0 - 3.0) / 3)
    assert quantizer.centres[0, 3] == pytest.approx(0.6)
    assert quantizer.centres[2, 1] == pytest.approx(1.0)


def test_the_gradient_passes_straight_through() -> None:
    latent = (torch.randn(1, 3, 1, 2, 2) * 2).requires_grad_()
    quantized, _ = LookupFreeQuantizer(SMALL)(latent)
    (quantized * 3).sum().backward()
    assert latent.grad is not None
    assert torch.equal(latent.grad, torch.full_like(latent, 3.0))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "mpeg"},
        {"strides": (4, 8, 0)},
        {"plane_dimensions": (0, 1, 0, 2, 1, 1)},
        {"bit_depths": (2, 4)},
        {"bit_depths": (4, 2, 6)},
        {"dimension_bits": (40, 40), "plane_dimensions": (0,) * 40 + (1,) * 40, "bit_depths": (80,)},
        {"kind": "magvit"},
        {"network": replace(NETWORK, wide_dimensions=(3,), inner_bits=(2,))},
        {"network": replace(NETWORK, wide_dimensions=(1, 1), inner_bits=(2, 2))},
        {"network": replace(NETWORK, wide_dimensions=(2,), inner_bits=(1,))},
        {"network": replace(NETWORK, wide_dimensions=(1,))},
        {"network": replace(NETWORK, wide_dimensions=(1,), inner_bits=(1,))},
        {"network": replace(NETWORK, wide_dimensions=(1,), inner_bits=(8,))},
    ],
    ids=str,
)
def test_an_impossible_config_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        replace(SMALL, **change)  # type: ignore[arg-type]


def test_a_config_survives_plain_values() -> None:
    for config in (SMALL, MAGVIT_V2, MGV_S):
        assert TokenizerConfig.from_dict(config.to_dict()) == config
    with pytest.raises(ValueError, match="unknown"):
        TokenizerConfig.from_dict({**SMALL.to_dict(), "colour": 1})


def test_token_grids_cover_any_size() -> None:
    assert MGV_S.latent_shape(1, 269, 479) == (1, 34, 60)
    assert MGV_S.latent_shape(17, 128, 128) == (5, 16, 16)
    assert MGV_S.latent_shape(18, 8, 9) == (6, 1, 2)


def test_outer_values_take_the_place_of_the_ends() -> None:
    quantizer = LookupFreeQuantizer(SMALL)
    before = quantizer.centres.clone()
    quantizer.set_outer_values(0, [-9.0], [2.5, 7.0])
    assert quantizer.values(0).tolist() == [-9, -3, -2, -1, 0, 1, 2.5, 7]
    assert quantizer.dequantize(quantizer.quantize(one(6.0, 0.0, 1.0)))[0, 0].item() == 7
    # Undecided cells are the mean of their values, and those without a moved one stay.
    assert quantizer.centres[0, 4:8].tolist() == [-6, before[0, 5], before[0, 6], 4.75]
    assert torch.equal(quantizer.centres[1:], before[1:])


def test_only_the_cells_that_are_named_are_calibrated() -> None:
    quantizer = LookupFreeQuantizer(SMALL)
    before = quantizer.centres.clone()
    quantizer.set_outer_values(0, [], [9.0])
    moved = quantizer.centres != before
    quantizer.calibrate_centres(torch.tensor([[8.0, 1.0, 1.0], [-4.0, 1.0, 1.0]]), moved)
    assert quantizer.centres[0, 1:8].tolist() == [2.0, -2.5, 8.0, -3.5, -1.5, 0.5, 8.0]
    assert torch.equal(quantizer.centres[1:], before[1:])


@pytest.mark.parametrize(
    ("dimension", "low", "high", "message"),
    [
        (3, [], [9.0], "no dimension 3"),
        (0, [], [1.0], "would not rise"),
        (0, [-3.0], [], "would not rise"),
        (0, [], [float("nan")], "would not rise"),
        (0, [], [1e5], "would not rise"),
        (1, [-3.0, -2.0], [0.5, 1.0, 2.0], "2 and 3 outer values, but dimension 1 has 4"),
    ],
)
def test_outer_values_that_do_not_fit_are_refused(
    dimension: int, low: list[float], high: list[float], message: str
) -> None:
    quantizer = LookupFreeQuantizer(SMALL)
    before = quantizer.centres.clone()
    with pytest.raises(ValueError, match=message):
        quantizer.set_outer_values(dimension, low, high)
    assert torch.equal(quantizer.centres, before)
