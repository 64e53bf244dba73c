"""The search for the rate weight under which one segment takes the bytes that it may."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ..container import Segment
from .rate_points import MAX_RATE_WEIGHT

_SLOPE = -1.4
"""Of the logarithm of bytes over the rate weight, a first guess; measured on real clips -1.0 to -1.7, but between
-7 and 0 where little changes, for there a bit gains worth with the rate weight."""

_CLOSE = 1e-4
"""Rate weights nearer to each other than this are one."""


@dataclass(frozen=True)
class Allowance:
    """Bytes that a segment may take."""

    low: int
    """Less than this leaves too much unused."""

    high: int
    """More than this is too much, but may be had where there is no finer step."""

    ceiling: int
    """More than this there is not."""

    debt: int = 0
    """Above the ceiling, for the coarsest coding alone: what later segments may be asked to save."""


@dataclass(frozen=True)
class Trial:
    """A segment coded in one way."""

    segment: Segment
    num_bytes: int
    """That it adds to the file."""

    num_layers: int
    rate_weight: float


class BudgetTooSmallError(Exception):
    """Even the coarsest coding takes more than there is; never leaves `codec`."""

    def __init__(self, num_bytes: int) -> None:
        super().__init__(num_bytes)
        self.num_bytes = num_bytes
        """Of the coarsest coding."""


def fit_segment(
    code: Callable[[int, float], Trial],
    allowance: Allowance,
    start: tuple[int, float],
    most_layers: int,
    most_trials: int,
) -> Trial:
    """Code a segment with a rate weight that makes it use its allowance and no more.

    Bytes fall as the rate weight rises, nearly exponentially, so the logarithm is searched by the secant rule.
    Layers are added or dropped where no rate weight will do.

    Args:
        code: codes with a number of layers and a rate weight.
        allowance: of bytes.
        start: number of layers and rate weight to begin with.
        most_layers: that there are.
        most_trials: codings for a number of layers, about.

    Raises:
        BudgetTooSmallError: one layer at the highest rate weight takes more than ceiling and debt.
    """
    trials: list[Trial] = []
    num_layers, weight = start
    while True:
        trials.append(_search(partial(code, num_layers), allowance, weight, most_trials))
        found = trials[-1]
        is_used = allowance.low <= found.num_bytes <= allowance.high
        step = 1 if found.num_bytes < allowance.low and found.rate_weight == 0 else 0
        step = -1 if found.num_bytes > allowance.high else step
        num_layers += step
        if is_used or step == 0 or not 1 <= num_layers <= most_layers:
            break
        if any(trial.num_layers == num_layers for trial in trials):
            break
        weight = MAX_RATE_WEIGHT / 4
    return _best(trials, allowance)


def _best(trials: list[Trial], allowance: Allowance) -> Trial:
    """Choose what uses the allowance best; the smallest where all take too much."""
    wanted = [trial for trial in trials if trial.num_bytes <= min(allowance.high, allowance.ceiling)]
    if wanted:
        return max(wanted, key=lambda trial: trial.num_bytes)
    least = min(trials, key=lambda trial: trial.num_bytes)
    if least.num_bytes > allowance.ceiling + allowance.debt:
        raise BudgetTooSmallError(least.num_bytes)
    return least


def _search(code: Callable[[float], Trial], allowance: Allowance, weight: float, most_trials: int) -> Trial:
    """Give the coding that uses the allowance best, or the smallest where all take too much.

    Args:
        code: codes with a rate weight.
        allowance: of bytes.
        weight: to begin with.
        most_trials: codings, about.
    """
    most_bytes = min(allowance.high, allowance.ceiling)
    tried: list[Trial] = []
    while len(tried) < most_trials and all(abs(weight - trial.rate_weight) > _CLOSE for trial in tried):
        trial = code(weight)
        tried.append(trial)
        if allowance.low <= trial.num_bytes <= most_bytes:
            return trial
        weight = _next_weight(tried, (allowance.low + most_bytes) / 2, most_bytes)
    if all(trial.num_bytes > most_bytes for trial in tried) and tried[-1].rate_weight < MAX_RATE_WEIGHT:
        tried.append(code(MAX_RATE_WEIGHT))
    return max(
        (trial for trial in tried if trial.num_bytes <= most_bytes),
        key=lambda trial: trial.num_bytes,
        default=min(tried, key=lambda trial: trial.num_bytes),
    )


def _next_weight(tried: list[Trial], goal_bytes: float, most_bytes: int) -> float:
    """Give the rate weight to try next, by the secant rule on the logarithm of bytes."""
    goal = math.log(max(1.0, goal_bytes))
    over = max((t for t in tried if t.num_bytes > most_bytes), key=lambda t: t.rate_weight, default=None)
    under = min((t for t in tried if t.num_bytes <= most_bytes), key=lambda t: t.rate_weight, default=None)
    if over is None or under is None:
        last, slope, reach = tried[-1], _SLOPE, 1.0
        if len(tried) > 1:
            slope = _log(last, tried[-2]) / (last.rate_weight - tried[-2].rate_weight)
            reach = 1.3  # so that the goal comes to lie between two trials
        step = reach * (goal - math.log(last.num_bytes)) / min(-0.2, max(-5.0, slope))
        return min(MAX_RATE_WEIGHT, max(0.0, last.rate_weight + step))
    fall = _log(over, under)
    share = (math.log(over.num_bytes) - goal) / fall if fall > 0 else 0.5
    return over.rate_weight + (under.rate_weight - over.rate_weight) * min(0.95, max(0.05, share))


def _log(one: Trial, other: Trial) -> float:
    """Give by how much the logarithm of the one's bytes is above the other's."""
    return math.log(one.num_bytes / other.num_bytes)
