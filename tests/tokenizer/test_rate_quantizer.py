"""Rate-distortion optimised quantization: what it may change, what it must not."""

import pytest
import torch

from mgv.tokenizer import rate_quantizer
from mgv.tokenizer.presets import MGV_S
from mgv.tokenizer.quantize import LookupFreeQuantizer, unpack_token
from mgv.tokenizer.rate_quantizer import RateQuantizer

NUM_DIMENSIONS = len(MGV_S.dimension_bits)
ZERO = 8
"""The number of zero in dimension 2."""


def trellis(bit_depth: int = 59, rate_weight: float = 0.1) -> RateQuantizer:
    return RateQuantizer(LookupFreeQuantizer(MGV_S), bit_depth, rate_weight, torch.ones(NUM_DIMENSIONS))


def numbers_of(ids: torch.Tensor) -> torch.Tensor:
    """Value numbers, int64 `[D, t, h, w]`."""
    return unpack_token(ids[None], MGV_S)[0]


def noisy(frames: int = 6, height: int = 4, width: int = 5) -> torch.Tensor:
    """A still latent with noise of a third of a quantization step, float32 `[D, t, h, w]`."""
    torch.manual_seed(1)
    still = torch.randn(NUM_DIMENSIONS, 1, height, width) * 2
    return still + torch.randn(NUM_DIMENSIONS, frames, height, width) / 3


@pytest.mark.parametrize("depth", MGV_S.bit_depths)
def test_at_no_weight_it_is_plain_quantization(depth: int) -> None:
    latent = noisy()
    plain = LookupFreeQuantizer(MGV_S).quantize(latent[None])[0] & (1 << depth) - 1
    assert torch.equal(trellis(depth, 0.0).quantize(latent), plain)
    assert float((trellis(depth, 1e-6).quantize(latent) == plain).float().mean()) > 0.99  # ties apart


@pytest.mark.parametrize("depth", MGV_S.bit_depths)
def test_noise_on_a_still_picture_is_held(depth: int) -> None:
    latent = noisy()
    held = trellis(depth, 0.3).quantize(latent)
    assert int(held.max()) < 2**depth

    def changes(ids: torch.Tensor) -> int:
        numbers = numbers_of(ids)
        return int((numbers[:, 1:] != numbers[:, :-1]).sum())

    assert changes(held) < 0.4 * changes(trellis(depth, 0.0).quantize(latent))


def test_a_real_change_is_followed() -> None:
    latent = torch.zeros(NUM_DIMENSIONS, 2, 1, 1)
    latent[0, 1] = 20.0
    numbers = numbers_of(trellis(rate_weight=0.2).quantize(latent))
    assert numbers[0, 1] - numbers[0, 0] == 20


def test_a_change_is_made_where_the_frames_after_it_pay() -> None:
    """Leaving zero saves 0.25 a frame: too little for the bits of one change, but enough where it lasts."""
    weight = 0.2

    def found(num_frames: int) -> list[int]:
        latent = torch.zeros(NUM_DIMENSIONS, 12, 1, 1)
        latent[2, 4 : 4 + num_frames] = 0.75
        numbers: list[int] = (
            numbers_of(trellis(rate_weight=weight).quantize(latent))[2, :, 0, 0] - ZERO
        ).tolist()
        return numbers

    assert found(1) == [0] * 12
    assert found(8) == [0] * 4 + [1] * 8


def test_what_changes_by_itself_is_dearer_than_what_changes_with_all() -> None:
    """The same latents, alone in a still picture or one of many that move."""
    torch.manual_seed(2)
    alone = torch.zeros(NUM_DIMENSIONS, 9, 6, 6)
    steps = torch.randn(9) * 1.2
    alone[2, :, 3, 3] = steps
    among = torch.randn(NUM_DIMENSIONS, 9, 6, 6) * 1.2
    among[2, :, 3, 3] = steps
    changes = [
        int((numbers_of(trellis(rate_weight=0.15).quantize(latent))[2, :, 3, 3].diff() != 0).sum())
        for latent in (alone, among)
    ]
    assert changes[0] < changes[1]


def test_an_error_in_the_first_latent_frame_counts_a_quarter() -> None:
    """It stands for one frame of four; a picture alone is not made worse."""
    latent = torch.zeros(NUM_DIMENSIONS, 2, 1, 1)
    latent[2, 0] = 0.8
    one = trellis(rate_weight=0.1)
    assert int(numbers_of(one.quantize(latent))[2, 0]) == ZERO
    assert int(numbers_of(one.quantize(latent[:, :1]))[2, 0]) == ZERO + 1


