"""`mgv generate`: new tokens from those of an .mgv."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .common import Command, FiniteRange, require
from .generation import GenerationOptions, create, generate_from, generation_options

if TYPE_CHECKING:
    from ..generator.geometry import Box

TASKS = ("FP", "FI", "OPC", "OPV", "OPH", "OPD", "IPC", "IPD", "CG", "CFP")
"""Those of the thesis, in its order."""


class TaskGroup(click.Group):
    """A group that takes `--task NAME` for its command `task NAME`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command in the place of the option."""
        if "--task" in args:
            args.remove("--task")
            args.insert(0, "task")
        return super().parse_args(ctx, args)


class NumbersType(click.ParamType[tuple[int, ...]]):
    """Whole numbers with something between them, none below `smallest`."""

    def __init__(self, name: str, separator: str, smallest: int = 0) -> None:
        self.name = name
        self.separator = separator
        self.smallest = smallest

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Read the numbers."""
        parts = str(value).split(self.separator)
        if len(parts) != len(self.name.split(self.separator)) or not all(part.isdecimal() for part in parts):
            self.fail(f"{value!r} is not {self.name}, whole numbers", param, ctx)
        numbers = tuple(int(part) for part in parts)
        if min(numbers) < self.smallest:
            self.fail(f"{value!r} is not {self.name}, whole numbers from {self.smallest} up", param, ctx)
        return numbers


BOX = NumbersType("X,Y,W,H", ",")
SIZE = NumbersType("WxH", "x", smallest=1)


@click.group(cls=TaskGroup)
def generate() -> None:
    """Make new tokens from those of an .mgv file: continue it, fill holes in it, let it grow.

    SOURCE and TARGET are .mgv files, `-` is a pipe. Tokens that are kept are copied bit by bit; META says what was
    generated (see mgv info). A file whose tokens the generator was not trained for is refused (exit 5).
    """


@generate.command()
@click.argument("source")
@click.argument("target")
@click.option(
    "--frames",
    type=click.IntRange(min=1),
    default=13,
    show_default=True,
    help="To add, those included that complete the last segment.",
)
@generation_options
def predict(source: str, target: str, frames: int, options: GenerationOptions) -> None:
    """Continue SOURCE: new frames at the nominal rate after its last one. Audio stays as it is."""
    from ..generator.continuation import predict as predict_tokens

    generate_from(source, target, options, lambda file, painter: predict_tokens(file, painter, frames))


@generate.command()
@click.argument("source")
@click.argument("target")
@click.option("--start", type=FiniteRange(min=0), required=True, help="Seconds into the video.")
@click.option(
    "--duration", type=FiniteRange(min=0, min_open=True), required=True, help="Seconds to make anew."
)
@generation_options
def interpolate(source: str, target: str, start: float, duration: float, options: GenerationOptions) -> None:
    """Make the frames of a span of time anew, from those before and after.

    Number and times of the frames stay as they are. A token is several frames (four under mgv-s), so up to three
    frames on either side of the span are made anew with it. For the same reason there is no factor by which the
    frame rate could grow: between the frames of one token nothing can be put.
    """
    from ..generator.inpainting import Hole
    from ..generator.inpainting import interpolate as interpolate_tokens

    hole = Hole(None, start, duration)
    generate_from(source, target, options, lambda file, painter: interpolate_tokens(file, painter, hole))


@generate.command()
@click.argument("source")
@click.argument("target")
@click.option(
    "--box", type=BOX, required=True, help="Pixels of the upright picture, from its top left corner."
)
@click.option(
    "--start", type=FiniteRange(min=0), help="Seconds into the video; from the beginning if left out."
)
@click.option("--duration", type=FiniteRange(min=0, min_open=True), help="Seconds; to the end if left out.")
@generation_options
def inpaint(
    source: str,
    target: str,
    box: tuple[int, int, int, int],
    start: float | None,
    duration: float | None,
    options: GenerationOptions,
) -> None:
    """Make a box of the picture anew, from what is around it; every token that the box touches."""
    from ..generator.inpainting import Hole
    from ..generator.inpainting import inpaint as inpaint_tokens

    hole = Hole(_box(box), start, duration)
    generate_from(source, target, options, lambda file, painter: inpaint_tokens(file, painter, hole))


