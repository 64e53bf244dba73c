"""Simulated people: strengths that are known, noise, tastes that differ, and cheats who do not look."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from .. import schema
from ..choose import read_pairings
from ..davidson import Matches, fit_strengths, outcome_probabilities
from ..pairings import Contestant
from ..store import Store

GOLDEN_LEAD = 6.0
"""Logits by which an honest rater sees the source ahead of its spoiled copy."""
CHEATS = ("random", "left", "alternating")


@dataclass(frozen=True)
class Population:
    """How simulated people differ and choose."""

    codec_spread: float = 1.6
    """Logits from the first codec to the last."""
    rate_step: float = 0.9
    """Logits from one rate to the next."""
    clip_deviation: float = 0.3
    """Standard deviation over clips of each contestant's strength."""
    sensitivity_deviation: float = 0.25
    """Of the log of how much a rater sees of any difference."""
    tie_parameter: float = 0.5
    """Davidson's nu; without effect where ties are not offered."""
    cheater_share: float = 0.15


@dataclass(frozen=True)
class Shown:
    """What a simulated rater sees behind a media key."""

    clip_id: int
    role: str
    contestant: Contestant | None


class World:
    """One draw of clips' peculiarities, and the strengths behind every stimulus of a study."""

    def __init__(self, store: Store, population: Population, seed: int) -> None:
        self.population = population
        with store.reading() as connection:
            stimuli = connection.execute(select(schema.stimulus)).all()
            pairings = read_pairings(connection)
        by_stimulus = {p.first_stimulus: p.first for p in pairings} | {
            p.second_stimulus: p.second for p in pairings
        }
        self._shown = {row.key: Shown(row.clip_id, row.role, by_stimulus.get(row.id)) for row in stimuli}
        self.contestants = sorted({c for p in pairings for c in (p.first, p.second)})
        self.cells = sorted({(p.first, p.second) for p in pairings})
        self._strength = nominal_strengths(self.contestants, population)
        self._log_nu = (
            float(np.log(population.tie_parameter)) if store.settings.questions.allow_ties else -float("inf")
        )
        rng = np.random.default_rng(seed)
        clips = sorted({row.clip_id for row in stimuli})
        self._of_clip = {
            (clip, contestant): float(rng.normal(0, population.clip_deviation))
            for clip in clips
            for contestant in self.contestants
        }

    def honest(self, rng: random.Random) -> Callable[[str, str], str]:
        """Make an honest rater: gives a side for the media keys on the left and on the right."""
        sensitivity = float(np.exp(rng.gauss(0, self.population.sensitivity_deviation)))

        def answer(left: str, right: str) -> str:
            lead = sensitivity * (self._seen(left) - self._seen(right))
            chances = outcome_probabilities(lead, self._log_nu)
            return rng.choices(("left", "none", "right"), chances.tolist())[0]

        return answer

    def true_strengths(self, cells: Sequence[tuple[Any, Any]] | None = None) -> NDArray[np.float64]:
        """Give the strengths that endless data on endless clips and honest raters would show, in logits of mean 0.

        Averaging over people and clips flattens choices, so these lie closer together than `nominal_strengths`: they
        are fitted to the exact mean probabilities of every pair, all pairs weighing the same.

        Args:
            cells: pairs of contestants that meet; all that the study has if None.
        """
        cells = self.cells if cells is None else cells
        names = sorted({contestant for cell in cells for contestant in cell})
        number = {contestant: index for index, contestant in enumerate(names)}
        nodes, weights = np.polynomial.hermite_e.hermegauss(21)
        weights = weights / weights.sum()
        deviation = np.sqrt(2) * self.population.clip_deviation
        scales = np.exp(self.population.sensitivity_deviation * nodes)
        counts = []
        for first, second in cells:
            leads = self._strength[first] - self._strength[second] + deviation * nodes
            chances = outcome_probabilities(scales[:, None] * leads[None, :], self._log_nu)
            counts.append(1000 * np.einsum("s,c,sco->o", weights, weights, chances))
        pairs = np.array([(number[first], number[second]) for first, second in cells], np.intp)
        strengths, _ = fit_strengths(Matches(len(names), pairs, np.array(counts)))
        return np.asarray(strengths[0], np.float64)

    def _seen(self, key: str) -> float:
        shown = self._shown[key]
        if shown.contestant is None:
            return GOLDEN_LEAD / 2 if shown.role == "source" else -GOLDEN_LEAD / 2
        return self._strength[shown.contestant] + self._of_clip[shown.clip_id, shown.contestant]


def nominal_strengths(contestants: Sequence[Contestant], population: Population) -> dict[Contestant, float]:
    """Give each codec, in order of name, its place, and each rate a step."""
    codecs = sorted({contestant.codec for contestant in contestants})
    place = {codec: index / max(1, len(codecs) - 1) - 0.5 for index, codec in enumerate(codecs)}
    return {
        contestant: population.codec_spread * place[contestant.codec] + population.rate_step * contestant.rate
        for contestant in contestants
    }


def cheat(rng: random.Random) -> Callable[[str, str], str]:
    """Make a rater who does not look."""
    kind = rng.choice(CHEATS)
    turn = 0

    def answer(left: str, right: str) -> str:
        nonlocal turn
        turn += 1
        if kind == "left":
            return "left"
        if kind == "alternating":
            return ("left", "right")[turn % 2]
        return rng.choice(("left", "right"))

    return answer
