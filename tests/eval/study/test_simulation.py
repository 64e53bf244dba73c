"""Simulated raters over HTTP and in process: no vote lost or doubled, truth found, cheats left out."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("httpx", reason="needs pip install 'mgv[web]'")

from mgv.eval.study import StudyError
from mgv.eval.study.davidson import outcome_probabilities
from mgv.eval.study.simulation.coverage import measure_coverage
from mgv.eval.study.simulation.http_raters import simulate_over_http
from mgv.eval.study.simulation.people import Population, World
from mgv.eval.study.simulation.setup import make_synthetic_study
from mgv.eval.study.store import Store, open_study


def test_no_vote_is_lost_or_doubled_when_the_server_is_killed(study_path: Path) -> None:
    report = simulate_over_http(str(study_path), num_raters=6, concurrent=3, num_kills=1)
    assert report.votes_acknowledged == report.votes_stored == 6 * 13
    assert (report.votes_lost, report.votes_doubled, report.votes_changed, report.votes_unexplained) == (
        0,
        0,
        0,
        0,
    )
    assert report.votes_sent_twice > 0
    store = open_study(study_path)
    assert store.facts.simulated["population"]["cheater_share"] == 0.15
    store.close()
    with pytest.raises(StudyError, match="has raters already"):
        simulate_over_http(str(study_path), num_raters=1, concurrent=1)


def test_without_differences_between_clips_and_raters_truth_is_what_was_set(store: Store) -> None:
    world = World(
        store, Population(clip_deviation=0, sensitivity_deviation=0, rate_step=0.5, codec_spread=1.0), 0
    )
    truth = dict(zip(world.contestants, world.true_strengths(), strict=True))
    low, high = (truth[c] for c in world.contestants if (c.codec, c.rate) in (("alder", 0), ("cedar", 1)))
    assert high - low == pytest.approx(1.5, abs=1e-4)


def test_differences_between_clips_and_raters_bring_strengths_together(store: Store) -> None:
    plain = World(store, Population(clip_deviation=0, sensitivity_deviation=0), 0).true_strengths()
    mixed = World(store, Population(clip_deviation=1.0, sensitivity_deviation=0), 0).true_strengths()
    assert np.ptp(mixed) < 0.95 * np.ptp(plain)
    assert (np.argsort(mixed) == np.argsort(plain)).all()


def test_honest_raters_choose_as_the_model_says(store: Store) -> None:
    import random

    world = World(store, Population(clip_deviation=0, sensitivity_deviation=0, tie_parameter=0.5), 0)
    keys = {shown.contestant: key for key, shown in world._shown.items() if shown.contestant}
    one, other = world.contestants[0], world.contestants[-1]
    answer = world.honest(random.Random(1))
    sides = [answer(keys[one], keys[other]) for _ in range(3000)]
    expected = outcome_probabilities(world._strength[one] - world._strength[other], np.log(0.5))
    found = [sides.count(side) / 3000 for side in ("left", "none", "right")]
    assert found == pytest.approx(expected, abs=0.04)


def test_a_few_studies_in_process() -> None:
    report = measure_coverage(1, num_raters=10, per_rater=24, population=Population(cheater_share=0.0))
    assert report.num_honest == 10
    assert report.num_cheats == 0
    assert 0 <= report.strengths_covered <= 1


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    report = measure_coverage(40, seed=1)
    assert report.strengths_covered > 0.95 - 4 * report.strengths_covered_error - 0.02
    assert report.differences_covered > 0.95 - 4 * report.differences_covered_error - 0.02
    assert report.winner_found > 0.9
    assert report.false_alarms < 0.05
    assert report.cheats_left_out > 0.85 * report.num_cheats
    assert report.honest_left_out < 0.1 * report.num_honest


@pytest.mark.slow
def test_200_raters_at_20_at_once_with_kills(tmp_path: Path) -> None:
    study = str(tmp_path / "study.db")
    make_synthetic_study(study, per_rater=60)
    report = simulate_over_http(study, num_raters=200, concurrent=20, num_kills=3)
    assert report.votes_acknowledged == report.votes_stored == 200 * 63
    assert (report.votes_lost, report.votes_doubled, report.votes_changed, report.votes_unexplained) == (
        0,
        0,
        0,
        0,
    )
    assert report.found_order == report.true_order
    assert report.cheats_left_out > 0.85 * report.num_cheats
    assert report.honest_left_out < 0.1 * report.num_honest
