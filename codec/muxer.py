"""MP4 and Matroska output: frames through x264 or FFV1, audio packets as they are."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, BinaryIO

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from ..container import AudioHeader, AudioPacket, Colour
from .audio import add_audio_stream, pack_packet
from .colour import MATRIX_RGB, RANGE_FULL, RANGE_LIMITED, RgbToFrame, with_matrix, yuv_colour
from .errors import OutputError
from .video_format import VideoFormat

_MAX_RATE_DENOMINATOR = 100_000
_MAX_TIMESCALE = (1 << 31) - 1
_X264_OPTIONS = {"preset": "veryfast", "crf": "12", "bf": "0"}
"""Visually transparent; without B-frames, so that MP4 keeps the duration of every frame, the last one's too."""
_FFV1_OPTIONS = {"level": "3", "slicecrc": "1", "g": "1"}


class MuxWriter:
    """Encodes frames and multiplexes them with audio.

    x264 writes 4:2:0, which needs even sizes: a picture with an odd side is written as 4:4:4. FFV1 writes
    RGB, without loss. MP4 keeps times exactly; Matroska counts in milliseconds, to which they are rounded.

    Args:
        file: to be written; MP4 must seek in it, Matroska need not.
        format_name: FFmpeg's name of the format: `mp4`, `mov` or `matroska`.
        codec: `x264` or `ffv1`.
        picture: what is fixed about the frames.
        audio: streams; packets name them by `AudioHeader.stream`.
        metadata: tags such as `title`.

    Raises:
        OutputError: the format can't hold that.
    """

    def __init__(
        self,
        file: BinaryIO,
        format_name: str,
        codec: str,
        picture: VideoFormat,
        audio: Sequence[AudioHeader] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self._time_base = picture.time_base
        self._durations: dict[int, int] = {}
        self._warnings: list[str] = []
        pixel_format, colour = _encoded_as(codec, picture)
        self._to_frame = RgbToFrame(pixel_format, colour)
        options = _muxer_options(format_name, picture, audio)
        self._container = av.open(file, "w", format=format_name, container_options=options)
        self._container.metadata.update(metadata or {})
        self._video = self._container.add_stream(
            "ffv1" if codec == "ffv1" else "libx264",
            rate=picture.frame_rate.limit_denominator(_MAX_RATE_DENOMINATOR),
            options=_FFV1_OPTIONS if codec == "ffv1" else _X264_OPTIONS,
            width=picture.width,
            height=picture.height,
            time_base=picture.time_base,
        )
        context = self._video.codec_context
        context.pix_fmt = pixel_format
        context.sample_aspect_ratio = picture.sample_aspect
        context.color_primaries, context.color_trc = colour.primaries, colour.transfer
        context.colorspace = colour.matrix
        context.color_range = RANGE_FULL if colour.full_range else RANGE_LIMITED
        if codec == "ffv1" and picture.sample_aspect != 1:
            self._warnings.append(
                f"ffv1 in Matroska loses the sample aspect {picture.sample_aspect}; x264 keeps it"
            )
        if picture.rotation_degrees:
            self._video.set_display_rotation(-picture.rotation_degrees)
        self._audio = {header.stream: (add_audio_stream(self._container, header), header) for header in audio}
        try:
            self._container.start_encoding()
        except av.FFmpegError as error:
            streams = ", ".join([codec, *(header.codec for header in audio)])
            hint = "" if format_name == "matroska" else "; try .mkv"
            raise OutputError(f"{format_name} can't hold {streams} ({error.strerror}){hint}") from error

    def write_frame(self, rgb: NDArray[np.uint8], pts: int, duration: int) -> None:
        """Encode uint8 `[H, W, 3]`; `pts` later than that of the frame before."""
        frame = self._to_frame.convert(rgb)
        frame.pts = pts
        frame.time_base = self._time_base
        frame.pict_type = PictureType.NONE
        self._durations[pts] = duration
        self._encode(frame)

    def write_audio(self, packet: AudioPacket) -> None:
        """Pass a packet through to its stream."""
        stream, header = self._audio[packet.stream]
        self._mux(pack_packet(packet, stream, header.time_base))

    def finish(self) -> None:
        """Write what the encoder still holds, and the file's end."""
        self._encode(None)
        try:
            self._container.close()
        except av.FFmpegError as error:
            raise _failed(error) from error

    def abort(self) -> None:
        """Let go of the encoder; what was written may be incomplete."""
        with suppress(av.FFmpegError, OSError, ValueError):
            self._container.close()

    def warnings(self) -> list[str]:
        """Say what was not kept, a line each."""
        return self._warnings

    def _encode(self, frame: av.VideoFrame | None) -> None:
        try:
            packets = self._video.encode(frame)
        except av.FFmpegError as error:
            raise _failed(error) from error
        for packet in packets:
            packet.duration = self._durations.pop(packet.pts or 0, 0)
            self._mux(packet)

    def _mux(self, packet: "av.Packet[Any]") -> None:
        try:
            self._container.mux(packet)
        except av.FFmpegError as error:
            raise _failed(error) from error


def _encoded_as(codec: str, picture: VideoFormat) -> tuple[str, Colour]:
    """Choose the pixel format and its colours."""
    if codec == "ffv1":
        return "bgr0", with_matrix(picture.colour, MATRIX_RGB)
    is_odd = picture.width % 2 or picture.height % 2
    return "yuv444p" if is_odd else "yuv420p", yuv_colour(picture.colour, picture.height)


def _muxer_options(format_name: str, picture: VideoFormat, audio: Sequence[AudioHeader]) -> dict[str, str]:
    """Choose time scales in which every start and duration is a whole number."""
    if format_name == "matroska":
        return {"avoid_negative_ts": "disabled"}
    denominators = [picture.time_base.denominator, *(header.time_base.denominator for header in audio)]
    scale = math.lcm(*denominators)
    movie_scale = scale if scale <= _MAX_TIMESCALE else denominators[0]
    return {"video_track_timescale": str(denominators[0]), "movie_timescale": str(movie_scale)}


def _failed(error: av.FFmpegError) -> OutputError:
    return OutputError(f"the output can't be written: {error.strerror}")
