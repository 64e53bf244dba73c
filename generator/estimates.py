"""The best guess at tokens whose bits are planes of numbers: the median of many draws, number by number."""

from collections import Counter

import torch
from torch import Tensor


def median_token(draws: Tensor, plane_dimensions: tuple[int, ...]) -> Tensor:
    """Take the median of each number, an estimate of least absolute error.

    The likeliest token is a poor one: a value in the tail, copied from a neighbour, is often likelier than any one
    of the many in the middle. A mean is drawn away from what is nearly sure by a little probability far off.

    Args:
        draws: int64 `[S, N]`, ids of equal probability.
        plane_dimensions: the dimension that each token bit refines, coarse to fine, as in `TokenizerConfig`; as many as
            bits are known.

    Returns:
        int64 `[N]`: each number the median of those drawn, of two the lower.
    """
    numbers: dict[int, Tensor] = {}
    for bit, dimension in enumerate(plane_dimensions):
        plane = (draws >> bit) & 1
        numbers[dimension] = 2 * numbers[dimension] + plane if dimension in numbers else plane
    medians = {dimension: drawn.median(0).values for dimension, drawn in numbers.items()}
    ids = torch.zeros_like(draws[0])
    remaining = Counter(plane_dimensions)
    for bit, dimension in enumerate(plane_dimensions):
        remaining[dimension] -= 1
        ids |= ((medians[dimension] >> remaining[dimension]) & 1) << bit
    return ids
