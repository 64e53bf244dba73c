"""Which pair next: what joins the stimuli of a clip, then what was asked least, then what would tell the most."""

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, func, or_, select

from . import schema
from .davidson import WEAK_PRECISION, Matches, covariance, fit_strengths, outcome_probabilities
from .pairings import Contestant
from .plan import RATED

PENDING_SECONDS = 600.0
"""A question handed out counts as asked for so long; after that, only if it was answered."""
REFRESH_ANSWERS = 50
"""After so many answers, what is asked and answered is read again."""


@dataclass(frozen=True)
class Pairing:
    """Two stimuli that may be asked about."""

    pairing_id: int
    clip_id: int
    first_stimulus: int
    second_stimulus: int
    first: Contestant
    second: Contestant


class Chooser:
    """Knows what was asked and answered so far, and chooses what to ask next.

    It is memory only: everything in it can be read again from the study, at any moment.
    """

    def __init__(self, connection: Connection, balanced_answers: int, now: float) -> None:
        self._pairings = read_pairings(connection)
        self._balanced_answers = balanced_answers
        self._index = {pairing.pairing_id: index for index, pairing in enumerate(self._pairings)}
        contestants = sorted({c for pairing in self._pairings for c in (pairing.first, pairing.second)})
        number = {contestant: index for index, contestant in enumerate(contestants)}
        cells = sorted({(number[p.first], number[p.second]) for p in self._pairings})
        cell_number = {cell: index for index, cell in enumerate(cells)}
        self._num_players = len(contestants)
        self._cells = np.array(cells, np.intp).reshape(-1, 2)
        self._cell = np.array(
            [cell_number[number[p.first], number[p.second]] for p in self._pairings], np.intp
        )
        self._clip = np.array([pairing.clip_id for pairing in self._pairings], np.intp)
        self._crosses = np.array([p.first.rate != p.second.rate for p in self._pairings], bool)
        self._read_counts(connection, now)

    @property
    def is_stale(self) -> bool:
        """Whether enough was answered since to make a new one."""
        return self._num_new_answers >= REFRESH_ANSWERS

    def note_answer(self) -> None:
        """Count an answer."""
        self._num_new_answers += 1

    def note_asked(self, pairing_id: int) -> None:
        """Count a question that was handed out."""
        index = self._index[pairing_id]
        self._asked[index] += 1
        self._asked_of_cell[self._cell[index]] += 1
        self._new_of_cell[self._cell[index]] += 1
        self._join(index)

    def choose(
        self,
        rng: random.Random,
        used: set[int],
        last_pairing: int | None,
        last_clip: int | None,
        across_share: float,
    ) -> int | None:
        """Choose a pairing.

        Args:
            rng: decides where all else is equal, and whether to ask across rates.
            used: pairings that the rater has seen; they come again only when there is no other.
            last_pairing: the one seen just before, which never comes again at once.
            last_clip: likewise its clip, avoided where another is at hand.
            across_share: of questions across rates.

        Returns:
            Its id; None if there is none but the last.
        """
        ids = np.array([pairing.pairing_id for pairing in self._pairings], np.intp)
        allowed = ids != (-1 if last_pairing is None else last_pairing)
        if not allowed.any():
            return None
        crossing = self._crosses if rng.random() < across_share else ~self._crosses
        for wish in (
            ~np.isin(ids, list(used)),
            self._clip != (-1 if last_clip is None else last_clip),
            crossing,
        ):
            if (allowed & wish).any():
                allowed &= wish
        candidates = np.flatnonzero(allowed)
        joining = candidates[self._part[self._first[candidates]] != self._part[self._second[candidates]]]
        candidates = joining if len(joining) else candidates
        asked = self._asked_of_cell[self._cell[candidates]]
        if len(joining) or asked.min() < self._balanced_answers:
            candidates = candidates[asked == asked.min()]
        else:
            gain = self._gains()[self._cell[candidates]]
            candidates = candidates[gain >= gain.max() * (1 - 1e-9)]
        fewest = candidates[self._asked[candidates] == self._asked[candidates].min()]
        return self._pairings[int(rng.choice(fewest.tolist()))].pairing_id

    def _gains(self) -> NDArray[np.float64]:
        """How much an answer on each pair of contestants would tell: information times remaining variance.

        What is handed out since the strengths were fitted counts as answered, so that many raters at once do not all
        get the same question.
        """
        gain = self._information * self._variance
        informed: NDArray[np.float64] = gain / (1 + gain * self._new_of_cell)
        return informed

    def _read_counts(self, connection: Connection, now: float) -> None:
        num_cells, num_pairings = len(self._cells), len(self._pairings)
        self._asked = np.zeros(num_pairings, np.int64)
        self._asked_of_cell = np.zeros(num_cells, np.int64)
        self._new_of_cell = np.zeros(num_cells, np.int64)
        self._num_new_answers = 0
        stimuli = sorted({s for p in self._pairings for s in (p.first_stimulus, p.second_stimulus)})
        place = {stimulus: index for index, stimulus in enumerate(stimuli)}
        self._first = np.array([place[p.first_stimulus] for p in self._pairings], np.intp)
        self._second = np.array([place[p.second_stimulus] for p in self._pairings], np.intp)
        self._part = np.arange(len(stimuli))
        for pairing_id, num_asked in connection.execute(_asked_query(now)):
            index = self._index[pairing_id]
            self._asked[index] += num_asked
            self._asked_of_cell[self._cell[index]] += num_asked
            self._join(index)
        counts = np.zeros((num_cells, 3))
        for pairing_id, first_is_left, side, number in connection.execute(_answers_query()):
            counts[self._cell[self._index[pairing_id]], outcome(side, first_is_left)] += number
        self._fit(counts)

    def _fit(self, counts: NDArray[np.float64]) -> None:
        """Fit strengths to the answers so far; a weak prior keeps everything finite."""
        self._information = np.zeros(len(self._cells))
        self._variance = np.zeros(len(self._cells))
        if not len(self._cells):
            return
        matches = Matches(self._num_players, self._cells, counts)
        strengths, log_nu = fit_strengths(matches, precision=WEAK_PRECISION)
        spread = covariance(matches, strengths[0], float(log_nu[0]), WEAK_PRECISION)
        first, second = self._cells.T
        chances = outcome_probabilities(strengths[0][first] - strengths[0][second], float(log_nu[0]))
        lead = (chances[:, 0] - chances[:, 2]) / 2
        self._information = (chances[:, 0] + chances[:, 2]) / 4 - lead**2
        self._variance = spread[first, first] + spread[second, second] - 2 * spread[first, second]

    def _join(self, index: int) -> None:
        one, other = self._part[self._first[index]], self._part[self._second[index]]
        if one != other:
            self._part[self._part == other] = one


