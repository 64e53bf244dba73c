"""A study in PostgreSQL behaves like one in SQLite."""

import os
from collections import Counter

import pytest
from sqlalchemy import create_engine

from mgv.codec import OutputError
from mgv.eval.study import StudyError, schema
from mgv.eval.study.create import create_study
from mgv.eval.study.raters import delete_rater
from mgv.eval.study.results import compute_results
from mgv.eval.study.simulation.http_raters import simulate_over_http
from mgv.eval.study.simulation.setup import simulation_settings
from mgv.eval.study.simulation.synthetic_run import SyntheticRun
from mgv.eval.study.store import open_study

URL = os.environ.get("MGV_TEST_POSTGRES", "")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not URL, reason="needs MGV_TEST_POSTGRES, the URL of an empty database that tests may fill"
    ),
]


def test_the_whole_chain() -> None:
    engine = create_engine(URL.replace("postgresql://", "postgresql+psycopg://"))
    schema.metadata.drop_all(engine)
    with pytest.raises(StudyError, match="holds no study"):
        open_study(URL)
    run = SyntheticRun(num_clips=2, num_frames=4)
    create_study(run, URL, simulation_settings(12))
    with pytest.raises(OutputError, match="holds a study already"):
        create_study(run, URL, simulation_settings(12))
    report = simulate_over_http(URL, num_raters=10, concurrent=5, num_kills=1)
    assert report.votes_stored == report.votes_acknowledged == 10 * 15
    assert (report.votes_lost, report.votes_doubled, report.votes_changed) == (0, 0, 0)
    store = open_study(URL)
    results = compute_results(store, resamples=20)
    voters = [
        report for report in results.raters if report.num_votes
    ]  # an entry cut off by the kill has none
    assert Counter(report.num_votes for report in voters) == {12: 10}
    assert delete_rater(store, voters[0].rater) == 15
    assert compute_results(store, resamples=20).counts.raters == len(results.raters) - 1
    store.close()
    schema.metadata.drop_all(engine)
    engine.dispose()
