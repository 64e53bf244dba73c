"""Whose answers count: rules over golden pairs, repeats, sides, speed and screens, each named where it strikes.

A rater is left out for any of these; a limit in `Screening` sets each:

- **golden**: too few golden pairs answered rightly; a single slip excludes nobody. One who guesses gets 10 of 12
  right in 2 cases of 100.
- **repeats**: too few repeats, shown with sides swapped, answered as before, and fewer than chance leaves in 1 of 1000
  raters who can't tell the two apart (one-sided binomial test): on close pairs the honest answer as a coin or a die
  falls, while always the same side scores 0.
- **side**: one side chosen too often, and more than chance explains in 1 of 1000 raters (two-sided binomial test).
- **straight line**: one side, or left and right in turn, without a break for longer than chance explains in 1 of 1000.
- **ties**: "no difference" nearly always.
- **speed**: the median answer came too soon.
- **screen**: the window can't show both sides at scale, or the screen refreshes at under 9/10 of the frame rate.

An answer of a rater who stays is left out if it took over `max_seconds`, or if its sides played over `max_desync_ms`
apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from scipy.stats import binomtest

from .plan import GOLDEN, RATED, REPEAT, TRAINING
from .settings import Settings
from .votes import FIRST, TIE, RaterFacts, Vote

CHANCE = 0.001
"""How rarely an honest rater may be caught by a rule that tests for chance."""


@dataclass(frozen=True)
class RaterReport:
    """What screening found of one rater."""

    rater: str
    num_votes: int
    """Training left out."""
    num_late: int
    num_out_of_step: int
    golden_asked: int
    golden_right: int
    repeats_asked: int
    repeats_agreeing: int
    left_share: float | None
    """Of answers that name a side; None if there are none."""
    tie_share: float | None
    longest_run: int
    """Of one side, or of sides in turn."""
    median_seconds: float | None
    reasons: tuple[str, ...]
    """Why the rater is left out; empty if they count."""


def screen_rater(
    rater: RaterFacts, votes: Sequence[Vote], settings: Settings, largest_rate: float, width: int
) -> RaterReport:
    """Apply the rules to one rater.

    Args:
        rater: who.
        votes: all of theirs, in order.
        settings: of the study.
        largest_rate: highest frame rate of its clips.
        width: of its widest stimulus, in pixels.
    """
    rules = settings.screening
    counted = [vote for vote in votes if vote.kind != TRAINING]
    golden = [vote for vote in counted if vote.kind == GOLDEN]
    golden_right = sum(vote.outcome == FIRST for vote in golden)
    first_answers = {vote.position: vote.outcome for vote in counted if vote.kind == RATED}
    repeats = [vote for vote in counted if vote.kind == REPEAT and vote.repeats_position in first_answers]
    agreeing = sum(first_answers[vote.repeats_position or 0] == vote.outcome for vote in repeats)
    sides = [vote.side for vote in counted if vote.outcome != TIE]
    num_left = sides.count("left")
    run = _longest_run(sides)
    seconds = median(vote.seconds for vote in counted) if counted else None
    reasons = []
    too_few = golden_right < rules.min_golden_share * len(golden)
    if len(golden) >= rules.min_golden_asked and too_few and len(golden) - golden_right > 1:
        reasons.append(
            f"golden: {golden_right} of {len(golden)} right, expected {rules.min_golden_share:.0%}"
        )
    if len(repeats) >= rules.min_repeats_asked and agreeing < rules.min_repeat_share * len(repeats):
        by_chance = 1 / 3 if settings.questions.allow_ties else 1 / 2
        if binomtest(agreeing, len(repeats), by_chance, alternative="less").pvalue < CHANCE:
            reasons.append(
                f"repeats: {agreeing} of {len(repeats)} as before, expected {rules.min_repeat_share:.0%}"
            )
    if sides and max(num_left, len(sides) - num_left) > rules.max_side_share * len(sides):
        if binomtest(num_left, len(sides)).pvalue < CHANCE:
            reasons.append(f"side: left in {num_left} of {len(sides)} answers")
    if sides and len(sides) * 0.5 ** (run - 2) < CHANCE:
        reasons.append(f"straight line: one side, or sides in turn, for {run} answers")
    num_ties = len(counted) - len(sides)
    if len(counted) >= 10 and num_ties > rules.max_tie_share * len(counted):
        reasons.append(f"ties: {num_ties} of {len(counted)} answers")
    if seconds is not None and seconds < rules.min_median_seconds:
        reasons.append(f"speed: half of the answers within {seconds:.1f} s")
    if rules.require_screen:
        reasons += _screen_reasons(rater, settings.playback.scale, largest_rate, width)
    return RaterReport(
        rater=rater.rater,
        num_votes=len(counted),
        num_late=sum(is_late(vote, settings) for vote in counted),
        num_out_of_step=sum(is_out_of_step(vote, settings) for vote in counted),
        golden_asked=len(golden),
        golden_right=golden_right,
        repeats_asked=len(repeats),
        repeats_agreeing=agreeing,
        left_share=num_left / len(sides) if sides else None,
        tie_share=num_ties / len(counted) if counted else None,
        longest_run=run,
        median_seconds=seconds,
        reasons=tuple(reasons),
    )


def is_late(vote: Vote, settings: Settings) -> bool:
    """Tell whether an answer took so long that the rater was likely away."""
    return vote.seconds > settings.questions.max_seconds


def is_out_of_step(vote: Vote, settings: Settings) -> bool:
    """Tell whether the two sides played too far apart; a page that could not measure it is believed."""
    desync = vote.facts.get("desync_ms")
    return isinstance(desync, int | float) and desync > settings.playback.max_desync_ms


def _screen_reasons(rater: RaterFacts, scale: float, largest_rate: float, width: int) -> list[str]:
    reasons = []
    across = rater.screen.get("width_device_pixels")
    if isinstance(across, int | float) and across < 2 * width * scale:
        reasons.append(f"screen: {across:.0f} device pixels across, two sides need {2 * width * scale:.0f}")
    refresh = rater.screen.get("refresh_hz")
    if isinstance(refresh, int | float) and refresh < 0.9 * largest_rate:
        reasons.append(
            f"screen: refreshes {refresh:.0f} times a second, a clip has {largest_rate:.0f} frames"
        )
    return reasons


def _longest_run(sides: Sequence[str]) -> int:
    """Length of the longest stretch in which the side never, or always, changes."""
    longest = run = min(1, len(sides))
    changed_before: bool | None = None
    for before, after in pairwise(sides):
        changed = before != after
        run = run + 1 if changed == changed_before else 2
        changed_before = changed
        longest = max(longest, run)
    return longest
