"""Bradley-Terry strengths with ties (Davidson 1970), by Newton's method, for many weightings of the votes at once.

For contestants i and j of strengths s: P(i) : P(tie) : P(j) = exp(s_i) : nu exp((s_i + s_j) / 2) : exp(s_j). That is a
multinomial logit, linear in s and log(nu), so its likelihood has one peak.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FLAT_PRECISION = 1e-7
"""Of the prior where the maximum exists: only fixes the scale's origin, at the mean strength."""
WEAK_PRECISION = 1 / 9
"""Of the prior where there is no maximum (a contestant that never lost): strengths within some 3 logits of the mean."""
ELO_PER_LOGIT = 400 / float(np.log(10))
ELO_MEAN = 1500.0
_MAX_STEPS = 100
_MAX_STEP_LOGITS = 2.0
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Matches:
    """Counted answers on pairs of contestants."""

    num_players: int
    pairs: NDArray[np.intp]
    """`[K, 2]`: first and second contestant of each pair."""
    counts: Floats
    """`[K, 3]`: first won, tie, second won."""


def fit_strengths(
    matches: Matches, counts: Floats | None = None, precision: float = FLAT_PRECISION
) -> tuple[Floats, Floats]:
    """Find the strengths of highest likelihood (posterior, for what the prior weighs).

    Args:
        matches: who met whom; it also says whether ties are possible.
        counts: float64 `[B, K, 3]`, weightings to fit one by one; those of `matches`, if None.
        precision: of the prior around strength 0, in 1 / logit^2.

    Returns:
        Strengths `[B, P]` in logits, of mean 0 in each connected part, and log(nu) `[B]`, -inf without ties.
    """
    counts = matches.counts[None] if counts is None else counts
    with_ties = bool(matches.counts[:, 1].sum() > 0)
    design, used = _design(matches, with_ties), counts if with_ties else counts[:, :, ::2]
    num_parameters = design.shape[-1]
    beta = np.zeros((len(used), num_parameters))
    for _ in range(_MAX_STEPS):
        step = _newton_step(beta, design, used, precision)
        largest = np.abs(step).max(axis=1, keepdims=True)
        beta = beta + step * np.minimum(1, _MAX_STEP_LOGITS / np.maximum(largest, 1e-300))
        if largest.max() < _TOLERANCE:
            break
    strengths = beta[:, : matches.num_players]
    return strengths, beta[:, -1] if with_ties else np.full(len(beta), -np.inf)


def covariance(matches: Matches, strengths: Floats, log_nu: float, precision: float) -> Floats:
    """Give the covariance `[P, P]` of strengths by the curvature of the likelihood, answers taken as independent."""
    with_ties = bool(np.isfinite(log_nu))
    beta = np.append(strengths, log_nu) if with_ties else strengths
    design = _design(matches, with_ties)
    used = matches.counts if with_ties else matches.counts[:, ::2]
    _, hessian = _derivatives(beta[None], design, used[None], precision)
    inverse: Floats = np.linalg.inv(hessian[0])[: matches.num_players, : matches.num_players]
    return inverse


def outcome_probabilities(difference: Floats | float, log_nu: float) -> Floats:
    """Give P(first), P(tie), P(second) `[..., 3]` for a difference of strengths, first minus second."""
    half = np.asarray(difference, np.float64) / 2
    logits = np.stack([half, np.full_like(half, log_nu), -half], axis=-1)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Floats = weights / weights.sum(axis=-1, keepdims=True)
    return probabilities


def to_elo(strengths: Floats) -> Floats:
    """Put strengths on the Elo scale: 400 points for odds of ten to one, mean 1500."""
    return ELO_MEAN + ELO_PER_LOGIT * strengths


def _design(matches: Matches, with_ties: bool) -> Floats:
    """Make the features `[K, A, P (+ 1)]` whose weighted sums are the logits of each outcome."""
    rows = np.arange(len(matches.pairs))
    first, tie, second = (np.zeros((len(rows), matches.num_players + with_ties)) for _ in range(3))
    first[rows, matches.pairs[:, 0]] = 1
    second[rows, matches.pairs[:, 1]] = 1
    if not with_ties:
        return np.stack([first, second], axis=1)
    tie += (first + second) / 2
    tie[:, -1] = 1
    return np.stack([first, tie, second], axis=1)


def _newton_step(beta: Floats, design: Floats, counts: Floats, precision: float) -> Floats:
    gradient, hessian = _derivatives(beta, design, counts, precision)
    return np.asarray(np.linalg.solve(hessian, gradient[..., None])[..., 0], np.float64)


def _derivatives(beta: Floats, design: Floats, counts: Floats, precision: float) -> tuple[Floats, Floats]:
    """Gradient `[B, D]` of the log posterior and its negated second derivative `[B, D, D]`."""
    num_parameters = design.shape[-1]
    logits = np.einsum("kad,bd->bka", design, beta, optimize=True)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities = weights / weights.sum(axis=-1, keepdims=True)
    totals = counts.sum(axis=-1)
    flat = design.reshape(-1, num_parameters)
    gradient = (counts - totals[..., None] * probabilities).reshape(len(beta), -1) @ flat - precision * beta
    expected = (totals[..., None] * probabilities).reshape(len(beta), -1)
    second_moment = (flat.T[None] * expected[:, None, :]) @ flat
    means = np.einsum("bka,kad->bkd", probabilities, design, optimize=True)
    hessian = second_moment - np.swapaxes(means * totals[..., None], 1, 2) @ means
    return gradient, hessian + precision * np.eye(num_parameters)
