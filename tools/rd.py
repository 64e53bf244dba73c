"""`mgv rd run | report | compare`: rate and distortion of codecs over a folder of clips."""

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import as_json, make_folder, progress_bar, require, warn

if TYPE_CHECKING:
    from ..eval.codecs import Rate
    from ..eval.rd.runner import RunSummary

NEW_FOLDER = click.Path(file_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def rd() -> None:
    """Measure codecs: real encoders, real bytes, a report with plots and BD-rates."""


@rd.command()
@click.argument("clips", type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o", "--output", "folder", required=True, type=NEW_FOLDER, help="Run folder; an old one goes on."
)
@click.option(
    "--codecs",
    default="mgv,x264,x265,svt-av1",
    show_default=True,
    help="mgv, x264, x265, svt-av1, aom-av1, vp9, vvc, vvencapp; as x265:preset=slow or slow=x265:preset=slow.",
)
@click.option(
    "--codec-file",
    type=FILE,
    help="TOML with command templates of further codecs: those that --codecs names, or else all.",
)
@click.option(
    "--rates",
    multiple=True,
    metavar="CODEC=N,N,...",
    help="CRF, QP or level of one codec, also where --bpp is given; else a ladder.",
)
@click.option(
    "--bpp",
    metavar="N,N,...",
    help="Targets in bits per pixel, searched, in place of the ladders of codecs without --rates.",
)
@click.option("--two-pass", is_flag=True, help="With --bpp: two passes at a bitrate, where a codec has them.")
@click.option(
    "--metrics", default="psnr,ssim,ms-ssim,vmaf", show_default=True, help="Also lpips, squeezenet, ..."
)
@click.option("--every", type=click.IntRange(min=1), default=1, help="Slow metrics look at every N-th frame.")
@click.option("--lpips-weights", type=FILE, help="AlexNet of torchvision, for lpips.")
@click.option("--squeezenet-weights", type=FILE, help="Features of SqueezeNet 1.1, for squeezenet.")
@click.option("--i3d", type=FILE, help="I3D network in TorchScript, for fvd.")
@click.option("--dataset", help="mcl-jcv-360p or uvg: what is in the folder, scaled as in the thesis.")
@click.option("--resize", metavar="WxH", help="Scale all clips to this size.")
@click.option("--frames", type=click.IntRange(min=1), help="Take the first N frames of each clip.")
@click.option("--ffmpeg", help="Binary to use in place of that of imageio-ffmpeg.")
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Points at a time."
)
@click.option(
    "--engine", default="local", show_default=True, help="local, ray, or the address of a Ray cluster."
)
@click.option("--redo", multiple=True, metavar="CODEC", help="Measure its points anew.")
@click.option("--json", "json_wanted", is_flag=True, help="Report in JSON.")
def run(  # noqa: PLR0913 - one parameter an option
    clips: Path,
    folder: Path,
    codecs: str,
    codec_file: Path | None,
    rates: tuple[str, ...],
    bpp: str | None,
    two_pass: bool,
    metrics: str,
    every: int,
    lpips_weights: Path | None,
    squeezenet_weights: Path | None,
    i3d: Path | None,
    dataset: str | None,
    resize: str | None,
    frames: int | None,
    ffmpeg: str | None,
    jobs: int,
    engine: str,
    redo: tuple[str, ...],
    json_wanted: bool,
) -> int:
    """Encode CLIPS (a folder or a manifest .toml) with every codec at every rate, decode, measure, and keep it all.

    A run that was stopped goes on where it was; what changed (weights, versions, settings) is measured anew.
    """
    from ..eval.codecs import parse_codecs
    from ..eval.metrics.registry import MAKERS, MetricOptions
    from ..eval.rd.datasets import read_dataset
    from ..eval.rd.runner import RunPlan, run_plan

    specs = parse_codecs(codecs, ffmpeg=ffmpeg, codec_file=codec_file)
    names = [spec.name for spec in specs]
    wanted = tuple(name.strip() for name in metrics.split(",") if name.strip())
    require(bool(wanted), f"--metrics is {metrics!r}, expected some of {', '.join(MAKERS)}")
    for name in redo:
        require(name in names, f"--redo {name}: no codec is called that, expected one of {', '.join(names)}")
    sources = read_dataset(clips, dataset, size=_read_size(resize), frames=frames)
    options = MetricOptions(
        wanted,
        ffmpeg=ffmpeg,
        lpips_weights=lpips_weights,
        squeezenet_weights=squeezenet_weights,
        i3d=i3d,
        every=every,
    )
    plan = RunPlan(folder, sources, specs, _read_rates(names, rates, bpp, two_pass), options, frozenset(redo))
    make_folder(folder)
    with progress_bar("rd", unit="point") as show:
        summary = run_plan(plan, num_processes=jobs, engine=engine, on_progress=show)
    warn([f"{name}: {why}" for name, why in summary.missing.items()])
    warn(list(summary.failures))
    click.echo(as_json(summary) if json_wanted else _describe(summary, folder))
    return EXIT_TOOL if summary.failures else 0


