"""What an `.mgv` holds, read off its chunks without decoding them."""

from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

from ..container import AudioHeader, Header, Reader, TimedSegment
from .entropy import CODER_NAMES
from .files import FileOrPath, open_input
from .rate import audio_bytes, bits_per_pixel


@dataclass(frozen=True)
class AudioInfo:
    """One audio stream."""

    header: AudioHeader
    num_packets: int
    packet_bytes: int
    """Of the packets alone, without what holds them."""


@dataclass(frozen=True)
class FileInfo:
    """Facts about a whole `.mgv`."""

    header: Header
    metadata: dict[str, Any]
    audio: tuple[AudioInfo, ...]
    num_frames: int
    num_segments: int
    start_seconds: Fraction
    """Time of the first frame."""

    duration_seconds: Fraction
    """From the start of the first frame to the end of the last."""

    has_constant_rate: bool
    """Whether every frame follows the one before at the nominal tick."""

    layer_bytes: tuple[int, ...]
    """Coded bytes of each layer, summed over segments."""

    bytes_by_chunk: dict[str, int]
    """Bytes of each chunk type, frames of the chunks included; they sum up to the file's size."""

    raw_bits: int
    """Of the tokens of all segments at the bit depth that is kept, before entropy coding."""

    num_followed: int
    """Frames that are not the coded picture, because the encoder followed the camera."""

    motion_bytes: int
    """Of vectors by which what moves was aligned, before TIME is compressed."""

    @property
    def file_bytes(self) -> int:
        """Size of the file."""
        return sum(self.bytes_by_chunk.values())

    @property
    def video_bytes(self) -> int:
        """Size of the file without audio."""
        return self.file_bytes - audio_bytes(self.bytes_by_chunk)

    @property
    def bpp(self) -> float:
        """Bits per pixel: all bytes but those of audio, over source pixels."""
        return bits_per_pixel(self.video_bytes, self.header.width, self.header.height, self.num_frames)

    @property
    def frames_per_second(self) -> float:
        """Frames over duration."""
        return self.num_frames / float(self.duration_seconds) if self.duration_seconds else 0.0

    @property
    def coder_name(self) -> str:
        """Name of the entropy coder."""
        number = self.header.coder
        return CODER_NAMES[number] if number < len(CODER_NAMES) else f"unknown ({number})"


def read_info(source: FileOrPath) -> FileInfo:
    """Read a file through and say what is in it.

    Args:
        source: a path, or a binary file standing at the signature (a pipe will do).

    Raises:
        MediaError: it is missing or a folder.
        FormatError: it is no whole `.mgv`.
    """
    with open_input(source) as file:
        return _gather(Reader(file))


def _gather(reader: Reader) -> FileInfo:
    header = reader.header
    layer_bytes = [0] * len(header.bit_depths)
    packets = {audio.stream: [0, 0] for audio in reader.audio_headers}
    num_segments, num_frames, raw_bits, num_followed, motion_bytes = 0, 0, 0, 0, 0
    first_pts = next_pts = header.start_pts
    has_constant_rate = True
    for event in reader.events():
        if not isinstance(event, TimedSegment):
            packets[event.stream][0] += 1
            packets[event.stream][1] += len(event.data)
            continue
        segment, timing = event.segment, event.timing
        for index, layer in enumerate(segment.layers):
            layer_bytes[index] += len(layer.payload)
        if num_segments == 0:
            first_pts = next_pts = timing.pts[0]
        has_constant_rate &= timing.pts[0] == next_pts and timing.is_even(header.tick)
        raw_bits += prod(segment.latent_shape) * header.bit_depths[len(segment.layers) - 1]
        next_pts = timing.pts[-1] + timing.last_duration
        num_segments += 1
        num_frames += segment.num_frames
        num_followed += sum(any(view) for view in timing.views)
        motion_bytes += len(timing.motion)
    return FileInfo(
        header=header,
        metadata=reader.metadata,
        audio=tuple(AudioInfo(audio, *packets[audio.stream]) for audio in reader.audio_headers),
        num_frames=num_frames,
        num_segments=num_segments,
        start_seconds=first_pts * header.time_base,
        duration_seconds=(next_pts - first_pts) * header.time_base,
        has_constant_rate=has_constant_rate,
        layer_bytes=tuple(layer_bytes),
        bytes_by_chunk=dict(reader.bytes_by_chunk),
        raw_bits=raw_bits,
        num_followed=num_followed,
        motion_bytes=motion_bytes,
    )
