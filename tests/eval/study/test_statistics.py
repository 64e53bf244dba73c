"""Elo in play order, bootstrapped variances, and Holm's correction: closed forms."""

import numpy as np
import pytest
from scipy.stats import t

from mgv.eval.study.bootstrap import bootstrap_spread
from mgv.eval.study.elo import elo_scores
from mgv.eval.study.ranking import holm


def test_elo_after_one_game_and_two() -> None:
    pairs = np.array([(0, 1), (0, 1)])
    assert elo_scores(2, pairs[:1], np.array([1.0]), 32)[0] == pytest.approx([1516, 1484])
    expected = 1 / (1 + 10 ** (-32 / 400))
    second = elo_scores(2, pairs, np.array([1.0, 0.5]), 32)[0]
    assert second == pytest.approx([1516 + 32 * (0.5 - expected), 1484 - 32 * (0.5 - expected)])


def test_elo_depends_on_the_order_and_keeps_the_sum() -> None:
    pairs, scores = np.array([(0, 1), (1, 2), (0, 2), (0, 1)]), np.array([1, 1, 0, 0.0])
    forward, backward = elo_scores(3, pairs, scores, 32)[0], elo_scores(3, pairs[::-1], scores[::-1], 32)[0]
    assert not np.allclose(forward, backward)
    assert forward.sum() == pytest.approx(4500)


def test_a_game_of_weight_two_counts_twice_and_of_weight_none_not() -> None:
    pairs = np.array([(0, 1)])
    replays = elo_scores(2, pairs, np.array([1.0]), 32, np.array([[2.0], [0.0]]))
    assert replays[:, 0] == pytest.approx([1532, 1500])


def mean_of(values: np.ndarray):  # type: ignore[no-untyped-def]
    return lambda weights: ((weights @ values) / weights.sum(axis=1))[:, None]


@pytest.mark.parametrize(("of_raters", "of_clips"), [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.0, 0.0)])
def test_the_spread_of_a_mean_is_that_of_its_parts(of_raters: float, of_clips: float) -> None:
    rng = np.random.default_rng(1)
    num_raters, num_clips = 40, 30
    raters, clips = (part.ravel() for part in np.divmod(np.arange(num_raters * num_clips), num_clips))
    by_rater, by_clip = rng.normal(0, of_raters, num_raters), rng.normal(0, of_clips, num_clips)
    noise = rng.normal(0, 1, len(raters))
    values = by_rater[raters] + by_clip[clips] + noise
    spread = bootstrap_spread(mean_of(values), raters, clips, resamples=1000)
    if of_raters or of_clips:
        expected = np.sqrt(by_rater.var() / num_raters + by_clip.var() / num_clips + 1 / len(raters))
        assert spread.standard_errors[0] == pytest.approx(expected, rel=0.15)
    else:  # the larger of two that both see the noise alone
        assert 0.8 < spread.standard_errors[0] * np.sqrt(len(raters)) < 1.5
    groups = by_rater.var() / num_raters + 1 / len(raters), by_clip.var() / num_clips + 1 / len(raters)
    freedom = (sum(groups) - 1 / len(raters)) ** 2 / (groups[0] ** 2 / 39 + groups[1] ** 2 / 29)
    if of_raters or of_clips:
        assert spread.freedom[0] == pytest.approx(max(freedom, 29), rel=0.3)
    assert spread.freedom[0] >= 29
    assert spread.reach() == pytest.approx(t.ppf(0.975, spread.freedom) * spread.standard_errors)


def test_one_rater_or_one_clip_is_said() -> None:
    values, zeros, many = np.arange(20.0), np.zeros(20, np.intp), np.arange(20, dtype=np.intp)
    assert "only one rater" in bootstrap_spread(mean_of(values), zeros, many).statements[0]
    alone = bootstrap_spread(mean_of(values), zeros, zeros)
    assert [statement[:9] for statement in alone.statements] == ["only one ", "only one "]
    assert np.isfinite(alone.standard_errors).all()
    assert alone.freedom == [np.inf]
    assert alone.reach() == pytest.approx(1.96 * alone.standard_errors, rel=1e-3)


def test_holm() -> None:
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
    assert holm(np.array([0.9, 0.8])) == pytest.approx([1, 1])
