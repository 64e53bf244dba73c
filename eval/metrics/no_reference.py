"""What scikit-video measures without the source, or with features of it alone: NIQE, VIIDEO, ST-RRED."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..codecs.clip import read_planes
from .interface import ClipMetric, ClipPair, Column, FrameMetric, FramePair, MetricUnavailable
from .skvideo_import import import_skvideo_measure

FEWEST_FRAMES = 24
"""That VIIDEO's and ST-RRED's statistics over time are taken from."""


class Niqe(FrameMetric):
    """NIQE of the decoded Y: how unlike natural pictures it is; less is better, and it needs no source."""

    name = "niqe"
    columns = (Column("niqe", "NIQE", rises=False, has_reference=False),)
    is_slow = True
    smallest_side = 194

    def __init__(self) -> None:
        self._niqe = import_skvideo_measure().niqe

    def measure_frame(self, pair: FramePair) -> Sequence[float]:
        """Give the distance from the model of natural pictures."""
        return (float(_quietly(self._niqe, pair.decoded[0])[0]),)


class Viideo(ClipMetric):
    """VIIDEO of the decoded Y over time; less is better, and it needs no source."""

    name = "viideo"
    columns = (Column("viideo", "VIIDEO", rises=False, has_reference=False),)
    smallest_side = 64

    def __init__(self) -> None:
        self._viideo = import_skvideo_measure().viideo_score

    def measure_clip(self, pair: ClipPair, scratch: Path) -> list[Sequence[float]]:
        """Give one score."""
        return [[float(_quietly(self._viideo, _luma_of(pair.decoded, pair)))]]


class Strred(ClipMetric):
    """ST-RRED: entropies of wavelet bands of Y, source against decoded; less is better."""

    name = "strred"
    columns = (Column("strred", "ST-RRED", rises=False),)
    smallest_side = 64

    def __init__(self) -> None:
        self._strred = import_skvideo_measure().strred

    def measure_clip(self, pair: ClipPair, scratch: Path) -> list[Sequence[float]]:
        """Give one score."""
        source, decoded = (_luma_of(path, pair) for path in (pair.source, pair.decoded))
        return [[float(_quietly(self._strred, source, decoded)[1])]]


def _luma_of(path: Path, pair: ClipPair) -> NDArray[np.uint8]:
    """Read Y of a whole clip, `[T, H, W]`.

    Raises:
        MetricUnavailable: it is too short.
    """
    clip_format = pair.format
    if clip_format.num_frames < FEWEST_FRAMES:
        raise MetricUnavailable(f"needs {FEWEST_FRAMES} frames")
    size = clip_format.width, clip_format.height
    return np.stack([planes[0] for planes in read_planes(path, size, clip_format.num_frames)])


def _quietly(measure: Any, *arguments: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of divisions by the variance of flat patches, and of old calls
        return measure(*arguments)
