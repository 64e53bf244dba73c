"""Entropy penalty of lookup-free quantization (thesis Eq. 5.5): decided tokens, evenly used vocabulary."""

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

MAX_GROUP_VOCABULARY = 2**18
"""Largest joint vocabulary estimated as a whole; beyond it the dimensions are split in groups."""


class EntropyPenalty(NamedTuple):
    """Eq. 5.5 and its two terms, each a scalar in nats."""

    penalty: Tensor
    """Token entropy minus vocabulary entropy."""
    token_entropy: Tensor
    """E[H(q(z))]: how undecided one position is."""
    vocabulary_entropy: Tensor
    """H(E[q(z)]): how evenly all positions together use the vocabulary."""


def assignment_log_probabilities(
    latent: Tensor, values: Sequence[Tensor], temperature: float
) -> list[Tensor]:
    """Assign each dimension softly: softmax of minus the squared distance to each value over the temperature.

    Args:
        latent: float `[B, D, ...]`.
        values: D tensors, C_i of Eq. 5.2, each `[V_i]`. For {-1, 1} the probability of 1 is sigmoid(4 z /
            temperature).
        temperature: in squared units of the latent.

    Returns:
        D log-probabilities float32 `[N, V_i]`, N counting all positions.
    """
    if latent.shape[1] != len(values):
        raise ValueError(
            f"{latent.shape[1]} latent channels, expected {len(values)}, one for each set of values"
        )
    vectors = latent.movedim(1, 0).flatten(1).float()
    return [
        torch.log_softmax(-(z[:, None] - choices.to(z)).square() / temperature, dim=1)
        for z, choices in zip(vectors, values, strict=True)
    ]


def entropy_penalty(
    latent: Tensor,
    values: Sequence[Tensor] | None = None,
    *,
    temperature: float = 1.0,
    max_group_vocabulary: int = MAX_GROUP_VOCABULARY,
) -> EntropyPenalty:
    """Estimate Eq. 5.5 from a batch of latents before quantization, softly assigned to their values.

    The dimensions of one token are independent, so its entropy is their sum. The vocabulary's entropy is
    estimated from the joint distribution, exactly up to `max_group_vocabulary`; a larger vocabulary is split
    in groups of consecutive dimensions whose entropies are added, an upper bound.

    Args:
        latent: float `[B, D, ...]`.
        values: D tensors, C_i of Eq. 5.2; all {-1, 1} if None.
        temperature: of the soft assignment, in squared units of the latent.
        max_group_vocabulary: largest joint vocabulary, 2 or more; the memory of one group is that many
            floats.

    Returns:
        The penalty and its two terms.
    """
    if values is None:
        values = [torch.tensor([-1.0, 1.0])] * latent.shape[1]
    log_probabilities = assignment_log_probabilities(latent, values, temperature)
    token_entropy = torch.stack(
        [-(log_p.exp() * log_p).sum(dim=1).mean() for log_p in log_probabilities]
    ).sum()
    sizes = [len(choices) for choices in values]
    terms = [
        _joint_entropy([log_probabilities[i].exp() for i in group])
        for group in split_dimensions(sizes, max_group_vocabulary)
    ]
    vocabulary_entropy = torch.stack(terms).sum()
    return EntropyPenalty(token_entropy - vocabulary_entropy, token_entropy, vocabulary_entropy)


def split_dimensions(sizes: Sequence[int], max_group_vocabulary: int) -> list[list[int]]:
    """Cut the dimensions, in order, into groups of limited joint vocabulary (one alone may exceed it)."""
    groups: list[list[int]] = []
    vocabulary = 0
    for dimension, size in enumerate(sizes):
        if not groups or vocabulary * size > max_group_vocabulary:
            groups.append([])
            vocabulary = 1
        groups[-1].append(dimension)
        vocabulary *= size
    return groups


def entropy_weight(step: int, *, final: float = 0.1, factor: float = 3.0, num_steps: int = 2000) -> float:
    """Weight of the penalty at a step: from `factor * final` linearly down to `final` at `num_steps`."""
    progress = min(step / num_steps, 1.0) if num_steps else 1.0
    return final * (factor + (1.0 - factor) * progress)


def _joint_entropy(probabilities: list[Tensor]) -> Tensor:
    """Entropy of the mean joint distribution of independent choices, each `[N, V_i]`.

    The mean over N of an outer product of two halves is one matrix product: nothing of size N times V is
    made.
    """
    total = prod(p.shape[1] for p in probabilities)
    cut, vocabulary = 0, 1
    while vocabulary**2 < total:
        vocabulary *= probabilities[cut].shape[1]
        cut += 1
    with torch.autocast(probabilities[0].device.type, enabled=False):
        start = torch.ones_like(probabilities[0][:, :1])
        coarse = reduce(_outer, probabilities[:cut], start)
        fine = reduce(_outer, probabilities[cut:], start)
        mean = coarse.T @ fine / start.shape[0]
    entropy: Tensor = torch.special.entr(mean.clamp_min(torch.finfo(mean.dtype).tiny)).sum()
    return entropy


def _outer(joint: Tensor, p: Tensor) -> Tensor:
    return (joint[:, :, None] * p[:, None, :]).flatten(1)
