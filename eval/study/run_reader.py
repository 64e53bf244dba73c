"""What a study needs of a rate-distortion run: its clips, its points and their decoded frames."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]


class RunClip(Protocol):
    """A source clip of the run."""

    @property
    def name(self) -> str:
        """Unique in the run."""

    @property
    def width(self) -> int:
        """In pixels."""

    @property
    def height(self) -> int:
        """In pixels."""

    @property
    def num_frames(self) -> int:
        """Of the clip."""

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second."""

    @property
    def sha256(self) -> str:
        """Of the source."""


class RunPoint(Protocol):
    """One codec at one rate on one clip."""

    @property
    def clip(self) -> str:
        """Name of the clip."""

    @property
    def codec(self) -> str:
        """Name of the codec."""

    @property
    def label(self) -> str:
        """The rate as the codec was asked for it."""

    @property
    def target_bpp(self) -> float | None:
        """Bits per pixel that the codec was asked for; None where it was asked for a quality."""

    @property
    def num_bytes(self) -> int:
        """Real coded bytes of the video."""

    @property
    def bpp(self) -> float:
        """Coded bits per source pixel."""


class RunReader(Protocol):
    """A run that can be read."""

    @property
    def clips(self) -> Sequence[Any]:
        """Every `RunClip`."""

    @property
    def points(self) -> Sequence[Any]:
        """Every `RunPoint` that was measured."""

    def frames(self, point: Any) -> Iterator[Frame]:
        """Give the decoded frames of a point, uint8 `[H, W, 3]` RGB."""

    def source_frames(self, clip: Any) -> Iterator[Frame]:
        """Give the frames that were encoded, uint8 `[H, W, 3]` RGB."""
