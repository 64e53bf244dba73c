"""A study's results as files: JSON, CSV, pictures, and one self-contained HTML page."""

import base64
import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from html import escape
from pathlib import Path
from typing import Any

from ...codec import atomic_output
from .plots import plot_scores, plot_win_rates
from .ranking import Comparison, Ranking, Standing
from .results import Results
from .screening import RaterReport

RESULTS_VERSION = 1
REPORT_CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
SIGNIFICANT = 0.05

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#111}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem;font-size:.85rem}"
    "td,th{border:1px solid #bbb;padding:.2rem .5rem;text-align:right}td:first-child,th:first-child{text-align:left}"
    ".say{background:#fff3cd;border-left:4px solid #c90;padding:.4rem .8rem;margin:.4rem 0}"
    "pre{background:#f3f3f3;padding:1rem;overflow:auto;font-size:.75rem}img{max-width:100%}"
)


def results_json(results: Results) -> str:
    """Write everything as JSON; a number that does not exist is null, never NaN."""
    return (
        json.dumps({"version": RESULTS_VERSION, **_plain(asdict(results))}, indent=2, allow_nan=False) + "\n"
    )


def standings_csv(results: Results) -> str:
    """Write a line for each contestant of each ranking."""
    bpp = {point.name: point for point in results.rate_points}
    rows = [
        {
            "ranking": ranking.title,
            "contestant": standing.name,
            "bpp": bpp[standing.name].bpp if standing.name in bpp else "",
            **{name: value for name, value in asdict(standing).items() if name != "name"},
        }
        for ranking in _rankings(results)
        for standing in ranking.standings
    ]
    return table_csv(rows, ("ranking", "contestant", "bpp", *_names(Standing)[1:]))


def comparisons_csv(results: Results) -> str:
    """Write a line for each two contestants of each ranking."""
    rows = [
        {"ranking": ranking.title, **asdict(comparison)}
        for ranking in _rankings(results)
        for comparison in ranking.comparisons
    ]
    return table_csv(rows, ("ranking", *_names(Comparison)))


