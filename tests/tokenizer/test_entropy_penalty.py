"""Eq. 5.5: closed forms, the joint estimate against brute force, the annealing schedule."""

from itertools import product
from math import exp, log

import pytest
import torch

from mgv.tokenizer.entropy_penalty import entropy_penalty, entropy_weight, split_dimensions

LN2 = log(2)


def at_positions(rows: list[list[float]]) -> torch.Tensor:
    """Latents `[1, D, N, 1, 1]` from N rows of D numbers."""
    return torch.tensor(rows).T[None, :, :, None, None]


def binary_entropy(p: float) -> float:
    return -p * log(p) - (1 - p) * log(1 - p)


def test_decided_and_evenly_used_is_the_optimum() -> None:
    out = entropy_penalty(at_positions([list(signs) for signs in product((-9.0, 9.0), repeat=3)]))
    assert out.token_entropy.item() == pytest.approx(0, abs=1e-6)
    assert out.vocabulary_entropy.item() == pytest.approx(3 * LN2, rel=1e-6)
    assert out.penalty.item() == pytest.approx(-3 * LN2, rel=1e-6)


def test_undecided_tokens_gain_nothing() -> None:
    out = entropy_penalty(torch.zeros(2, 4, 1, 3, 3))
    assert out.token_entropy.item() == pytest.approx(4 * LN2)
    assert out.penalty.item() == pytest.approx(0, abs=1e-6)


def test_a_collapsed_vocabulary_gains_nothing() -> None:
    assert entropy_penalty(torch.full((2, 4, 1, 3, 3), 9.0)).penalty.item() == pytest.approx(0, abs=1e-6)


def test_one_binary_dimension_by_hand() -> None:
    z, temperature = 0.3, 0.8
    p = 1 / (1 + exp(-4 * z / temperature))
    out = entropy_penalty(at_positions([[z], [-2 * z]]), temperature=temperature)
    q = 1 / (1 + exp(8 * z / temperature))
    assert out.token_entropy.item() == pytest.approx((binary_entropy(p) + binary_entropy(q)) / 2, rel=1e-5)
    assert out.vocabulary_entropy.item() == pytest.approx(binary_entropy((p + q) / 2), rel=1e-5)


def test_one_dimension_of_three_values_by_hand() -> None:
    out = entropy_penalty(at_positions([[0.5]]), [torch.tensor([-1.0, 0.0, 1.0])])
    weights = [exp(-((0.5 - value) ** 2)) for value in (-1, 0, 1)]
    p = [weight / sum(weights) for weight in weights]
    entropy = -sum(x * log(x) for x in p)
    assert out.token_entropy.item() == pytest.approx(entropy, rel=1e-5)
    assert out.penalty.item() == pytest.approx(0, abs=1e-6), "one position: both terms are its entropy"


def test_dependent_dimensions_are_seen_jointly_but_not_by_groups_of_one() -> None:
    # Two dimensions that always agree use two of four tokens: the joint sees ln 2, the marginals 2 ln 2.
    latent = at_positions([[9.0, 9.0], [-9.0, -9.0]])
    assert entropy_penalty(latent).vocabulary_entropy.item() == pytest.approx(LN2, rel=1e-5)
    apart = entropy_penalty(latent, max_group_vocabulary=2)
    assert apart.vocabulary_entropy.item() == pytest.approx(2 * LN2, rel=1e-5)


def test_joint_entropy_against_brute_force() -> None:
    torch.manual_seed(0)
    latent = torch.randn(2, 4, 2, 3, 2)
    signs = torch.tensor([-1.0, 1.0])
    values = [signs, torch.arange(-2.0, 2.0), signs, torch.arange(3.0)]
    vectors = latent.movedim(1, 0).flatten(1)
    per_dimension = [
        torch.softmax(-(z[:, None] - v).square() / 0.7, dim=1) for z, v in zip(vectors, values, strict=True)
    ]
    joint = torch.einsum("na,nb,nc,nd->nabcd", *per_dimension).mean(dim=0)
    expected = -(joint * joint.log()).sum()
    found = entropy_penalty(latent, values, temperature=0.7).vocabulary_entropy
    torch.testing.assert_close(found, expected)


def test_eighteen_bits_are_estimated_as_a_whole_and_more_in_groups() -> None:
    assert split_dimensions([2] * 18, 2**18) == [list(range(18))]
    assert split_dimensions([2] * 19, 2**18) == [list(range(18)), [18]]
    assert split_dimensions([8, 4, 4, 2], 32) == [[0, 1], [2, 3]]
    assert split_dimensions([8, 2], 4) == [[0], [1]]
    latent = torch.randn(1, 18, 2, 4, 4).requires_grad_(True)
    entropy_penalty(latent).penalty.backward()
    assert latent.grad is not None
    assert latent.grad.isfinite().all()
    assert latent.grad.abs().sum() > 0


def test_descending_it_decides_and_balances_the_bits() -> None:
    torch.manual_seed(0)
    latent = (0.1 * torch.randn(1, 3, 1, 16, 16) + 0.3).requires_grad_(True)
    optimizer = torch.optim.SGD([latent], lr=50.0)
    before = entropy_penalty(latent).penalty.item()
    for _ in range(50):
        optimizer.zero_grad()
        entropy_penalty(latent).penalty.backward()
        optimizer.step()
    after = entropy_penalty(latent)
    assert after.penalty.item() < before - LN2
    assert ((latent > 0).float().mean(dim=(0, 2, 3, 4)) - 0.5).abs().max() < 0.2


def test_extreme_latents_have_finite_gradients() -> None:
    latent = torch.tensor([1e4, -1e4, 0.0]).reshape(1, 1, 3, 1, 1).requires_grad_(True)
    entropy_penalty(latent, temperature=0.01).penalty.backward()
    assert latent.grad is not None
    assert latent.grad.isfinite().all()


def test_wrong_number_of_dimensions_is_refused() -> None:
    with pytest.raises(ValueError, match="2 latent channels, expected 3"):
        entropy_penalty(torch.zeros(1, 2, 1, 1, 1), [torch.zeros(2)] * 3)


def test_annealing_from_three_times_to_once() -> None:
    assert [entropy_weight(step) for step in (0, 1000, 2000, 9000)] == pytest.approx([0.3, 0.2, 0.1, 0.1])
    assert entropy_weight(0, final=0.5, num_steps=0) == 0.5
