"""Video sinks: RGB frames and audio packets into MP4, Matroska or y4m. Mirror of `video_in.py`."""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from ..container import AudioHeader, AudioPacket
from .errors import OutputError
from .muxer import MuxWriter
from .output import open_output
from .video_format import VideoFormat
from .y4m import Y4mWriter

_FORMATS = {
    ".mp4": ("mp4", ("x264",)),
    ".m4v": ("mp4", ("x264",)),
    ".mov": ("mov", ("x264",)),
    ".mkv": ("matroska", ("x264", "ffv1")),
    ".y4m": ("y4m", ("y4m",)),
}
"""File name ending -> the format's name and the codecs it may hold, the default first."""


class VideoSink:
    """Takes the frames and packets of one video; use it in a `with` statement.

    A path appears under its name only when the block ends well; otherwise nothing is left of it.

    Args:
        target: a path ending in .mp4, .m4v, .mov, .mkv or .y4m, or a binary file, which need not seek and
            stays open.
        picture: what is fixed about the frames.
        codec: `x264` (visually transparent, the default of .mp4, .mov and .mkv), `ffv1` (lossless RGB, in
            .mkv) or `y4m` (uncompressed, the default of a binary file; it holds neither audio nor timestamps,
            and turned pictures are stored upright). A binary file gets x264 and ffv1 as Matroska.
        audio: audio streams to come.
        metadata: tags such as `title`.
        force: replace an existing file.
        source: what is being decoded, which must not be overwritten.

    Raises:
        OutputError: the target exists, can't be written, or can't hold what is asked.
    """

    def __init__(
        self,
        target: str | os.PathLike[str] | BinaryIO,
        picture: VideoFormat,
        *,
        codec: str | None = None,
        audio: Sequence[AudioHeader] = (),
        metadata: Mapping[str, str] | None = None,
        force: bool = False,
        source: object = None,
    ) -> None:
        format_name, codec = _choose_format(target, codec)
        self.num_frames = 0
        self._time_base_tick = picture.tick
        self._shape = (picture.height, picture.width, 3)
        self.warnings: list[str] = []
        """What could not be kept, a line each; complete after the `with` block."""
        with ExitStack() as stack:
            file = stack.enter_context(open_output(target, force=force, source=source))
            self._writer: MuxWriter | Y4mWriter
            if format_name == "y4m":
                self._writer = Y4mWriter(file, picture)
                if audio:
                    self.warnings.append("y4m holds no audio; it is left out")
            else:
                self._writer = MuxWriter(file, format_name, codec, picture, audio, metadata)
            stack.push(self._end_writer)
            self._resources = stack.pop_all()

    def write_frame(self, rgb: NDArray[np.uint8], pts: int, duration: int | None = None) -> None:
        """Write one frame.

        Args:
            rgb: uint8 `[H, W, 3]`, of the picture's size.
            pts: in units of its time base, later than that of the frame before.
            duration: likewise; the nominal tick if None.
        """
        if rgb.shape != self._shape or rgb.dtype != np.uint8:
            raise ValueError(f"frame is {rgb.dtype} {rgb.shape}, expected uint8 {self._shape}")
        self._writer.write_frame(rgb, pts, duration or self._time_base_tick)
        self.num_frames += 1

    def write_audio(self, packet: AudioPacket) -> None:
        """Write one audio packet, untouched, with its own times."""
        self._writer.write_audio(packet)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._resources.__exit__(error_type, error, traceback)

    def close(self) -> None:
        """Finish the file and give it its name; leaving the `with` block does the same."""
        self._resources.close()

    def _end_writer(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error_type is not None:
            self._writer.abort()
            return
        try:
            self._writer.finish()
        except BaseException:
            self._writer.abort()
            raise
        self.warnings += self._writer.warnings()


def _choose_format(target: str | os.PathLike[str] | BinaryIO, codec: str | None) -> tuple[str, str]:
    """Give the names of format and codec."""
    if not isinstance(target, str | os.PathLike):
        codec = codec or "y4m"
        if codec not in ("y4m", "x264", "ffv1"):
            raise OutputError(f"there is no codec {codec!r}; expected y4m, x264 or ffv1")
        return ("y4m" if codec == "y4m" else "matroska"), codec
    suffix = Path(target).suffix.lower()
    if suffix not in _FORMATS:
        raise OutputError(
            f"{target}: the ending {suffix!r} is no known format, expected {', '.join(_FORMATS)}"
        )
    format_name, codecs = _FORMATS[suffix]
    if codec is not None and codec not in codecs:
        raise OutputError(f"{target}: {suffix} does not hold {codec}, expected {' or '.join(codecs)}")
    return format_name, codec or codecs[0]
