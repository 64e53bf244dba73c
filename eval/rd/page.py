"""The report as one HTML page that holds everything it shows."""

import base64
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..metrics.interface import Column
from .bd import Delta, MeanDelta
from .stills import Still
from .store import Run
from .tables import mean_percent, percent

TEMPLATE = Path(__file__).with_name("report.html")

VIEWER = """
<h2 id="frames">Frames at about the same rate</h2>
<p class="note">The middle frame of each clip, as every codec decodes it; a codec without a point within a factor of
1.5 of the rate is left out. Drag over the picture, or move the slider.</p>
<p class="choices"><label>clip <select id="clip"></select></label> <label>rate <select id="rate"></select></label>
<label>left <select id="left"></select></label> <label>right <select id="right"></select></label></p>
<div id="viewer"><img id="under" alt="left" draggable="false"><img id="over" alt="right" draggable="false">
<div id="line"></div></div>
<input id="wipe" type="range" min="0" max="100" value="50" step="0.1" aria-label="where left ends">
<p class="captions note"><span id="left-caption"></span><span id="right-caption"></span></p>
"""

DEFINITIONS = """
<p class="note">bpp: bits per pixel of the source, from real files; an anchor's are those of its elementary stream
without settings SEI, mgv's those of the whole file without audio. Everything is measured on 8-bit 4:2:0 frames.
BD-rate: mean difference in bits at equal quality over the range that both curves span, interpolated by pchip or
akima; in brackets the overlap: the quality range that both share, over what they span together. No overlap, no
figure. Points that another of the same curve beats in both rate and quality do not count. Intervals are 95%
percentile bootstrap over clips.</p>
"""


def make_page(
    run: Run,
    columns: Sequence[Column],
    deltas: Sequence[Delta],
    means: Sequence[MeanDelta],
    facts: Mapping[str, Any],
) -> str:
    """Write the page.

    Args:
        run: that it is about.
        columns: to show, in order.
        deltas: by clip, of pchip and akima.
        means: of those.
        facts: `anchor`; `plots`, title -> PNG file; `stills`; `speeds`; `curves`, see `tables.mean_curves`.
    """
    parts = [
        _overview(run),
        DEFINITIONS,
        _missing(run),
        _warnings(facts["curves"]),
        "<h2>Curves</h2>",
        _plots(facts["plots"]),
        f"<h2>BD-rate against {html.escape(facts['anchor'])}</h2>",
        _means_table(columns, means),
        *(_clip_table(column, deltas, means) for column in columns),
        VIEWER,
        "<h2>Time and memory</h2>",
        _speed_table(facts["speeds"]),
        _versions(run),
    ]
    stills: Sequence[Still] = facts["stills"]
    data = json.dumps([asdict(still) for still in stills]).replace("<", "\\u003c")
    template = TEMPLATE.read_text("utf-8")
    return template.replace("__BODY__", "\n".join(parts)).replace("__STILLS__", data)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], last_is_mean: bool = False) -> str:
    """Lay out rows of text; signed percentages are coloured."""
    lines = [
        "<div class=scroll><table><tr>"
        + "".join(f"<th>{html.escape(text)}</th>" for text in header)
        + "</tr>"
    ]
    for index, row in enumerate(rows):
        mark = ' class="mean"' if last_is_mean and index == len(rows) - 1 else ""
        lines.append(f"<tr{mark}>" + "".join(_cell(text) for text in row) + "</tr>")
    return "\n".join([*lines, "</table></div>"])


def _cell(text: str) -> str:
    mark = ""
    if "%" in text and text[:1] in "+-" and len(text) > 1:
        mark = ' class="less"' if text.startswith("-") else ' class="more"'
    return f"<td{mark}>{html.escape(text)}</td>"


def _overview(run: Run) -> str:
    rows = [
        [
            clip.name,
            f"{clip.width}x{clip.height}",
            str(clip.num_frames),
            f"{float(clip.frame_rate):.2f}",
            clip.source_sha256[:16],
        ]
        for clip in run.clips
    ]
    name = html.escape(run.folder.name)
    head = f"<p>{len(run.clips)} clips, {len(run.points)} points. Run folder: <code>{name}</code></p>"
    return head + table(["clip", "size", "frames", "frames/s", "SHA-256 of the source"], rows)


