"""Studies to simulate on: made-up stimuli, and settings that let programs answer faster than people."""

from dataclasses import replace
from pathlib import Path

from ..create import create_study
from ..settings import Limits, Questions, Screening, Selection, Settings
from .synthetic_run import RATES_BPP, SyntheticRun


def simulation_settings(per_rater: int, *, seed: int = 0) -> Settings:
    """Give settings under which nobody has to wait, and no answer is too fast."""
    return Settings(
        title="Simulated study",
        seed=seed,
        selection=Selection(rates_bpp=RATES_BPP),
        questions=Questions(per_rater=per_rater, golden_every=6, allow_ties=True, min_seconds=0.0),
        screening=replace(Screening(), min_median_seconds=0.0),
        limits=Limits(requests_per_second=1000.0, burst=1000, new_raters_per_minute=60000.0),
    )


def make_synthetic_study(target: str | Path, *, per_rater: int, num_clips: int = 8, seed: int = 0) -> None:
    """Make a study of made-up codecs at `target`."""
    run = SyntheticRun(num_clips=num_clips, seed=seed)
    create_study(run, target, simulation_settings(per_rater, seed=seed))
