"""Pictures of a study's results: scores against bpp as in the thesis's Figure 5.8, and win rates."""

import io
from typing import Any

from .ranking import Standing
from .results import Results

_FORMATS = ("png", "svg")
_CAPTIONS = {
    "elo": ("Elo score in play order", "elo", "elo_low", "elo_high"),
    "bradley_terry": (
        "Bradley-Terry score (Elo scale)",
        "bradley_terry",
        "bradley_terry_low",
        "bradley_terry_high",
    ),
}
_SIMULATED = "simulated raters, no person was asked"


def plot_scores(results: Results, kind: str, file_format: str = "png") -> bytes:
    """Draw scores against bpp, a line a codec, with 95% intervals over raters and clips.

    Args:
        results: of a study.
        kind: `elo` or `bradley_terry`.
        file_format: `png` or `svg`.
    """
    label, middle, low, high = _CAPTIONS[kind]
    standing = {standing.name: standing for standing in results.overall.standings}
    figure, axes = _figure((6.4, 4.2))
    for number, codec in enumerate(sorted({point.codec for point in results.rate_points})):
        points = [p for p in results.rate_points if p.codec == codec and p.name in standing]
        points.sort(key=lambda point: point.bpp)
        if points:
            found: list[Standing] = [standing[point.name] for point in points]
            values = [getattr(one, middle) for one in found]
            errors = [
                [value - getattr(one, low) for value, one in zip(values, found, strict=True)],
                [getattr(one, high) - value for value, one in zip(values, found, strict=True)],
            ]
            marker = "osD^vP*X"[number % 8]
            axes.errorbar(
                [p.bpp for p in points], values, errors, marker=marker, ms=5, capsize=3, label=codec
            )
    axes.set_xscale("log")
    ticks = list(results.rates_bpp)
    axes.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("bits per pixel (mean over clips, log scale)")
    axes.set_ylabel(label)
    counts = results.counts
    title = f"{counts.raters_counted} raters, {counts.counted} answers"
    if results.simulated:
        title += f": {_SIMULATED}"
    axes.set_title(title, fontsize=9)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize=8)
    return _written(figure, file_format)


DARK_FROM = 0.4
"""Distance from even from which the colours of win rates are too dark for black figures."""


def plot_win_rates(results: Results, file_format: str = "png") -> bytes:
    """Draw how often each contestant beat each other, ties as half; blank where they never met."""
    names = [standing.name for standing in results.overall.standings]
    side = max(3.5, 0.55 * len(names) + 1.5)
    figure, axes = _figure((side + 1, side))
    rates = results.overall.win_rates
    values = [[_share(rates, row, column) for column in names] for row in names]
    image = axes.imshow(values or [[float("nan")]], vmin=0, vmax=1, cmap="RdYlGn")
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            if value == value:  # blank cells are not equal to themselves
                shade = "white" if abs(value - 0.5) > DARK_FROM else "black"
                axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=7, color=shade)
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=7)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_title("share of answers for row against column", fontsize=9)
    figure.colorbar(image, fraction=0.04)
    return _written(figure, file_format)


def _share(rates: dict[str, dict[str, float | None]], row: str, column: str) -> float:
    value = rates[row].get(column)
    return float("nan") if value is None else value


def _figure(size: tuple[float, float]) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=110, layout="constrained")
    return figure, figure.subplots()


def _written(figure: Any, file_format: str) -> bytes:
    if file_format not in _FORMATS:
        raise ValueError(f"format is {file_format!r}, expected one of {', '.join(_FORMATS)}")
    file = io.BytesIO()
    figure.savefig(file, format=file_format, metadata={"Date": None} if file_format == "svg" else None)
    return file.getvalue()