def _missing(run: Run) -> str:
    missing: Mapping[str, str] = run.facts.get("missing", {})
    notes = {f"{name}: {why}" for name, why in missing.items()}
    for point in run.points:
        notes |= {f"{name} on {point.clip}: {why}" for name, why in point.unavailable.items()}
    if not notes:
        return ""
    items = "".join(f"<li>{html.escape(note)}</li>" for note in sorted(notes))
    return f"<h2>Not measured</h2><ul class=note>{items}</ul>"


def _warnings(curves: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        f"<li>{html.escape(curve['codec'])}, {html.escape(curve['column'])}: no better than at the rate before at "
        f"{html.escape(', '.join(curve['does_not_rise']))}</li>"
        for curve in curves
        if curve["does_not_rise"]
    ]
    if not lines:
        return "<p>Every mean curve rises with the rate in every full-reference metric.</p>"
    return "<h2>Mean curves that do not rise everywhere</h2><ul class=note>" + "".join(lines) + "</ul>"


def _plots(plots: Mapping[str, Path]) -> str:
    images = [
        f'<img alt="{html.escape(title)}" '
        f'src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode("ascii")}">'
        for title, path in plots.items()
    ]
    return "<div class=plots>" + "\n".join(images) + "</div>"


def _means_table(columns: Sequence[Column], means: Sequence[MeanDelta]) -> str:
    codecs = list(dict.fromkeys(mean.codec for mean in means))
    rows = []
    for column in columns:
        for method in dict.fromkeys(mean.method for mean in means):
            own = {m.codec: m for m in means if (m.column, m.method) == (column.name, method)}
            if own:
                cells = [mean_percent(own[codec]) if codec in own else "-" for codec in codecs]
                rows.append([f"{column.label}, {method}", *cells])
    return "<p>Mean over clips; the clips themselves below.</p>" + table(["", *codecs], rows)


def _clip_table(column: Column, deltas: Sequence[Delta], means: Sequence[MeanDelta]) -> str:
    own = [delta for delta in deltas if delta.column == column.name and delta.method == "pchip"]
    if not own:
        return ""
    codecs = list(dict.fromkeys(delta.codec for delta in own))
    cells = {(delta.clip, delta.codec): delta for delta in own}
    summed = {mean.codec: mean for mean in means if (mean.column, mean.method) == (column.name, "pchip")}
    clips = dict.fromkeys(delta.clip for delta in own)
    rows = [[clip, *(percent(cells.get((clip, codec))) for codec in codecs)] for clip in clips]
    rows.append(["mean over clips", *(mean_percent(summed[codec]) for codec in codecs)])
    qualities = [[clip, *(_quality(cells.get((clip, codec))) for codec in codecs)] for clip in clips]
    return (
        f"<details><summary>{html.escape(column.label)}: each clip, pchip</summary>"
        + table(["BD-rate (overlap)", *codecs], rows, last_is_mean=True)
        + table(["difference at equal rate", *codecs], qualities)
        + "</details>"
    )


def _quality(delta: Delta | None) -> str:
    return "-" if delta is None or delta.quality is None else f"{delta.quality:+.3f}"


def _speed_table(speeds: Mapping[str, Mapping[str, float]]) -> str:
    rows = [
        [
            codec,
            *(
                f"{row[name]:.1f}"
                for name in ("encode_fps", "decode_fps", "encode_cpu_fps", "decode_cpu_fps")
            ),
            *(f"{row[name] / 1e6:.0f}" for name in ("encode_peak_bytes", "decode_peak_bytes")),
        ]
        for codec, row in speeds.items()
    ]
    header = ["codec", "encode fps", "decode fps", "encode frames/CPU s", "decode frames/CPU s"]
    note = (
        "<p class=note>Medians over points; peak memory is the largest. Wall time (fps) says what else the "
        "machine did, CPU time hardly. mgv's times leave out loading Python and weights; all decode to raw frames.</p>"
    )
    return note + table([*header, "encode peak MB", "decode peak MB"], rows)


def _versions(run: Run) -> str:
    lines = []
    for name, codec in run.facts.get("codecs", {}).items():
        settings = (
            " ".join(f"{key}={value}" for key, value in codec.get("settings", {}).items()) or "defaults"
        )
        versions = ", ".join(f"{key} {value}" for key, value in codec.get("versions", {}).items())
        example = next((point.commands for point in run.points if point.codec == name), ())
        lines.append(
            f"{name} ({codec.get('kind')}; {settings}): {versions}\n" + "\n".join(f"  {c}" for c in example)
        )
    return "<h2>Codecs</h2><pre>" + html.escape("\n\n".join(lines)) + "</pre>"
