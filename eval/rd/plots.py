"""Plots of a report: a curve for each metric, speed against BD-rate, raw against coded rate."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..metrics.interface import Column
from .bd import MeanDelta
from .curves import CONFIDENCE, clip_curves, codecs_of, mean_curve
from .store import Run, RunPoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2", "#7f7f7f")
MARKERS = "osD^vPX*<>"
SIZE_INCHES = (7.2, 4.8)
PANEL_INCHES = 4.0
"""Side of each where there are several."""

DOTS_PER_INCH = 110


def styles(codecs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Give each codec a colour and a marker, the same in every plot; mgv is red where it is there."""
    first = sorted(codecs, key=lambda codec: (not codec.startswith("mgv"), codec))
    return {
        codec: {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)]}
        for index, codec in enumerate(first)
    }


def plot_column(run: Run, column: Column, *, log_rate: bool) -> "Figure":
    """Plot a metric against rate: mean over clips with its interval, thin lines for the clips, hulls dotted."""
    figure, axes = _new_figure()
    looks = styles(codecs_of(run.points))
    draw_column(axes, run.points, column, looks, log_rate=log_rate)
    axes.set_title(f"{column.label}: mean over clips, {CONFIDENCE:.0%} bootstrap interval; thin: each clip")
    axes.legend(loc="best", fontsize=8)
    return figure


def plot_overview(run: Run, columns: Sequence[Column], *, log_rate: bool) -> "Figure":
    """Plot the mean curves of a few metrics side by side, for where there is room for one picture."""
    figure, _ = _new_figure(len(columns))
    looks = styles(codecs_of(run.points))
    for axes, column in zip(figure.axes, columns, strict=True):
        draw_column(axes, run.points, column, looks, log_rate=log_rate)
    figure.axes[0].legend(loc="best", fontsize=8)
    figure.tight_layout()
    return figure


def draw_column(
    axes: "Axes",
    points: Sequence[RunPoint],
    column: Column,
    looks: Mapping[str, Mapping[str, Any]],
    *,
    log_rate: bool,
) -> None:
    """Draw the curves of all codecs in one column."""
    for codec, look in looks.items():
        for curve in clip_curves(points, codec, column.name).values():
            axes.plot(curve.bpp, curve.values, color=look["color"], linewidth=0.5, alpha=0.35)
        mean = mean_curve(points, codec, column.name)
        if mean is None:
            continue
        curve, label = mean.curve, f"{codec} ({len(mean.clips)} clips)"
        axes.plot(curve.bpp, curve.values, **look, markersize=4, linewidth=1.8, label=label)
        axes.fill_between(curve.bpp, mean.low, mean.high, color=look["color"], alpha=0.08, linewidth=0)
        hull = curve.hull(column)
        if len(hull.bpp) < len(curve.bpp):
            axes.plot(hull.bpp, hull.values, color=look["color"], linewidth=1, linestyle=":")
    if log_rate:
        _use_log_axis(axes, "x")
    else:
        axes.set_xlim(left=0)
    axes.set_xlabel("bits per pixel")
    axes.set_ylabel(column.label if column.rises else f"{column.label}, less is better")
    axes.grid(visible=True, which="both", alpha=0.25)


def _use_log_axis(axes: "Axes", *names: Literal["x", "y"]) -> None:
    """Put 1, 2 and 5 of each decade on logarithmic axes, as plain numbers: few enough for a short range too."""
    from matplotlib.ticker import LogLocator, NullFormatter

    for name in names:
        axis = {"x": axes.xaxis, "y": axes.yaxis}[name]
        {"x": axes.set_xscale, "y": axes.set_yscale}[name]("log")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_formatter(NullFormatter())


def plot_speed(
    speeds: Mapping[str, Mapping[str, float]], means: Sequence[MeanDelta], column: Column, anchor: str
) -> "Figure":
    """Plot BD-rate against speed, frames per CPU second, of encoding (filled) and decoding (hollow)."""
    figure, axes = _new_figure()
    looks = styles(sorted(speeds))
    rates = {mean.codec: mean.rate_percent for mean in means if mean.column == column.name}
    rates[anchor] = 0.0
    for codec, look in looks.items():
        rate = rates.get(codec)
        if rate is None:
            continue
        encode, decode = speeds[codec]["encode_cpu_fps"], speeds[codec]["decode_cpu_fps"]
        axes.plot([encode, decode], [rate, rate], color=look["color"], linewidth=0.6, alpha=0.5)
        axes.plot(encode, rate, **look, linestyle="", label=codec)
        axes.plot(decode, rate, **look, linestyle="", markerfacecolor="white")
    _use_log_axis(axes, "x")
    axes.set_xlabel("frames per CPU second: encoding (filled), decoding (hollow)")
    axes.set_ylabel(f"BD-rate against {anchor} in {column.label} (%)\nbelow 0: fewer bits")
    axes.grid(visible=True, which="both", alpha=0.25)
    axes.legend(loc="best", fontsize=8)
    return figure


def plot_raw_rate(points: Sequence[RunPoint]) -> "Figure | None":
    """Plot what entropy coding makes of the tokens' bits; None without a codec that has tokens."""
    own = [point for point in points if point.raw_bpp is not None]
    if not own:
        return None
    figure, axes = _new_figure()
    looks = styles(codecs_of(points))
    for codec in codecs_of(own):
        of_codec = [point for point in own if point.codec == codec]
        axes.plot(
            [point.raw_bpp or 0 for point in of_codec],
            [point.bpp for point in of_codec],
            **looks[codec],
            linestyle="",
            markersize=4,
            alpha=0.7,
            label=codec,
        )
    ends = [min(p.raw_bpp or 0 for p in own), max(p.raw_bpp or 0 for p in own)]
    for share in (1, 0.3, 0.1, 0.03):
        axes.plot(ends, [end * share for end in ends], color="grey", linewidth=0.6)
        place = (ends[1], ends[1] * share)
        axes.annotate(
            f"{share:.0%}",
            place,
            (5, -3),
            textcoords="offset points",
            fontsize=7,
            color="grey",
            annotation_clip=False,
        )
    _use_log_axis(axes, "x", "y")
    axes.margins(x=0.1)
    axes.set_xlabel("bits per pixel of the tokens before entropy coding")
    axes.set_ylabel("bits per pixel of the file")
    axes.grid(visible=True, which="both", alpha=0.25)
    axes.legend(loc="best", fontsize=8)
    return figure


def save(figure: "Figure", folder: Path, name: str) -> Path:
    """Write a figure as PNG and SVG, and give the path of the PNG."""
    import matplotlib as mpl

    options: dict[str, Any] = {"bbox_inches": "tight"}
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None}, **options)
    path = folder / f"{name}.png"
    figure.savefig(path, dpi=DOTS_PER_INCH, **options)
    return path


def _new_figure(num_panels: int = 1) -> "tuple[Figure, Axes]":
    """Make a figure of panels side by side, and give it with the first."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width, height = SIZE_INCHES if num_panels == 1 else (PANEL_INCHES * num_panels, PANEL_INCHES)
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    panels = [figure.add_subplot(1, num_panels, number + 1) for number in range(num_panels)]
    return figure, panels[0]
