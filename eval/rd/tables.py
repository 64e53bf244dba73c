"""The figures of a report as CSV, JSON and markdown."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from .bd import Delta, MeanDelta
from .curves import clip_curves, codecs_of, columns_of, falls, mean_curve
from .store import Run, RunPoint

SUMMARY_VERSION = 1

POINT_FACTS = (
    "clip",
    "codec",
    "label",
    "reached",
    "num_bytes",
    "bpp",
    "raw_bpp",
    "encode_fps",
    "decode_fps",
    "encode_cpu_seconds",
    "decode_cpu_seconds",
    "encode_peak_bytes",
    "decode_peak_bytes",
    "sha256",
)


def point_facts(point: RunPoint, num_frames: int) -> dict[str, Any]:
    """Give the columns of a point that are no metrics."""
    return {
        "clip": point.clip,
        "codec": point.codec,
        "label": point.label,
        "reached": point.reached.label,
        "num_bytes": point.num_bytes,
        "bpp": point.bpp,
        "raw_bpp": point.raw_bpp,
        "encode_fps": num_frames / point.encode.seconds,
        "decode_fps": num_frames / point.decode.seconds,
        "encode_cpu_seconds": point.encode.cpu_seconds,
        "decode_cpu_seconds": point.decode.cpu_seconds,
        "encode_peak_bytes": point.encode.peak_bytes,
        "decode_peak_bytes": point.decode.peak_bytes,
        "sha256": point.sha256,
    }


def write_points_csv(path: Path, run: Run) -> None:
    """Write a row a point: facts, then the mean over frames of each metric, then whether it is on its hull."""
    columns = columns_of(run.points)
    names = [column.name for column in columns]
    lengths = {clip.name: clip.num_frames for clip in run.clips}
    hulls = {
        (clip, codec, column.name): set(curve.hull(column).labels)
        for codec in codecs_of(run.points)
        for column in columns
        for clip, curve in clip_curves(run.points, codec, column.name).items()
    }
    hull_names = [f"{name}_on_hull" for name in names]
    rows = []
    for point in run.points:
        on_hull = [
            int(point.label in hulls.get((point.clip, point.codec, name), ()))
            if name in point.metrics
            else ""
            for name in names
        ]
        facts = point_facts(point, lengths[point.clip])
        rows.append([*facts.values(), *(point.metrics.get(name, "") for name in names), *on_hull])
    _write_csv(path, [*POINT_FACTS, *names, *hull_names], rows)


def write_frames_csv(path: Path, run: Run) -> None:
    """Write a row a frame of every point; empty where a metric did not look at it."""
    names = [column.name for column in columns_of(run.points)]
    lengths = {clip.name: clip.num_frames for clip in run.clips}

    def rows() -> Iterable[list[Any]]:
        for point in run.points:
            for index in range(lengths[point.clip]):
                values = [
                    _at(point.frame_metrics.get(name, ()), index, lengths[point.clip]) for name in names
                ]
                yield [point.clip, point.codec, point.label, index, *values]

    _write_csv(path, ["clip", "codec", "label", "frame", *names], rows())


def write_deltas_csv(path: Path, deltas: Sequence[Delta]) -> None:
    """Write a row a clip, codec, column and method."""
    names = [field.name for field in fields(Delta)]
    _write_csv(path, names, ([getattr(delta, name) for name in names] for delta in deltas))


def summary_of(run: Run, deltas: Sequence[Delta], means: Sequence[MeanDelta]) -> dict[str, Any]:
    """Give everything but the frames as plain values for JSON, with a version."""
    lengths = {clip.name: clip.num_frames for clip in run.clips}
    return {
        "version": SUMMARY_VERSION,
        "clips": [
            {**asdict(clip), "frame_rate": str(clip.frame_rate), "colour": asdict(clip.colour)}
            for clip in run.clips
        ],
        "codecs": run.facts.get("codecs", {}),
        "missing": run.facts.get("missing", {}),
        "points": [
            {
                **point_facts(point, lengths[point.clip]),
                "metrics": dict(point.metrics),
                "unavailable": dict(point.unavailable),
                "commands": list(point.commands),
                "versions": dict(point.versions),
            }
            for point in run.points
        ],
        "mean_curves": mean_curves(run),
        "deltas": [asdict(delta) for delta in deltas],
        "mean_deltas": [asdict(mean) for mean in means],
    }


def mean_curves(run: Run) -> list[dict[str, Any]]:
    """Give the mean curve of each codec and column, and where it does not rise."""
    found = []
    for codec in codecs_of(run.points):
        for column in columns_of(run.points):
            mean = mean_curve(run.points, codec, column.name)
            if mean is not None:
                does_not_rise = falls(mean.curve, column) if column.has_reference else []
                found.append(
                    {**asdict(mean), "column": column.name, "codec": codec, "does_not_rise": does_not_rise}
                )
    return found


def deltas_markdown(deltas: Sequence[Delta], means: Sequence[MeanDelta], column: str, method: str) -> str:
    """Lay out BD-rates of one column: clips down, codecs across, the mean over clips below."""
    own = [delta for delta in deltas if (delta.column, delta.method) == (column, method)]
    codecs = list(dict.fromkeys(delta.codec for delta in own))
    clips = list(dict.fromkeys(delta.clip for delta in own))
    cells = {(delta.clip, delta.codec): delta for delta in own}
    lines = ["| clip | " + " | ".join(codecs) + " |", "|---|" + "--:|" * len(codecs)]
    for clip in clips:
        row = [percent(cells.get((clip, codec))) for codec in codecs]
        lines.append(f"| {clip} | " + " | ".join(row) + " |")
    summed = {mean.codec: mean for mean in means if (mean.column, mean.method) == (column, method)}
    lines.append(
        "| **mean over clips** | " + " | ".join(mean_percent(summed[codec]) for codec in codecs) + " |"
    )
    return "\n".join(lines) + "\n"


def percent(delta: Delta | None) -> str:
    """Write a BD-rate with its overlap: `+12.3% (0.81)`; `-` where there is none."""
    if delta is None or delta.rate_percent is None:
        return "-"
    return f"{delta.rate_percent:+.1f}% ({delta.overlap:.2f})"


def mean_percent(mean: MeanDelta) -> str:
    """Write a mean BD-rate with its interval and the clips it is over."""
    if mean.rate_percent is None:
        return "-"
    interval = "" if mean.low is None else f" [{mean.low:+.1f}, {mean.high:+.1f}]"
    return (
        f"{mean.rate_percent:+.1f}%{interval}, {mean.num_clips} of {mean.num_clips + mean.num_clips_without}"
    )


def _at(series: Sequence[float | None], index: int, num_frames: int) -> float | str:
    """Give a frame's value; "" where there is none, as for a column with one value for the clip."""
    value = series[index] if len(series) == num_frames else None
    return "" if value is None else value


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def speeds(run: Run) -> dict[str, Mapping[str, float]]:
    """Give for each codec what coding takes: medians over points of frames a second, CPU seconds, memory."""
    from statistics import median

    lengths = {clip.name: clip.num_frames for clip in run.clips}
    table: dict[str, Mapping[str, float]] = {}
    for codec in codecs_of(run.points):
        facts = [point_facts(p, lengths[p.clip]) for p in run.points if p.codec == codec]
        frames = [lengths[p.clip] for p in run.points if p.codec == codec]
        table[codec] = {
            "encode_fps": median(f["encode_fps"] for f in facts),
            "decode_fps": median(f["decode_fps"] for f in facts),
            "encode_cpu_fps": median(n / f["encode_cpu_seconds"] for f, n in zip(facts, frames, strict=True)),
            "decode_cpu_fps": median(n / f["decode_cpu_seconds"] for f, n in zip(facts, frames, strict=True)),
            "encode_peak_bytes": max(f["encode_peak_bytes"] for f in facts),
            "decode_peak_bytes": max(f["decode_peak_bytes"] for f in facts),
        }
    return table
