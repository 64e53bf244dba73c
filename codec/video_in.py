"""Video sources: any file or pipe that FFmpeg reads, as RGB frames and untouched audio packets."""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import av
import numpy as np
from numpy.typing import NDArray

from ..container import AudioHeader, AudioPacket, Colour
from .colour import FrameToRgb
from .demux import Demuxer
from .errors import MediaError
from .source_facts import describe_picture, describe_tags, is_mirrored, num_frames_estimated, picture_warnings
from .timing import FrameClock
from .video_format import VideoFormat


@dataclass(frozen=True)
class SourceFrame:
    """One picture of a source."""

    rgb: NDArray[np.uint8]
    """`[H, W, 3]`, in the source's own primaries and transfer; mirrored where asked for, but not turned."""

    pts: int
    """In units of the source's time base, later than that of the frame before."""

    duration: int
    """In the same units, at least 1."""


def open_source(source: str | os.PathLike[str] | BinaryIO) -> "VideoSource":
    """Open a video for reading; use it in a `with` statement.

    Args:
        source: a path, or a binary file that need not seek (a pipe can carry y4m, Matroska, MPEG-TS).

    Raises:
        MediaError: it is missing, empty, a folder, or no video.
    """
    with ExitStack() as stack:
        if isinstance(source, str | os.PathLike):
            name = os.fspath(source)
            file = stack.enter_context(_open_file(Path(name)))
        else:
            name, file = _name_of(source), source
        video = VideoSource(file, name)
        video.close_with(stack.pop_all())
        return video


class VideoSource:
    """A video being read once, front to back; made by `open_source`.

    Frames come in the order they are shown, packets in the order of the file; nothing is held but what the
    decoder needs.
    """

    format: VideoFormat
    audio: tuple[AudioHeader, ...]
    """Of the streams passed through; a packet's `stream` is an index into it."""

    metadata: dict[str, str]
    """`title`, `creation_time` and other tags, keys in lower case."""

    num_frames_estimated: int | None
    """As the file's own header has it; may be wrong."""

    warnings: list[str]
    """What of the source is not kept or looks wrong, a line each; may grow while frames are read."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._name = name
        self._resources = ExitStack()
        with ExitStack() as stack:
            self._demuxer = Demuxer(file, name)
            stack.callback(self._demuxer.close)
            self._items = self._demuxer.items()
            self._ahead, first = self._read_to_first_frame()
            self._first_pts: int | None = first.pts
            self._mirrored = is_mirrored(first)
            container, stream = self._demuxer.container, self._demuxer.video
            self.format = describe_picture(first, stream)
            self.audio = self._demuxer.audio
            self.metadata = describe_tags(container.metadata)
            self.num_frames_estimated = num_frames_estimated(container, stream, self.format)
            self.warnings = self._demuxer.warnings
            self.warnings += picture_warnings(first, self.format)
            self._resources = stack.pop_all()

    @property
    def width(self) -> int:
        """Columns of the stored picture."""
        return self.format.width

    @property
    def height(self) -> int:
        """Rows of the stored picture."""
        return self.format.height

    @property
    def sample_aspect(self) -> Fraction:
        """Width over height of a pixel."""
        return self.format.sample_aspect

    @property
    def rotation_degrees(self) -> int:
        """Clockwise turn for display."""
        return self.format.rotation_degrees

    @property
    def colour(self) -> Colour:
        """Colour tags, missing ones filled in."""
        return self.format.colour

    @property
    def time_base(self) -> Fraction:
        """Seconds per unit of a frame's pts."""
        return self.format.time_base

    @property
    def tick(self) -> int:
        """Nominal frame duration in time base units."""
        return self.format.tick

    def events(self) -> Iterator[SourceFrame | AudioPacket]:
        """Yield frames and audio packets as they come, once.

        Raises:
            MediaError: the video breaks off or can't be decoded, its frames change size, or go back in time.
        """
        clock = FrameClock(self.tick, self.time_base)
        to_rgb = FrameToRgb(self.colour)
        delay = max(0, -(self._first_pts or 0))
        for item in self._all_items():
            if isinstance(item, AudioPacket):
                yield self._delayed(item, delay)
                continue
            self._check_size(item, clock.num_frames)
            pts = clock.stamp(None if item.pts is None else item.pts + delay, item.dts)
            rgb = to_rgb.convert(item)
            rgb = np.ascontiguousarray(rgb[:, ::-1]) if self._mirrored else rgb
            yield SourceFrame(rgb, pts, item.duration or self.tick)
        self.warnings += clock.warnings()
        if self._demuxer.num_damaged:
            self.warnings.append(f"{self._demuxer.num_damaged} frames of the source are damaged or lost")

    def frames(self) -> Iterator[SourceFrame]:
        """Yield the frames alone; in place of `events`, not beside it."""
        return (event for event in self.events() if isinstance(event, SourceFrame))

    def close(self) -> None:
        """Close the source; a file object that the caller opened stays open."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close_with(self, resources: ExitStack) -> None:
        """Close `resources` too when the source is closed."""
        self._resources.push(resources)

    def _all_items(self) -> Iterator[av.VideoFrame | AudioPacket]:
        """Yield what was read ahead, then the rest; holds on to none of it."""
        while self._ahead:
            yield self._ahead.popleft()
        yield from self._items

    def _read_to_first_frame(self) -> tuple[deque[av.VideoFrame | AudioPacket], av.VideoFrame]:
        ahead: deque[av.VideoFrame | AudioPacket] = deque()
        for item in self._items:
            ahead.append(item)
            if not isinstance(item, AudioPacket):
                return ahead, item
        raise MediaError(f"{self._name}: its video stream holds no frame")

    def _check_size(self, frame: av.VideoFrame, index: int) -> None:
        if (frame.width, frame.height) != (self.width, self.height):
            raise MediaError(
                f"{self._name}: frame {index} is {frame.width}x{frame.height}, the first was "
                f"{self.width}x{self.height}; cut the source there or scale it to one size"
            )

    def _delayed(self, packet: AudioPacket, delay: int) -> AudioPacket:
        """Move a packet with the video where that is moved to start at 0."""
        if delay == 0:
            return packet
        units = round(delay * self.time_base / self.audio[packet.stream].time_base)
        pts = None if packet.pts is None else packet.pts + units
        return replace(packet, pts=pts, dts=None if packet.dts is None else packet.dts + units)


def _open_file(path: Path) -> BinaryIO:
    try:
        if path.is_dir():
            raise MediaError(f"{path}: is a folder, expected a video file")
        return path.open("rb")
    except FileNotFoundError:
        raise MediaError(f"{path}: no such file") from None
    except OSError as error:
        raise MediaError(f"{path}: can't be opened: {error.strerror or error}") from error


def _name_of(file: BinaryIO) -> str:
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else "the input"
