"""Which part of a file is wanted: layers and a span of time."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from ..container import Header
from .options import OptionError, whole_number

HALF_MICROSECOND = Fraction(1, 2_000_000)


@dataclass(frozen=True)
class Selection:
    """A choice of layers and of time; what makes no sense raises OptionError."""

    layers: int | None = None
    """Bit layers, from the coarsest; None for all."""

    start_seconds: float | None = None
    """From the time of the first frame; None for the beginning."""

    duration_seconds: float | None = None
    """None for everything from there on."""

    def __post_init__(self) -> None:
        if self.layers is not None and whole_number("layers", self.layers) < 1:
            raise OptionError(f"layers is {self.layers}, expected at least 1")
        if self.start_seconds is not None and not 0 <= self.start_seconds < float("inf"):
            raise OptionError(f"start is {self.start_seconds} s, expected a finite number from 0 up")
        if self.duration_seconds is not None and not 0 < self.duration_seconds < float("inf"):
            raise OptionError(f"duration is {self.duration_seconds} s, expected a finite number above 0")

    @property
    def is_everything(self) -> bool:
        """Whether every frame is wanted."""
        return self.start_seconds is None and self.duration_seconds is None

    def span(self, header: Header) -> tuple[int | None, int | None]:
        """Give the pts from which frames are wanted, and from which no longer; None for no bound.

        A frame belongs to the time at which it is first shown, however long it stays. Both bounds lie up to half a
        microsecond early, so that a time that was rounded, be it to a float or to the six digits that people see, still
        names its frame.
        """
        start, first = Fraction(self.start_seconds or 0), None
        if self.start_seconds is not None:
            first = header.start_pts + _first_tick(start - HALF_MICROSECOND, header.time_base)
        if self.duration_seconds is None:
            return first, None
        duration = Fraction(self.duration_seconds)
        end = start + duration - min(HALF_MICROSECOND, duration / 2)
        return first, header.start_pts + _first_tick(end, header.time_base)


def _first_tick(seconds: Fraction, time_base: Fraction) -> int:
    """Give the first tick at or after a time."""
    return ceil(seconds / time_base)
