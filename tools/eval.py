"""`mgv eval generation`: how good a generator is, on clips that it never saw."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import make_folder, progress_bar, require

if TYPE_CHECKING:
    from ..eval.generation import Evaluation, Measures, TaskResult
    from ..eval.generation.interface import Pad, Predict
    from ..generator.dataset import TokenFolders
    from ..generator.evaluation import PlacedWindow, TaskCase
    from ..generator.tasks import Task
    from ..generator.window import WindowFiller
    from ..tokenizer import Tokenizer

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NUM_FITTED = 48
"""Training windows from which the copying baseline's smoothing of each task is fitted."""


@click.group("eval")
def eval() -> None:  # noqa: A001 - the name of the command
    """Measure models on data that they never saw."""


@eval.command()
@click.option(
    "--generator", "generator_name", default="mgv-s-masked", show_default=True, help="A name, or a folder."
)
@click.option("--train", "train_folder", required=True, type=FOLDER, help=".mgv files to fit baselines on.")
@click.option(
    "--valid", "valid_folder", required=True, type=FOLDER, help=".mgv files that were not trained on."
)
@click.option(
    "--windows", type=click.IntRange(min=1), default=48, show_default=True, help="For the cross-entropy."
)
@click.option(
    "--filled",
    type=click.IntRange(min=1),
    default=12,
    show_default=True,
    help="Of the windows, that are filled for the measures in pixels.",
)
@click.option("--tasks", metavar="FP,FI,...", help="All ten if not given.")
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    help="Passes of a filling; what the generator's card says if not given.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--train-segments",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    help="Read at most, spread over the files of --train.",
)
@click.option(
    "--squeezenet-weights", type=FILE, help="Features of SqueezeNet 1.1: a distance, and for Frechet's."
)
@click.option("--i3d", type=FILE, help="I3D network in TorchScript, for FVD.")
@click.option(
    "--model", default="mgv-s", show_default=True, help="Tokenizer: a name of `mgv models` or a folder."
)
@click.option("--sheet-clip", metavar="TEXT", help="The contact sheet shows a clip with this in its name.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for generation.md, generation.json and contact-sheet.png.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON in place of the table.")
def generation(  # noqa: PLR0913 - one parameter an option
    generator_name: str,
    train_folder: Path,
    valid_folder: Path,
    windows: int,
    filled: int,
    tasks: str | None,
    steps: int | None,
    seed: int,
    train_segments: int,
    squeezenet_weights: Path | None,
    i3d: Path | None,
    model: str,
    sheet_clip: str | None,
    output: Path | None,
    json_wanted: bool,
) -> None:
    """Print how well a generator does each task on windows of --valid, and what baselines without a network do.

    Cross-entropy against copying the nearest known token and against word frequencies, both fitted on --train; PSNR
    of the filled pixels against padding and interpolation that pass through the same tokenizer; a Frechet distance.
    """
    from ..eval.generation import CasePixels, Measures
    from ..eval.generation.results import as_json, as_markdown
    from ..eval.metrics.window_features import open_window_features
    from ..generator.dataset import TokenFolders
    from ..generator.evaluation import check_tokenizer
    from ..generator.registry import load_generator
    from ..tokenizer import load_tokenizer
    from ..tokenizer.perceptual import SqueezeNetDistance

    chosen = _parse_tasks(tasks)
    tokenizer, filler = load_tokenizer(model), load_generator(generator_name)
    check_tokenizer(filler, tokenizer)
    measures = Measures(
        CasePixels(tokenizer),
        open_window_features(tokenizer, i3d=i3d, squeezenet_weights=squeezenet_weights),
        SqueezeNetDistance(squeezenet_weights) if squeezenet_weights else None,
    )
    if output is not None:
        make_folder(output)
    train, valid = (TokenFolders([folder], tokenizer) for folder in (train_folder, valid_folder))
    bench = _Bench(tokenizer, filler, measures, steps or filler.sampling.steps, seed)
    bench.draw(valid, windows, sheet_clip or "")
    bench.fit(train, train_segments)
    evaluation = bench.measure(chosen, min(filled, windows))
    if output is not None:
        (output / "generation.md").write_text(as_markdown(evaluation), "utf-8")
        (output / "generation.json").write_text(as_json(evaluation), "utf-8")
        bench.draw_sheet(chosen, output / "contact-sheet.png")
    click.echo(as_json(evaluation) if json_wanted else as_markdown(evaluation), nl=False)


