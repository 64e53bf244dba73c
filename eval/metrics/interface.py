"""What a metric of the bench is: values a frame, from pairs of frames or from two raw files."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..codecs.clip import ClipFormat, Planes, PlanesToRgb, read_planes
from .frames import Frame

if TYPE_CHECKING:
    from torch import Tensor


class MetricUnavailable(Exception):
    """A metric can't be measured, here or on this clip; says why and what would help. The run goes on."""


@dataclass(frozen=True)
class Column:
    """One figure that a metric gives."""

    name: str
    label: str
    """For tables and axes, with its unit."""

    rises: bool = True
    """Whether more is better."""

    has_reference: bool = True
    """Whether it compares with the source; such a curve must rise with the rate."""


class FramePair:
    """One frame of the source beside its decoding; what several metrics need of it is made once."""

    def __init__(self, source: Planes, decoded: Planes, to_rgb: PlanesToRgb) -> None:
        self.source = source
        self.decoded = decoded
        self._to_rgb = to_rgb

    @cached_property
    def rgb(self) -> tuple[Frame, Frame]:
        """Both as uint8 `[H, W, 3]`."""
        return self._to_rgb.convert(self.source), self._to_rgb.convert(self.decoded)

    @cached_property
    def rgb_tensors(self) -> tuple["Tensor", "Tensor"]:
        """Both as float32 `[1, 3, H, W]` in [0, 255]."""
        import torch

        source, decoded = (
            torch.from_numpy(rgb.astype(np.float32)).permute(2, 0, 1)[None] for rgb in self.rgb
        )
        return source, decoded

    @cached_property
    def luma_tensors(self) -> tuple["Tensor", "Tensor"]:
        """Both Y planes as float32 `[1, 1, H, W]` in [0, 255]."""
        import torch

        source, decoded = (
            torch.from_numpy(planes[0].astype(np.float32))[None, None]
            for planes in (self.source, self.decoded)
        )
        return source, decoded


@dataclass(frozen=True)
class ClipPair:
    """A clip and its decoding, as raw 8-bit 4:2:0 files."""

    source: Path
    decoded: Path
    format: ClipFormat

    def frames(self) -> Iterator[FramePair]:
        """Yield the pairs of frames in order."""
        to_rgb = PlanesToRgb(self.format.colour)
        size = self.format.width, self.format.height
        both = (read_planes(path, size, self.format.num_frames) for path in (self.source, self.decoded))
        for source, decoded in zip(*both, strict=True):
            yield FramePair(source, decoded, to_rgb)


class Metric(ABC):
    """Interface: a group of columns that are measured together."""

    name: str
    """Of the group, as `--metrics` has it."""

    columns: tuple[Column, ...]

    @property
    def version(self) -> str:
        """Changes when the values would; results of another version are measured again."""
        return "1"

    smallest_side: int = 1
    """Pixels of the shorter side from which it is defined."""

    def check(self, clip_format: ClipFormat) -> None:
        """Refuse a clip on which the metric is not defined.

        Raises:
            MetricUnavailable: says why.
        """
        if min(clip_format.width, clip_format.height) < self.smallest_side:
            raise MetricUnavailable(f"needs {self.smallest_side} pixels on the shorter side")


class FrameMetric(Metric):
    """Interface: each frame on its own."""

    is_slow: bool = False
    """Whether `--every` applies to it."""

    @abstractmethod
    def measure_frame(self, pair: FramePair) -> Sequence[float]:
        """Give the value of each column."""


class ClipMetric(Metric):
    """Interface: whole clips."""

    @abstractmethod
    def measure_clip(self, pair: ClipPair, scratch: Path) -> list[Sequence[float]]:
        """Give for each column its values: one a frame, or a single one for the clip.

        Raises:
            MetricUnavailable: it doesn't work out on this clip.
        """
