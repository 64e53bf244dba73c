"""The interface that every codec of the bench has, and what its two directions report."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .clip import SourceClip

RATE_KINDS = ("quality", "bpp", "two-pass")


@dataclass(frozen=True)
class Rate:
    """What is asked of an encoder for one rate point."""

    kind: str
    """`quality` is the encoder's own number (CRF, QP, level); `bpp` a target that a search or the encoder's own
    rate control meets; `two-pass` a target in bits per pixel, by two passes at a bitrate."""

    value: float

    def __post_init__(self) -> None:
        if self.kind not in RATE_KINDS:
            raise ValueError(f"kind of rate is {self.kind!r}, expected one of {', '.join(RATE_KINDS)}")

    @property
    def label(self) -> str:
        """Name it in file names and tables: `q27`, `bpp0.02`, `two-pass0.02`."""
        return f"{'q' if self.kind == 'quality' else self.kind}{self.value:g}"


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    seconds: float
    """Wall time of the work: of the whole process, or, for a codec that tells (mgv), without loading its models."""

    cpu_seconds: float
    """CPU time of the same, all threads."""

    peak_bytes: int
    """Largest resident memory of the process."""

    process_seconds: float
    """Wall time of the whole process."""

    def __add__(self, other: "Cost") -> "Cost":
        """Take one after the other, as two passes are."""
        return Cost(
            self.seconds + other.seconds,
            self.cpu_seconds + other.cpu_seconds,
            max(self.peak_bytes, other.peak_bytes),
            self.process_seconds + other.process_seconds,
        )


@dataclass(frozen=True)
class CodecSpec:
    """Which codec, under which name, with which settings: all that is needed to make it again."""

    name: str
    """In tables and file names; letters, digits, `.`, `_`, `-`, `+`."""

    kind: str
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Coded:
    """What an encoding came to."""

    num_bytes: int
    """That count: see each codec's docstring."""

    rate: Rate
    """In the encoder's own terms, after a search."""

    commands: tuple[str, ...]
    """Exact command lines, in order, with the folder of temporary files left out."""

    cost: Cost
    """Of the final encoding; a search's other tries do not count."""

    raw_bits: int | None = None
    """Of the tokens before entropy coding; None for a codec without tokens."""


@dataclass(frozen=True)
class Decoded:
    """What a decoding came to."""

    commands: tuple[str, ...]
    cost: Cost


class RdCodec(ABC):
    """Interface: a codec at rate points.

    Args:
        spec: its name and settings.
    """

    suffix: str
    """Of its files, without the dot."""

    ladder: tuple[float, ...]
    """Qualities to measure where none are asked for, about 0.005 to 0.15 bpp at 640x360."""

    def __init__(self, spec: CodecSpec) -> None:
        self.spec = spec

    @property
    def name(self) -> str:
        """Under which results are kept."""
        return self.spec.name

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Name what decides on the result beside the settings: versions, hashes of weights.

        Raises:
            MissingToolError: it is not there; says how to get it.
        """

    @abstractmethod
    def encode(self, clip: SourceClip, rate: Rate, target: Path, scratch: Path) -> Coded:
        """Encode a clip.

        Args:
            clip: prepared.
            rate: asked for.
            target: file to write.
            scratch: folder for temporary files, shared by the rates of one clip and codec.

        Raises:
            CodecError: it failed.
        """

    @abstractmethod
    def decode(self, file: Path, clip: SourceClip, target: Path, scratch: Path) -> Decoded:
        """Decode a file that `encode` wrote to raw 8-bit 4:2:0 frames of the clip's size, for `read_planes`."""
