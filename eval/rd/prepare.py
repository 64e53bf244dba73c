"""Prepare a source for a run: its frames as 8-bit 4:2:0 of limited range at one rate, lossless, with checksums."""

import hashlib
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ...codec import Colour, MediaError, open_source
from ...codec.colour import default_matrix, yuv_colour
from ..codecs import ClipFormat, CodecError, SourceClip
from ..codecs.clip import plane_shapes
from ..codecs.ffmpeg import QUIET, find_ffmpeg, write_clip_raw
from ..codecs.process import run_measured
from .datasets import ClipSource
from .store import RunClip, clip_to_json, read_clip, write_json

MATRIX_NAMES = {1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc"}


def prepare_clip(source: ClipSource, run: Path) -> RunClip:
    """Write a clip into a run folder, unless it is there already, from the same file with the same options.

    Frames are a list at the source's nominal rate, whatever their times; rotation and sample aspect are left out.

    Raises:
        MediaError: the source can't be read, or holds no frame in that range.
    """
    folder = run / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    facts_file = folder / f"{source.name}.json"
    source_sha256 = file_sha256(source.path)
    wanted = {"start": source.start, "frames": source.frames, "size": source.size}
    if facts_file.is_file() and (folder / f"{source.name}.mov").is_file():
        kept = read_clip(facts_file)
        if kept.source_sha256 == source_sha256 and kept.options == repr(wanted):
            return kept
    look = _look_at(source)
    size, frame_rate, colour = source.size or look.size, look.frame_rate, look.colour
    target = folder / f"{source.name}.mov"
    _convert(source, target, look)
    with tempfile.TemporaryDirectory(prefix="mgv-rd-") as scratch:
        raw = Path(scratch) / "frames.yuv"
        clip_format = ClipFormat(*size, 1, frame_rate, colour)
        try:
            write_clip_raw(SourceClip(source.name, target, clip_format), raw)
        except CodecError as error:  # a .mov without frames has no stream
            target.unlink()
            raise MediaError(f"{source.path}: no frame from number {source.start} on ({error})") from error
        frame_bytes = sum(rows * columns for rows, columns in plane_shapes(*size))
        num_frames, sha256 = raw.stat().st_size // frame_bytes, file_sha256(raw)
    clip = RunClip(
        source.name,
        *size,
        num_frames,
        frame_rate,
        colour,
        sha256,
        source.path.name,
        source_sha256,
        repr(wanted),
    )
    write_json(facts_file, clip_to_json(clip))
    return clip


def file_sha256(path: Path) -> str:
    """Hash a file.

    Raises:
        MediaError: it can't be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MediaError(f"{path}: can't be read: {error.strerror or error}") from error


@dataclass(frozen=True)
class _Look:
    """What a source says of itself."""

    frame_rate: Fraction
    size: tuple[int, int]
    full_range: bool
    colour: Colour
    """Of the prepared frames: the source's matrix, but limited range; by convention where the source is RGB."""


def _look_at(source: ClipSource) -> _Look:
    raw = source.raw
    if raw is not None:
        matrix = default_matrix(raw.height)
        return _Look(raw.frame_rate, (raw.width, raw.height), False, Colour(matrix, matrix, matrix))
    with open_source(source.path) as video:
        colour = yuv_colour(video.colour, video.height)
        limited = Colour(colour.primaries, colour.transfer, colour.matrix, full_range=False)
        size = video.width, video.height
        return _Look(video.format.frame_rate, size, video.colour.full_range, limited)


def _convert(source: ClipSource, target: Path, look: _Look) -> None:
    frame_rate, colour = look.frame_rate, look.colour
    matrix = MATRIX_NAMES[colour.matrix]
    end = "" if source.frames is None else f":end_frame={source.start + source.frames}"
    size = "" if source.size is None else f"{source.size[0]}:{source.size[1]}:"
    filters = [
        f"trim=start_frame={source.start}{end}",
        f"scale={size}flags=lanczos+accurate_rnd+full_chroma_int+bitexact"
        f":in_color_matrix={matrix}:in_range={'full' if look.full_range else 'limited'}"
        f":out_color_matrix={matrix}:out_range=limited",
        "format=yuv420p",
        f"settb={frame_rate.denominator}/{frame_rate.numerator}",
        "setpts=N",
    ]
    raw = source.raw
    given = [] if raw is None else ["-f", "rawvideo", "-pix_fmt", raw.pixel_format]
    if raw is not None:
        given += ["-video_size", f"{raw.width}x{raw.height}", "-framerate", str(raw.frame_rate)]
    part = target.with_suffix(".part.mov")
    arguments = [find_ffmpeg(), *QUIET, "-noautorotate", *given, "-i", str(source.path)]
    arguments += [
        "-map",
        "0:v:0",
        "-map_metadata",
        "-1",
        "-vf",
        ",".join(filters),
        "-fps_mode",
        "passthrough",
    ]
    arguments += ["-sws_dither", "none", "-c:v", "ffv1", "-level", "3", "-g", "1", "-color_range", "tv"]
    arguments += ["-colorspace", str(colour.matrix), "-color_primaries", str(colour.primaries)]
    arguments += ["-color_trc", str(colour.transfer), str(part)]
    try:
        run_measured(arguments)
    except CodecError as error:
        part.unlink(missing_ok=True)
        raise MediaError(f"{source.path}: can't be prepared: {error}") from error
    part.replace(target)
