"""How often intervals hold the truth: many studies in process, through the same sessions, screening and rankings."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from .. import schema
from ..davidson import ELO_PER_LOGIT, to_elo
from ..results import Results, compute_results, name_of
from ..session import Sessions
from ..store import MEMORY, Store, open_study
from .people import Population, World, cheat
from .setup import make_synthetic_study


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
    differences_covered: float
    """Likewise of differences between codecs at one rate."""
    chance_low: float
    chance_high: float
    """Between which the share of studies would lie in 19 of 20 cases if each interval held the truth in 95 of 100, were
    the intervals of one study to stand or fall together; they do not quite, so this is wide."""
    winner_found: float
    """Share of studies whose first codec, all rates together, is the true one."""
    order_found: float
    """Share of studies whose order of codecs, all rates together, is wholly right."""
    false_alarms: float
    """Share of studies that call any wrong difference between codecs, all rates together, significant."""
    cheats_left_out: float
    honest_left_out: float
    mean_half_width: float
    """Of the strengths' intervals, in Elo points."""


def measure_coverage(
    num_studies: int,
    *,
    num_raters: int = 24,
    per_rater: int = 48,
    num_clips: int = 10,
    population: Population | None = None,
    seed: int = 0,
    resamples: int = 200,
    progress: Callable[[int, int], None] = lambda done, expected: None,
) -> CoverageReport:
    """Simulate studies and compare what they find with what is true.

    Args:
        num_studies: each with clips and raters of its own.
        num_raters: of each.
        per_rater: questions to each.
        num_clips: of each.
        population: what raters are like.
        seed: of everything.
        resamples: of each bootstrap.
        progress: called with studies done and expected.
    """
    population = population or Population()
    make = open_memory_study(per_rater, num_clips, seed)
    outcomes = []
    for study in range(num_studies):
        outcomes.append(_one_study(make, population, num_raters, seed * 100_003 + study, resamples))
        progress(study + 1, num_studies)
    means = np.nanmean(np.array(outcomes), axis=0)
    low, high = binom.ppf([0.025, 0.975], num_studies, 0.95) / num_studies
    return CoverageReport(
        num_studies=num_studies,
        raters_per_study=num_raters,
        questions_per_rater=per_rater,
        num_clips=num_clips,
        cheater_share=population.cheater_share,
        strengths_covered=float(means[0]),
        differences_covered=float(means[1]),
        chance_low=float(low),
        chance_high=float(high),
        winner_found=float(means[2]),
        order_found=float(means[3]),
        false_alarms=float(means[4]),
        cheats_left_out=float(means[5]),
        honest_left_out=float(means[6]),
        mean_half_width=float(means[7]),
    )


def open_memory_study(per_rater: int, num_clips: int, seed: int) -> Store:
    """Make a synthetic study in memory."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory(prefix="mgv-study-") as folder:
        path = Path(folder) / "study.db"
        make_synthetic_study(path, per_rater=per_rater, num_clips=num_clips, seed=seed)
        return open_study(MEMORY, copy_of=path)
