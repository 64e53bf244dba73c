"""A run folder: prepared clips, coded files and one JSON a point; written as it grows, read by whoever wants to.

run.json                            version of this layout, what was asked for, codecs that were missing
clips/CLIP.mov, CLIP.json           prepared source frames, their facts
points/CLIP/CODEC/LABEL.SUFFIX      coded file
points/CLIP/CODEC/LABEL.json        what was measured on it
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from ...codec import Colour, MediaError
from ..codecs import ClipFormat, CodecError, CodecSpec, Cost, Rate, SourceClip, codec_from_spec
from ..codecs.clip import PlanesToRgb, read_planes
from ..codecs.ffmpeg import clip_frames
from ..metrics import Frame

LAYOUT_VERSION = 1

_Facts = TypeVar("_Facts")


@dataclass(frozen=True)
class RunClip:
    """One source clip of a run."""

    name: str
    width: int
    height: int
    num_frames: int
    frame_rate: Fraction
    """Nominal; frames of a source of variable rate are a list at this rate."""

    colour: Colour
    """Of the prepared 8-bit 4:2:0 frames."""

    sha256: str
    """Of the prepared frames' samples."""

    source: str
    """Name of the source file."""

    source_sha256: str
    """Of the source file."""

    options: str
    """Frame range and size that were asked for."""

    @property
    def format(self) -> ClipFormat:
        """The same for codecs."""
        return ClipFormat(self.width, self.height, self.num_frames, self.frame_rate, self.colour)


@dataclass(frozen=True)
class RunPoint:
    """One clip, coded by one codec at one rate, decoded and measured."""

    clip: str
    codec: str
    """Name of the codec."""

    label: str
    """Of the rate that was asked for: `q27`, `bpp0.02`."""

    identity: str
    """Hash of all that decides on the coded file: frames, codec, settings, versions, rate."""

    asked: Rate
    reached: Rate
    """In the encoder's own terms, after a search."""

    file: Path
    """Coded file, in the run folder."""

    sha256: str
    """Of the coded file."""

    num_bytes: int
    """That count; a container's share is left out, see the codec's class."""

    bpp: float
    """Of those bytes, over the source's pixels."""

    spec: CodecSpec
    versions: Mapping[str, str]
    commands: tuple[str, ...]
    """Command lines of encoder and decoder, in order."""

    encode: Cost
    decode: Cost
    raw_bpp: float | None
    """Of the tokens before entropy coding; None for a codec without tokens."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    """Column -> mean over frames."""

    frame_metrics: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    """Column -> value of each frame, None where it was not measured; or a single one for the clip."""

    measured: Mapping[str, str] = field(default_factory=dict)
    """Metric -> its version, for all that were tried."""

    unavailable: Mapping[str, str] = field(default_factory=dict)
    """Metric -> why it could not be measured."""

    @property
    def target_bpp(self) -> float | None:
        """Bits per pixel that the codec was asked for; None where it was asked for a quality."""
        return None if self.asked.kind == "quality" else self.asked.value


def open_run(folder: Path) -> "Run":
    """Open a run folder.

    Raises:
        MediaError: it is none, or of another version.
    """
    path = Path(folder) / "run.json"
    if not path.is_file():
        raise MediaError(f"{folder}: is no run folder (no run.json); make one with mgv rd run")
    facts = read_json(path)
    if facts.get("version") != LAYOUT_VERSION:
        raise MediaError(
            f"{path}: layout version {facts.get('version')}, expected {LAYOUT_VERSION}; measure again with this mgv"
        )
    return Run(Path(folder), facts)


class Run:
    """A run folder as clips and points; made by `open_run`.

    What is read stays as it was when first asked for; open the run again to see what came since.
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        self.folder = folder
        self.facts = facts
        """Of `run.json`."""

    @cached_property
    def clips(self) -> list[RunClip]:
        """Clips, in order of name; MediaError if the facts of one are damaged."""
        return [read_clip(path) for path in sorted((self.folder / "clips").glob("*.json"))]

    @cached_property
    def points(self) -> list[RunPoint]:
        """Points that are done, by clip, codec and rate, lowest first; MediaError if one is damaged."""
        paths = (self.folder / "points").glob("*/*/*.json")
        points = [read_point(path) for path in paths]
        return sorted(points, key=lambda point: (point.clip, point.codec, point.bpp, point.label))

    def clip(self, name: str) -> RunClip:
        """Give a clip by its name; KeyError if there is none."""
        for clip in self.clips:
            if clip.name == name:
                return clip
        raise KeyError(name)

    def source(self, clip: RunClip) -> SourceClip:
        """Give a clip as codecs take it."""
        return SourceClip(clip.name, self.folder / "clips" / f"{clip.name}.mov", clip.format)

    def frames(self, point: RunPoint) -> Iterator[Frame]:
        """Decode the coded file of a point once more, by its own codec.

        Yields:
            uint8 `[H, W, 3]`, every frame: 8-bit 4:2:0, as it was measured, in RGB.

        Raises:
            MissingToolError, WeightsError: the codec or its weights are not there any more.
            MediaError: its file is missing or can't be decoded.
        """
        codec, clip = codec_from_spec(point.spec), self.clip(point.clip)
        to_rgb = PlanesToRgb(clip.colour)
        with _decoding(point.file), tempfile.TemporaryDirectory(prefix="mgv-rd-") as name:
            raw = Path(name) / "frames.yuv"
            codec.decode(point.file, self.source(clip), raw, Path(name))
            for planes in read_planes(raw, (clip.width, clip.height), clip.num_frames):
                yield to_rgb.convert(planes)

    def source_frames(self, clip: RunClip) -> Iterator[Frame]:
        """Give the prepared frames of a clip.

        Yields:
            uint8 `[H, W, 3]`.

        Raises:
            MediaError: they are missing or can't be decoded.
        """
        to_rgb, source = PlanesToRgb(clip.colour), self.source(clip)
        with _decoding(source.path), tempfile.TemporaryDirectory(prefix="mgv-rd-") as name:
            for planes in clip_frames(source, Path(name)):
                yield to_rgb.convert(planes)


