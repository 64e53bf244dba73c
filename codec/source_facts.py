"""What the streams and the first frame of a source say about it."""

import math
import struct
from collections.abc import Mapping
from fractions import Fraction
from typing import cast

import av
from av.buffer import Buffer

from .colour import TRANSFER_HLG, TRANSFER_PQ, colour_of
from .errors import MediaError
from .timing import nominal_tick
from .video_format import VideoFormat

_TEXT_CODECS = frozenset({"ansi", "bintext", "xbin", "idf"})
"""Codecs by which FFmpeg renders text files as pictures."""

_TECHNICAL_TAGS = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "handler_name"}
)
MAX_TAG_CHARACTERS = 10_000


def pick_video(container: av.container.InputContainer, name: str) -> av.VideoStream:
    """Choose the first video stream that is no cover picture and no text.

    Raises:
        MediaError: there is none, or it is of a codec that is not known.
    """
    cover = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & cover]
    if streams and streams[0].codec_context and streams[0].codec_context.codec.canonical_name in _TEXT_CODECS:
        raise MediaError(f"{name}: is text, expected a video")
    if not streams:
        found = ", ".join(sorted({stream.type for stream in container.streams})) or "no streams"
        raise MediaError(f"{name}: holds no video (found: {found})")
    if streams[0].codec_context is None:
        raise MediaError(f"{name}: its video is of a codec that can't be decoded here; convert it first")
    return streams[0]


def describe_picture(frame: av.VideoFrame, stream: av.VideoStream) -> VideoFormat:
    """Read size, shape, colour and clock off a stream and its first frame.

    Raises:
        MediaError: the colours can't be converted.
    """
    time_base = Fraction(stream.time_base or Fraction(1, 90000))
    return VideoFormat(
        width=frame.width,
        height=frame.height,
        sample_aspect=Fraction(stream.sample_aspect_ratio or 1),
        rotation_degrees=rotation_degrees(frame),
        colour=colour_of(frame, stream.codec_context),
        time_base=time_base,
        tick=nominal_tick(stream.guessed_rate, time_base),
    )


def is_mirrored(frame: av.VideoFrame) -> bool:
    """Tell whether players are asked to mirror the picture, left to right, before they turn it."""
    a, b, c, d = _display_matrix(frame)
    return a * d - b * c < 0


def rotation_degrees(frame: av.VideoFrame) -> int:
    """Give the clockwise turn asked of players, to the nearest of 0, 90, 180 and 270."""
    a, b, _, _ = _display_matrix(frame)
    sign = -1 if is_mirrored(frame) else 1
    return round(math.degrees(math.atan2(sign * b, sign * a)) / 90) % 4 * 90


def picture_warnings(frame: av.VideoFrame, picture: VideoFormat) -> list[str]:
    """Say what of the picture is not kept, a line each."""
    warnings = []
    if frame.interlaced_frame:
        warnings.append("the source is interlaced; its fields are kept woven together, not deinterlaced")
    bits = max(component.bits for component in frame.format.components)
    if bits > 8:
        warnings.append(f"the source has {bits} bits per component; they are reduced to 8")
    if picture.colour.transfer in (TRANSFER_PQ, TRANSFER_HLG):
        name = "PQ" if picture.colour.transfer == TRANSFER_PQ else "HLG"
        warnings.append(f"the source is HDR ({name}); its tags are kept, but 8 bits may show bands")
    if _has_alpha(frame):
        warnings.append("the source has transparency, which is dropped")
    if frame.rotation % 90:
        warnings.append(f"the source is turned by {frame.rotation} degrees; only quarter turns are kept")
    return warnings


def describe_tags(metadata: dict[str, str]) -> dict[str, str]:
    """Keep the tags that mean something to people, keys in lower case."""
    return {
        key.lower(): value[:MAX_TAG_CHARACTERS]
        for key, value in metadata.items()
        if key.lower() not in _TECHNICAL_TAGS and value
    }


def num_frames_estimated(
    container: av.container.InputContainer, stream: av.VideoStream, picture: VideoFormat
) -> int | None:
    """Give the number of frames that the container claims or its duration implies, None if neither."""
    if stream.frames:
        return int(stream.frames)
    if stream.duration:
        return max(1, round(stream.duration / picture.tick))
    if container.duration:
        return max(1, round(Fraction(container.duration, av.time_base) * picture.frame_rate))
    return None


def _display_matrix(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """Give (a, b, c, d) that take a pixel at (x, y) to (ax + cy, bx + dy), in FFmpeg's fixed point."""
    side_data = cast(Mapping[str, Buffer], frame.side_data)
    if "DISPLAYMATRIX" not in side_data:
        return 1, 0, 0, 1
    a, b, _, c, d = struct.unpack_from("=5i", side_data["DISPLAYMATRIX"])
    return a, b, c, d


def _has_alpha(frame: av.VideoFrame) -> bool:
    return any(component.is_alpha for component in frame.format.components)
