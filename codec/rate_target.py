"""What a user may ask of the rate: bits per pixel, bits per second, or bytes."""

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from .options import OptionError

_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
_AMOUNT = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([kmg]i?)?", re.IGNORECASE)

UNITS = {"bpp": "bpp", "bitrate": "bit/s", "size": "bytes"}
"""What can be asked for, and its unit."""


@dataclass(frozen=True)
class Extent:
    """How much video there is, and the audio beside it."""

    width: int
    height: int
    """Of the source, in pixels."""

    num_frames: int
    duration_seconds: Fraction
    """From the first frame's start to the last one's end."""

    audio_bytes: int
    """Of the chunks that hold audio and its headers."""


@dataclass(frozen=True)
class RateTarget:
    """A limit on the rate of a file."""

    kind: str
    """`bpp`, `bitrate` (of video alone) or `size` (of the whole file)."""

    amount: float
    """In bits per pixel, bits per second or bytes; above 0."""

    def __post_init__(self) -> None:
        if self.kind not in UNITS:
            raise ValueError(f"kind of target is {self.kind!r}, expected one of {', '.join(UNITS)}")
        if not 0 < self.amount < math.inf:
            raise OptionError(f"{self.kind} is {self.amount}, expected a number above 0")

    def most_video_bytes(self, extent: Extent) -> int:
        """Give the bytes that a file may have without those of audio; below 0 where audio takes it all."""
        amount = Fraction(self.amount)
        if self.kind == "bpp":
            return math.floor(amount * extent.width * extent.height * extent.num_frames / 8)
        if self.kind == "bitrate":
            return math.floor(amount * extent.duration_seconds / 8)
        return math.floor(amount) - extent.audio_bytes

    def reached(self, video_bytes: int, extent: Extent) -> float:
        """Give what a file of `video_bytes` beside its audio comes to, in the unit of `amount`."""
        if self.kind == "bpp":
            return video_bytes * 8 / (extent.width * extent.height * extent.num_frames)
        if self.kind == "bitrate":
            return float(video_bytes * 8 / extent.duration_seconds)
        return video_bytes + extent.audio_bytes

    def least(self, video_bytes: int, extent: Extent) -> str:
        """Name, with its unit, the least target that lets `video_bytes` pass."""
        amount = self.reached(video_bytes, extent)
        if self.kind == "bpp":
            return f"{math.ceil(amount * 1e6) / 1e6:g} bpp"
        return f"{math.ceil(amount)} {UNITS[self.kind]}"

    def __str__(self) -> str:
        return f"{self.amount:g} bpp" if self.kind == "bpp" else f"{self.amount:.0f} {UNITS[self.kind]}"


def choose_target(
    bpp: float | str | None, bitrate: float | str | None, size: float | str | None
) -> RateTarget | None:
    """Make the target of whichever argument is not None; None without any.

    Raises:
        OptionError: there are two, or one is no amount.
    """
    asked = [
        (kind, value) for kind, value in zip(UNITS, (bpp, bitrate, size), strict=True) if value is not None
    ]
    if len(asked) > 1:
        raise OptionError(f"{' and '.join(kind for kind, _ in asked)} are given, expected one of them")
    return RateTarget(asked[0][0], read_amount(*asked[0])) if asked else None


def read_amount(name: str, value: float | str) -> float:
    """Read a number above 0 that may end in k, M or G (times 1000), or Ki, Mi or Gi (times 1024).

    Args:
        name: of the option, for messages.
        value: a number, or its text.

    Raises:
        OptionError: it is nothing of the kind.
    """
    if isinstance(value, str):
        match = _AMOUNT.fullmatch(value.strip())
        if match is None:
            raise OptionError(
                f"{name} is {value!r}, expected a number above 0 in plain digits, such as 0.03, 80k or 2M"
            )
        value = float(Fraction(match[1]) * _FACTORS[(match[2] or "").lower()])
    if not 0 < value < math.inf:
        raise OptionError(f"{name} is {value}, expected a number above 0")
    return float(value)
