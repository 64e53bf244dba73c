"""The cheapest path through the cells of a segment: against all paths there are, and by hand."""

import math
from itertools import product

import pytest
import torch

from mgv.tokenizer.trellis import ChangePrices, cheapest_path, path_bits, surroundings


def test_the_bits_of_a_change_are_what_the_docstring_says() -> None:
    bits = path_bits(torch.tensor([0, 1, 2, 7]), torch.tensor(0.5), torch.tensor(2.0))
    assert bits.tolist() == pytest.approx(
        [0.5, 3 + 1.7 * 0.58496, 3 + 1.7 * 1.32193, 3 + 1.7 * 2.90689], abs=1e-4
    )


def test_surroundings_are_counted_beside_and_among_the_other_dimensions() -> None:
    changed = torch.zeros(6, 1, 3, 3, dtype=torch.bool)
    changed[0, 0, 1, 1] = changed[0, 0, 0, 1] = changed[0, 0, 1, 2] = True
    changed[1:4, 0, 1, 1] = True
    around = surroundings(changed)[:, 0]
    # rows of four: how many of the four neighbours; columns: none, one, two or three, four or more others
    assert around[0, 1, 1] == 2 * 4 + 2  # above and to the right; three others
    assert around[4, 1, 1] == 0 * 4 + 3  # all four others
    assert around[0, 0, 0] == 1 * 4 + 0  # the one to the right
    assert around[0, 2, 2] == 1 * 4 + 0  # the one above


def test_prices_are_those_of_a_coder_that_knows_the_shares() -> None:
    changed = torch.zeros(2, 1, 2, 50, dtype=torch.bool)
    changed[0, 0, 0, ::5] = True
    around = torch.zeros(2, 1, 2, 50, dtype=torch.uint8)
    around[:, :, 1] = 7
    prices = ChangePrices.of(changed, around)
    assert prices.change[0, 0] == pytest.approx(-math.log2(11 / 52))
    assert prices.stay[0, 0] == pytest.approx(-math.log2(41 / 52))
    assert prices.change[0, 7] == prices.change[1, 0] == pytest.approx(math.log2(52))
    assert prices.change[0, 1] == prices.stay[0, 1] == 1.0  # never seen


def test_before_all_one_in_four_changes() -> None:
    prices = ChangePrices.before_all(3, torch.device("cpu"))
    assert prices.stay.shape == prices.change.shape == (3, 16)
    assert float(prices.change[0, 0]) == 2.0


@pytest.mark.parametrize("bit_weight", [0.0, 0.05, 0.5, 5.0])
def test_no_other_path_costs_less(bit_weight: float) -> None:
    torch.manual_seed(3)
    num_frames, num_cells, num_latents = 4, 3, 6
    cells = torch.rand(num_frames, 9, num_latents).argsort(dim=1)[:, :num_cells]
    errors = torch.rand(num_frames, num_cells, num_latents)
    start = torch.randint(0, 9, (num_latents,))
    stay, change = torch.rand(2, num_frames, num_latents)

    found = cheapest_path(cells, errors, start, stay, change, bit_weight)
    frames = torch.arange(num_frames)
    for latent in range(num_latents):
        costs = {}
        for choice in product(range(num_cells), repeat=num_frames):
            path = cells[frames, choice, latent]
            steps = (path - torch.cat([start[latent : latent + 1], path[:-1]])).abs()
            error = errors[frames, choice, latent].sum()
            bits = path_bits(steps, stay[:, latent], change[:, latent]).sum()
            costs[tuple(path.tolist())] = float(error + bit_weight * bits)
        assert costs[tuple(found[:, latent].tolist())] == pytest.approx(min(costs.values()), rel=1e-5)


@pytest.mark.parametrize(("bit_weight", "expected"), [(0.01, 7), (1.0, 4)])
def test_one_frame_is_taken(bit_weight: float, expected: int) -> None:
    cells, errors = torch.tensor([[[4], [7]]]), torch.tensor([[[1.0], [0.2]]])
    free, dear = torch.zeros(1, 1), torch.full((1, 1), 2.0)
    assert cheapest_path(cells, errors, torch.tensor([4]), free, dear, bit_weight).tolist() == [[expected]]


def test_no_latents_are_taken() -> None:
    none, flat = torch.zeros(3, 2, 0), torch.zeros(3, 0)
    start = torch.zeros(0, dtype=torch.int64)
    assert cheapest_path(none.long(), none, start, flat, flat, 0.1).shape == (3, 0)
