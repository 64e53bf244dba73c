"""A small synthetic study, made once, copied for each test."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="needs pip install 'mgv[web]'")

from mgv.eval.study.create import create_study
from mgv.eval.study.session import Sessions
from mgv.eval.study.settings import Questions, Screening, Selection, Settings
from mgv.eval.study.simulation.synthetic_run import SyntheticRun
from mgv.eval.study.store import Store, open_study

RATES = (0.2, 0.4)
SETTINGS = Settings(
    selection=Selection(rates_bpp=RATES),
    questions=Questions(
        per_rater=12,
        training=1,
        golden_every=4,
        repeat_every=4,
        repeat_gap=2,
        allow_ties=True,
        min_seconds=0.0,
    ),
    screening=replace(Screening(), min_median_seconds=0.0),
)


class Clock:
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="session")
def small_run() -> SyntheticRun:
    return SyntheticRun(
        num_clips=3, codecs=("alder", "birch", "cedar"), rates_bpp=RATES, size=(34, 24), num_frames=4
    )


@pytest.fixture(scope="session")
def made_study(tmp_path_factory: pytest.TempPathFactory, small_run: SyntheticRun) -> Path:
    path = tmp_path_factory.mktemp("study") / "study.db"
    create_study(small_run, path, SETTINGS)
    return path


@pytest.fixture
def study_path(made_study: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(made_study, tmp_path / "study.db"))


@pytest.fixture
def store(study_path: Path) -> Iterator[Store]:
    opened = open_study(study_path)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(store: Store, clock: Clock) -> Sessions:
    return Sessions(store, clock)


@pytest.fixture
def take_part(sessions: Sessions, clock: Clock) -> Callable[..., str]:
    """Let one rater answer everything; gives their opaque id."""

    def rate(answer: Callable[[dict], str], seconds: float = 5.0, facts: dict | None = None) -> str:
        rater = sessions.rater_of(sessions.enter())
        state = sessions.begin(rater, {"width_device_pixels": 1920, "refresh_hz": 60})
        while state["phase"] == "question":
            clock.now += seconds
            question = state["question"]
            state = sessions.vote(rater, question["key"], answer(question), facts or {})
        return rater.key

    return rate
