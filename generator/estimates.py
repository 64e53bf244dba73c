"""The best guess at tokens whose bits are planes of numbers: the mean of the middle half of many draws."""

from collections import Counter

import torch
from torch import Tensor


def midmean_token(draws: Tensor, plane_dimensions: tuple[int, ...]) -> Tensor:
    """Take the interquartile mean of each number: near least squared error, without what a few draws far off would do.

    The likeliest token is a poor one: a value in the tail, copied from a neighbour, is often likelier than any one
    of the many in the middle. A plain mean is drawn away from what is nearly sure by a little probability far off.

    Args:
        draws: int64 `[S, N]`, ids of equal probability; a quarter of the S, rounded down, is left out at each end.
        plane_dimensions: the dimension that each token bit refines, coarse to fine, as in `TokenizerConfig`; as many as
            bits are known.

    Returns:
        int64 `[N]`: each number the mean of those in the middle, rounded, a half upwards.
    """
    numbers: dict[int, Tensor] = {}
    for bit, dimension in enumerate(plane_dimensions):
        plane = (draws >> bit) & 1
        numbers[dimension] = 2 * numbers[dimension] + plane if dimension in numbers else plane
    left_out = draws.shape[0] // 4
    middle = slice(left_out, draws.shape[0] - left_out)
    means = {
        dimension: (drawn.sort(0).values[middle].double().mean(0) + 0.5).floor().long()
        for dimension, drawn in numbers.items()
    }
    ids = torch.zeros_like(draws[0])
    remaining = Counter(plane_dimensions)
    for bit, dimension in enumerate(plane_dimensions):
        remaining[dimension] -= 1
        ids |= ((means[dimension] >> remaining[dimension]) & 1) << bit
    return ids
