"""How often intervals hold the truth: many studies in process, through the same sessions, screening and rankings."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ..davidson import ELO_PER_LOGIT, to_elo
from ..results import Results, compute_results, name_of
from ..session import Sessions
from ..store import Store, copy_to_memory
from .people import Population, World, cheat
from .setup import make_synthetic_study

NUM_CLIPS = 10
RESAMPLES = 200


@dataclass(frozen=True)
class CoverageReport:
    """What came of the studies."""

    num_studies: int
    raters_per_study: int
    questions_per_rater: int
    num_clips: int
    cheater_share: float
    strengths_covered: float
    """Share of contestants' Bradley-Terry intervals, all rates on one scale, that hold the true strength."""
    strengths_covered_error: float
    """Standard error of that share, over studies."""
    differences_covered: float
    """Share of intervals of differences between codecs at one rate that hold the true difference."""
    differences_covered_error: float
    winner_found: float
    """Share of studies whose first codec, all rates together, is the true one."""
    order_found: float
    """Share of studies whose order of codecs, all rates together, is wholly right."""
    false_alarms: float
    """Share of studies that call a difference between codecs, all rates together, significant the wrong way round."""
    mean_half_width: float
    """Of the strengths' intervals, in Elo points."""
    num_cheats: int
    cheats_left_out: int
    num_honest: int
    honest_left_out: int


@dataclass(frozen=True)
class StudyOutcome:
    """What came of one study."""

    strengths_covered: float
    differences_covered: float
    winner_found: bool
    order_found: bool
    false_alarm: bool
    mean_half_width: float
    num_cheats: int
    cheats_left_out: int
    num_honest: int
    honest_left_out: int


def measure_coverage(
    num_studies: int,
    *,
    num_raters: int = 16,
    per_rater: int = 36,
    population: Population | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, expected: None,
) -> CoverageReport:
    """Simulate studies and compare what they find with what is true.

    Args:
        num_studies: each with clips and raters of its own.
        num_raters: of each.
        per_rater: questions to each.
        population: what raters are like.
        seed: of everything.
        progress: called with studies done and expected.
    """
    population = population or Population()
    outcomes = []
    with TemporaryDirectory(prefix="mgv-study-") as folder:
        path = Path(folder) / "study.db"
        make_synthetic_study(path, per_rater=per_rater, num_clips=NUM_CLIPS, seed=seed)
        for study in range(num_studies):
            store = copy_to_memory(path)
            outcomes.append(_one_study(store, population, num_raters, seed * 100_003 + study))
            store.close()
            progress(study + 1, num_studies)
    return CoverageReport(
        num_studies=num_studies,
        raters_per_study=num_raters,
        questions_per_rater=per_rater,
        num_clips=NUM_CLIPS,
        cheater_share=population.cheater_share,
        strengths_covered=_mean([one.strengths_covered for one in outcomes]),
        strengths_covered_error=_error([one.strengths_covered for one in outcomes]),
        differences_covered=_mean([one.differences_covered for one in outcomes]),
        differences_covered_error=_error([one.differences_covered for one in outcomes]),
        winner_found=_mean([one.winner_found for one in outcomes]),
        order_found=_mean([one.order_found for one in outcomes]),
        false_alarms=_mean([one.false_alarm for one in outcomes]),
        mean_half_width=_mean([one.mean_half_width for one in outcomes]),
        num_cheats=sum(one.num_cheats for one in outcomes),
        cheats_left_out=sum(one.cheats_left_out for one in outcomes),
        num_honest=sum(one.num_honest for one in outcomes),
        honest_left_out=sum(one.honest_left_out for one in outcomes),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _error(values: Sequence[float]) -> float:
    return float(np.std(values) / np.sqrt(len(values)))


def _one_study(store: Store, population: Population, num_raters: int, seed: int) -> StudyOutcome:
    """Run one study to its end."""
    rng = random.Random(seed)
    world = World(store, population, seed)
    sessions = Sessions(store)
    is_cheat: dict[str, bool] = {}
    open_sessions = []
    for _ in range(num_raters):
        rater = sessions.rater_of(sessions.enter())
        if rater is None:
            raise RuntimeError("a rater who just entered is not known")
        is_cheat[rater.key] = rng.random() < population.cheater_share
        answer = cheat(rng) if is_cheat[rater.key] else world.honest(rng)
        open_sessions.append((rater, answer, sessions.begin(rater, {})))
    while open_sessions:  # everyone at once, as it would be
        place = rng.randrange(len(open_sessions))
        rater, answer, state = open_sessions[place]
        question = state["question"]
        state = sessions.vote(rater, question["key"], answer(question["left"], question["right"]), {})
        if state["phase"] == "question":
            open_sessions[place] = (rater, answer, state)
        else:
            del open_sessions[place]
    return _compare(compute_results(store, resamples=RESAMPLES), world, is_cheat)


def _compare(results: Results, world: World, is_cheat: dict[str, bool]) -> StudyOutcome:
    rates = results.rates_bpp
    truth = dict(
        zip(
            (name_of(contestant, rates) for contestant in world.contestants),
            to_elo(world.true_strengths()),
            strict=True,
        )
    )
    standings = results.overall.standings
    held = [s.bradley_terry_low <= truth[s.name] <= s.bradley_terry_high for s in standings]
    widths = [(s.bradley_terry_high - s.bradley_terry_low) / 2 for s in standings]
    true_order = sorted({contestant.codec for contestant in world.contestants}, reverse=True)
    differences = []
    for rate, ranking in enumerate(results.per_rate):
        cells = [cell for cell in world.cells if cell[0].rate == cell[1].rate == rate]
        codecs = sorted({contestant.codec for cell in cells for contestant in cell})
        at_rate = dict(zip(codecs, world.true_strengths(cells) * ELO_PER_LOGIT, strict=True))
        differences += [c.low <= at_rate[c.first] - at_rate[c.second] <= c.high for c in ranking.comparisons]
    found = [standing.name for standing in results.codecs.standings]
    wrong = [
        c
        for c in results.codecs.comparisons
        if c.p_holm < 0.05 and (c.difference > 0) != (c.first > c.second)
    ]
    left_out = {report.rater for report in results.raters if report.reasons}
    cheats = {rater for rater, cheats in is_cheat.items() if cheats}
    honest = set(is_cheat) - cheats
    return StudyOutcome(
        strengths_covered=_mean(held),
        differences_covered=_mean(differences),
        winner_found=found[:1] == true_order[:1],
        order_found=found == true_order,
        false_alarm=bool(wrong),
        mean_half_width=_mean(widths),
        num_cheats=len(cheats),
        cheats_left_out=len(cheats & left_out),
        num_honest=len(honest),
        honest_left_out=len(honest & left_out),
    )
