"""Rate-distortion optimised quantization: what it may change, what it must not."""

import pytest
import torch

from mgv.tokenizer.presets import MGV_S
from mgv.tokenizer.quantize import LookupFreeQuantizer, unpack_token

ONES = torch.ones(len(MGV_S.dimension_bits))


def noisy(frames: int = 6) -> torch.Tensor:
    """A still latent with noise of a third of a quantization step, float32 `[1, D, t, 4, 5]`."""
    torch.manual_seed(1)
    still = torch.randn(1, len(ONES), 1, 4, 5) * 2
    return still + torch.randn(1, len(ONES), frames, 4, 5) / 3


def test_at_no_weight_it_is_plain_quantization() -> None:
    quantizer = LookupFreeQuantizer(MGV_S)
    latent = noisy()
    ids = quantizer.quantize_for_rate(latent, 56, 0.0, ONES)
    assert torch.equal(ids, quantizer.quantize(latent))


@pytest.mark.parametrize("depth", MGV_S.bit_depths)
def test_noise_on_a_still_picture_is_held(depth: int) -> None:
    quantizer = LookupFreeQuantizer(MGV_S)
    latent = noisy()
    plain = quantizer.quantize(latent) & (1 << depth) - 1
    held = quantizer.quantize_for_rate(latent, depth, 0.3, ONES)
    assert int(held.max()) < 2**depth

    def changes(ids: torch.Tensor) -> int:
        numbers = unpack_token(ids, MGV_S)
        return int((numbers[:, :, 2:] != numbers[:, :, 1:-1]).sum())  # the first has a weight of its own

    assert changes(held) < 0.7 * changes(plain)


def test_a_real_change_is_followed() -> None:
    quantizer = LookupFreeQuantizer(MGV_S)
    latent = torch.zeros(1, len(ONES), 2, 1, 1)
    latent[:, 0, 1] = 20.0
    ids = quantizer.quantize_for_rate(latent, 56, 0.2, ONES)
    numbers = unpack_token(ids, MGV_S)
    assert numbers[0, 0, 1] - numbers[0, 0, 0] == 20


def test_the_cost_of_a_cell_is_what_the_docstring_says() -> None:
    quantizer = LookupFreeQuantizer(MGV_S)
    latent = torch.zeros(1, len(ONES), 2, 1, 1)
    latent[0, 2, 1] = 0.6
    # staying costs 0.36 in error; one step costs 0.16, and 1.5 + 1.7 log2 1.5 = 2.49 bits
    for weight, expected in ((0.079, 1), (0.081, 0)):
        numbers = unpack_token(quantizer.quantize_for_rate(latent, 56, weight, ONES), MGV_S)
        assert int(numbers[0, 2, 1] - numbers[0, 2, 0]) == expected


def test_a_first_frame_is_no_better_than_what_follows() -> None:
    """An error in it counts a quarter, for it stands for one frame of four; a picture alone is not made worse."""
    quantizer = LookupFreeQuantizer(MGV_S)
    latent = torch.full((1, len(ONES), 5, 1, 1), 0.0)
    latent[0, 2] = 0.6
    # leaving zero saves 0.2 in error and costs 2.49 bits, in the first of five latent frames four times as much
    numbers = unpack_token(quantizer.quantize_for_rate(latent, 56, 0.07, ONES), MGV_S)[0, 2, :, 0, 0] - 8
    assert numbers.tolist() == [0, 1, 1, 1, 1]
    alone = unpack_token(quantizer.quantize_for_rate(latent[:, :, :1], 56, 0.07, ONES), MGV_S)
    assert int(alone[0, 2]) - 8 == 1
