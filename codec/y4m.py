"""YUV4MPEG2: uncompressed 4:4:4 frames, written one after the other, to a file or a pipe."""

from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..container import AudioPacket
from .colour import RgbToFrame, default_matrix, with_matrix
from .video_format import VideoFormat


class Y4mWriter:
    """Writes frames at the nominal rate, without audio.

    The format has no place for rotation, so the pixels are turned; none for timestamps, so every frame lasts
    one tick; and none for the matrix, so it is the one that a reader guesses from the height.
    """

    def __init__(self, file: BinaryIO, picture: VideoFormat) -> None:
        self._file = file
        self._tick = picture.tick
        self._next_pts: int | None = None
        self._num_off_tick = 0
        self._quarter_turns = picture.rotation_degrees // 90
        width, height, aspect = picture.width, picture.height, picture.sample_aspect
        if self._quarter_turns % 2:
            width, height, aspect = height, width, 1 / aspect
        colour = with_matrix(picture.colour, default_matrix(height))
        self._to_frame = RgbToFrame("yuv444p", colour)
        rate = picture.frame_rate
        self._file.write(
            f"YUV4MPEG2 W{width} H{height} F{rate.numerator}:{rate.denominator} Ip "
            f"A{aspect.numerator}:{aspect.denominator} C444 "
            f"XCOLORRANGE={'FULL' if colour.full_range else 'LIMITED'}\n".encode()
        )

    def write_frame(self, rgb: NDArray[np.uint8], pts: int, duration: int) -> None:
        """Write uint8 `[H, W, 3]`."""
        self._num_off_tick += self._next_pts not in (None, pts)
        self._next_pts = pts + self._tick
        frame = self._to_frame.convert(np.rot90(rgb, -self._quarter_turns))
        self._file.write(b"FRAME\n" + frame.to_ndarray().tobytes())

    def write_audio(self, packet: AudioPacket) -> None:
        """Leave the packet out."""

    def finish(self) -> None:
        """Push what is buffered."""
        self._file.flush()

    def abort(self) -> None:
        """Write nothing more."""

    def warnings(self) -> list[str]:
        """Say what was not kept, a line each."""
        if not self._num_off_tick:
            return []
        return [
            f"{self._num_off_tick} frames are off the nominal rate; y4m has no timestamps, .mp4 and .mkv do"
        ]
