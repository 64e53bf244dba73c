"""The coded sizes and numbers of layers among which rate control chooses, coarse to fine."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from .rate_points import RatePoint

MEASURED_WEIGHT = 0.3
"""Rate weight at which the rungs are measured and chosen. By PSNR, weights of 0.2 to 0.7 beat lower ones with fewer
layers or a lower scale, and from 0.3 bytes can go up by half and down to a third, where not too little changes."""

_SCALE_STEPS = 16
_SLOPE = -1.4
"""Of the logarithm of bytes over the rate weight, measured on real clips."""

Measured = tuple[RatePoint, float]
"""A rung, and the bytes that it comes to."""


def make_ladder(levels: Sequence[RatePoint]) -> tuple[RatePoint, ...]:
    """List a model's quality levels, lowest first, and numbers of layers between theirs; rate weights are 0.

    A level at a lower scale than one below it is left out: by PSNR, fewer layers at the higher scale are better under a
    rate weight that makes them cost the same.
    """
    rungs = [replace(levels[0], rate_weight=0.0)]
    highest = max(levels, key=lambda level: (level.scale, level.num_layers))
    for level in (*levels[1:], highest):
        if level.scale >= rungs[-1].scale:
            first = min(rungs[-1].num_layers + 1, level.num_layers)
            rungs += [RatePoint(level.scale, count) for count in range(first, level.num_layers + 1)]
    return tuple(dict.fromkeys(rungs))


def coded_sizes_of(levels: Sequence[RatePoint], width: int, height: int) -> dict[float, tuple[int, int]]:
    """List the coded sizes of some rate points by their scale.

    Args:
        levels: the rate points.
        width: of the source, in pixels.
        height: likewise.
    """
    return {level.scale: level.coded_size(width, height) for level in levels}


def keep_rising(measured: Iterable[Measured]) -> tuple[Measured, ...]:
    """Drop the rungs that take no more bytes than a lower one."""
    kept: list[Measured] = []
    for rung, num_bytes in measured:
        if not kept or num_bytes > kept[-1][1]:
            kept.append((rung, num_bytes))
    return tuple(kept)


def choose_rung(measured: Sequence[Measured], goal_bytes: float, *, any_scale: bool) -> RatePoint:
    """Pick the lowest rung that reaches the goal, with the rate weight that about meets it.

    Args:
        measured: from `keep_rising`.
        goal_bytes: that are wanted.
        any_scale: also consider scales between two rungs with the same layers, in steps of 1/16.
    """
    candidates = _between(measured) if any_scale else list(measured)
    rung, found = next((pair for pair in candidates if pair[1] >= goal_bytes), candidates[-1])
    weight = MEASURED_WEIGHT + math.log(max(1.0, goal_bytes) / max(1.0, found)) / _SLOPE
    return replace(rung, rate_weight=min(1.0, max(0.0, weight)))


def _between(measured: Sequence[Measured]) -> list[Measured]:
    """Add rungs between those with the same layers; bytes go with a power of the scale."""
    rungs = [measured[0]]
    for (low, low_bytes), (high, high_bytes) in pairwise(measured):
        if low.num_layers == high.num_layers and low.scale < high.scale and low_bytes > 0:
            power = math.log(high_bytes / low_bytes) / math.log(high.scale / low.scale)
            first = math.floor(low.scale * _SCALE_STEPS) + 1
            for scale in (step / _SCALE_STEPS for step in range(first, math.ceil(high.scale * _SCALE_STEPS))):
                rungs.append((replace(low, scale=scale), low_bytes * (scale / low.scale) ** power))
        rungs.append((high, high_bytes))
    return rungs
