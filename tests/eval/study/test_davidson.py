"""Bradley-Terry with ties: closed forms, and agreement with choix and with scipy's own maximisation."""

import choix
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from mgv.eval.study.davidson import (
    WEAK_PRECISION,
    Matches,
    covariance,
    fit_strengths,
    outcome_probabilities,
    to_elo,
)

PAIRS = np.array([(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)], np.intp)
WINS = np.array([[7, 0, 3], [9, 0, 4], [6, 0, 5], [8, 0, 2], [5, 0, 5]], float)


def test_two_players_have_the_log_of_their_odds() -> None:
    strengths, log_nu = fit_strengths(Matches(2, np.array([(0, 1)]), np.array([[30.0, 0, 10]])))
    assert strengths[0, 0] - strengths[0, 1] == pytest.approx(np.log(3), abs=1e-5)
    assert strengths[0].sum() == pytest.approx(0, abs=1e-6)
    assert log_nu[0] == -np.inf
    assert np.diff(to_elo(strengths[0]))[0] == pytest.approx(-400 * np.log10(3), abs=1e-3)


def test_ties_of_two_equals_give_nu() -> None:
    strengths, log_nu = fit_strengths(Matches(2, np.array([(0, 1)]), np.array([[10.0, 20, 10]])))
    assert strengths[0] == pytest.approx([0, 0], abs=1e-6)
    assert np.exp(log_nu[0]) == pytest.approx(2, rel=1e-4)
    assert outcome_probabilities(0.0, float(log_nu[0])) == pytest.approx([0.25, 0.5, 0.25], rel=1e-4)


def test_without_ties_it_is_what_choix_finds() -> None:
    games = []
    for (first, second), (won, _, lost) in zip(PAIRS, WINS, strict=True):
        games += [(first, second)] * int(won) + [(second, first)] * int(lost)
    strengths, _ = fit_strengths(Matches(4, PAIRS, WINS))
    assert strengths[0] == pytest.approx(choix.ilsr_pairwise(4, games), abs=1e-5)


def test_with_ties_it_is_what_scipy_finds() -> None:
    counts = WINS + np.array([0, 4, 0])
    matches = Matches(4, PAIRS, counts)

    def cost(parameters: np.ndarray) -> float:
        strengths, log_nu = parameters[:4], parameters[4]
        chances = outcome_probabilities(strengths[PAIRS[:, 0]] - strengths[PAIRS[:, 1]], log_nu)
        return -float((counts * np.log(chances)).sum()) + 1e-7 / 2 * float(parameters @ parameters)

    best = minimize(cost, np.zeros(5), method="BFGS", options={"gtol": 1e-8}).x
    strengths, log_nu = fit_strengths(matches)
    assert strengths[0] == pytest.approx(best[:4] - best[:4].mean(), abs=1e-4)
    assert log_nu[0] == pytest.approx(best[4], abs=1e-4)


def test_many_weightings_are_fitted_as_one_by_one() -> None:
    counts = np.random.default_rng(0).poisson(5, (6, 5, 3)).astype(float)
    matches = Matches(4, PAIRS, counts[0])
    together, _ = fit_strengths(matches, counts, WEAK_PRECISION)
    for one, weighting in zip(together, counts, strict=True):
        assert one == pytest.approx(fit_strengths(matches, weighting[None], WEAK_PRECISION)[0][0], abs=1e-7)


@given(st.lists(st.tuples(*[st.integers(0, 30)] * 3), min_size=5, max_size=5))
def test_under_a_prior_every_outcome_has_a_finite_answer(counts: list[tuple[int, int, int]]) -> None:
    matches = Matches(4, PAIRS, np.array(counts, float))
    strengths, log_nu = fit_strengths(matches, precision=WEAK_PRECISION)
    assert np.isfinite(strengths).all()
    spread = covariance(matches, strengths[0], float(log_nu[0]), WEAK_PRECISION)
    assert (np.linalg.eigvalsh(spread) > 0).all()
