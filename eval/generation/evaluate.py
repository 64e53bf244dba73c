"""Measuring one task: cross-entropy, the filled region in pixels, and a Frechet distance, beside the baselines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from ...tokenizer.perceptual import PerceptualDistance
from ..metrics.fvd import Features, frechet_distance
from ..metrics.window_features import WindowFeatures
from .estimate import against, estimate
from .interface import CaseT, Clip, Fill, Pad, Predict
from .pixels import CasePixels, region_distance, region_psnr_db
from .results import Score, TaskResult


@dataclass(frozen=True)
class Contender(Generic[CaseT]):
    """A generator, as callables."""

    predict: Predict[CaseT] | None
    """Bits a token when all are predicted at once; None for a generator that makes one after the other."""
    fill_surely: Fill[CaseT]
    """Best guesses in one pass, at temperature 0."""
    fill_freely: Fill[CaseT]
    """As it is best sampled."""


@dataclass(frozen=True)
class Measures:
    """What is measured in pixels."""

    pixels: CasePixels
    features: WindowFeatures
    distance: PerceptualDistance | None


def measure_task(
    cases: Sequence[CaseT],
    contender: Contender[CaseT],
    predictors: Mapping[str, Predict[CaseT]],
    pads: Mapping[str, Pad],
    measures: Measures,
    num_filled: int,
    on_filled: Callable[[], None],
) -> TaskResult:
    """Measure one task.

    Args:
        cases: of the task, alike in what is kept.
        contender: the generator.
        predictors: baselines of the cross-entropy.
        pads: baselines in pixels; none where nothing determines them.
        measures: what is measured in pixels.
        num_filled: the first so many cases are filled.
        on_filled: called after each.
    """
    filled = [_fill(case, contender, pads, measures, on_filled) for case in cases[:num_filled]]
    clips = [case.clip for case in cases[:num_filled]]
    return TaskResult(
        cases[0].task,
        int((~cases[0].kept).sum()),
        cases[0].kept.size,
        _bits(cases, contender.predict, predictors),
        _score([one.psnr_db for one in filled], clips, rises=True),
        _score([one.distance for one in filled], clips, rises=False),
        _frechet(filled, OURS),
        _frechet(filled, PADDING),
    )


def mean_bits(bits: NDArray[np.float32], kept: NDArray[np.bool_]) -> float:
    """Average the bits of the tokens that are not kept."""
    return float(bits[~kept].mean(dtype=np.float64))


def _bits(
    cases: Sequence[CaseT], predict: Predict[CaseT] | None, predictors: Mapping[str, Predict[CaseT]]
) -> Score | None:
    if predict is None:
        return None
    clips = [case.clip for case in cases]
    ours = [mean_bits(predict(case), case.kept) for case in cases]
    return Score(
        estimate(ours, clips),
        tuple(
            against(name, ours, [mean_bits(other(case), case.kept) for case in cases], clips, rises=False)
            for name, other in predictors.items()
        ),
    )


OURS = ""
"""Key of the generator's own value beside those of the baselines."""

PADDING = "padding"
"""The baseline whose Frechet distance is measured too."""


@dataclass(frozen=True)
class _Filled:
    """One case, filled by the generator and by the baselines."""

    psnr_db: dict[str, float]
    distance: dict[str, float]
    features: dict[str, Features]
    """Of the generator as it is best sampled, and of the padding."""
    features_true: Features


def _fill(
    case: CaseT,
    contender: Contender[CaseT],
    pads: Mapping[str, Pad],
    measures: Measures,
    on_filled: Callable[[], None],
) -> _Filled:
    pixels = measures.pixels
    truth = pixels.decode(case, case.ids)
    made: dict[str, Clip] = {}
    if pads:
        made[OURS] = pixels.decode(case, contender.fill_surely(case))
        made |= {name: pixels.padded(case, truth, pad) for name, pad in pads.items()}
    sampled = {name: clip for name, clip in made.items() if name == PADDING}
    sampled[OURS] = pixels.decode(case, contender.fill_freely(case))
    distance = measures.distance
    filled = _Filled(
        {name: region_psnr_db(truth, clip, case.given) for name, clip in made.items()},
        {name: region_distance(truth, clip, case.given, distance) for name, clip in made.items()}
        if distance is not None
        else {},
        {name: measures.features.measure(clip) for name, clip in sampled.items()},
        measures.features.measure(truth),
    )
    on_filled()
    return filled


def _frechet(filled: Sequence[_Filled], name: str) -> float | None:
    found = [(one.features[name], one.features_true) for one in filled if name in one.features]
    if len(found) < 2:
        return None
    return frechet_distance(np.stack([made for made, _ in found]), np.stack([true for _, true in found]))


def _score(values: Sequence[Mapping[str, float]], clips: Sequence[str], *, rises: bool) -> Score | None:
    if not values or not values[0]:
        return None
    by_name = {name: [one[name] for one in values] for name in values[0]}
    ours = by_name.pop(OURS)
    return Score(
        estimate(ours, clips),
        tuple(against(name, ours, theirs, clips, rises=rises) for name, theirs in by_name.items()),
    )
