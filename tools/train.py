"""`mgv train`: prepare data and train models."""

import math
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..codec import IMAGE_SUFFIXES, VIDEO_SUFFIXES, MissingToolError, OutputError
from .common import FiniteRange, progress_bar, require

if TYPE_CHECKING:
    import numpy as np

    from ..tokenizer import Tokenizer, TokenizerConfig


@click.group()
def train() -> None:
    """Prepare data and train models."""


_shard_folders = click.argument(
    "shards", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)


@train.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="Shard folder, made if missing."
)
@click.option("--max-frames", type=click.IntRange(min=1), help="Take at most so many frames of each source.")
def prepare(sources: tuple[Path, ...], output: Path, max_frames: int | None) -> None:
    """Decode videos and photographs, files or folders of them, once, into memory-mapped uint8 shards.

    An interrupted preparation goes on where it stopped. A source that cannot be read is named at the end, exit 3; the
    others are prepared all the same.
    """
    from ..codec import MediaError
    from ..tokenizer.shards import write_shards

    files = [file for source in sources for file in _media_files(source)]
    require(bool(files), f"no video or photograph in {', '.join(map(str, sources))}")
    names = [file.name for file in files]
    twice = {name for name in names if names.count(name) > 1}
    require(
        not twice, f"more than one source is called {', '.join(sorted(twice))}; rename or prepare them apart"
    )
    failures: list[str] = []
    done = 0
    with progress_bar("prepare") as progress:

        def count(path: Path) -> None:
            nonlocal done
            done += 1
            progress(done, len(files))

        shards = write_shards(
            files,
            output,
            _read_frames,
            max_frames=max_frames,
            on_done=count,
            on_error=lambda path, error: failures.append(str(error)),
            expected_errors=(MediaError,),
        )
    frames = sum(shard.num_frames for shard in shards)
    click.echo(f"{output}: {len(shards)} shards, {frames} frames")
    if failures:
        raise MediaError(f"{len(failures)} of {len(files)} sources could not be read: {'; '.join(failures)}")


def _run_arguments(command: Callable[..., None]) -> Callable[..., None]:
    """Take what every training run takes: its configuration, a folder, when to stop, processes that load data."""
    limit = FiniteRange(min=0, min_open=True)
    for decorate in (
        click.option(
            "--workers",
            type=click.IntRange(min=0),
            default=1,
            show_default=True,
            help="Processes that load batches.",
        ),
        click.option("--time-limit", type=limit, help="Stop, with a checkpoint, in minutes."),
        click.option(
            "-o",
            "--output",
            required=True,
            type=click.Path(path_type=Path),
            help="Run folder; an old run goes on.",
        ),
        click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path)),
    ):
        command = decorate(command)
    return command


@train.command()
@_run_arguments
def tokenizer(config: Path, output: Path, time_limit: float | None, workers: int) -> None:
    """Train a tokenizer as the TOML file CONFIG says: image phase, inflation, video phase.

    The run can be stopped at any moment and goes on with the same command. OUTPUT/model holds the averaged weights
    and their card, as `--model` takes them; watch OUTPUT/tensorboard, OUTPUT/samples and OUTPUT/validation.jsonl.
    """
    from ..tokenizer.train import StepReport
    from ..tokenizer.train import train as run_training
    from ..tokenizer.train_config import read_train_config

    try:
        run = read_train_config(config)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    total = sum(phase.steps for phase in run.phases)
    before = [sum(phase.steps for phase in run.phases[:index]) for index in range(len(run.phases))]
    with progress_bar("train", unit="step") as progress:

        def show(report: StepReport) -> None:
            text = " ".join(f"{name} {value:.4f}" for name, value in report.losses.items())
            progress(before[report.phase] + report.step, total, text)

        finished = run_training(
            run,
            output,
            time_limit_seconds=None if time_limit is None else time_limit * 60,
            num_workers=workers,
            coded_bits=coded_bits,
            on_step=show,
        )
    _echo_stop(output, finished)


