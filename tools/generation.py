"""What the commands of `mgv generate` share: options, the generator they ask for, and the report."""

import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from .common import (
    PIPE,
    Command,
    FiniteRange,
    as_json,
    progress_bar,
    report_stream,
    require,
    shown,
    source_or_pipe,
    target_or_pipe,
)

if TYPE_CHECKING:
    from ..codec import EditReport, TokenEdit, TokenFile
    from ..generator import WindowFiller
    from ..generator.painter import Painter, Progress

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
    click.option("--steps", type=click.IntRange(min=1), help="Passes over each window."),
    click.option(
        "--schedule",
        type=click.Choice(["cosine", "uniform", "exponential"]),
        help="How the share of tokens that are still to be made falls with each pass.",
    ),
    click.option(
        "--temperature",
        "choice_temperature",
        type=FiniteRange(min=0),
        help="Of choosing which tokens stay after a pass; 0 keeps the surest.",
    ),
    click.option(
        "--token-temperature",
        type=FiniteRange(min=0),
        help="Of drawing tokens; 0 takes the best guess.",
    ),
    click.option(
        "--guidance",
        type=FiniteRange(min=0),
        help="Weight of classifier-free guidance by --label.",
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

    def painter(
        self, progress: "Progress", filler: "WindowFiller | None" = None, prompt: str | None = None
    ) -> "Painter":
        """Set up a generator; the one that is asked for if none is given.

        Args:
            progress: told of tokens made.
            filler: the generator.
            prompt: text that it was set up for.

        Raises:
            WeightsError: it is not at hand.
            OptionError: it does not know the label.
        """
        from ..generator.painter import Painter

        is_guidable = self.label is not None or prompt is not None
        require(not self.guidance or is_guidable, "--guidance is by the class; give a --label with it")
        filler = filler or open_generator(self.generator)
        names = {field.name for field in fields(filler.sampling)}
        given = {name: value for name, value in vars(self).items() if name in names and value is not None}
        return Painter(
            filler,
            replace(filler.sampling, **given),
            seed=self.seed,
            label=self.label,
            prompt=prompt,
            progress=progress,
        )


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
    from ..generator import load_generator
    from ..generator.card import DEFAULT_GENERATOR

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


def create(
    target: str,
    options: GenerationOptions,
    picture: tuple[tuple[int, int], int, float],
    filler: "WindowFiller | None" = None,
    prompt: str | None = None,
) -> None:
    """Make TARGET of nothing but a class or a text, and report.

    Args:
        target: where to.
        options: those of all commands.
        picture: its size in pixels, the number of frames and their rate.
        filler: the generator; the one that is asked for if None.
        prompt: text that it was set up for.
    """
    file_out = target_or_pipe(target)
    from ..codec.output import open_output
    from ..codec.token_edit import write_tokens
    from ..generator.continuation import Creation

    size, num_frames, rate = picture
    frame_rate = Fraction(rate).limit_denominator(1001)
    with progress_bar("generate", unit="token") as progress:
        painter = options.painter(progress, filler, prompt)
        creation = Creation.for_generator(painter.filler, size, num_frames, frame_rate, model=options.model)
        plan = creation.plan(painter)
        started = time.perf_counter()
        with open_output(file_out, force=options.force) as file:
            report = write_tokens(file, plan, creation.coder)
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