def table_csv(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Write rows as CSV: columns that are there without any row too, then other fields in order of appearance."""
    file = io.StringIO()
    every = list(dict.fromkeys([*columns, *(name for row in rows for name in row)]))
    writer = csv.DictWriter(file, every, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _names(cls: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls))


def write_results(results: Results, folder: Path, *, force: bool = False) -> list[Path]:
    """Write all files into a folder that is there.

    Raises:
        OutputError: a file is there already and `force` is not set, or can't be written.
    """
    contents: dict[str, bytes] = {
        "results.json": results_json(results).encode(),
        "standings.csv": standings_csv(results).encode(),
        "comparisons.csv": comparisons_csv(results).encode(),
        "raters.csv": table_csv(
            [_plain(asdict(rater)) for rater in results.raters], _names(RaterReport)
        ).encode(),
        "report.html": html_report(results).encode(),
    }
    for file_format in ("png", "svg"):
        contents[f"elo.{file_format}"] = plot_scores(results, "elo", file_format)
        contents[f"bradley_terry.{file_format}"] = plot_scores(results, "bradley_terry", file_format)
        contents[f"win_rates.{file_format}"] = plot_win_rates(results, file_format)
    for name, data in contents.items():
        with atomic_output(folder / name, force=force) as file:
            file.write(data)
    return [folder / name for name in contents]


def html_report(results: Results) -> str:
    """Write one page that needs nothing else."""
    counts = results.counts
    agreement = "none" if results.repeat_agreement is None else f"{results.repeat_agreement:.1%}"
    parts = [
        f"<h1>{escape(results.title)}</h1>",
        *_say(results.statements),
        f"<p>{counts.raters} raters, of whom {counts.raters_counted} count; {counts.votes} answers, of which "
        f"{counts.counted} count ({counts.of_screened_raters} of screened raters, {counts.late} late, "
        f"{counts.out_of_step} out of step; the rest are practice and golden pairs). Repeated pairs answered as "
        f"before: {agreement} of {results.num_repeats}.</p>",
        "<p>Scores are on the Elo scale: 400 points are odds of ten to one, 1500 is the mean. Intervals of 95% are "
        "bootstrapped over raters and over clips. p (Holm) is corrected for all comparisons of its table.</p>",
        _image(plot_scores(results, "elo"), "Elo scores against bits per pixel"),
        _image(plot_scores(results, "bradley_terry"), "Bradley-Terry scores against bits per pixel"),
        *(_ranking_html(ranking) for ranking in _rankings(results)),
        _image(plot_win_rates(results), "Win rates"),
        "<h2>Matched rates</h2>",
        f"<p>Two sides at one rate differ in real bytes by at most {results.matching['tolerance']:.0%}. Each "
        "rendering for the browser has a luma PSNR of at least "
        f"{results.worst_render_psnr_y_db:.1f} dB against the decoded frames.</p>",
        _table(
            ("clip", "nominal bpp", "codecs", "largest over smallest bytes"),
            (
                (
                    s["clip"],
                    f"{results.rates_bpp[s['rate']]:.4g}",
                    ", ".join(s["codecs"]),
                    f"+{s['spread']:.1%}",
                )
                for s in results.matching["spreads"]
            ),
        ),
        *_say(results.matching["left_out"]),
        "<h2>Raters</h2>",
        _raters_html(results),
        f"<h2>Settings</h2><pre>{escape(results.settings_toml)}</pre>",
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(results.title)}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _rankings(results: Results) -> tuple[Ranking, ...]:
    return (results.overall, results.codecs, *results.per_rate)


def _ranking_html(ranking: Ranking) -> str:
    standings = _table(
        (
            "contestant",
            "won",
            "tied",
            "lost",
            "Bradley-Terry",
            "95% interval",
            "Elo in play order",
            "95% interval",
        ),
        (
            (
                s.name,
                s.num_wins,
                s.num_ties,
                s.num_losses,
                f"{s.bradley_terry:.0f}",
                f"{s.bradley_terry_low:.0f} to {s.bradley_terry_high:.0f}",
                f"{s.elo:.0f}",
                f"{s.elo_low:.0f} to {s.elo_high:.0f}",
            )
            for s in ranking.standings
        ),
    )
    comparisons = _table(
        ("better", "worse", "met", "share", "difference", "95% interval", "p", "p (Holm)", ""),
        (
            (
                *((c.first, c.second) if c.difference >= 0 else (c.second, c.first)),
                c.num_games,
                "" if c.win_rate is None else f"{c.win_rate if c.difference >= 0 else 1 - c.win_rate:.2f}",
                f"{abs(c.difference):.0f}",
                f"{c.low:.0f} to {c.high:.0f}" if c.difference >= 0 else f"{-c.high:.0f} to {-c.low:.0f}",
                f"{c.p_value:.2g}",
                f"{c.p_holm:.2g}",
                "significant" if c.p_holm < SIGNIFICANT else "",
            )
            for c in ranking.comparisons
        ),
    )
    says = "".join(_say(ranking.statements))
    return f"<h2>Ranking: {escape(ranking.title)}</h2>{says}<p>{ranking.num_games} answers.</p>{standings}{comparisons}"


def _raters_html(results: Results) -> str:
    return _table(
        (
            "rater",
            "answers",
            "golden",
            "repeats",
            "left",
            "ties",
            "longest run",
            "median s",
            "late",
            "left out because",
        ),
        (
            (
                r.rater[:8],
                r.num_votes,
                f"{r.golden_right}/{r.golden_asked}",
                f"{r.repeats_agreeing}/{r.repeats_asked}",
                _percent(r.left_share),
                _percent(r.tie_share),
                r.longest_run,
                "" if r.median_seconds is None else f"{r.median_seconds:.1f}",
                r.num_late,
                "; ".join(r.reasons),
            )
            for r in results.raters
        ),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>{body}</table>"


def _say(lines: Iterable[str]) -> list[str]:
    return [f'<p class="say">{escape(line)}</p>' for line in lines]


def _image(data: bytes, text: str) -> str:
    return f'<p><img alt="{escape(text)}" src="data:image/png;base64,{base64.b64encode(data).decode()}"></p>'


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _plain(value: Any) -> Any:
    """Replace what JSON has no word for by null."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