@train.command()
@_run_arguments
def generator(config: Path, output: Path, time_limit: float | None, workers: int) -> None:
    """Train a generator of tokens on folders of .mgv, as the TOML file CONFIG says.

    The run can be stopped at any moment and goes on with the same command. OUTPUT/model holds the averaged weights
    and their card, as `--generator` takes them; watch OUTPUT/tensorboard and OUTPUT/validation.jsonl. On several
    devices: `accelerate launch -m mgv.tools.cli train generator ...`.
    """
    from ..generator.registry import read_run
    from ..generator.train import StepReport
    from ..generator.train import train as run_training

    objective = read_run(config)
    with progress_bar("train", unit="step") as progress:

        def show(report: StepReport) -> None:
            text = " ".join(f"{name} {value:.3f}" for name, value in report.losses.items())
            progress(report.step, report.steps, text)

        finished = run_training(
            objective,
            output,
            time_limit_seconds=None if time_limit is None else time_limit * 60,
            num_workers=workers,
            on_step=show,
        )
    _echo_stop(output, finished)


def _echo_stop(output: Path, finished: bool) -> None:
    how = "finished" if finished else "stopped at the time limit; the same command goes on"
    click.echo(f"{output}/model: {how}")


@train.command()
@click.argument("model")
@_shard_folders
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="By default MODEL's own file."
)
@click.option(
    "--segments", type=click.IntRange(min=1), default=2, show_default=True, help="Segments of each shard."
)
def adaptive(model: str, shards: tuple[Path, ...], output: Path | None, segments: int) -> None:
    """Train the start tables of the `adaptive` coder on tokens that MODEL makes of SHARDS.

    A file names the tables that it was coded with: files coded with the old ones need the old ones.
    """
    from ..codec.entropy.adaptive import train_tables
    from ..codec.entropy.adaptive_tables import save_tables
    from ..tokenizer import load_tokenizer

    tokenizer = load_tokenizer(model)
    grids = _training_tokens(tokenizer, shards, segments)
    path = output or Path(tokenizer.folder or ".") / "adaptive.safetensors"
    save_tables(train_tables(grids, tokenizer.config.planes, tokenizer.config.bit_depths), path)
    click.echo(f"{path}: trained on {len(grids)} segments, {sum(grid.size for grid in grids)} tokens")


@train.command()
@click.argument("model")
@_shard_folders
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="By default MODEL's own file."
)
@click.option(
    "--segments", type=click.IntRange(min=1), default=3, show_default=True, help="Segments of each shard."
)
@click.option(
    "--steps", type=click.IntRange(min=1), default=4500, show_default=True, help="Steps of the networks."
)
@click.option(
    "--held-out",
    type=click.IntRange(min=0),
    default=8,
    show_default=True,
    help="Segments kept out of training and measured at the end.",
)
@click.option(
    "--keep-networks",
    is_flag=True,
    help="Train the start tables alone, for the networks that MODEL has; no steps, and nothing is held out.",
)
def prior(
    model: str,
    shards: tuple[Path, ...],
    output: Path | None,
    segments: int,
    steps: int,
    held_out: int,
    keep_networks: bool,
) -> None:
    """Train the `prior` coder on tokens that MODEL makes of SHARDS: its networks, then its start tables.

    The networks are trained as the integers that they become. What is held out is measured with them as they are and
    unrounded. A file names the parameters that it was coded with: files coded with the old ones need the old ones.
    """
    from ..codec.entropy.prior_parameters import load_prior, save_prior
    from ..codec.entropy.train_prior import PriorTraining, measure_gap, train_prior, train_tables_alone
    from ..tokenizer import load_tokenizer

    tokenizer = load_tokenizer(model)
    planes, depths = tokenizer.config.planes, tokenizer.config.bit_depths
    own = Path(tokenizer.folder or ".") / "prior.safetensors"
    path = output or own
    if keep_networks:
        try:
            before = load_prior(own)
        except ValueError as error:
            raise click.UsageError(f"there are no networks to keep: {error}") from error
        grids = _training_tokens(tokenizer, shards, segments)
        try:
            trained = train_tables_alone(before, grids, planes, depths)
        except ValueError as error:
            raise click.UsageError(f"the networks of {own} are not for these tokens: {error}") from error
        save_prior(trained, path)
        click.echo(f"{path}: networks kept, start tables trained on {len(grids)} segments")
        return
    grids = _training_tokens(tokenizer, shards, segments)
    kept, rest = grids[:held_out], grids[held_out:]
    if not rest:
        raise click.UsageError(
            f"{len(grids)} segments, {held_out} of them held out: none is left to train on"
        )
    with progress_bar("train", unit="step") as progress:
        trained, networks = train_prior(
            rest,
            planes,
            depths,
            PriorTraining(steps=steps),
            lambda step, total, bits: progress(step, total, f"{bits:.2f} bits a token"),
        )
    save_prior(trained, path)
    click.echo(f"{path}: trained on {len(rest)} segments, {sum(grid.size for grid in rest)} tokens")
    if kept:
        whole, rounded = measure_gap(networks, kept, planes, depths)
        click.echo(f"networks alone, held out: {whole:.3f} bits a token unrounded, {rounded:.3f} in integers")


