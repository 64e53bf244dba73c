"""`mgv decode`: turn an .mgv file back into video."""

from typing import TYPE_CHECKING, Literal

import click

from .cli import EXIT_CONCEALED
from .common import (
    FiniteRange,
    as_json,
    progress_bar,
    report_stream,
    require,
    shown,
    source_or_pipe,
    target_or_pipe,
    warn,
)

if TYPE_CHECKING:
    from ..codec import OpenGapFiller


@click.command()
@click.argument("source")
@click.argument("target")
@click.option(
    "--start",
    type=FiniteRange(min=0),
    help="Seconds into the video: begin with the first frame shown from there on.",
)
@click.option(
    "--duration",
    type=FiniteRange(min=0, min_open=True),
    help="Seconds to write: every frame first shown within.",
)
@click.option(
    "--layers", type=click.IntRange(min=1), help="Bit layers to decode, from the coarsest; all by default."
)
@click.option(
    "--codec", type=click.Choice(["x264", "ffv1", "y4m"]), help="Of the output; by TARGET's name by default."
)
@click.option(
    "--lossless", is_flag=True, help="Keep every decoded pixel: same as --codec ffv1, into an .mkv."
)
@click.option(
    "--conceal", is_flag=True, help="Freeze the picture where SOURCE is damaged, instead of failing (exit 8)."
)
@click.option(
    "--conceal-with",
    type=click.Choice(["freeze", "generate"]),
    help="What stands in for lost segments: the frozen picture (the default), or tokens that a generator makes of "
    "those before and after. Implies --conceal.",
)
@click.option(
    "--generator",
    help="For --conceal-with generate: its name or folder; the one that comes with mgv by default.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, (1 << 63) - 1),
    help="For --conceal-with generate: of all randomness; 0 by default.",
)
@click.option("--model", help="Tokenizer folder to use in place of the one that SOURCE names.")
@click.option(
    "--engine",
    type=click.Choice(["torch", "int8"]),
    help="What runs the network: torch in float32, or int8 (the default where the model has it), which is faster.",
)
@click.option("-f", "--force", is_flag=True, help="Replace TARGET if it exists.")
@click.option("--json", "json_wanted", is_flag=True, help="Report in JSON.")
def decode(  # noqa: PLR0913 - one argument an option
    source: str,
    target: str,
    start: float | None,
    duration: float | None,
    layers: int | None,
    codec: str | None,
    lossless: bool,
    conceal: bool,
    conceal_with: Literal["freeze", "generate"] | None,
    generator: str | None,
    seed: int | None,
    model: str | None,
    engine: Literal["torch", "int8"] | None,
    force: bool,
    json_wanted: bool,
) -> int:
    """Decode the .mgv file SOURCE to TARGET (.mp4, .m4v, .mov, .mkv or .y4m).

    `-` is a pipe: it gets y4m, or Matroska with --codec x264 or ffv1.
    """
    require(not (lossless and codec not in (None, "ffv1")), "--lossless means --codec ffv1")
    for name, value in (("--generator", generator), ("--seed", seed)):
        require(value is None or conceal_with == "generate", f"{name} goes with --conceal-with generate")
    file_in, file_out = source_or_pipe(source), target_or_pipe(target)
    from ..codec import decode as decode_video

    with progress_bar("decode") as progress:
        report = decode_video(
            file_in,
            file_out,
            start=start,
            duration=duration,
            layers=layers,
            codec="ffv1" if lossless else codec,
            conceal=conceal or conceal_with is not None,
            fill_gaps_with=_gap_opener(generator, seed or 0) if conceal_with == "generate" else None,
            model=model,
            engine=engine,
            force=force,
            progress=progress,
        )
    warn(report.warnings)
    warn(report.damage)
    if json_wanted:
        click.echo(as_json({**vars(report), "fps": report.fps}), file=report_stream(target))
    elif target != "-":
        concealed = f", {report.num_concealed} of them concealed" if report.damage else ""
        click.echo(f"{shown(target)}: {report.num_frames} frames{concealed}, {report.fps:.1f} frames/s")
    return EXIT_CONCEALED if report.damage else 0


def _gap_opener(generator: str | None, seed: int) -> "OpenGapFiller":
    from ..generator.gaps import GapPainter
    from ..generator.painter import Painter
    from .generation import open_generator

    filler = open_generator(generator)
    return GapPainter.opener(Painter(filler, filler.sampling, seed=seed))
