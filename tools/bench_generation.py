"""`mgv bench-generation`: ways to generate, in speed and in what fewer passes cost."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import require

if TYPE_CHECKING:
    from ..eval.bench.generation import Method
    from ..generator.evaluation import TaskCase
    from ..generator.masked.filler import MaskedFiller
    from ..generator.window import WindowFiller

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("bench-generation")
@click.option(
    "--generator", "generator_name", default="mgv-s-masked", show_default=True, help="A name, or a folder."
)
@click.option(
    "--valid",
    "valid_folder",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help=".mgv files that were not trained on.",
)
@click.option(
    "--against", multiple=True, metavar="NAME", help="Another generator, by name or folder; may be repeated."
)
@click.option("--task", default="FP", show_default=True, help="One of FP FI OPC OPV OPH OPD IPC IPD CG CFP.")
@click.option(
    "--steps",
    "all_steps",
    type=click.IntRange(min=1),
    multiple=True,
    default=(4, 8, 12, 24),
    show_default=True,
    help="Passes of masked decoding.",
)
@click.option("--windows", type=click.IntRange(min=1), default=8, show_default=True)
@click.option(
    "--slow-windows",
    type=click.IntRange(min=0),
    default=2,
    show_default=True,
    help="Of the windows, that are filled one token a pass; 0 leaves those ways out.",
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Of torch.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--squeezenet-weights", type=FILE)
@click.option("--i3d", type=FILE)
@click.option(
    "--model", default="mgv-s", show_default=True, help="Tokenizer: a name of `mgv models` or a folder."
)
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON in place of the table.")
def bench_generation(  # noqa: PLR0913 - one parameter an option
    generator_name: str,
    valid_folder: Path,
    against: tuple[str, ...],
    task: str,
    all_steps: tuple[int, ...],
    windows: int,
    slow_windows: int,
    threads: int,
    seed: int,
    squeezenet_weights: Path | None,
    i3d: Path | None,
    model: str,
    json_wanted: bool,
) -> None:
    """Print what filling windows of --valid takes in few passes and one token a pass, and how good each is.

    Masked decoding in each number of --steps, one token a pass with the same transformer, and each generator of
    --against, as a prefix language model with its cache. All is measured on windows sampled as
    the generator's card says, in so many passes.
    """
    import torch
    from tqdm import tqdm

    from ..eval.bench.generation import as_json, as_markdown, measure_methods
    from ..eval.metrics.window_features import open_window_features
    from ..generator.dataset import TokenFolders
    from ..generator.evaluation import check_tokenizer, draw_windows, make_case
    from ..generator.masked.filler import MaskedFiller
    from ..generator.registry import load_generator
    from ..generator.tasks import TASKS
    from ..tokenizer import load_tokenizer

    require(task in TASKS, f"--task: {task!r} is none, expected one of {', '.join(TASKS)}")
    torch.set_num_threads(threads)
    tokenizer, filler = load_tokenizer(model), load_generator(generator_name)
    others = [load_generator(name) for name in against]
    for each in (filler, *others):
        check_tokenizer(each, tokenizer)
    if not isinstance(filler, MaskedFiller):
        raise click.UsageError(f"{generator_name} does no masked decoding; give it with --against")
    for each in others:
        fits = all(size <= most for size, most in zip(filler.window_shape, each.window_shape, strict=True))
        require(
            fits and filler.bit_depths[-1] in each.bit_depths,
            f"{each.name} knows windows of {each.window_shape} and bit depths {each.bit_depths}, "
            f"not {filler.window_shape} at {filler.bit_depths[-1]}",
        )
    folders = TokenFolders([valid_folder], tokenizer)
    features = open_window_features(tokenizer, i3d=i3d, squeezenet_weights=squeezenet_weights)
    cases = [
        make_case(number, placed, TASKS[task], tokenizer, filler)
        for number, placed in enumerate(draw_windows(folders, filler, windows, seed))
    ]
    methods = _masked(filler, sorted(set(all_steps)), windows, seed)
    if slow_windows:
        methods += _one_by_one(filler, others, min(slow_windows, windows), seed)
    measured = measure_methods(cases, methods, tokenizer, features)
    results = list(tqdm(measured, "bench", len(methods), disable=None, leave=False, unit="way"))
    facts: dict[str, object] = {
        "task": task,
        "window": "x".join(map(str, filler.window_shape)),
        "tokens made a window": int((~cases[0].kept).sum()),
        "threads": threads,
        "Frechet": features.label,
    }
    click.echo(as_json(results, facts) if json_wanted else as_markdown(results, facts), nl=False)


def _masked(
    filler: "MaskedFiller", all_steps: Sequence[int], num_windows: int, seed: int
) -> "list[Method[TaskCase]]":
    from ..eval.bench.generation import Method
    from ..generator.evaluation import filling, pass_counter

    passes = pass_counter(filler)
    return [
        Method(
            f"masked, {steps} step{'s' if steps > 1 else ''}",
            filling(filler, replace(filler.sampling, steps=steps), seed),
            passes,
            num_windows,
        )
        for steps in all_steps
    ]


def _one_by_one(
    filler: "MaskedFiller", others: "Sequence[WindowFiller]", num_windows: int, seed: int
) -> "list[Method[TaskCase]]":
    from ..eval.bench.generation import Method
    from ..generator.evaluation import filling, filling_one_by_one, pass_counter

    methods: list[Method[TaskCase]] = [
        Method(
            "masked, one token a pass",
            filling_one_by_one(filler, filler.sampling, seed),
            pass_counter(filler),
            num_windows,
        )
    ]
    for each in others:
        fill = filling(each, each.sampling, seed)
        methods.append(Method(each.name, fill, pass_counter(each), num_windows))
    return methods
