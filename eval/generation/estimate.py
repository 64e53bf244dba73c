"""Means over windows, how uncertain they are, and whether one is better than another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    """A mean over windows."""

    mean: float
    standard_error: float | None
    """By a bootstrap over clips, since windows of one clip are alike; None for fewer than two clips."""


@dataclass(frozen=True)
class Against:
    """What a baseline reaches on the windows on which the generator was measured."""

    name: str
    theirs: Estimate
    gain: Estimate
    """How much better the generator is, window by window."""

    @property
    def is_beaten(self) -> bool:
        """Whether the generator is better in the mean."""
        return self.gain.mean > 0


def estimate(values: Sequence[float], clips: Sequence[str]) -> Estimate:
    """Average values of windows.

    Args:
        values: one a window.
        clips: the clip that each window is from.
    """
    array = np.asarray(values, np.float64)
    return Estimate(float(array.mean()), _standard_error(array, clips))


def against(
    name: str, ours: Sequence[float], theirs: Sequence[float], clips: Sequence[str], *, rises: bool
) -> Against:
    """Compare with a baseline.

    Args:
        name: of the baseline.
        ours: the generator's value of each window.
        theirs: the baseline's.
        clips: the clip that each window is from.
        rises: whether more is better.
    """
    gains = (np.asarray(ours) - np.asarray(theirs)) * (1 if rises else -1)
    return Against(name, estimate(theirs, clips), estimate(gains.tolist(), clips))


def _standard_error(values: NDArray[np.float64], clips: Sequence[str]) -> float | None:
    names, numbers = np.unique(np.asarray(clips), return_inverse=True)
    if len(names) < 2:
        return None
    totals, counts = np.bincount(numbers, values), np.bincount(numbers)
    drawn = np.random.default_rng(0).integers(len(names), size=(RESAMPLES, len(names)))
    return float((totals[drawn].sum(1) / counts[drawn].sum(1)).std())
