"""A ranking of contestants out of votes: scores, intervals, win rates, significance, and what can't be said."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from .bootstrap import DEFAULT_RESAMPLES, Spread, bootstrap_spread
from .davidson import (
    ELO_PER_LOGIT,
    FLAT_PRECISION,
    WEAK_PRECISION,
    Matches,
    covariance,
    fit_strengths,
    to_elo,
)
from .elo import elo_scores

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Game:
    """A vote as a ranking sees it: who met, on which clip, and what came of it."""

    first: str
    second: str
    outcome: int
    """`votes.FIRST`, `TIE` or `SECOND`."""
    rater: str
    clip: str


@dataclass(frozen=True)
class Standing:
    """One contestant; scores are on the Elo scale, mean 1500, intervals of 95%."""

    name: str
    num_wins: int
    num_ties: int
    num_losses: int
    bradley_terry: float
    bradley_terry_low: float
    bradley_terry_high: float
    elo: float
    """In play order."""
    elo_low: float
    elo_high: float


@dataclass(frozen=True)
class Comparison:
    """Two contestants; `difference` is of Bradley-Terry scores, first minus second."""

    first: str
    second: str
    num_games: int
    win_rate: float | None
    """Of the first, ties as half; None where they never met."""
    difference: float
    low: float
    high: float
    p_value: float
    p_holm: float
    """Corrected for all comparisons of the ranking (Holm)."""


@dataclass(frozen=True)
class Ranking:
    """What votes say of a set of contestants."""

    title: str
    num_games: int
    standings: tuple[Standing, ...]
    """Best first."""
    comparisons: tuple[Comparison, ...]
    """Of those that can be compared."""
    win_rates: dict[str, dict[str, float | None]]
    """Row against column, ties as half; None where they never met."""
    tie_parameter: float
    """Davidson's nu; 0 without ties."""
    statements: tuple[str, ...]
    """What the reader must know before trusting a number."""


def rank(
    title: str,
    names: Sequence[str],
    games: Sequence[Game],
    *,
    elo_k: float,
    seed: int,
    resamples: int = DEFAULT_RESAMPLES,
) -> Ranking:
    """Rank contestants by their games.

    Args:
        title: of the ranking.
        names: of the contestants, also of those without games, who get no score.
        games: in order of play.
        elo_k: step of Elo scores.
        seed: of the bootstrap.
        resamples: of each bootstrap.
    """
    met = sorted({name for game in games for name in (game.first, game.second)})
    statements = [f"{name} was never compared and has no score" for name in names if name not in met]
    if not games:
        return Ranking(title, 0, (), (), {}, 0.0, (*statements, "there are no answers that count"))
    number = {name: index for index, name in enumerate(met)}
    table = _Table(met, number, games)
    parts = table.parts()
    if parts.max():
        groups = ["; ".join(", ".join(np.array(met)[parts == part]) for part in range(parts.max() + 1))]
        statements.append(f"no answers join these groups, whose scores are not on one scale: {groups[0]}")
    precision, loose = FLAT_PRECISION, table.unbounded(parts)
    if loose:
        precision = WEAK_PRECISION
        statements.append(
            f"{'; '.join(loose)}: no finite score is the most likely one, so all scores are held within some "
            f"{3 * ELO_PER_LOGIT:.0f} points of the mean by a prior"
        )
    strengths, log_nu = fit_strengths(table.matches, precision=precision)
    elo = elo_scores(len(met), table.players, table.scores, elo_k)[0]
    pairs = np.array([p for p in combinations(range(len(met)), 2) if parts[p[0]] == parts[p[1]]], np.intp)
    pairs = pairs.reshape(-1, 2)

    def estimate(weights: Floats) -> Floats:
        fitted, _ = fit_strengths(table.matches, table.counted(weights), WEAK_PRECISION)
        played = elo_scores(len(met), table.players, table.scores, elo_k, weights) / ELO_PER_LOGIT
        return np.concatenate([fitted, fitted[:, pairs[:, 0]] - fitted[:, pairs[:, 1]], played], axis=1)

    spread = bootstrap_spread(estimate, table.raters, table.clips, seed=seed, resamples=resamples)
    floor = _least_errors(table.matches, parts, pairs, elo_k)
    spread = replace(spread, standard_errors=np.maximum(spread.standard_errors, floor))
    return Ranking(
        title=title,
        num_games=len(games),
        standings=_standings(table, strengths[0], elo, spread),
        comparisons=_comparisons(table, strengths[0], pairs, spread),
        win_rates=table.win_rates(),
        tie_parameter=float(np.exp(log_nu[0])),
        statements=(*statements, *spread.statements),
    )


def _least_errors(matches: Matches, parts: NDArray[np.intp], pairs: NDArray[np.intp], elo_k: float) -> Floats:
    """Give the standard errors of estimates if nothing but chance in single answers moved them.

    Where all answers agree, resampling them changes nothing and would call a guess certain. Strengths are taken against
    the mean of their part, as they are told.
    """
    strengths, log_nu = fit_strengths(matches, precision=WEAK_PRECISION)
    spread = covariance(matches, strengths[0], float(log_nu[0]), WEAK_PRECISION)
    same_part = parts[:, None] == parts
    centred = np.eye(len(parts)) - same_part / same_part.sum(axis=1)
    spread = centred @ spread @ centred.T
    variance = np.maximum(np.diag(spread), 0)
    first, second = pairs.T
    differences = variance[first] + variance[second] - 2 * spread[first, second]
    one_answer = np.full(len(variance), (elo_k / 2 / ELO_PER_LOGIT) ** 2)
    errors: Floats = np.sqrt(np.concatenate([variance, differences, one_answer]))
    return errors