class _Bench:
    """Where the generator's cases and baselines meet what measures them."""

    def __init__(
        self, tokenizer: "Tokenizer", filler: "WindowFiller", measures: "Measures", steps: int, seed: int
    ) -> None:
        from ..eval.generation import Contender
        from ..generator.evaluation import filling, predicting
        from ..generator.window import SUREST

        self._tokenizer, self._filler, self._measures = tokenizer, filler, measures
        self._steps, self._seed = steps, seed
        best = replace(filler.sampling, steps=steps)
        self._contender: Contender[TaskCase] = Contender(
            predicting(filler), filling(filler, SUREST, seed), filling(filler, best, seed)
        )

    def fit(self, folders: "TokenFolders", num_segments: int) -> None:
        """Count word frequencies, and choose the windows from which copying is fitted."""
        from ..generator.baselines import PositionFrequencies
        from ..generator.evaluation import tile_windows
        from ..generator.subvocabulary import SubVocabularies

        self._training: list[PlacedWindow] = []
        with progress_bar("training files", unit="segment") as show:
            for count, tiles in enumerate(tile_windows(folders, self._filler, num_segments, self._seed), 1):
                self._training += tiles
                show(count, num_segments)
        vocabularies = SubVocabularies.of_depths(self._filler.bit_depths)
        self._frequencies = PositionFrequencies([one.window for one in self._training], vocabularies)

    def draw(self, folders: "TokenFolders", num_windows: int, shown_clip: str) -> None:
        """Choose the windows to measure on, the same for every task, and the one of the contact sheet."""
        from ..generator.evaluation import draw_windows

        self._windows = draw_windows(folders, self._filler, num_windows, self._seed)
        named = [one for one in self._windows if shown_clip in one.clip]
        clips = ", ".join(sorted({one.clip for one in self._windows}))
        require(bool(named), f"--sheet-clip: {shown_clip!r} is in no name of the clips measured ({clips})")
        self._named = named

    def measure(self, tasks: "list[Task]", num_filled: int) -> "Evaluation":
        """Measure every task."""
        from ..eval.generation import Evaluation

        with progress_bar("eval", unit="window") as show:
            done = 0

            def on_filled() -> None:
                nonlocal done
                done += 1
                show(done, len(tasks) * num_filled)

            results = tuple(self._measure_task(task, num_filled, on_filled) for task in tasks)
        return Evaluation(
            generator=self._filler.name,
            generator_sha256=self._filler.sha256,
            steps=self._steps,
            seed=self._seed,
            window=self._filler.window_shape,
            num_windows=len(self._windows),
            num_filled=num_filled,
            num_clips=len({one.clip for one in self._windows}),
            num_training_windows=len(self._training),
            frechet_label=self._measures.features.label,
            results=results,
        )

    def _measure_task(self, task: "Task", num_filled: int, on_filled: Callable[[], None]) -> "TaskResult":
        from ..eval.generation import measure_task

        cases = self._cases(self._windows, task)
        return measure_task(
            cases,
            self._contender,
            self._predictors(task, cases[0]),
            _pads(task),
            self._measures,
            num_filled,
            on_filled,
        )

    def _predictors(self, task: "Task", example: "TaskCase") -> "dict[str, Predict[TaskCase]]":
        from ..generator.baselines import CopyPrediction

        predictors: dict[str, Predict[TaskCase]] = {}
        if example.condition.kept.any():
            step = max(1, len(self._training) // NUM_FITTED)
            fitted = self._cases(self._training[::step], task)
            copying = CopyPrediction.fitted(
                self._frequencies, [(one.window, one.condition) for one in fitted]
            )
            predictors["copy"] = lambda case: copying.bits(case.window, case.condition)
        predictors["frequencies"] = lambda case: self._frequencies.bits(case.window)
        return predictors

    def _cases(self, windows: "list[PlacedWindow]", task: "Task") -> "list[TaskCase]":
        from ..generator.evaluation import make_case

        return [
            make_case(number, placed, task, self._tokenizer, self._filler)
            for number, placed in enumerate(windows)
        ]

    def draw_sheet(self, tasks: "list[Task]", target: Path) -> None:
        """Draw what the generator makes of one window, that with the most to see in it, a row a task."""
        from ..eval.generation import SheetRow, write_sheet

        decode, rows = self._measures.pixels.decode, []
        every = self._cases(self._named, tasks[0])
        number = max(range(len(every)), key=lambda one: decode(every[one], every[one].ids).std())
        for task in tasks:
            (case,) = self._cases([self._named[number]], task)
            made = decode(case, self._contender.fill_freely(case))
            rows.append(SheetRow(task.name, case.given, decode(case, case.ids), made))
        write_sheet(rows, target)


def _pads(task: "Task") -> "dict[str, Pad]":
    """Name the baselines in pixels of a task; none where nothing is given."""
    from ..eval.generation import fill_from_six_sides
    from ..generator.padding import pad_edge

    if task.name == "CG":
        return {}
    pads: dict[str, Pad] = {"padding": pad_edge if task.name[:2] in ("OP", "IP") else task.pad}
    if task.name in ("OPD", "IPC", "IPD"):  # in the others it is the padding at edges
        pads["six-sided fill"] = fill_from_six_sides
    return pads


def _parse_tasks(text: str | None) -> "list[Task]":
    from ..generator.tasks import TASKS

    names = list(TASKS) if text is None else [part.strip() for part in text.split(",")]
    for name in names:
        require(name in TASKS, f"--tasks: {name!r} is none, expected some of {', '.join(TASKS)}")
    return [TASKS[name] for name in dict.fromkeys(names)]
