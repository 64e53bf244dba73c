"""Results and their files: counted rightly, numbers always numbers, pages that need nothing else."""

import csv
import io
import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from html import escape
from pathlib import Path

import pytest

from mgv.codec import OutputError
from mgv.eval.study.report import html_report, results_json, standings_csv, write_results
from mgv.eval.study.results import Results, compute_results
from mgv.eval.study.simulation.people import Population, World
from mgv.eval.study.store import Store

TakePart = Callable[..., str]


def honest(store: Store, seed: int) -> Callable[[dict], str]:
    answer = World(store, Population(), 0).honest(random.Random(seed))
    return lambda question: answer(question["left"], question["right"])


def computed(store: Store) -> Results:
    return compute_results(store, resamples=40)


@pytest.fixture
def full(store: Store, take_part: TakePart) -> Store:
    for seed in range(6):
        take_part(honest(store, seed))
    take_part(lambda question: "left")  # a straight line
    return store


def test_only_rated_answers_of_raters_who_stay_count(full: Store) -> None:
    results = computed(full)
    staying = {report.rater for report in results.raters if not report.reasons}
    assert (results.counts.raters, results.counts.votes) == (7, 7 * 13)
    assert results.counts.raters_counted == len(staying) == 6
    assert results.counts.counted + results.counts.of_screened_raters == 7 * 9  # 3 of 12 are golden
    assert results.overall.num_games == results.counts.counted
    at_one_rate = sum(ranking.num_games for ranking in results.per_rate)
    assert results.codecs.num_games == at_one_rate < results.overall.num_games
    assert results.num_repeats > 10
    assert 0.3 < results.repeat_agreement <= 1


def test_late_and_out_of_step_answers_do_not_count(store: Store, take_part: TakePart) -> None:
    take_part(honest(store, 1), seconds=91.0)
    take_part(honest(store, 2), facts={"desync_ms": 60.0})
    counts = computed(store).counts
    assert (counts.late, counts.out_of_step, counts.counted) == (9, 9, 0)


def test_rate_points_lie_at_the_mean_of_real_bytes(full: Store) -> None:
    for point in computed(full).rate_points:
        assert point.num_clips == 3
        assert point.bpp == pytest.approx(computed(full).rates_bpp[point.rate], rel=0.1)


@pytest.mark.parametrize("num_raters", [0, 1])
def test_a_study_with_hardly_anything_says_so(
    store: Store, take_part: TakePart, num_raters: int, tmp_path: Path
) -> None:
    for seed in range(num_raters):
        take_part(honest(store, seed))
    results = computed(store)
    said = " ".join(results.statements)
    assert ("a single rater" if num_raters else "nothing to rank") in said
    written = write_results(results, tmp_path)
    assert len(written) == 11
    assert not any(
        re.search(rb"\b(nan|inf)\b", path.read_bytes(), re.I)
        for path in written
        if path.suffix in (".json", ".csv", ".html")
    )


def test_json_and_csv(full: Store) -> None:
    results = computed(full)
    values = json.loads(results_json(results), parse_constant=pytest.fail)
    assert values["version"] == 1
    assert values["overall"]["standings"][0]["name"] == results.overall.standings[0].name
    rows = list(csv.DictReader(io.StringIO(standings_csv(results))))
    assert len(rows) == 6 + 3 + 2 * 3
    assert {row["ranking"] for row in rows} == {
        results.overall.title,
        results.codecs.title,
        *(r.title for r in results.per_rate),
    }


def test_the_report_needs_nothing_else_and_escapes(full: Store) -> None:
    results = replace(computed(full), title="<script>alert(1)</script>")
    page = html_report(results)
    assert "<script" not in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert page.count("data:image/png") == 3
    (left_out,) = [report for report in results.raters if report.reasons]
    assert escape(left_out.reasons[0]) in page


def test_a_simulated_study_says_so_everywhere(store: Store) -> None:
    store.mark_simulated({"seed": 0})
    results = computed(store)
    assert results.statements[0].startswith("SIMULATED")
    assert "SIMULATED" in html_report(results)


def test_files_are_not_replaced_unasked(full: Store, tmp_path: Path) -> None:
    results = computed(full)
    write_results(results, tmp_path)
    with pytest.raises(OutputError, match="exists already"):
        write_results(results, tmp_path)
    write_results(results, tmp_path, force=True)
    assert (tmp_path / "elo.png").read_bytes()[:4] == b"\x89PNG"
    assert b"<svg" in (tmp_path / "elo.svg").read_bytes()