@rd.command()
@click.argument("folder", type=FOLDER)
@click.option(
    "-o", "--output", type=NEW_FOLDER, help="Where to write; the folder `report` in the run if not given."
)
@click.option("--anchor", help="Codec that the others are compared with; x265 where it was measured.")
@click.option("--log-bpp/--linear-bpp", default=True, show_default=True, help="Axis of the rates.")
@click.option(
    "--frames-at", default="0.01,0.02,0.05", show_default=True, metavar="N,N,...", help="Rates in bpp."
)
@click.option("--no-frames", is_flag=True, help="Leave the side-by-side frames out; much faster.")
@click.option("--json", "json_wanted", is_flag=True, help="Report in JSON.")
def report(
    folder: Path,
    output: Path | None,
    anchor: str | None,
    log_bpp: bool,
    frames_at: str,
    no_frames: bool,
    json_wanted: bool,
) -> None:
    """Write CSV, JSON, plots, BD-rates and one self-contained HTML page of the run in FOLDER."""
    from ..eval.rd import open_run
    from ..eval.rd.report import write_report
    from ..eval.rd.tables import deltas_markdown, means_markdown

    targets = [] if no_frames else _read_rates_bpp(frames_at, "--frames-at")
    made = write_report(
        open_run(folder),
        output or folder / "report",
        anchor=anchor,
        log_rate=log_bpp,
        frame_rates_bpp=targets,
    )
    if json_wanted:
        click.echo((made.folder / "summary.json").read_text("utf-8"), nl=False)
        return
    for column in made.columns:
        if any(delta.column == column.name for delta in made.deltas):
            click.echo(f"BD-rate against {made.anchor} in {column.label} (overlap):\n")
            click.echo(deltas_markdown(made.deltas, made.means, column.name, "pchip"))
    if made.means:
        click.echo(means_markdown(made.means, made.columns, "pchip"))
    click.echo(f"{made.page}")


@rd.command()
@click.argument("before", type=FOLDER)
@click.argument("after", type=FOLDER)
@click.option("--codec", default="mgv", show_default=True, help="Name of the codec in both runs.")
@click.option("--json", "json_wanted", is_flag=True, help="Report in JSON.")
def compare(before: Path, after: Path, codec: str, json_wanted: bool) -> None:
    """Compare one codec in two runs, BEFORE and AFTER, over the clips that both have."""
    from ..eval.rd import open_run
    from ..eval.rd.compare import compare_runs, comparison_markdown

    found = compare_runs(open_run(before), open_run(after), codec)
    click.echo(as_json(found) if json_wanted else comparison_markdown(found), nl=json_wanted)


EXIT_TOOL = 6
"""Some points failed, because an encoder or decoder did."""


def _describe(summary: "RunSummary", folder: Path) -> str:
    failed = f", {len(summary.failures)} failed" if summary.failures else ""
    return f"{folder}: {summary.num_done} points measured, {summary.num_kept} kept{failed}; see: mgv rd report {folder}"


def _read_rates(
    names: list[str], ladders: tuple[str, ...], bpp: str | None, two_pass: bool
) -> "dict[str, list[Rate]]":
    from ..eval.codecs import Rate

    if two_pass and bpp is None:
        raise click.UsageError("--two-pass needs --bpp")
    rates: dict[str, list[Rate]] = {}
    if bpp is not None:
        kind = "two-pass" if two_pass else "bpp"
        rates = {name: [Rate(kind, value) for value in _read_rates_bpp(bpp, "--bpp")] for name in names}
    for text in ladders:
        name, _, values = text.partition("=")
        if name not in names:
            raise click.UsageError(
                f"--rates {text}: no codec is called {name!r}, expected one of {', '.join(names)}"
            )
        rates[name] = [Rate("quality", value) for value in _read_numbers(values, f"--rates {name}")]
    return rates


def _read_numbers(text: str, option: str) -> list[float]:
    try:
        numbers = sorted({float(part) for part in text.split(",")})
    except ValueError as error:
        raise click.UsageError(f"{option}: expected numbers separated by commas, found {text!r}") from error
    for number in numbers:
        if not 0 <= number < math.inf:
            raise click.UsageError(f"{option}: {number:g} is no number from 0 up")
    return numbers


def _read_rates_bpp(text: str, option: str) -> list[float]:
    numbers = _read_numbers(text, option)
    if numbers[0] == 0:
        raise click.UsageError(f"{option}: a rate is above 0 bits per pixel")
    return numbers


def _read_size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if found is None:
        raise click.UsageError(f"--resize: expected WIDTHxHEIGHT, found {text!r}")
    return int(found[1]), int(found[2])