@generate.command()
@click.argument("source")
@click.argument("target")
@click.option(
    "--side",
    "sides",
    multiple=True,
    required=True,
    type=click.Choice(["left", "right", "top", "bottom"]),
    help="Where the upright picture grows; may be given more than once.",
)
@click.option("--pixels", type=click.IntRange(min=1), help="To add on each side, rounded up to whole tokens.")
@click.option("--columns", type=click.IntRange(min=1), help="Token columns (or rows) to add on each side.")
@generation_options
def outpaint(
    source: str,
    target: str,
    sides: tuple[str, ...],
    pixels: int | None,
    columns: int | None,
    options: GenerationOptions,
) -> None:
    """Let the picture grow by whole token columns or rows; give --pixels or --columns."""
    require((pixels is None) != (columns is None), "give either --pixels or --columns")
    from ..generator.outpainting import Growth
    from ..generator.outpainting import outpaint as outpaint_tokens

    growth = Growth(sides, columns, pixels)
    generate_from(source, target, options, lambda file, painter: outpaint_tokens(file, painter, growth))


@generate.command()
@click.argument("name", type=click.Choice(TASKS), metavar="TASK")
@click.argument("source")
@click.argument("target")
@generation_options
def task(name: str, source: str, target: str, options: GenerationOptions) -> None:
    """Do one of the thesis's ten tasks to every segment: FP FI OPC OPV OPH OPD IPC IPD CG CFP.

    Predict a segment from its first frame (FP, with a class CFP), or fill it between its first and its last (FI); paint
    around a box in the middle (OPC), a full-height (OPV) or full-width one (OPH), or one that moves (OPD); fill a box
    in the middle (IPC) or one that moves (IPD); make it of a class alone (CG). Also spelled --task TASK.
    """
    from ..generator.segment_tasks import do_task

    generate_from(source, target, options, lambda file, painter: do_task(file, painter, name))


def picture_options(command: Command) -> Command:
    """Give a command that makes a new video what a picture needs."""
    for option in (
        click.option(
            "--rate", type=FiniteRange(1, 1000), default=25, show_default=True, help="Frames per second."
        ),
        click.option("--frames", type=click.IntRange(min=1), default=17, show_default=True, help="To make."),
        click.option(
            "--size", type=SIZE, default="128x128", show_default=True, help="Of the picture, in pixels."
        ),
    ):
        command = option(command)
    return command


@generate.command("class")
@click.argument("target")
@picture_options
@generation_options
def class_(target: str, size: tuple[int, int], frames: int, rate: float, options: GenerationOptions) -> None:
    """Make a video of nothing but its class, see --label; without one, of nothing at all."""
    create(target, options, (size, frames, rate))


@generate.command()
@click.argument("target")
@click.option("--prompt", required=True, help="What is to be seen, in words.")
@click.option(
    "--text-encoder",
    type=click.Path(path_type=Path),
    help="Folder of the T5 that the generator was trained with, as transformers saves it.",
)
@picture_options
@generation_options
def text(
    target: str,
    prompt: str,
    text_encoder: Path | None,
    size: tuple[int, int],
    frames: int,
    rate: float,
    options: GenerationOptions,
) -> None:
    """Make a video of a text; needs a T5 and a prefix language model trained with it, neither of which mgv brings."""
    from ..codec import MissingToolError

    if text_encoder is None or options.generator is None:
        raise MissingToolError(
            "a video of a text needs a text encoder and a prefix language model trained with it, neither of which "
            "comes with mgv; give their folders with --text-encoder and --generator"
        )
    from ..generator.prefix_lm.filler import load_for_text

    filler = load_for_text(options.generator, prompt, text_encoder)
    create(target, options, (size, frames, rate), filler, prompt)


def _box(numbers: tuple[int, int, int, int]) -> "Box":
    from ..generator.geometry import Box

    return Box(*numbers)
