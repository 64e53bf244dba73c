"""`mgv encode`: compress a video."""

import click

from .common import as_json, progress_bar, report_stream, shown, source_or_pipe, target_or_pipe, warn


@click.command()
@click.argument("source")
@click.argument("target")
@click.option("-q", "--quality", type=click.IntRange(min=0), help="Level from 0; the highest by default.")
@click.option(
    "--coder",
    type=click.Choice(["raw", "zstd", "adaptive"]),
    default="adaptive",
    show_default=True,
    help="Entropy coder.",
)
@click.option(
    "--model", default="mgv-s", show_default=True, help="Tokenizer: a name of `mgv models` or a folder."
)
@click.option("-f", "--force", is_flag=True, help="Replace TARGET if it exists.")
@click.option("--json", "json_wanted", is_flag=True, help="Report in JSON.")
def encode(
    source: str, target: str, quality: int | None, coder: str, model: str, force: bool, json_wanted: bool
) -> None:
    """Compress SOURCE, anything ffmpeg reads, into the .mgv file TARGET; `-` is a pipe."""
    file_in, file_out = source_or_pipe(source), target_or_pipe(target)
    from ..codec import encode as encode_video

    with progress_bar("encode") as progress:
        report = encode_video(
            file_in, file_out, quality=quality, model=model, coder=coder, force=force, progress=progress
        )
    warn(report.warnings)
    if json_wanted:
        facts = {**vars(report), "bpp": report.bpp, "fps": report.fps}
        click.echo(as_json(facts), file=report_stream(target))
    elif target != "-":
        click.echo(
            f"{shown(target)}: {report.num_frames} frames of {report.width}x{report.height}, "
            f"{report.file_bytes} bytes, {report.bpp:.4f} bpp, {report.fps:.1f} frames/s"
        )
