"""`mgv rd compare`: one codec in two runs, as two versions of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from ...codec import OptionError
from .bd import METHODS, Delta, MeanDelta, deltas_of_clips
from .curves import columns_of
from .report import summed_up
from .store import Run, RunPoint
from .tables import deltas_markdown


@dataclass(frozen=True)
class LabelChange:
    """What changed at one label, as means over the clips that both runs have."""

    label: str
    num_clips: int
    bpp_before: float
    bpp_after: float
    values: dict[str, tuple[float, float]]
    """Column -> before and after."""


@dataclass(frozen=True)
class Comparison:
    """A codec in two runs."""

    codec: str
    versions: tuple[dict[str, str], dict[str, str]]
    changes: Sequence[LabelChange]
    deltas: Sequence[Delta]
    """BD-rates of the second run against the first."""

    means: Sequence[MeanDelta]


def compare_runs(before: Run, after: Run, codec: str) -> Comparison:
    """Compare a codec in two runs over the clips that have the same frames in both.

    Raises:
        OptionError: one of them lacks it, or no clip is in both.
        MissingToolError: bjontegaard is not installed.
    """
    frames = {clip.name: clip.sha256 for clip in before.clips}
    common = {clip.name for clip in after.clips if frames.get(clip.name) == clip.sha256}
    if not common:
        raise OptionError(f"{before.folder} and {after.folder} have no clip of the same frames")
    points = []
    for run, name in ((before, "before"), (after, "after")):
        own = [point for point in run.points if point.codec == codec and point.clip in common]
        if not own:
            raise OptionError(f"{run.folder}: holds no point of {codec!r} on a clip that is in both runs")
        points.append([replace(point, codec=name) for point in own])
    both = [*points[0], *points[1]]
    columns = [column for column in columns_of(both) if column.has_reference]
    deltas = [
        delta for column in columns for delta in deltas_of_clips(both, "before", "after", column, METHODS[0])
    ]
    versions = (dict(points[0][0].versions), dict(points[1][0].versions))
    return Comparison(codec, versions, _changes(*points), deltas, summed_up(deltas))


def comparison_markdown(comparison: Comparison) -> str:
    """Lay a comparison out: what changed at each label, then BD-rates clip by clip."""
    columns = list(dict.fromkeys(delta.column for delta in comparison.deltas))
    lines = [
        f"{comparison.codec}: before {_as_text(comparison.versions[0])}",
        f"{comparison.codec}: after  {_as_text(comparison.versions[1])}",
        "",
        "| label | clips | bpp | " + " | ".join(columns) + " |",
        "|---|--:|--:|" + "--:|" * len(columns),
    ]
    for change in comparison.changes:
        cells = [_step(*change.values[name]) if name in change.values else "-" for name in columns]
        rate = f"{change.bpp_before:.4f} -> {change.bpp_after:.4f}"
        lines.append(f"| {change.label} | {change.num_clips} | {rate} | " + " | ".join(cells) + " |")
    for name in columns:
        table = deltas_markdown(comparison.deltas, comparison.means, name, METHODS[0])
        lines += ["", f"BD-rate in {name}, after against before (overlap):", "", table.rstrip()]
    return "\n".join(lines) + "\n"


def _changes(before: Sequence[RunPoint], after: Sequence[RunPoint]) -> list[LabelChange]:
    old = {(point.clip, point.label): point for point in before}
    changes = []
    for label in dict.fromkeys(point.label for point in sorted(after, key=lambda point: point.bpp)):
        pairs = [
            (old[point.clip, label], point)
            for point in after
            if point.label == label and (point.clip, label) in old
        ]
        if not pairs:
            continue
        names = set.intersection(*(set(point.metrics) for pair in pairs for point in pair))
        values = {
            name: (fmean(a.metrics[name] for a, _ in pairs), fmean(b.metrics[name] for _, b in pairs))
            for name in names
        }
        rates = fmean(a.bpp for a, _ in pairs), fmean(b.bpp for _, b in pairs)
        changes.append(LabelChange(label, len(pairs), *rates, values))
    return changes


def _step(before: float, after: float) -> str:
    return f"{before:.4g} -> {after:.4g}"


def _as_text(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in versions.items())
