"""Timestamps of source frames: strictly rising, none missing."""

from dataclasses import dataclass
from fractions import Fraction

from .errors import MediaError

MAX_STEP_BACK_TICKS = 16
"""Nominal frame durations that a timestamp may lie behind the one before and be moved; more is refused."""


def nominal_tick(frame_rate: Fraction | None, time_base: Fraction) -> int:
    """Give a frame's nominal duration in time base units, at least 1; of 25 frames/s where none is known."""
    rate = frame_rate if frame_rate else Fraction(25)
    return max(1, round(1 / (rate * time_base)))


@dataclass
class FrameClock:
    """Gives each frame a pts later than the one before."""

    tick: int
    """Nominal frame duration in time base units."""

    time_base: Fraction
    """Seconds per time base unit, for messages."""

    previous: int | None = None
    num_frames: int = 0
    num_derived: int = 0
    """Frames without a pts of their own."""

    num_moved: int = 0
    """Frames whose pts was not later than the one before."""

    _previous_dts: int | None = None

    def stamp(self, pts: int | None, dts: int | None = None) -> int:
        """Give the pts of the next frame, in time base units.

        Args:
            pts: that the source gives it, None if it gives none.
            dts: time of the packet that made the decoder give the frame; its steps stand in for missing pts.

        Raises:
            MediaError: time goes back too far to be a small disorder.
        """
        if pts is None:
            self.num_derived += 1
            pts = 0 if self.previous is None else self.previous + self._step(dts)
        elif self.previous is not None and pts <= self.previous:
            self._check_step_back(self.previous - pts)
            self.num_moved += 1
            pts = self.previous + 1
        self.previous = pts
        self._previous_dts = dts
        self.num_frames += 1
        return pts

    def _step(self, dts: int | None) -> int:
        if dts is None or self._previous_dts is None or dts <= self._previous_dts:
            return self.tick
        return dts - self._previous_dts

    def warnings(self) -> list[str]:
        """Say what had to be made up, a line each."""
        lines = []
        if self.num_derived:
            lines.append(f"{self.num_derived} frames had no timestamp; the nominal frame rate stands in")
        if self.num_moved:
            lines.append(f"{self.num_moved} frames had timestamps out of order, which were moved")
        return lines

    def _check_step_back(self, step: int) -> None:
        if step > MAX_STEP_BACK_TICKS * self.tick:
            raise MediaError(
                f"timestamps go back by {float(step * self.time_base):.3f} s at frame {self.num_frames}, "
                "expected them to rise; cut the source there, or rewrite it with fresh timestamps"
            )
