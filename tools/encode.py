"""`mgv encode`: compress a video, or all below a folder."""

from pathlib import Path
from typing import Any

import click

from .common import (
    PIPE,
    as_json,
    progress_bar,
    report_stream,
    require,
    shown,
    source_or_pipe,
    target_or_pipe,
    warn,
)
from .encode_folder import encode_folder

RATES = ("bpp", "bitrate", "size")
OF_TREES = ("jobs", "engine", "images")
"""Options that go with a folder only."""


@click.command()
@click.argument("source")
@click.argument("target")
@click.option("-q", "--quality", type=click.IntRange(min=0), help="Level from 0; see `mgv models`.")
@click.option("--bpp", help="Most bits per pixel, audio left out; 0.03, say.")
@click.option("--bitrate", help="Most bits per second of video, audio left out; 80k, say.")
@click.option(
    "--size", help="Most bytes of the whole file, audio included; 2M, say (Ki, Mi, Gi are powers of 1024)."
)
@click.option(
    "--coder",
    type=click.Choice(["raw", "zstd", "adaptive", "prior"]),
    help="Entropy coder; the best that the model has by default.",
)
@click.option(
    "--model", default="mgv-s", show_default=True, help="Tokenizer: a name of `mgv models` or a folder."
)
@click.option(
    "--effort",
    type=click.IntRange(0, 20),
    default=0,
    show_default=True,
    help="Steps of search for tokens that decode better; 2 is a good choice. Slower; not with a rate.",
)
@click.option(
    "--segment-frames",
    type=click.IntRange(min=1),
    help="Most frames in a segment, where decoding can start and to which damage is confined (-g of ffmpeg). "
    "129 by default, up to 257 where the picture stands still.",
)
@click.option(
    "--follow-camera/--no-follow-camera",
    default=True,
    show_default=True,
    help="Lay frames over one another where the camera moves, if that saves anything.",
)
@click.option(
    "--align-motion/--no-align-motion",
    default=True,
    show_default=True,
    help="Bend the frames of a token so that what moves is in one place in them, if that saves anything.",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    help="Files of a folder at a time; one a processor by default.",
)
@click.option(
    "--engine", help="What encodes a folder: local (the default), ray, or the address of a Ray cluster."
)
@click.option("--images", is_flag=True, help="Of a folder, take photographs too: videos of one frame.")
@click.option("-f", "--force", is_flag=True, help="Replace TARGET if it exists; of a folder, see above.")
@click.option("--json", "json_wanted", is_flag=True, help="Report in JSON.")
def encode(source: str, target: str, json_wanted: bool, **options: Any) -> int | None:
    """Compress SOURCE, anything ffmpeg reads, into the .mgv file TARGET; `-` is a pipe.

    One of --quality, --bpp, --bitrate and --size says how much. The last three are never exceeded; a source that
    is a file is read twice, so that they are used up as well.

    Where SOURCE is a folder, so is TARGET: each video anywhere below SOURCE, a/b.mp4 say, becomes TARGET/a/b.mp4.mgv.
    The same command goes on where it was stopped. Videos that fail are listed at the end, exit 9, and the others
    are encoded all the same. What was made with other options, or by something else, is replaced with --force only.
    """
    for name, value in (("SOURCE", source), ("TARGET", target)):
        require(bool(value), f"{name} is empty, expected a name; is a variable of the shell not set?")
    given = [f"--{name}" for name in ("quality", *RATES) if options[name] is not None]
    require(len(given) <= 1, f"{' and '.join(given)} are given, expected one of them")
    rates = [f"--{name}" for name in RATES if options[name] is not None]
    require(
        not (options["effort"] and rates),
        f"--effort and {''.join(rates)} are given, effort goes with a quality",
    )
    of_trees = {name: options.pop(name) for name in OF_TREES}
    if source != PIPE and Path(source).is_dir():
        require(target != PIPE, "SOURCE is a folder, so TARGET must be one, not a pipe")
        return encode_folder(source, target, json_wanted, {**options, **of_trees})
    needless = [f"--{name}" for name in OF_TREES if of_trees[name]]
    require(
        not needless, f"{' and '.join(needless)}: for a folder of videos only, and {shown(source)} is none"
    )
    file_in, file_out = source_or_pipe(source), target_or_pipe(target)
    from ..codec import VIDEO_SUFFIXES
    from ..codec import encode as encode_video

    with progress_bar("encode") as progress:
        report = encode_video(file_in, file_out, progress=progress, **options)
    warn(report.warnings)
    if Path(target).suffix.lower() in VIDEO_SUFFIXES:
        warn([f"{target} is an .mgv in spite of its name; `mgv decode` makes videos of these"])
    if json_wanted:
        facts = {**vars(report), "bpp": report.bpp, "fps": report.fps}
        click.echo(as_json(facts), file=report_stream(target))
    elif target != "-":
        asked = f", {report.target}" if report.target else ""
        click.echo(
            f"{shown(target)}: {report.num_frames} frames of {report.width}x{report.height}, "
            f"{report.file_bytes} bytes, {report.bpp:.4f} bpp, {report.fps:.1f} frames/s{asked}"
        )
        for note in report.notes:
            click.echo(f"note: {note}")
    return None
