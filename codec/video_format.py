"""What is fixed about a video: picture size and shape, colour, clock."""

from dataclasses import dataclass
from fractions import Fraction

from ..container import Colour, Header


@dataclass(frozen=True)
class VideoFormat:
    """Facts that a source tells and a sink is told."""

    width: int
    """Of the stored picture, before rotation and sample aspect, in pixels."""

    height: int
    """Likewise."""

    sample_aspect: Fraction
    """Width over height of a pixel; 1 where unknown."""

    rotation_degrees: int
    """Clockwise turn that a player gives the picture: 0, 90, 180 or 270."""

    colour: Colour
    """Never unspecified: conventional values stand in for missing tags."""

    time_base: Fraction
    """Seconds per unit of a pts."""

    tick: int
    """Nominal frame duration in time base units, at least 1."""

    @classmethod
    def from_header(cls, header: Header) -> "VideoFormat":
        """Take the source's facts from an `.mgv` header."""
        return cls(
            width=header.width,
            height=header.height,
            sample_aspect=header.sample_aspect,
            rotation_degrees=header.rotation_degrees,
            colour=header.colour,
            time_base=header.time_base,
            tick=header.tick,
        )

    @property
    def frame_rate(self) -> Fraction:
        """Nominal frames per second."""
        return 1 / (self.tick * self.time_base)
