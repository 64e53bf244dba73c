"""What sampling takes and what fewer passes cost: ways to fill the same windows, timed and scored."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from ...tokenizer import Tokenizer
from ..generation.estimate import Estimate, estimate
from ..generation.interface import CaseT, Fill
from ..generation.pixels import CasePixels, region_psnr_db
from ..metrics.fvd import frechet_distance
from ..metrics.window_features import WindowFeatures


@dataclass(frozen=True)
class Method(Generic[CaseT]):
    """A way to fill windows."""

    name: str
    fill: Fill[CaseT]
    """As it is best sampled."""
    count_passes: Callable[[], int]
    """Counts the runs of its transformer so far."""
    num_windows: int
    """The first so many are filled."""


@dataclass(frozen=True)
class MethodResult:
    """What one way took, and how good it was."""

    method: str
    num_windows: int
    num_tokens: int
    """That were made, in all windows."""
    num_passes: int
    """Of the transformer, in all windows."""
    seconds: float
    """Wall time."""
    cpu_seconds: float
    """Of all threads; where other work runs beside it, this is what to compare."""
    psnr_db: Estimate
    """Of the pixels not given, over its windows."""
    psnr_shared_db: float
    """The same over those windows that every way filled."""
    frechet: float | None
    """None for a way that did not fill all windows, or for fewer than two."""

    @property
    def tokens_per_second(self) -> float:
        """Tokens made in a second."""
        return self.num_tokens / self.seconds

    @property
    def tokens_per_cpu_second(self) -> float:
        """Tokens made in a second of one core."""
        return self.num_tokens / self.cpu_seconds


def measure_methods(
    cases: Sequence[CaseT], methods: Sequence[Method[CaseT]], tokenizer: Tokenizer, features: WindowFeatures
) -> Iterator[MethodResult]:
    """Fill the same cases in every way; the very first filling is done twice and timed the second time."""
    pixels = CasePixels(tokenizer)
    truths = [pixels.decode(case, case.ids) for case in cases]
    true_features = np.stack([features.measure(truth) for truth in truths])
    methods[0].fill(cases[0])
    num_shared = min(method.num_windows for method in methods)
    for method in methods:
        mine = list(zip(cases, truths, strict=True))[: method.num_windows]
        passes, started, cpu_started = method.count_passes(), time.perf_counter(), time.process_time()
        filled = [method.fill(case) for case, _ in mine]
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
        passes = method.count_passes() - passes
        clips = [pixels.decode(case, ids) for (case, _), ids in zip(mine, filled, strict=True)]
        psnrs = [
            region_psnr_db(truth, clip, case.given) for (case, truth), clip in zip(mine, clips, strict=True)
        ]
        yield MethodResult(
            method.name,
            len(mine),
            sum(int((~case.kept).sum()) for case, _ in mine),
            passes,
            seconds,
            cpu_seconds,
            estimate(psnrs, [case.clip for case, _ in mine]),
            float(np.mean(psnrs[:num_shared])),
            _frechet(clips, features, true_features),
        )


def _frechet(
    clips: Sequence[NDArray[np.float32]], features: WindowFeatures, true_features: NDArray[np.float32]
) -> float | None:
    if not 2 <= len(clips) == len(true_features):
        return None
    return frechet_distance(np.stack([features.measure(clip) for clip in clips]), true_features)


def as_json(results: Sequence[MethodResult], facts: dict[str, object]) -> str:
    """Write facts of the run, and a list of `MethodResult` fields."""
    rows = [
        {
            **asdict(result),
            "tokens_per_second": result.tokens_per_second,
            "tokens_per_cpu_second": result.tokens_per_cpu_second,
        }
        for result in results
    ]
    return json.dumps({**facts, "methods": rows}, indent=2) + "\n"


def as_markdown(results: Sequence[MethodResult], facts: dict[str, object]) -> str:
    """Lay the results out as a markdown table; speed by CPU time is relative to the slowest."""
    slowest = min(result.tokens_per_cpu_second for result in results)
    shared = min(result.num_windows for result in results)
    lines = [
        "| decoding | windows | passes a window | s a window | CPU s | tokens/s | times the slowest | PSNR dB "
        f"| the same, first {shared} | Frechet |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for result in results:
        error = result.psnr_db.standard_error
        psnr = f"{result.psnr_db.mean:.2f}" + ("" if error is None else f" ± {error:.2f}")
        lines.append(
            f"| {result.method} | {result.num_windows} | {result.num_passes / result.num_windows:.1f} "
            f"| {result.seconds / result.num_windows:.2f} | {result.cpu_seconds / result.num_windows:.2f} "
            f"| {result.tokens_per_second:.0f} "
            f"| {result.tokens_per_cpu_second / slowest:.1f} | {psnr} | {result.psnr_shared_db:.2f} "
            f"| {'-' if result.frechet is None else f'{result.frechet:.3g}'} |"
        )
    legend = ", ".join(f"{name}: {value}" for name, value in facts.items())
    return "\n".join([*lines, "", legend]) + "\n"
