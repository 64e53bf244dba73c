"""Elo scores in play order: what the thesis reports (5.4.3)."""

import numpy as np
from numpy.typing import NDArray

from .davidson import ELO_MEAN, ELO_PER_LOGIT

Floats = NDArray[np.float64]


def elo_scores(
    num_players: int,
    pairs: NDArray[np.intp],
    scores: Floats,
    step: float,
    weights: Floats | None = None,
) -> Floats:
    """Play all games once, in order, from 1500 points each.

    After each game the first gains `step * (score - expected)`, the second loses as much.

    Args:
        num_players: P.
        pairs: int `[N, 2]`, first and second player of each game.
        scores: float64 `[N]`, of the first: 1 won, 0.5 tie, 0 lost.
        step: the K factor.
        weights: float64 `[B, N]`, how often each game counts, for B replays at once; once if None.

    Returns:
        float64 `[B, P]`.
    """
    weights = np.ones((1, len(pairs))) if weights is None else weights
    elo = np.full((len(weights), num_players), ELO_MEAN)
    for game, (first, second) in enumerate(pairs):
        expected = 1 / (1 + np.exp((elo[:, second] - elo[:, first]) / ELO_PER_LOGIT))
        gain = step * weights[:, game] * (scores[game] - expected)
        elo[:, first] += gain
        elo[:, second] -= gain
    return elo