@contextmanager
def _decoding(file: Path) -> Iterator[None]:
    """Say of a file of a run that is missing or fails to decode how to get it back."""
    remedy = "the same `mgv rd run` once more makes it anew"
    if not file.is_file():
        raise MediaError(f"{file}: is missing; {remedy}")
    try:
        yield
    except CodecError as error:
        raise MediaError(f"{file}: can't be decoded: {error}; if it is damaged, {remedy}") from error


def point_folder(run: Path, clip: str, codec: str) -> Path:
    """Give the folder of the points of one clip and codec."""
    return run / "points" / clip / codec


def features_file(point: RunPoint) -> Path:
    """Give the file that holds the video features of a point, of `source` and `decoded`, where fvd was measured."""
    return point.file.with_name(f"{point.label}.features.npz")


def read_clip(path: Path) -> RunClip:
    """Read the facts of a prepared clip.

    Raises:
        MediaError: they are none.
    """
    return _from_json(path, clip_from_json)


def read_point(path: Path) -> RunPoint:
    """Read what was measured of a point.

    Raises:
        MediaError: it is none.
    """
    return _from_json(path, lambda facts: point_from_json(facts, path.parent))


def _from_json(path: Path, make: Callable[[Mapping[str, Any]], _Facts]) -> _Facts:
    facts = read_json(path)
    try:
        return make(facts)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise MediaError(
            f"{path}: lacks what this mgv writes there ({type(error).__name__}: {error}); remove it and run "
            "`mgv rd run` once more, which makes it anew"
        ) from error


def clip_to_json(clip: RunClip) -> dict[str, Any]:
    """Give a clip as plain values; inverse: `clip_from_json`."""
    return {**asdict(clip), "frame_rate": str(clip.frame_rate)}


def clip_from_json(facts: Mapping[str, Any]) -> RunClip:
    """Read a clip from plain values."""
    return RunClip(
        **{**facts, "frame_rate": Fraction(facts["frame_rate"]), "colour": Colour(**facts["colour"])}
    )


def point_to_json(point: RunPoint) -> dict[str, Any]:
    """Give a point as plain values; inverse: `point_from_json`."""
    return {**asdict(replace(point, file=Path())), "file": point.file.name}


def point_from_json(facts: Mapping[str, Any], folder: Path) -> RunPoint:
    """Read a point from plain values; its coded file is in `folder`."""
    return RunPoint(
        **{
            **facts,
            "asked": Rate(**facts["asked"]),
            "reached": Rate(**facts["reached"]),
            "file": folder / facts["file"],
            "spec": CodecSpec(**facts["spec"]),
            "commands": tuple(facts["commands"]),
            "encode": Cost(**facts["encode"]),
            "decode": Cost(**facts["decode"]),
            "frame_metrics": {name: tuple(values) for name, values in facts["frame_metrics"].items()},
        }
    )


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        MediaError: it is none.
    """
    try:
        facts = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise MediaError(f"{path}: can't be read as JSON: {error}") from error
    if not isinstance(facts, dict):
        raise MediaError(f"{path}: holds a {type(facts).__name__}, expected an object")
    return facts


def write_json(path: Path, facts: Mapping[str, Any]) -> None:
    """Write a JSON object that is there whole or not at all; several processes may write beside each other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        json.dump(facts, file, indent=1)
        file.write("\n")
    Path(part).chmod(0o644)
    os.replace(part, path)