@train.command()
@click.argument("models", metavar="MODEL[=SHARE]...", nargs=-1, required=True)
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to make."
)
def average(models: tuple[str, ...], output: Path) -> None:
    """Average the weights of tokenizers that were trained on from the same start.

    A SHARE is a number, 1 unless given; shares count relative to their sum. What comes out has weights and a card, no
    tables, prior or int8 decoder: they are to be made for it.
    """
    from ..tokenizer import load_tokenizer
    from ..tokenizer.average import average_tokenizers
    from ..tokenizer.weights import save_tokenizer

    if output.exists():
        raise OutputError(f"{output} exists; name another folder")
    parts = [(load_tokenizer(name), share) for name, share in map(_share_of, models)]
    tokenizer = average_tokenizers(parts)
    facts = [{"sha256": part.sha256, "share": share} for part, share in parts]
    save_tokenizer(tokenizer, output, {"average_of": facts})
    click.echo(f"{output}: weights {tokenizer.sha256[:16]}")


def _share_of(model: str) -> tuple[str, float]:
    """Read MODEL or MODEL=SHARE."""
    name, sign, share = model.rpartition("=")
    if not sign:
        return model, 1.0
    try:
        number = float(share)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise click.UsageError(f"{model}: its share is {share!r}, expected a number above 0")
    return name, number


@train.command()
@click.argument("model")
@_shard_folders
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="By default MODEL's own file."
)
@click.option(
    "--clips", type=click.IntRange(min=1), default=60, show_default=True, help="To choose the scales on."
)
def int8(model: str, shards: tuple[Path, ...], output: Path | None, clips: int) -> None:
    """Write the int8 decoder of MODEL, with scales chosen on SHARDS: what `mgv decode` runs if it is there.

    It belongs to these weights and is left alone under any others: make it anew when they are trained on. Needs the
    package onnx (`pip install 'mgv[export]'`), exit 6 without.
    """
    if find_spec("onnx") is None:
        raise MissingToolError("making an int8 decoder needs the package onnx: pip install 'mgv[export]'")
    from ..codec.training_tokens import training_tokens
    from ..tokenizer import load_tokenizer
    from ..tokenizer.int8_engine import INT8_NAME
    from ..tokenizer.int8_graph import save_int8_decoder

    tokenizer = load_tokenizer(model)
    path = output or Path(tokenizer.folder or ".") / INT8_NAME
    with progress_bar("calibrate", unit="clip") as progress:
        grids = training_tokens(tokenizer, shards, 1, lambda done, total: progress(done, min(total, clips)))
        num_clips = save_int8_decoder(tokenizer, islice(grids, clips), path)
    click.echo(f"{path}: {path.stat().st_size} bytes, scales chosen on {num_clips} clips")


def _training_tokens(
    tokenizer: "Tokenizer", shards: tuple[Path, ...], segments: int
) -> "list[np.ndarray[Any, Any]]":
    from ..codec.training_tokens import training_tokens

    with progress_bar("tokenize", unit="segment") as progress:
        return list(training_tokens(tokenizer, shards, segments, lambda done, total: progress(done, total)))


def coded_bits(grids: "list[np.ndarray[Any, Any]]", config: "TokenizerConfig") -> dict[int, float]:
    """Measure the bits that the `adaptive` coder takes for token grids, summed, at each bit depth."""
    from ..codec.entropy import get_coder

    coder = get_coder("adaptive", config.planes)
    totals = dict.fromkeys(config.bit_depths, 0.0)
    for grid in grids:
        size = 0
        for depth, payload in zip(config.bit_depths, coder.encode(grid, config.bit_depths), strict=True):
            size += len(payload)
            totals[depth] += 8.0 * size
    return totals


def _media_files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    return sorted(path for path in source.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES | IMAGE_SUFFIXES)


def _read_frames(path: Path) -> "Iterator[np.ndarray[Any, Any]]":
    from ..codec import open_source

    with open_source(path) as source:
        for frame in source.frames():
            yield frame.rgb