def read_pairings(connection: Connection) -> list[Pairing]:
    """Read every pairing that is rated, in order of id."""
    first, second = schema.stimulus.alias(), schema.stimulus.alias()
    pairing = schema.pairing
    query = (
        select(
            pairing.c.id,
            pairing.c.clip_id,
            pairing.c.first_id,
            pairing.c.second_id,
            first.c.codec,
            pairing.c.first_rate,
            second.c.codec,
            pairing.c.second_rate,
        )
        .join_from(pairing, first, pairing.c.first_id == first.c.id)
        .join(second, pairing.c.second_id == second.c.id)
        .where(pairing.c.kind == RATED)
        .order_by(pairing.c.id)
    )
    return [
        Pairing(row[0], row[1], row[2], row[3], Contestant(row[4], row[5]), Contestant(row[6], row[7]))
        for row in connection.execute(query)
    ]


def outcome(side: str, first_is_left: bool) -> int:
    """Give 0 if the first stimulus was chosen, 2 if the second, 1 for neither."""
    if side == "none":
        return 1
    return 0 if (side == "left") == bool(first_is_left) else 2


def _asked_query(now: float) -> Select[Any]:
    question, vote = schema.question, schema.vote
    return (
        select(question.c.pairing_id, func.count())
        .outerjoin(vote, vote.c.question_id == question.c.id)
        .where(question.c.kind == RATED)
        .where(or_(vote.c.number.is_not(None), question.c.shown_at > now - PENDING_SECONDS))
        .group_by(question.c.pairing_id)
    )


def _answers_query() -> Select[Any]:
    question, vote = schema.question, schema.vote
    return (
        select(question.c.pairing_id, question.c.first_is_left, vote.c.side, func.count())
        .join(vote, vote.c.question_id == question.c.id)
        .where(question.c.kind == RATED)
        .group_by(question.c.pairing_id, question.c.first_is_left, vote.c.side)
    )
