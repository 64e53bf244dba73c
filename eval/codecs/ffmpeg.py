"""The ffmpeg binary: where it is, what it can do, raw frames of a clip through it."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ...codec import MissingToolError
from .clip import Planes, SourceClip, read_planes
from .errors import CodecError
from .process import run_measured

QUIET = ("-nostdin", "-hide_banner", "-loglevel", "error", "-y")


@cache
def find_ffmpeg(given: str | None = None) -> str:
    """Give the path of ffmpeg: the one named, else the binary that comes with imageio-ffmpeg.

    Raises:
        MissingToolError: it does not run.
    """
    import imageio_ffmpeg

    path: str = given or imageio_ffmpeg.get_ffmpeg_exe()
    try:
        subprocess.run([path, "-version"], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise MissingToolError(
            f"{path}: does not run as ffmpeg ({error}); pip install imageio-ffmpeg brings one"
        ) from error
    return path


@cache
def ffmpeg_version(ffmpeg: str) -> str:
    """Give the version that a binary states."""
    done = subprocess.run(
        [ffmpeg, "-version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    found = re.search(r"version (\S+)", done.stdout)
    return found.group(1) if found else "unknown"


@cache
def encoders_of(ffmpeg: str) -> frozenset[str]:
    """Name the video encoders of a binary."""
    done = subprocess.run(
        [ffmpeg, "-hide_banner", "-encoders"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return frozenset(re.findall(r"^ V\S+ (\S+)", done.stdout, re.MULTILINE))


@cache
def encoder_version(ffmpeg: str, encoder: str, pixel_format: str, muxer: str) -> str:
    """Let an encoder code one small frame and read its version off the stream or its log; "" where it tells none.

    Raises:
        MissingToolError: the binary doesn't have that encoder.
    """
    if encoder not in encoders_of(ffmpeg):
        raise MissingToolError(
            f"{ffmpeg} has no {encoder}; the binary of pip install imageio-ffmpeg does, --ffmpeg names another"
        )
    done = subprocess.run(
        [
            *(ffmpeg, "-nostdin", "-hide_banner", "-loglevel", "info"),
            *("-f", "lavfi", "-i", "testsrc2=s=128x128:r=25:d=0.04", "-pix_fmt", pixel_format),
            *("-c:v", encoder, "-f", muxer, "-"),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise MissingToolError(f"{ffmpeg}: its {encoder} does not work: {done.stderr[-200:]!r}")
    text = (done.stdout + done.stderr).decode("latin-1")
    patterns = (
        r"x264 - core (\d+(?: r\d+)?)",
        r"x265 \(build \d+\) - ([\w.+-]+)",
        r"SVT-AV1 Encoder Lib (\S+)",
        r"libvvenc version: (\S+)",
        r"\[lib(?:aom|vpx)\S* @ \w+\] v(\S+)",
    )
    found = [match.group(1) for pattern in patterns for match in [re.search(pattern, text)] if match]
    return found[0] if found else ""


def clip_frames(clip: SourceClip, scratch: Path) -> Iterator[Planes]:
    """Yield the frames of a prepared clip.

    Args:
        clip: in FFV1.
        scratch: folder for a raw file, which is removed at the end.
    """
    raw = scratch / f"source-{clip.path.stem}.yuv"
    try:
        write_clip_raw(clip, raw)
        yield from read_planes(raw, (clip.format.width, clip.format.height), clip.format.num_frames)
    finally:
        raw.unlink(missing_ok=True)


def write_clip_raw(clip: SourceClip, target: Path) -> None:
    """Write the frames of a prepared clip to a raw 8-bit 4:2:0 file.

    Raises:
        CodecError: they can't be read.
    """
    run_measured([find_ffmpeg(), *QUIET, "-noautorotate", "-i", str(clip.path), *RAW_OUTPUT, str(target)])


RAW_OUTPUT = ("-map", "0:v:0", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-fps_mode", "passthrough")


def count_ivf_payload(path: Path) -> int:
    """Count the bytes of an IVF file without its header of 32 bytes and the 12 before each frame.

    Raises:
        CodecError: it is cut.
    """
    size, offset, payload = path.stat().st_size, 32, 0
    with path.open("rb") as file:
        while offset < size:
            file.seek(offset)
            length = int.from_bytes(file.read(4), "little")
            payload += length
            offset += 12 + length
    if offset != size:
        raise CodecError(f"{path.name}: IVF frames end at byte {offset}, the file at {size}")
    return payload
