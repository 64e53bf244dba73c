"""Rate control: what each segment may take, so that the file keeps below its target and uses it."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from typing import Protocol

from ..container import Segment
from .encode_stages import ExtentCounter, Heads
from .options import OptionError
from .rate_fit import Allowance, Trial, fit_segment
from .rate_ledger import Ledger
from .rate_points import RatePoint
from .rate_target import Extent, RateTarget
from .segment_coder import SegmentCoder
from .token_stream import SegmentLatents

_TRIALS = 4
_LAST_TRIALS = 9
_EXACT = 0.025
"""Share of its budget that a segment may leave where nothing that comes later could use it."""

_SLACK = 0.12
"""Share by which a segment may miss its budget where later ones can make up for it: spares codings, evens quality."""

_CARRY = 3
"""Segments over which unspent bytes are spread where the end is not known; and the part of a segment's share that is
held back, in case the last one is hard."""

_DEBT_SEGMENTS = 8
_DEBT_BYTES = 4096
"""How far behind its target a file of unknown length may fall, the larger of both, in the hope of easier segments."""


class Budget(Protocol):
    """Divides a target among segments."""

    def allowance(self, segment: SegmentLatents, ledger: Ledger, so_far: Extent) -> Allowance:
        """Say what a segment may take.

        Args:
            segment: the next one.
            ledger: holds what went before, and the segment's audio.
            so_far: the video up to the segment's end.
        """


@dataclass(frozen=True)
class SegmentNeeds:
    """What was found out about a segment beforehand."""

    first_frame: int
    least_bytes: int
    """That it can be coded to at the lowest scale."""

    weight: float
    """Bytes that it takes at one and the same rate point as the others: its share of a budget."""

    fixed_bytes: int = 0
    """Those of them that are the same at every rate point: times, views, motion, tables."""

    def at(self, factor: float) -> "SegmentNeeds":
        """Give the needs at a rate point at which layers take so many times the bytes."""
        return replace(self, weight=self.fixed_bytes + (self.weight - self.fixed_bytes) * factor)

    def least_at(self, factor: float) -> float:
        """Give the least bytes where layers take so many times the bytes."""
        fixed = min(self.fixed_bytes, self.least_bytes)
        return fixed + (self.least_bytes - fixed) * factor


class SurveyedBudget:
    """Shares out what is left by what the segments need, where all of them are known."""

    def __init__(
        self, most_video_bytes: int, needs: Sequence[SegmentNeeds], least_factor: float = 1.0
    ) -> None:
        """Divide bytes.

        Args:
            most_video_bytes: that the file may have, audio left out.
            needs: of every segment, in order.
            least_factor: by how much more than in their least bytes layers need at the scale chosen.
        """
        self._most_bytes = most_video_bytes
        self._first_frames = [need.first_frame for need in needs]
        least = [need.least_at(least_factor) for need in needs]
        self._least_from = [*accumulate(reversed(least), initial=0.0)][::-1]
        self._weight_from = [*accumulate((max(1.0, n.weight) for n in reversed(needs)), initial=0.0)][::-1]

    def allowance(self, segment: SegmentLatents, ledger: Ledger, so_far: Extent) -> Allowance:
        """Give the segment its share, or about that where later ones can make up for it."""
        left = self._most_bytes - ledger.video_bytes
        here = bisect_left(self._first_frames, segment.first_frame)
        after = bisect_left(self._first_frames, segment.first_frame + segment.num_frames)
        least_after, weight_after = self._least_from[after], self._weight_from[after]
        least = self._least_from[here] - least_after
        weight = self._weight_from[here] - weight_after
        ceiling = int(left - least_after)
        budget = least + max(0.0, left - least - least_after) * weight / (weight + weight_after)
        slack = min(_SLACK, weight_after / max(1.0, weight) / 4)
        high = min(ceiling, int(budget * (1 + slack)))
        return Allowance(min(high, int(budget * (1 - max(_EXACT, slack)))), high, ceiling)


class RunningBudget:
    """Lets a segment take what the target allows up to its end, where nobody knows what comes.

    Only a segment that can't be made small enough takes more, which those after it have to save.
    """

    def __init__(self, target: RateTarget, num_frames_expected: int | None) -> None:
        """Divide a target.

        Args:
            target: to be kept.
            num_frames_expected: in all; a `size` can't do without.
        """
        if target.kind == "size" and not num_frames_expected:
            raise OptionError(
                "the source does not say how long it is, so a size can't be kept; give a file, or --bitrate"
            )
        self._target = target
        self._num_frames = num_frames_expected or 0
        self._allowed_before = 0

    def most_video_bytes(self, so_far: Extent, *, is_last: bool) -> int:
        """Give what the target allows up to some frame."""
        if self._target.kind != "size" or is_last:
            return self._target.most_video_bytes(so_far)
        share = min(Fraction(1), Fraction(so_far.num_frames, self._num_frames))
        return int((int(self._target.amount) - so_far.audio_bytes / share) * share)

    def allowance(self, segment: SegmentLatents, ledger: Ledger, so_far: Extent) -> Allowance:
        """Give the segment its share and a part of what earlier ones left; all of it to the last."""
        allowed = self.most_video_bytes(so_far, is_last=segment.is_last)
        ceiling = allowed - ledger.video_bytes
        share = allowed - self._allowed_before
        self._allowed_before = allowed
        if segment.is_last:
            return Allowance(int(ceiling * (1 - _EXACT)), ceiling, ceiling)
        debt = max(_DEBT_SEGMENTS * share, _DEBT_BYTES)
        if self._target.kind == "size":
            debt = min(debt, self._target.most_video_bytes(so_far) - ledger.video_bytes - ceiling)
        spare = ceiling - share - share // _CARRY
        high = min(ceiling, share + spare // _CARRY)
        return Allowance(int(high * (1 - 2 * _EXACT)), high, ceiling, debt)


class RateController:
    """Codes segment after segment within a budget."""

    def __init__(
        self, coder: SegmentCoder, heads: Heads, point: RatePoint, budget: Budget, counter: ExtentCounter
    ) -> None:
        """Start with nothing coded.

        Args:
            coder: codes a segment in a given way.
            heads: of the file; has the coded size, and the most layers that a segment may have.
            point: number of layers and rate weight to begin with.
            budget: of bytes.
            counter: that has counted nothing yet.
        """
        self._coder = coder
        self._heads = heads
        self._budget = budget
        self._counter = counter
        self._start = point.num_layers, point.rate_weight
        self.ledger = Ledger(heads.video.tick)
        """Holds what was coded."""
        self.is_starved = False
        """Whether some segment took less than it was given, though coded as well as can be."""

    def extent(self) -> Extent:
        """Give how much video was coded."""
        return self._counter.extent(self.ledger.audio_bytes)

    def code(self, segment: SegmentLatents) -> Segment:
        """Code the next segment, and enter it in the ledger.

        Raises:
            BudgetTooSmallError: it can't be made small enough.
        """
        timing, most_layers = segment.timing, self._heads.num_layers

        def attempt(num_layers: int, rate_weight: float) -> Trial:
            coded = self._coder.code(segment, self._heads.size, num_layers, rate_weight)
            return Trial(coded, self.ledger.cost(coded, timing), num_layers, rate_weight)

        if segment.first_frame == 0:
            self._heads.write(self.ledger.writer, segment)
        self._counter.add(segment)
        self.ledger.add_audio(segment.audio)
        allowance = self._budget.allowance(segment, self.ledger, self.extent())
        most_trials = _LAST_TRIALS if segment.is_last else _TRIALS
        best = fit_segment(attempt, allowance, self._start, most_layers, most_trials)
        self._start = best.num_layers, best.rate_weight
        is_finest = best.rate_weight == 0 and best.num_layers == most_layers
        self.is_starved |= is_finest and best.num_bytes < allowance.low
        self.ledger.add_segment(best.segment, timing)
        return best.segment
