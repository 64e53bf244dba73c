"""Intervals over raters and clips: three bootstraps whose variances are combined.

Answers of one rater belong together, and so do answers on one clip. Resampling raters sees the first, resampling
clips the second; each also sees the chance in single answers, which resampling answers measures alone. So the
variance is V = V_raters + V_clips - V_answers (Cameron, Gelbach and Miller, 'Robust inference with multiway
clustering', 2011). Resampling raters and clips at once would count the chance in single answers up to three times
(Owen, 'The pigeonhole bootstrap', 2007).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

Floats = NDArray[np.float64]
Estimator = Callable[[Floats], Floats]
"""Weights of the answers `[B, N]` -> estimates `[B, D]`."""

DEFAULT_RESAMPLES = 300


@dataclass(frozen=True)
class Spread:
    """How uncertain estimates are."""

    standard_errors: Floats
    """`[D]`."""
    freedom: Floats
    """`[D]`, degrees of freedom of the t distribution (Satterthwaite, 1946); infinite without groups."""
    statements: tuple[str, ...]
    """What could not be taken into account."""

    def reach(self, level: float = 0.95) -> Floats:
        """How far intervals reach to either side of the estimates, `[D]`."""
        quantiles: Floats = t.ppf((1 + level) / 2, self.freedom)
        return quantiles * self.standard_errors

    def p_values(self, estimates: Floats) -> Floats:
        """How likely estimates so far from 0 are where the truth is 0; two-sided."""
        ratios = np.abs(estimates) / np.maximum(self.standard_errors, 1e-12)
        probabilities: Floats = 2 * t.sf(ratios, self.freedom)
        return probabilities


def bootstrap_spread(
    estimate: Estimator,
    raters: NDArray[np.intp],
    clips: NDArray[np.intp],
    *,
    seed: int = 0,
    resamples: int = DEFAULT_RESAMPLES,
) -> Spread:
    """Measure how far estimates would move with other raters and other clips.

    Args:
        estimate: computes the estimates for weights of the answers.
        raters: int `[N]`, who gave each answer, numbered from 0 without gaps.
        clips: int `[N]`, on which clip, likewise.
        seed: of the resampling.
        resamples: of each of the three kinds.
    """
    rng = np.random.default_rng(seed)
    statements: list[str] = []
    num_answers = len(raters)
    singles = np.arange(num_answers, dtype=np.intp)
    variance_answers = _variance(estimate, singles, rng, resamples)
    variances, freedoms = [], []
    for name, groups in (("rater", raters), ("clip", clips)):
        num_groups = int(groups.max()) + 1
        if num_groups < 2:
            statements.append(f"only one {name}: the intervals do not include how {name}s differ")
            continue
        variances.append(_variance(estimate, groups, rng, resamples) * num_groups / (num_groups - 1))
        freedoms.append(num_groups - 1)
    if not variances:
        combined = variance_answers
    elif len(variances) == 1:
        combined = np.maximum(variances[0], variance_answers)
    else:
        combined = np.maximum.reduce([variances[0] + variances[1] - variance_answers, *variances])
    return Spread(np.sqrt(combined), _freedom(combined, variances, freedoms), tuple(statements))


def _freedom(combined: Floats, variances: list[Floats], freedoms: list[int]) -> Floats:
    """Give the degrees of freedom `[D]` of a sum of variances, each known from few groups: Satterthwaite's."""
    doubt = sum(
        (np.square(one) / freedom for one, freedom in zip(variances, freedoms, strict=True)), np.zeros(())
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(doubt > 0, np.square(combined) / doubt, np.inf)
    return np.maximum(found, float(min(freedoms, default=np.inf)))


def _variance(
    estimate: Estimator, groups: NDArray[np.intp], rng: np.random.Generator, resamples: int
) -> Floats:
    """Variance `[D]` of estimates when groups are drawn with replacement; robust, by the middle 80%."""
    num_groups = int(groups.max()) + 1
    drawn = rng.multinomial(num_groups, np.full(num_groups, 1 / num_groups), size=resamples)
    estimates = estimate(drawn[:, groups].astype(np.float64))
    low, high = np.quantile(estimates, [0.1, 0.9], axis=0)
    deviation: Floats = (high - low) / (2 * norm.ppf(0.9))
    return np.square(deviation)
