"""Which clips a run is over: a folder, a TOML manifest, or a data set that the user has downloaded."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from ...codec import VIDEO_SUFFIXES, MediaError, OptionError

Size = tuple[int, int]

THESIS_SIZE = (640, 360)
"""To which the thesis scales MCL-JCV (5.4.3)."""

RAW_SUFFIX = ".yuv"
RAW_NAME = re.compile(r"_(\d+)x(\d+)_(\d+)fps(?:_420)?(?:_(8|10)bit)?", re.IGNORECASE)
"""How UVG names its files: width, height, frame rate, bit depth."""


@dataclass(frozen=True)
class RawFormat:
    """What a .yuv file doesn't say of itself; the fields of the TOML file of the same name beside it."""

    width: int
    height: int
    frame_rate: Fraction
    pixel_format: str = "yuv420p"
    """By its ffmpeg name."""


@dataclass(frozen=True)
class ClipSource:
    """One clip to be measured."""

    name: str
    path: Path
    start: int = 0
    """First frame."""

    frames: int | None = None
    """Frames from there on; all if None."""

    size: Size | None = None
    """(width, height) to scale to, by Lanczos; the source's own if None."""

    raw: RawFormat | None = None
    """Of a .yuv file."""

    def __post_init__(self) -> None:
        if self.start < 0 or (self.frames is not None and self.frames < 1):
            raise OptionError(
                f"{self.name}: start is {self.start}, frames {self.frames}, expected 0 and 1 or more"
            )
        if self.size is not None and min(self.size) < 1:
            raise OptionError(f"{self.name}: size is {self.size}, expected positive numbers")


@dataclass(frozen=True)
class Preset:
    """A known data set."""

    title: str
    num_clips: int
    size: Size


PRESETS = {
    "mcl-jcv-360p": Preset("MCL-JCV", 30, THESIS_SIZE),
    "uvg": Preset("UVG", 7, THESIS_SIZE),
}
"""Name -> what is done with the folder that the user downloaded."""


def read_dataset(
    path: Path, preset: str | None = None, *, size: Size | None = None, frames: int | None = None
) -> list[ClipSource]:
    """List the clips of a folder or a manifest, in order of name.

    Args:
        path: folder with video files, or a TOML file with a table `[[clip]]` each: `path` (relative to it), and
            perhaps `name`, `start`, `frames`, `width` and `height`.
        preset: one of `PRESETS`, for what is in the folder.
        size: (width, height) to scale all to, where neither manifest nor preset says.
        frames: take so many of each at most, where the manifest does not say.

    Raises:
        MediaError: it is missing, or holds no video.
        OptionError: the manifest has an unknown or wrong field, or two clips one name.
    """
    if preset is not None:
        if preset not in PRESETS:
            raise OptionError(f"data set is {preset!r}, expected one of {', '.join(PRESETS)}")
        size = size or PRESETS[preset].size
    if path.is_dir():
        clips = [_from_file(file) for file in find_videos(path)]
    elif path.suffix == ".toml" and path.is_file():
        clips = _from_manifest(path)
    else:
        raise MediaError(f"{path}: expected a folder of clips, or a manifest .toml")
    clips = [
        replace(clip, size=clip.size or size, frames=frames if clip.frames is None else clip.frames)
        for clip in clips
    ]
    names = [clip.name for clip in clips]
    for name in names:
        if names.count(name) > 1:
            raise OptionError(f"{path}: two clips are called {name!r}; a manifest can give them names")
    return sorted(clips, key=lambda clip: clip.name)


def find_videos(folder: Path) -> list[Path]:
    """List the video files of a folder, raw ones too.

    Raises:
        MediaError: there are none.
    """
    suffixes = VIDEO_SUFFIXES | {RAW_SUFFIX}
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
    if not found:
        raise MediaError(f"{folder}: no video file in this folder")
    return found


def clip_name(path: Path) -> str:
    """Name a clip after its file, in letters, digits, `.`, `_`, `-`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip(".-") or "clip"


def read_raw_format(path: Path) -> RawFormat:
    """Find out what a .yuv file holds: from the TOML file beside it, else from its name.

    Raises:
        MediaError: neither says.
        OptionError: the TOML file has an unknown or wrong field.
    """
    sidecar = path.with_suffix(".toml")
    if sidecar.is_file():
        facts = _only_known(_read_toml(sidecar), RawFormat, sidecar)
        try:
            return RawFormat(**{**facts, "frame_rate": Fraction(str(facts["frame_rate"]))})
        except (KeyError, TypeError, ValueError) as error:
            raise OptionError(f"{sidecar}: expected width, height and frame_rate ({error})") from error
    named = RAW_NAME.search(path.name)
    if named is None:
        raise MediaError(
            f"{path}: a raw file says neither size nor rate; put them in {sidecar.name}: "
            "width = 1920, height = 1080, frame_rate = 30"
        )
    width, height, rate, depth = named.groups()
    pixel_format = "yuv420p10le" if depth == "10" else "yuv420p"
    return RawFormat(int(width), int(height), Fraction(int(rate)), pixel_format)


def _from_file(path: Path) -> ClipSource:
    raw = read_raw_format(path) if path.suffix.lower() == RAW_SUFFIX else None
    return ClipSource(clip_name(path), path, raw=raw)


def _from_manifest(manifest: Path) -> list[ClipSource]:
    facts = _read_toml(manifest)
    entries: Sequence[Any] = facts.get("clip", [])
    if set(facts) != {"clip"} or not isinstance(entries, list) or not entries:
        raise OptionError(f"{manifest}: expected tables [[clip]] and nothing else")
    return [_from_entry(entry, manifest) for entry in entries]


def _from_entry(entry: Mapping[str, Any], manifest: Path) -> ClipSource:
    known = {"path": str, "name": str, "start": int, "frames": int, "width": int, "height": int}
    for key, value in entry.items():
        if key not in known or not isinstance(value, known[key]):
            raise OptionError(f"{manifest}: {key} = {value!r}, expected {', '.join(known)}")
    if "path" not in entry or ("width" in entry) != ("height" in entry):
        raise OptionError(f"{manifest}: a [[clip]] needs path, and width and height together or not at all")
    clip = _from_file(manifest.parent / entry["path"])
    if not clip.path.is_file():
        raise MediaError(f"{clip.path}: no such file (named in {manifest.name})")
    size = (entry["width"], entry["height"]) if "width" in entry else None
    return replace(
        clip,
        name=clip_name(Path(entry.get("name", clip.name) + ".x")),
        start=entry.get("start", 0),
        frames=entry.get("frames"),
        size=size,
    )


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"{path}: no TOML: {error}") from error


def _only_known(facts: Mapping[str, Any], kind: type[RawFormat], path: Path) -> Mapping[str, Any]:
    known = {field.name for field in fields(kind)}
    for key in facts:
        if key not in known:
            raise OptionError(f"{path}: no field {key!r}, expected {', '.join(sorted(known))}")
    return facts
