"""What `mgv eval generation` found: a row a task, as a table and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .estimate import Against, Estimate

NONE = "-"


@dataclass(frozen=True)
class Score:
    """One figure of the generator, and what each baseline reaches."""

    ours: Estimate
    against: tuple[Against, ...]

    @property
    def beats_all(self) -> bool | None:
        """Whether every baseline is beaten; None where there is none."""
        return all(one.is_beaten for one in self.against) if self.against else None


@dataclass(frozen=True)
class TaskResult:
    """One task."""

    task: str
    tokens_made: int
    """Of each window, that are not kept."""
    tokens_in_window: int
    bits: Score | None
    """Cross-entropy in bits a token, all predicted at once; None for a generator that can't."""
    psnr_db: Score | None
    """Of the pixels that are not given; None where the given ones do not determine them at all."""
    distance: Score | None
    """SqueezeNet distance of the frames in question; None without weights, or as above."""
    frechet: float | None
    """Of windows sampled as suits the generator; None for fewer than two."""
    frechet_of_padding: float | None
    """The same of the padded windows."""


@dataclass(frozen=True)
class Evaluation:
    """All tasks of one generator."""

    generator: str
    generator_sha256: str
    steps: int
    seed: int
    window: tuple[int, int, int]
    num_windows: int
    num_filled: int
    num_clips: int
    num_training_windows: int
    frechet_label: str
    results: tuple[TaskResult, ...] = field(default=())


def as_json(evaluation: Evaluation) -> str:
    """Write everything, with whether each baseline is beaten."""
    facts = asdict(evaluation)
    for row, result in zip(facts["results"], evaluation.results, strict=True):
        for name in ("bits", "psnr_db", "distance"):
            score: Score | None = getattr(result, name)
            if score is not None:
                row[name]["beats_all"] = score.beats_all
                for place, one in enumerate(score.against):
                    row[name]["against"][place]["is_beaten"] = one.is_beaten
    return json.dumps(facts, indent=2) + "\n"


def as_markdown(evaluation: Evaluation) -> str:
    """Lay the rows out as one table, what is measured in words below it."""
    results = evaluation.results
    has_distance = any(result.distance is not None for result in results)
    columns = ["task", "tokens", "bits a token", "copy", "frequencies", "beaten"]
    columns += ["PSNR dB", "padding", "six-sided fill", "beaten"]
    columns += ["distance", "padding", "six-sided fill", "beaten"] if has_distance else []
    columns += ["Frechet", "padding"]
    lines = [_line(columns), _line(["---", *["--:"] * (len(columns) - 1)])]
    for result in results:
        cells = [result.task, f"{result.tokens_made}/{result.tokens_in_window}"]
        cells += _cells(result.bits, ("copy", "frequencies"), 2)
        cells += _cells(result.psnr_db, ("padding", "six-sided fill"), 2)
        cells += _cells(result.distance, ("padding", "six-sided fill"), 4) if has_distance else []
        cells += [
            NONE if value is None else f"{value:.3g}" for value in (result.frechet, result.frechet_of_padding)
        ]
        lines.append(_line(cells))
    return "\n".join([*lines, "", *_legend(evaluation), ""])


def _legend(evaluation: Evaluation) -> list[str]:
    t, h, w = evaluation.window
    return [
        f"{evaluation.generator} ({evaluation.generator_sha256[:12]}) on {evaluation.num_windows} windows of "
        f"{t}x{h}x{w} tokens from {evaluation.num_clips} clips, {evaluation.num_filled} of them filled in "
        f"{evaluation.steps} steps (seed {evaluation.seed}); baselines fitted on {evaluation.num_training_windows} "
        "windows of the training files.",
        "tokens: made of all. bits a token: cross-entropy of those made, all predicted at once.",
        "PSNR: of the pixels not given, best guesses in one pass at temperature 0, against the decoded true tokens; "
        "baselines pass through the same tokenizer.",
        "In brackets the gain over a baseline, window by window, and its standard error over clips.",
        f"Frechet: {evaluation.frechet_label}, of windows sampled as its card says and the decoded true ones.",
    ]


def _cells(score: Score | None, baselines: Sequence[str], digits: int) -> list[str]:
    if score is None:
        return [NONE] * (len(baselines) + 2)
    by_name = {one.name: one for one in score.against}
    cells = [_plus_minus(score.ours, digits)]
    cells += [_compared(by_name[name], digits) if name in by_name else NONE for name in baselines]
    return [*cells, {True: "yes", False: "no", None: NONE}[score.beats_all]]


def _compared(one: Against, digits: int) -> str:
    return f"{one.theirs.mean:.{digits}f} ({_plus_minus(one.gain, digits, sign='+')})"


def _plus_minus(estimate: Estimate, digits: int, sign: str = "") -> str:
    text = f"{estimate.mean:{sign}.{digits}f}"
    return text if estimate.standard_error is None else f"{text} ± {estimate.standard_error:.{digits}f}"


def _line(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"
