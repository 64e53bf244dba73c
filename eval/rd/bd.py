"""Bjontegaard deltas of codecs against an anchor, clip by clip, with the overlap they rest on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from ...codec import MissingToolError
from ..metrics.interface import Column
from .curves import Curve, bootstrap_interval, clip_curves, mean_curve
from .store import RunPoint

METHODS = ("pchip", "akima")
SMALLEST_CURVES = {"pchip": 2, "akima": 4}
"""Points that an interpolation needs."""

MEAN_OF_CURVES = "(mean curve)"
"""In place of a clip's name: the deltas of the curves' means, which weigh clips by their rates."""


@dataclass(frozen=True)
class Delta:
    """One codec against the anchor on one clip, in one column."""

    clip: str
    codec: str
    anchor: str
    column: str
    method: str
    rate_percent: float | None
    """BD-rate: mean difference in rate at equal quality; negative is fewer bits. None without overlap."""

    quality: float | None
    """BD-metric: mean difference in the column at equal rate, in its own direction and unit."""

    overlap: float
    """Of the two ranges of quality: what they share over what they span together."""

    rate_overlap: float
    """The same of the ranges of log rate."""

    reason: str = ""
    """Why there is no figure."""


@dataclass(frozen=True)
class MeanDelta:
    """Deltas of one codec and column, summed up over clips."""

    codec: str
    anchor: str
    column: str
    method: str
    num_clips: int
    """That have a BD-rate."""

    num_clips_without: int
    rate_percent: float | None
    low: float | None
    high: float | None
    """Ends of the 95% bootstrap interval of the mean BD-rate over clips."""

    quality: float | None
    smallest_overlap: float | None


def bd_delta(clip: str, anchor: Curve, test: Curve, column: Column, method: str) -> Delta:
    """Compare two curves; points that others of the same curve beat in both rate and quality do not count.

    Raises:
        MissingToolError: bjontegaard is not installed.
    """
    anchor, test = anchor.front(column), test.front(column)
    sign = 1.0 if column.rises else -1.0
    rates = [np.log10(curve.bpp) for curve in (anchor, test)]
    values = [sign * np.array(curve.values) for curve in (anchor, test)]
    overlap, rate_overlap = _overlap(*values), _overlap(*rates)
    reason = ""
    if min(len(anchor.bpp), len(test.bpp)) < SMALLEST_CURVES[method]:
        reason = f"a curve has fewer than {SMALLEST_CURVES[method]} points"
    elif overlap == 0:
        reason = "the ranges of quality do not overlap"
    bd_rate, bd_quality = _bjontegaard()
    pair = (anchor.bpp, values[0], test.bpp, values[1])
    rate_percent = None if reason else float(bd_rate(*pair, method, False, min_overlap=0))
    has_quality = not reason and rate_overlap > 0
    quality = sign * float(bd_quality(*pair, method, False, min_overlap=0)) if has_quality else None
    return Delta(
        *(clip, test.codec, anchor.codec, column.name, method),
        *(rate_percent, quality, overlap, rate_overlap, reason),
    )


def deltas_of_clips(
    points: Sequence[RunPoint], anchor: str, codec: str, column: Column, method: str
) -> list[Delta]:
    """Compare a codec with the anchor on every clip that both have, and in the mean of their curves."""
    tests = clip_curves(points, codec, column.name)
    anchors = clip_curves(points, anchor, column.name)
    found = [bd_delta(clip, anchors[clip], tests[clip], column, method) for clip in tests if clip in anchors]
    means = mean_curve(points, anchor, column.name), mean_curve(points, codec, column.name)
    if means[0] is not None and means[1] is not None and means[0].clips == means[1].clips:
        found.append(bd_delta(MEAN_OF_CURVES, means[0].curve, means[1].curve, column, method))
    return found


def mean_delta(deltas: Sequence[Delta]) -> MeanDelta:
    """Sum the deltas of one codec, column and method up over clips; the mean curve's is left out."""
    one = deltas[0]
    clips = [delta for delta in deltas if delta.clip != MEAN_OF_CURVES]
    rates = [delta.rate_percent for delta in clips if delta.rate_percent is not None]
    qualities = [delta.quality for delta in clips if delta.quality is not None]
    low = high = None
    if len(rates) > 1:
        low, high = (float(end[0]) for end in bootstrap_interval(np.array(rates)[:, None]))
    return MeanDelta(
        codec=one.codec,
        anchor=one.anchor,
        column=one.column,
        method=one.method,
        num_clips=len(rates),
        num_clips_without=len(clips) - len(rates),
        rate_percent=fmean(rates) if rates else None,
        low=low,
        high=high,
        quality=fmean(qualities) if qualities else None,
        smallest_overlap=min((d.overlap for d in clips if d.rate_percent is not None), default=None),
    )


def _overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    span = max(one.max(), other.max()) - min(one.min(), other.min())
    shared = min(one.max(), other.max()) - max(one.min(), other.min())
    return float(max(shared, 0) / span) if span > 0 else 0.0


def _bjontegaard() -> tuple[Callable[..., float], Callable[..., float]]:
    try:
        from bjontegaard import bd_psnr, bd_rate
    except ImportError as error:
        raise MissingToolError("BD-rates need bjontegaard: pip install 'mgv[eval]'") from error
    return bd_rate, bd_psnr
