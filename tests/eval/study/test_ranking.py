"""Rankings: right order and intervals where there is data, plain words and finite numbers where there is not."""

import random
from dataclasses import asdict

import numpy as np
import pytest

from mgv.eval.study.ranking import Game, Ranking, rank
from mgv.eval.study.report import _plain
from mgv.eval.study.votes import FIRST, SECOND, TIE


def games_of(*outcomes: tuple[str, str, int], num_raters: int = 6, num_clips: int = 5) -> list[Game]:
    """Every outcome by every rater on every clip."""
    return [
        Game(first, second, outcome, f"r{rater}", f"c{clip}")
        for rater in range(num_raters)
        for clip in range(num_clips)
        for first, second, outcome in outcomes
    ]


def ranked(names: str, games: list[Game]) -> Ranking:
    ranking = rank("test", names.split(), games, elo_k=32, seed=0, resamples=60)
    numbers = [value for part in _values(asdict(ranking)) for value in [part] if isinstance(value, float)]
    assert np.isfinite(numbers).all()
    assert _plain(asdict(ranking)) == _plain(_plain(asdict(ranking)))
    return ranking


def _values(part: object) -> list:
    if isinstance(part, dict):
        return [value for item in part.values() for value in _values(item)]
    if isinstance(part, list | tuple):
        return [value for item in part for value in _values(item)]
    return [part]


def test_a_clear_order_is_found_and_significant() -> None:
    rng = random.Random(0)
    chance = {("a", "b"): 0.75, ("b", "c"): 0.75, ("a", "c"): 0.9}
    games = [
        Game(
            *pair,
            FIRST if rng.random() < chance[pair] else SECOND,
            f"r{rng.randrange(20)}",
            f"c{rng.randrange(12)}",
        )
        for pair in rng.choices(list(chance), k=900)
    ]
    ranking = ranked("a b c", games)
    assert [standing.name for standing in ranking.standings] == ["a", "b", "c"]
    assert ranking.statements == ()
    assert all(comparison.p_holm < 0.01 for comparison in ranking.comparisons)
    first = ranking.standings[0]
    assert first.bradley_terry_low < first.bradley_terry < first.bradley_terry_high
    assert 20 < first.bradley_terry_high - first.bradley_terry < 120  # 300 answers each
    assert first.num_wins + first.num_losses == sum("a" in (game.first, game.second) for game in games)
    assert ranking.win_rates["a"]["b"] == pytest.approx(0.75, abs=0.08)
    assert ranking.win_rates["a"]["b"] + ranking.win_rates["b"]["a"] == pytest.approx(1)


def test_no_answers() -> None:
    ranking = ranked("a b", [])
    assert ranking.standings == ()
    assert "there are no answers that count" in ranking.statements


def test_one_rater_is_said() -> None:
    ranking = ranked("a b", games_of(("a", "b", FIRST), ("a", "b", SECOND), num_raters=1))
    assert any("only one rater" in statement for statement in ranking.statements)


def test_a_codec_that_always_wins_has_no_finite_score_but_a_statement() -> None:
    ranking = ranked(
        "a b c", games_of(("a", "b", FIRST), ("a", "c", FIRST), ("b", "c", FIRST), ("b", "c", SECOND))
    )
    (statement,) = ranking.statements
    assert "a won every comparison with the others" in statement
    assert "held within" in statement
    assert ranking.standings[0].name == "a"


def test_a_codec_that_always_loses() -> None:
    ranking = ranked(
        "a b c", games_of(("a", "b", FIRST), ("a", "b", SECOND), ("a", "c", FIRST), ("c", "b", SECOND))
    )
    assert "c lost every comparison with the others" in ranking.statements[0]


def test_groups_that_never_met_are_not_compared() -> None:
    games = games_of(("a", "b", FIRST), ("a", "b", SECOND), ("c", "d", SECOND), ("c", "d", TIE))
    ranking = ranked("a b c d", games)
    (statement,) = [
        statement for statement in ranking.statements if "no answers join these groups" in statement
    ]
    assert "a, b; c, d" in statement
    assert {(c.first, c.second) for c in ranking.comparisons} == {("a", "b"), ("c", "d")}
    assert ranking.win_rates["a"]["c"] is None


def test_a_codec_without_games_is_named() -> None:
    ranking = ranked("a b z", games_of(("a", "b", FIRST), ("a", "b", SECOND)))
    assert ranking.statements == ("z was never compared and has no score",)
    assert len(ranking.standings) == 2


def test_nothing_but_ties() -> None:
    ranking = ranked("a b", games_of(("a", "b", TIE)))
    assert [standing.bradley_terry for standing in ranking.standings] == pytest.approx([1500, 1500], abs=0.01)


def test_a_single_answer() -> None:
    ranking = ranked("a b", [Game("a", "b", FIRST, "r", "c")])
    assert ranking.num_games == 1
    (comparison,) = ranking.comparisons
    assert comparison.low < 0 < comparison.difference < comparison.high
    assert comparison.p_value > 0.2
