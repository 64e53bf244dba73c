"""`mgv rd report`: everything that a run says, as CSV, JSON, plots and one HTML page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...codec import OptionError, OutputError
from ...codec.output import make_folder
from ..metrics.interface import Column
from .bd import METHODS, Delta, MeanDelta, deltas_of_clips, mean_delta
from .curves import codecs_of, columns_of
from .page import make_page
from .plots import plot_column, plot_overview, plot_raw_rate, plot_speed, save
from .stills import TARGETS_BPP, Still, collect_stills
from .store import Run, write_json
from .tables import (
    mean_curves,
    speeds,
    summary_of,
    video_distances,
    write_deltas_csv,
    write_frames_csv,
    write_points_csv,
)

PREFERRED_ANCHORS = ("x265", "x264", "svt-av1")
OVERVIEW_COLUMNS = ("psnr_y", "vmaf", "lpips", "squeezenet", "ms_ssim")
"""The first three of these that were measured stand side by side."""

SPEED_COLUMNS = ("vmaf", "psnr_y")
"""BD-rate in the first of these that was measured stands against speed."""


@dataclass(frozen=True)
class Report:
    """What was found and where it was written."""

    folder: Path
    anchor: str
    columns: Sequence[Column]
    deltas: Sequence[Delta]
    means: Sequence[MeanDelta]

    @property
    def page(self) -> Path:
        """The HTML page."""
        return self.folder / "report.html"


def write_report(
    run: Run,
    folder: Path,
    *,
    anchor: str | None = None,
    log_rate: bool = True,
    frame_rates_bpp: Sequence[float] = TARGETS_BPP,
    on_step: Callable[[str], None] = lambda text: None,
) -> Report:
    """Write points.csv, frames.csv, bd.csv, summary.json, plots and report.html.

    Args:
        run: with at least one point.
        folder: to write to; made where missing.
        anchor: codec that others are compared with; x265 where it was measured, if None.
        log_rate: whether rates are on a logarithmic axis.
        frame_rates_bpp: at which frames are shown side by side; none leaves them out.
        on_step: told what is being done.

    Raises:
        OptionError: no points, or none of the anchor.
        MissingToolError: bjontegaard is not installed.
        MediaError: a point is damaged, or a file whose frames are shown is missing.
        OutputError: the folder can't be made or written to.
    """
    anchor = choose_anchor(run, anchor)
    make_folder(folder)
    stills: list[Still] = []
    if frame_rates_bpp:  # first, for it is what may fail
        stills = collect_stills(run, frame_rates_bpp, lambda clip: on_step(f"frames of {clip}"))
    columns = columns_of(run.points)
    on_step("tables")
    deltas = [
        delta
        for codec in codecs_of(run.points)
        if codec != anchor
        for column in columns
        if column.has_reference
        for method in METHODS
        for delta in deltas_of_clips(run.points, anchor, codec, column, method)
    ]
    means = summed_up(deltas)
    report = Report(folder, anchor, columns, deltas, means)
    try:
        write_points_csv(folder / "points.csv", run)
        write_frames_csv(folder / "frames.csv", run)
        write_deltas_csv(folder / "bd.csv", deltas)
        write_json(folder / "summary.json", summary_of(run, deltas, means))
        on_step("plots")
        facts = {
            "anchor": anchor,
            "plots": _write_plots(run, columns, means, anchor, folder, log_rate),
            "stills": stills,
            "speeds": speeds(run),
            "curves": mean_curves(run),
            "fvd": video_distances(run),
        }
        report.page.write_text(make_page(run, columns, deltas, means, facts), "utf-8")
    except OSError as error:
        raise OutputError(f"{folder}: can't be written: {error.strerror or error}") from error
    return report


def choose_anchor(run: Run, anchor: str | None) -> str:
    """Give the anchor that is asked for, or a usual one that was measured.

    Raises:
        OptionError: it was not measured, or nothing was.
    """
    codecs = codecs_of(run.points)
    if not codecs:
        raise OptionError(f"{run.folder}: holds no point yet; measure with mgv rd run")
    if anchor is None:
        return next((name for name in PREFERRED_ANCHORS if name in codecs), codecs[0])
    if anchor not in codecs:
        raise OptionError(f"anchor is {anchor!r}, expected one that was measured: {', '.join(codecs)}")
    return anchor


def summed_up(deltas: Sequence[Delta]) -> list[MeanDelta]:
    """Sum deltas up over clips, for each codec, column and method."""
    groups: dict[tuple[str, str, str], list[Delta]] = {}
    for delta in deltas:
        groups.setdefault((delta.codec, delta.column, delta.method), []).append(delta)
    return [mean_delta(group) for group in groups.values()]


def _write_plots(
    run: Run,
    columns: Sequence[Column],
    means: Sequence[MeanDelta],
    anchor: str,
    folder: Path,
    log_rate: bool,
) -> dict[str, Path]:
    by_name = {column.name: column for column in columns}
    chosen = [by_name[name] for name in OVERVIEW_COLUMNS if name in by_name][:3]
    if chosen:
        save(plot_overview(run, chosen, log_rate=log_rate), folder, "overview")
    plots = {
        column.label: save(plot_column(run, column, log_rate=log_rate), folder, column.name)
        for column in columns
    }
    wanted = next((by_name[name] for name in SPEED_COLUMNS if name in by_name), None)
    if wanted is not None:
        pchip = [mean for mean in means if mean.method == METHODS[0]]
        plots["speed"] = save(plot_speed(speeds(run), pchip, wanted, anchor), folder, "speed")
    raw = plot_raw_rate(run.points)
    if raw is not None:
        plots["raw rate"] = save(raw, folder, "raw-rate")
    return plots
