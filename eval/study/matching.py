"""Matched rate points: on each clip, points of different codecs that took nearly the same bytes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from .errors import StudyError
from .run_reader import RunPoint, RunReader
from .settings import Selection

ALMOST_COMMON = 1.25
"""Ranges of bpp that miss each other by no more than this factor still have a rate in common."""


@dataclass(frozen=True)
class MatchedRate:
    """Points of one clip at one nominal rate, one a codec, none far from the others in bytes."""

    clip: str
    rate: int
    """Index into the nominal rates."""
    points: tuple[RunPoint, ...]
    """In order of codec, two or more."""

    @property
    def spread(self) -> float:
        """Largest over smallest number of bytes, minus 1."""
        return _spread(self.points)


@dataclass(frozen=True)
class Matching:
    """What of a run can be compared fairly."""

    rates_bpp: tuple[float, ...]
    """Nominal rates, rising; only those that a group has."""
    groups: tuple[MatchedRate, ...]
    left_out: tuple[str, ...]
    """Codecs that had no point near enough, a line for each clip and rate."""


def match_rates(run: RunReader, selection: Selection) -> Matching:
    """Choose clips, codecs and rate points of a run.

    Around each nominal rate, every point of the clip that no other rate is nearer to is tried as the middle; the middle
    with which the most codecs agree within the tolerance is taken, then the tightest. A point serves at one rate only.

    Raises:
        StudyError: a codec or clip is not in the run, or nothing matches; says how far off it is.
    """
    clips = _chosen(selection.clips, [clip.name for clip in run.clips], "clip")
    codecs = _chosen(selection.codecs, sorted({point.codec for point in run.points}), "codec")
    if len(codecs) < 2:
        raise StudyError(
            f"the run has one codec to compare, {', '.join(codecs) or 'none'}; a study needs two or more"
        )
    points = [p for p in run.points if p.clip in clips and p.codec in codecs and p.num_bytes > 0]
    rates = (
        tuple(sorted(selection.rates_bpp))
        or _common_targets(points, codecs)
        or _suitable_rates(points, codecs, selection.num_rates)
    )
    groups: list[MatchedRate] = []
    left_out: list[str] = []
    closest = math.inf
    for clip in clips:
        of_clip = [point for point in points if point.clip == clip]
        for index, bpp in enumerate(rates):
            candidates = list(_candidates(of_clip, rates, index, selection.window))
            closest = min(closest, *(_closest_pair(group) for group in candidates), math.inf)
            best = max((_within(group, selection.tolerance) for group in candidates), key=_merit, default=())
            if len(best) >= 2:
                groups.append(MatchedRate(clip, index, best))
                of_clip = [point for point in of_clip if point not in best]
            missing = [codec for codec in codecs if codec not in {point.codec for point in best}]
            if missing and len(best) >= 2:
                left_out.append(
                    f"{clip} at {bpp:.4g} bpp: no point of {', '.join(missing)} within the tolerance"
                )
            elif missing:
                left_out.append(f"{clip} at {bpp:.4g} bpp: no two codecs within the tolerance")
    if not groups:
        near = (
            "none lie near a common rate"
            if math.isinf(closest)
            else f"the closest two differ by {closest:.1%}"
        )
        raise StudyError(
            f"no two codecs match within {selection.tolerance:.0%} of bytes at {_list(rates)} bpp: {near}; raise "
            "selection.tolerance or selection.window, name other rates_bpp, or run `mgv rd` at target rates"
        )
    found = sorted({group.rate for group in groups})
    numbered = tuple(replace(group, rate=found.index(group.rate)) for group in groups)
    return Matching(tuple(rates[rate] for rate in found), numbered, tuple(left_out))


def _chosen(wanted: Sequence[str], known: Sequence[str], what: str) -> list[str]:
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise StudyError(
            f"{what} {', '.join(unknown)} is not in the run, which has {', '.join(known) or 'none'}"
        )
    return sorted(wanted) if wanted else list(known)


def _common_targets(points: Sequence[RunPoint], codecs: Sequence[str]) -> tuple[float, ...]:
    """Give the rates that every codec was asked for, if any."""
    targets = [
        {p.target_bpp for p in points if p.codec == codec and p.target_bpp is not None} for codec in codecs
    ]
    return tuple(sorted(set.intersection(*targets)))


def _suitable_rates(points: Sequence[RunPoint], codecs: Sequence[str], count: int) -> tuple[float, ...]:
    """Spread rates evenly in log bpp over the range that every codec has in the mean over clips."""
    low, high = 0.0, math.inf
    for codec in codecs:
        by_clip: dict[str, list[float]] = {}
        for point in points:
            if point.codec == codec:
                by_clip.setdefault(point.clip, []).append(math.log(point.bpp))
        if by_clip:
            low = max(low, math.exp(sum(map(min, by_clip.values())) / len(by_clip)))
            high = min(high, math.exp(sum(map(max, by_clip.values())) / len(by_clip)))
    if high < low <= high * ALMOST_COMMON:  # single points, hardly apart
        low, high = high, low
    if not 0 < low <= high < math.inf:
        raise StudyError("the codecs of the run have no common range of bpp; run `mgv rd` at common rates")
    if count == 1 or high / low < 1.01:
        return (round(math.sqrt(low * high), 6),)
    ratio = (high / low) ** (1 / (count - 1))
    return tuple(round(low * ratio**index, 6) for index in range(count))


def _candidates(
    points: Sequence[RunPoint], rates: Sequence[float], index: int, window: float
) -> Iterable[tuple[RunPoint, ...]]:
    """For each middle within the window that is nearest to this rate, the nearest point of every codec."""
    codecs = sorted({point.codec for point in points})
    for middle in points:
        distances = [abs(math.log(middle.bpp / bpp)) for bpp in rates]
        if distances[index] == min(distances) and distances[index] <= math.log1p(window):
            yield tuple(
                min((p for p in points if p.codec == codec), key=lambda p: _distance(p, middle))
                for codec in codecs
            )


def _within(group: Sequence[RunPoint], tolerance: float) -> tuple[RunPoint, ...]:
    """The most codecs of a group that lie within the tolerance of each other, and of those the tightest."""
    ordered = sorted(group, key=lambda point: point.num_bytes)
    runs = [ordered[start:end] for start in range(len(ordered)) for end in range(start + 1, len(ordered) + 1)]
    best = max((run for run in runs if _spread(run) <= tolerance), key=_merit)
    return tuple(sorted(best, key=lambda point: point.codec))


def _merit(group: Sequence[RunPoint]) -> tuple[int, float]:
    return len(group), -_spread(group) if group else 0.0


def _spread(points: Sequence[RunPoint]) -> float:
    sizes = [point.num_bytes for point in points]
    return max(sizes) / min(sizes) - 1


def _closest_pair(group: Sequence[RunPoint]) -> float:
    sizes = sorted(point.num_bytes for point in group)
    return min((after / before - 1 for before, after in pairwise(sizes)), default=math.inf)


def _distance(point: RunPoint, middle: RunPoint) -> float:
    return abs(math.log(point.num_bytes / middle.num_bytes))


def _list(rates: Sequence[float]) -> str:
    return ", ".join(f"{rate:.4g}" for rate in rates)