class _Table:
    """Games as arrays."""

    def __init__(self, names: list[str], number: dict[str, int], games: Sequence[Game]) -> None:
        self.names = names
        self.players = np.array([(number[game.first], number[game.second]) for game in games], np.intp)
        self.outcomes = np.array([game.outcome for game in games], np.intp)
        self.scores = 1 - self.outcomes / 2
        self.raters = np.unique([game.rater for game in games], return_inverse=True)[1].astype(np.intp)
        self.clips = np.unique([game.clip for game in games], return_inverse=True)[1].astype(np.intp)
        pairs, cell = np.unique(self.players, axis=0, return_inverse=True)
        columns = cell.reshape(-1) * 3 + self.outcomes
        rows = np.arange(len(games))
        self._cells = csr_array((np.ones(len(games)), (columns, rows)), shape=(3 * len(pairs), len(games)))
        counts = self._cells.sum(axis=1).reshape(-1, 3).astype(np.float64)
        self.matches = Matches(len(names), pairs, counts)
        size = len(names)
        self.points = np.zeros((size, size))
        """Of row against column, ties as half."""
        np.add.at(self.points, (self.players[:, 0], self.players[:, 1]), self.scores)
        np.add.at(self.points, (self.players[:, 1], self.players[:, 0]), 1 - self.scores)
        self.met = self.points + self.points.T

    def counted(self, weights: Floats) -> Floats:
        """Count the games `[B, K, 3]` under weights `[B, N]`."""
        counts: Floats = (self._cells @ weights.T).T.reshape(len(weights), -1, 3)
        return counts

    def parts(self) -> NDArray[np.intp]:
        """Number the groups that no game joins."""
        parts: NDArray[np.intp] = connected_components(csr_array(self.met), directed=False)[1].astype(np.intp)
        return parts

    def unbounded(self, parts: NDArray[np.intp]) -> list[str]:
        """Say who has no finite maximum-likelihood score: groups that took no point from, or gave none to, the rest."""
        _, strong = connected_components(csr_array(self.points > 0), directed=True, connection="strong")
        lines = []
        for group in range(strong.max() + 1):
            inside = strong == group
            rest = (parts == parts[inside][0]) & ~inside
            if not rest.any():
                continue
            members = ", ".join(np.array(self.names)[inside])
            if not self.points[np.ix_(rest, inside)].any():
                lines.append(f"{members} won every comparison with the others")
            elif not self.points[np.ix_(inside, rest)].any():
                lines.append(f"{members} lost every comparison with the others")
        return lines

    def win_rates(self) -> dict[str, dict[str, float | None]]:
        """Share of points of row against column."""
        return {
            row: {
                column: float(self.points[i, j] / self.met[i, j]) if self.met[i, j] else None
                for j, column in enumerate(self.names)
                if i != j
            }
            for i, row in enumerate(self.names)
        }


def _standings(table: _Table, strengths: Floats, elo: Floats, spread: Spread) -> tuple[Standing, ...]:
    size = len(table.names)
    reach = spread.reach() * ELO_PER_LOGIT
    scores = to_elo(strengths)
    standings = []
    for index, name in enumerate(table.names):
        mine = np.where(table.players[:, 0] == index, table.outcomes, 2 - table.outcomes)
        mine = mine[(table.players == index).any(axis=1)]
        standings.append(
            Standing(
                name=name,
                num_wins=int((mine == 0).sum()),
                num_ties=int((mine == 1).sum()),
                num_losses=int((mine == 2).sum()),
                bradley_terry=float(scores[index]),
                bradley_terry_low=float(scores[index] - reach[index]),
                bradley_terry_high=float(scores[index] + reach[index]),
                elo=float(elo[index]),
                elo_low=float(elo[index] - reach[index - size]),
                elo_high=float(elo[index] + reach[index - size]),
            )
        )
    return tuple(sorted(standings, key=lambda standing: -standing.bradley_terry))


def _comparisons(
    table: _Table, strengths: Floats, pairs: NDArray[np.intp], spread: Spread
) -> tuple[Comparison, ...]:
    size = len(table.names)
    middle = slice(size, size + len(pairs))
    differences = strengths[pairs[:, 0]] - strengths[pairs[:, 1]]
    within = Spread(spread.standard_errors[middle], spread.freedom[middle], ())
    p_values = within.p_values(differences)
    corrected = holm(p_values)
    reach = within.reach() * ELO_PER_LOGIT
    return tuple(
        Comparison(
            first=table.names[first],
            second=table.names[second],
            num_games=int(table.met[first, second]),
            win_rate=float(table.points[first, second] / table.met[first, second])
            if table.met[first, second]
            else None,
            difference=float(difference * ELO_PER_LOGIT),
            low=float(difference * ELO_PER_LOGIT - far),
            high=float(difference * ELO_PER_LOGIT + far),
            p_value=float(p),
            p_holm=float(p_corrected),
        )
        for (first, second), difference, far, p, p_corrected in zip(
            pairs, differences, reach, p_values, corrected, strict=True
        )
    )


def holm(p_values: Floats) -> Floats:
    """Correct p-values for their number, so that any false alarm at all is as rare as they say (Holm 1979)."""
    order = np.argsort(p_values)
    factors = np.arange(len(p_values), 0, -1)
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(1, np.maximum.accumulate(p_values[order] * factors))
    return corrected