@pytest.mark.parametrize("depth", [25, 59])
def test_the_result_costs_less_than_the_nearest_cells(depth: int) -> None:
    latent, one = noisy(height=8, width=8), trellis(depth, 0.2)

    def cost(cells: torch.Tensor) -> float:
        return float((latent - one.centres_of(cells))[:, 1:].square().sum()) + one.rate_cost(cells)

    first = one.first_cells(latent)
    assert cost(one.next_cells(latent, first)) < cost(first) < cost(trellis(depth, 0.0).first_cells(latent))


def test_a_segment_that_repeats_costs_next_to_nothing() -> None:
    still, one = noisy(frames=1).expand(-1, 9, -1, -1), trellis(rate_weight=0.2)
    nearest = trellis(rate_weight=0.0)
    assert one.rate_cost(nearest.first_cells(still)) < 0.4 * one.rate_cost(
        nearest.first_cells(noisy(frames=9))
    )


@pytest.mark.parametrize(
    ("num_changing", "expected"), [(0, 4.0), (1, 4.0), (4, (0.5 / 0.25) ** 1.5), (8, 1.0), (16, 1.0)]
)
def test_a_bit_is_worth_more_where_little_changes(num_changing: int, expected: float) -> None:
    cells = torch.full((NUM_DIMENSIONS, 9, 4, 4), ZERO, dtype=torch.int32)
    cells[3, 1::2].flatten(1)[:, :num_changing] += 1  # to and fro
    cells[7, :, 0, 0] += 1  # once and for all: the first latent frame is not looked at
    one = trellis()
    assert one.still_factor(cells) == pytest.approx(expected)
    assert one.still_factor(cells[:, :5]) == pytest.approx(expected**0.5)
    assert one.still_factor(cells[:, :1]) == 1.0


def test_little_noise_on_a_still_picture_is_held_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    latent = torch.zeros(NUM_DIMENSIONS, 9, 8, 8)
    latent[:, :, :2] = torch.randn(NUM_DIMENSIONS, 9, 2, 8)

    def found() -> tuple[int, float]:
        one = trellis(rate_weight=0.1)
        cells, still_factor = one.best_cells(latent)
        return int((cells[:, 1:] != cells[:, :-1]).sum()), still_factor

    num_held, still_factor = found()
    assert 2 < still_factor < 4
    monkeypatch.setattr(rate_quantizer, "MAX_STILL_FACTOR", 1.0)
    num_plain, still_factor = found()
    assert still_factor == 1
    assert num_held < 0.8 * num_plain


def test_a_third_pass_finds_cheaper_cells() -> None:
    torch.manual_seed(4)
    one, latent = trellis(rate_weight=0.2), noisy(frames=9, height=8, width=8)

    def cost(cells: torch.Tensor) -> float:
        return float((latent - one.centres_of(cells))[:, 1:].square().sum()) + one.rate_cost(cells)

    first = one.first_cells(latent)
    second = one.next_cells(latent, first, one.still_factor(first))
    assert cost(one.best_cells(latent)[0]) < cost(second)


def test_cells_are_dequantized_as_their_tokens_are() -> None:
    quantizer, latent = LookupFreeQuantizer(MGV_S), noisy()
    for depth in MGV_S.bit_depths:
        one = trellis(depth)
        cells = one.first_cells(latent)
        assert torch.equal(one.centres_of(cells), quantizer.dequantize(one.tokens(cells)[None], depth)[0])


def test_bands_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    latent = noisy(height=7)
    whole = trellis(rate_weight=0.2).quantize(latent)
    monkeypatch.setattr(rate_quantizer, "BAND_LATENTS", 2 * NUM_DIMENSIONS * latent.shape[3])
    assert torch.equal(trellis(rate_weight=0.2).quantize(latent), whole)


def test_black_is_taken() -> None:
    """No latent leaves zero: there is nothing to choose."""
    ids = trellis(rate_weight=0.2).quantize(torch.zeros(NUM_DIMENSIONS, 3, 2, 2))
    assert torch.equal(ids, LookupFreeQuantizer(MGV_S).quantize(torch.zeros(1, NUM_DIMENSIONS, 3, 2, 2))[0])
