"""What the commands of `mgv generate` share: options, the generator they ask for, and the report."""

import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from .common import PIPE, Command, as_json, progress_bar, report_stream, shown, source_or_pipe, target_or_pipe

if TYPE_CHECKING:
    from ..codec import EditReport, TokenEdit, TokenFile
    from ..generator.painter import Painter, Progress
    from ..generator.window import WindowFiller

_OPTIONS = (
    click.option(
        "--generator", help="Name or folder of the generator; the one that comes with mgv by default."
    ),
    click.option(
        "--seed",
        type=click.IntRange(0, (1 << 63) - 1),
        default=0,
        show_default=True,
        help="Of all randomness; the same one makes the same file.",
    ),
    click.option("--steps", type=click.IntRange(min=1), help="Passes over each window.  [default: 12]"),
    click.option(
        "--schedule",
        type=click.Choice(["cosine", "uniform", "exponential"]),
        help="How the share of tokens that are still to be made falls with each pass.  [default: cosine]",
    ),
    click.option(
        "--temperature",
        "choice_temperature",
        type=click.FloatRange(min=0),
        help="Of choosing which tokens stay after a pass; 0 keeps the surest.  [default: 4.5]",
    ),
    click.option(
        "--token-temperature",
        type=click.FloatRange(min=0),
        help="Of drawing tokens; 0 takes the likeliest.  [default: 1]",
    ),
    click.option(
        "--guidance",
        type=click.FloatRange(min=0),
        help="Weight of classifier-free guidance by --label.  [default: 0]",
    ),
    click.option("--label", help="Class of what is made, one that the generator knows."),
    click.option("--model", help="Tokenizer folder to use in place of the one that the file names."),
    click.option("-f", "--force", is_flag=True, help="Replace TARGET if it exists."),
    click.option("--json", "json_wanted", is_flag=True, help="Report in JSON."),
)


@dataclass(frozen=True)
class GenerationOptions:
    """The options that every command of `mgv generate` has."""

    generator: str | None
    seed: int
    steps: int | None
    schedule: str | None
    choice_temperature: float | None
    token_temperature: float | None
    guidance: float | None
    label: str | None
    model: str | None
    force: bool
    json_wanted: bool

    def painter(self, progress: "Progress") -> "Painter":
        """Load the generator and set it up.

        Raises:
            WeightsError: it is not at hand.
            OptionError: it does not know the label.
        """
        from ..generator.painter import Painter
        from ..generator.window import Sampling

        names = {field.name for field in fields(Sampling)}
        given = {name: value for name, value in vars(self).items() if name in names and value is not None}
        filler = open_generator(self.generator)
        return Painter(filler, Sampling(**given), seed=self.seed, label=self.label, progress=progress)


def generation_options(command: Command) -> Command:
    """Give a command the shared options, as one argument `options`."""

    @wraps(command)
    def wrapped(**arguments: Any) -> Any:
        shared = {field.name: arguments.pop(field.name) for field in fields(GenerationOptions)}
        return command(options=GenerationOptions(**shared), **arguments)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def open_generator(name_or_folder: str | None) -> "WindowFiller":
    """Load a generator; the shipped one if None.

    Raises:
        WeightsError: it is not at hand.
    """
    from ..generator.card import DEFAULT_GENERATOR
    from ..generator.registry import load_generator

    return load_generator(DEFAULT_GENERATOR if name_or_folder is None else name_or_folder)


def generate_from(
    source: str,
    target: str,
    options: GenerationOptions,
    edit: "Callable[[TokenFile, Painter], TokenEdit]",
) -> None:
    """Make TARGET of SOURCE as `edit` says, and report."""
    file_in, file_out = source_or_pipe(source), target_or_pipe(target)
    from ..codec import edit_tokens

    with progress_bar("generate", unit="token") as progress:
        painter = options.painter(progress)
        started = time.perf_counter()
        report = edit_tokens(
            file_in,
            file_out,
            lambda file: edit(file, painter),
            model=options.model,
            force=options.force,
        )
    report_generation(target, options, painter, report, time.perf_counter() - started)


def report_generation(
    target: str, options: GenerationOptions, painter: "Painter", report: "EditReport", seconds: float
) -> None:
    """Tell what was made."""
    speed = painter.num_made / seconds
    if options.json_wanted:
        facts = {
            **vars(report),
            "num_generated_tokens": painter.num_made,
            "seconds": round(seconds, 3),
            "generator": painter.filler.name,
            "generator_sha256": painter.filler.sha256,
            "seed": painter.seed,
            "label": painter.label,
            "sampling": painter.sampling,
        }
        click.echo(as_json(facts), file=report_stream(target))
    elif target != PIPE:
        click.echo(
            f"{shown(target)}: {report.num_frames} frames, {report.file_bytes} bytes; "
            f"{painter.num_made} tokens generated, {speed:.0f} a second"
        )
