"""Each rule of screening strikes when it should, and lets the honest pass."""

from dataclasses import replace

import pytest

from mgv.eval.study import Settings
from mgv.eval.study.screening import RaterReport, is_late, is_out_of_step, screen_rater
from mgv.eval.study.settings import Questions, Screening
from mgv.eval.study.votes import FIRST, SECOND, TIE, RaterFacts, Vote

SETTINGS = replace(Settings(), questions=Questions(allow_ties=True))
GOOD_SCREEN = {"width_device_pixels": 1920, "refresh_hz": 60}


def votes_of(sides: str, kind: str = "rated", outcome: int | None = None, start: int = 0) -> list[Vote]:
    """A vote for each letter: l, r, or - for a tie; rated pairs have the first on the left."""
    known = {"l": ("left", FIRST), "r": ("right", SECOND), "-": ("none", TIE)}
    return [
        Vote(
            number=start + index,
            rater="x",
            clip="c",
            kind=kind,
            position=start + index,
            repeats_position=None,
            pairing_id=start + index,
            first=None,
            second=None,
            outcome=known[letter][1] if outcome is None else outcome,
            side=known[letter][0],
            seconds=6.0,
            facts={},
        )
        for index, letter in enumerate(sides)
    ]


def screened(votes: list[Vote], screen: dict | None = None, settings: Settings = SETTINGS) -> RaterReport:
    return screen_rater(RaterFacts("x", screen or GOOD_SCREEN), votes, settings, 30.0, 640)


MIXED = "lrrlrlllrrlrrlrlllrlrrrllrlrrllrlrlrrrll"


def test_an_honest_rater_stays() -> None:
    golden = votes_of("lrlrrl", "golden", FIRST, start=100)
    report = screened(votes_of(MIXED) + golden)
    assert report.reasons == ()
    assert (report.num_votes, report.golden_asked, report.golden_right) == (46, 6, 6)
    assert report.left_share == pytest.approx(0.5, abs=0.1)


def test_a_rater_without_votes_stays() -> None:
    report = screened([])
    assert report.reasons == ()
    assert (report.left_share, report.tie_share, report.median_seconds) == (None, None, None)


@pytest.mark.parametrize(
    ("right", "wrong", "caught"), [(3, 1, False), (2, 2, True), (8, 2, False), (7, 3, True)]
)
def test_golden_pairs(right: int, wrong: int, caught: bool) -> None:
    golden = (
        votes_of("lr" * right, "golden", FIRST)[:right] + votes_of("rl" * wrong, "golden", SECOND, 50)[:wrong]
    )
    reasons = screened(votes_of(MIXED, start=100) + golden).reasons
    assert any(reason.startswith("golden") for reason in reasons) == caught


@pytest.mark.parametrize(
    ("agreeing", "asked", "ties", "caught"),
    [
        (0, 10, False, True), (0, 9, False, False), (1, 14, False, True), (2, 14, False, False),
        (6, 30, False, True), (8, 30, False, False), (0, 18, True, True), (0, 17, True, False),
    ],
)  # fmt: skip
def test_repeats(agreeing: int, asked: int, ties: bool, caught: bool) -> None:
    settings = replace(Settings(), questions=Questions(allow_ties=ties))
    rated = votes_of(MIXED)
    repeats = [
        replace(
            vote,
            kind="repeat",
            position=100 + place,
            repeats_position=vote.position,
            outcome=vote.outcome if place < agreeing else SECOND - vote.outcome,
        )
        for place, vote in enumerate(rated[:asked])
    ]
    report = screened(rated + repeats, settings=settings)
    assert (report.repeats_asked, report.repeats_agreeing) == (asked, agreeing)
    assert any(reason.startswith("repeats") for reason in report.reasons) == caught


@pytest.mark.parametrize(
    ("sides", "reason"),
    [
        ("lllrlllllrllllllrlllllrllllllrlllllrllll", "side"),
        (MIXED + "l" * 20, "straight line"),
        (MIXED + "lr" * 10, "straight line"),
        ("l" + "-" * 30, "ties"),
    ],
    ids=["one side", "a run", "in turn", "ties"],
)
def test_patterns(sides: str, reason: str) -> None:
    assert [text.partition(":")[0] for text in screened(votes_of(sides)).reasons] == [reason]


def test_speed() -> None:
    votes = [replace(vote, seconds=0.4) for vote in votes_of(MIXED)]
    assert screened(votes).reasons == ("speed: half of the answers within 0.4 s",)


@pytest.mark.parametrize(
    ("screen", "reason"),
    [
        (
            {"width_device_pixels": 1000, "refresh_hz": 60},
            "screen: 1000 device pixels across, two sides need 1280",
        ),
        ({"width_device_pixels": 1920, "refresh_hz": 20}, "screen: refreshes 20 times a second"),
    ],
)
def test_screens(screen: dict, reason: str) -> None:
    (found,) = screened(votes_of(MIXED), screen).reasons
    assert found.startswith(reason)
    lenient = replace(SETTINGS, screening=Screening(require_screen=False))
    assert screened(votes_of(MIXED), screen, lenient).reasons == ()


def test_late_and_out_of_step_answers() -> None:
    (vote,) = votes_of("l")
    assert not is_late(vote, SETTINGS)
    assert not is_out_of_step(vote, SETTINGS)
    assert is_late(replace(vote, seconds=91.0), SETTINGS)
    assert is_out_of_step(replace(vote, facts={"desync_ms": 51}), SETTINGS)
    assert not is_out_of_step(replace(vote, facts={"desync_ms": 49}), SETTINGS)
