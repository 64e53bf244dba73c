"""Rate-distortion curves of a run: by clip, and their mean over clips with bootstrap intervals."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..metrics.interface import Column
from ..metrics.registry import COLUMNS
from .store import RunPoint

NUM_RESAMPLES = 2000
CONFIDENCE = 0.95
SEED = 0
"""Resampling is the same in every report of the same run."""


@dataclass(frozen=True)
class Curve:
    """One codec on one clip, or its mean over clips, by rising rate."""

    codec: str
    labels: tuple[str, ...]
    bpp: tuple[float, ...]
    values: tuple[float, ...]
    """Of one column."""

    def front(self, column: Column) -> "Curve":
        """Drop points that another one beats in both rate and quality; what is left rises strictly."""
        kept: list[int] = []
        best = -np.inf
        for index, value in enumerate(self.values):
            goodness = value if column.rises else -value
            if goodness > best:
                kept.append(index)
                best = goodness
        return self._only(kept)

    def hull(self, column: Column) -> "Curve":
        """Keep the points of the convex hull on its good side: what a sender that may mix points would use."""
        kept: list[int] = []
        goodness = [value if column.rises else -value for value in self.values]
        front = self.front(column)
        for index in (i for i, label in enumerate(self.labels) if label in front.labels):
            while len(kept) > 1 and _slope(self.bpp, goodness, kept[-2], kept[-1]) <= _slope(
                self.bpp, goodness, kept[-1], index
            ):
                kept.pop()
            kept.append(index)
        return self._only(kept)

    def _only(self, indices: Sequence[int]) -> "Curve":
        return Curve(
            self.codec,
            tuple(self.labels[index] for index in indices),
            tuple(self.bpp[index] for index in indices),
            tuple(self.values[index] for index in indices),
        )


@dataclass(frozen=True)
class MeanCurve:
    """The mean over clips at each label, with what resampling the clips makes of it."""

    curve: Curve
    low: tuple[float, ...]
    high: tuple[float, ...]
    """Ends of the 95% bootstrap interval of the mean value at each label."""

    clips: tuple[str, ...]
    """That have every label; the others are left out of the mean."""


def columns_of(points: Sequence[RunPoint]) -> list[Column]:
    """Name the columns that any point has, in the order of reports."""
    found = {name for point in points for name in point.metrics}
    return [column for name, column in COLUMNS.items() if name in found]


def codecs_of(points: Sequence[RunPoint]) -> list[str]:
    """Name the codecs of points, in order of name."""
    return sorted({point.codec for point in points})


def clip_curves(points: Sequence[RunPoint], codec: str, column: str) -> dict[str, Curve]:
    """Give the curve of a codec on each clip that has the column."""
    curves: dict[str, Curve] = {}
    for clip in sorted({point.clip for point in points}):
        own = sorted(
            (p for p in points if (p.clip, p.codec) == (clip, codec) and column in p.metrics),
            key=lambda point: point.bpp,
        )
        if own:
            curves[clip] = Curve(
                codec,
                tuple(point.label for point in own),
                tuple(point.bpp for point in own),
                tuple(point.metrics[column] for point in own),
            )
    return curves


def mean_curve(points: Sequence[RunPoint], codec: str, column: str) -> MeanCurve | None:
    """Take the mean over clips of rate and value at each label.

    Clips that lack one of the labels that most clips have are left out, so that every label is a mean of the same
    clips.

    Returns:
        None where no clip has a curve.
    """
    curves = clip_curves(points, codec, column)
    counts = Counter(label for curve in curves.values() for label in curve.labels)
    labels = [label for label, count in counts.items() if 2 * count > len(curves)]
    whole = {clip: curve for clip, curve in curves.items() if set(labels) <= set(curve.labels)}
    if not whole or not labels:
        return None
    places = [[curve.labels.index(label) for label in labels] for curve in whole.values()]
    bpp, values = (
        np.array([[series[place] for place in row] for series, row in zip(table, places, strict=True)])
        for table in ([c.bpp for c in whole.values()], [c.values for c in whole.values()])
    )
    order = np.argsort(bpp.mean(axis=0))
    low, high = bootstrap_interval(values[:, order])
    curve = Curve(
        codec,
        tuple(labels[index] for index in order),
        tuple(map(float, bpp.mean(axis=0)[order])),
        tuple(map(float, values.mean(axis=0)[order])),
    )
    return MeanCurve(curve, tuple(map(float, low)), tuple(map(float, high)), tuple(whole))


def bootstrap_interval(
    values: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the ends of the percentile bootstrap interval of a mean over rows, `[clips, n]` to two of `[n]`."""
    rng = np.random.default_rng(SEED)
    picks = rng.integers(0, len(values), (NUM_RESAMPLES, len(values)))
    means = values[picks].mean(axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return low, high


def falls(curve: Curve, column: Column) -> list[str]:
    """Name the labels at which a curve is not better than at the rate before."""
    signs = 1 if column.rises else -1
    return [
        label
        for label, before, value in zip(curve.labels[1:], curve.values, curve.values[1:], strict=False)
        if signs * (value - before) <= 0
    ]


def _slope(bpp: Sequence[float], goodness: Sequence[float], first: int, second: int) -> float:
    return (goodness[second] - goodness[first]) / (bpp[second] - bpp[first])
