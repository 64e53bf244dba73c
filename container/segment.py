"""The contents of a file: segments with their layers and times, audio packets, and the index over them."""

from __future__ import annotations

import bisect
import math
import zlib
from dataclasses import dataclass

from .errors import CorruptError
from .limits import (
    MAX_AUDIO_PACKET_BYTES,
    MAX_AUDIO_STREAMS,
    MAX_BITS_PER_TOKEN,
    MAX_FRAMES,
    MAX_INDEX_ENTRIES,
    MAX_MOTION_BYTES,
    MAX_PTS,
    MAX_SEGMENT_FRAMES,
    MAX_SEGMENT_TOKENS,
    check_each,
    check_limit,
    check_range,
    check_size,
)
from .views import WHOLE, View


def crc32(data: bytes) -> int:
    """Give the CRC-32 that every checksum of the format is: that of zlib, gzip and PNG.

    Its register starts at all ones, so a run of zeros in place of a chunk header never fits.

    Returns:
        An integer in `[0, 2**32)`.
    """
    return zlib.crc32(data)


@dataclass(frozen=True)
class Layer:
    """The coded bytes of one step of bit depth.

    Raises:
        CorruptError: on construction, if `coded_crc` is not that of `payload`.
    """

    payload: bytes
    """The entropy coder's output, which it may leave empty."""
    coded_crc: int
    """CRC-32 of `payload`."""
    decoded_crc: int
    """CRC-32 of the layer's bits, packed in FORMAT.md's order; checked by whoever decodes them."""

    def __post_init__(self) -> None:
        check_range("decoded_crc", self.decoded_crc, 0, (1 << 32) - 1)
        if crc32(self.payload) != self.coded_crc:
            raise CorruptError("the coded bytes of a layer do not fit their CRC", field="coded_crc")

    @classmethod
    def from_payload(cls, payload: bytes, decoded_crc: int) -> Layer:
        """Make a layer of a coder's output and work out `coded_crc`."""
        return cls(payload, crc32(payload), decoded_crc)


@dataclass(frozen=True)
class Segment:
    """Frames coded together and decodable alone (random access point).

    Raises:
        CorruptError, LimitError: on construction, for a value outside its range.
    """

    first_frame: int
    """Number of its first frame in the file, from 0."""
    num_frames: int
    """Frames it gives when decoded and cut to length, 1 to 4096."""
    latent_shape: tuple[int, int, int]
    """Token grid `(t, h, w)`."""
    layers: tuple[Layer, ...]
    """Coarse to fine, at least one; fewer than the header's `bit_depths` where the finest are absent."""

    def __post_init__(self) -> None:
        check_range("first_frame", self.first_frame, 0, MAX_FRAMES - 1)
        check_size("num_frames", self.num_frames, MAX_SEGMENT_FRAMES)
        check_limit("first_frame + num_frames", self.first_frame + self.num_frames, MAX_FRAMES)
        if len(self.latent_shape) != 3:
            raise CorruptError(
                f"latent_shape {self.latent_shape} has not three numbers", field="latent_shape"
            )
        check_each("latent_shape", self.latent_shape, 1, (1 << 16) - 1)
        check_limit("tokens in a segment", math.prod(self.latent_shape), MAX_SEGMENT_TOKENS)
        check_size("num_layers", len(self.layers), MAX_BITS_PER_TOKEN)

    @property
    def end_frame(self) -> int:
        """Number of the first frame after this segment."""
        return self.first_frame + self.num_frames


@dataclass(frozen=True)
class Timing:
    """When each frame of a segment is shown, and where what it shows is in the coded picture.

    Raises:
        CorruptError, LimitError: on construction, if times do not rise or are out of range, views too few or motion
            too long.
    """

    pts: tuple[int, ...]
    """Presentation times in units of the time base, one a frame, strictly rising."""
    last_duration: int
    """How long the last frame is shown, in units of the time base, at least 1."""
    views: tuple[View, ...] = ()
    """One a frame; none where every frame is the coded picture: views that are all `WHOLE` are left out."""
    motion: bytes = b""
    """How what is seen moves, coded as FORMAT.md 3.4.2 has it; empty where nothing was aligned."""

    def __post_init__(self) -> None:
        check_size("frames of a TIME chunk", len(self.pts), MAX_SEGMENT_FRAMES)
        check_each("pts", self.pts, -MAX_PTS, MAX_PTS)
        check_range("last_duration", self.last_duration, 1, MAX_PTS)
        if self.views and len(self.views) != len(self.pts):
            raise CorruptError(f"{len(self.views)} views for {len(self.pts)} frames", field="views")
        if all(view == WHOLE for view in self.views):
            object.__setattr__(self, "views", ())
        check_limit("bytes of motion", len(self.motion), MAX_MOTION_BYTES)
        if any(early >= late for early, late in zip(self.pts, self.pts[1:], strict=False)):
            raise CorruptError("the presentation times of a segment do not rise", field="pts")

    @classmethod
    def nominal(cls, first_pts: int, num_frames: int, tick: int) -> Timing:
        """Make the timing of frames that come at an even `tick`."""
        return cls(tuple(range(first_pts, first_pts + num_frames * tick, tick)), tick)

    def is_even(self, tick: int) -> bool:
        """Tell whether every frame lasts exactly one `tick`."""
        first = self.pts[0]
        even = range(first, first + len(self.pts) * tick, tick)
        return self.last_duration == tick and self.pts == tuple(even)

    def is_nominal(self, tick: int) -> bool:
        """Tell whether every frame lasts exactly one `tick` and is the coded picture: no TIME chunk is needed."""
        return not self.views and not self.motion and self.is_even(tick)


@dataclass(frozen=True)
class TimedSegment:
    """A segment as a reader gives it: with its times and its place in the file."""

    segment: Segment
    """What is to be decoded."""
    timing: Timing
    """When its frames are shown; worked out from the tick where the file has no TIME chunk for it."""
    offset_bytes: int
    """Where its first chunk (TIME, else SEGM) starts, counted from the first byte of the signature."""


@dataclass(frozen=True)
class AudioPacket:
    """One packet of an audio stream, as the source had it.

    Raises:
        CorruptError, LimitError: on construction, for a value outside its range.
    """

    stream: int
    """The `AudioHeader.stream` it belongs to."""
    pts: int | None
    """Presentation time in units of the stream's time base, if known."""
    dts: int | None
    """Decoding time in units of the stream's time base, if known."""
    duration: int
    """In units of the stream's time base; 0 is unknown."""
    is_key: bool
    """Whether a decoder may start here."""
    data: bytes
    """The packet itself."""

    def __post_init__(self) -> None:
        check_range("stream", self.stream, 0, MAX_AUDIO_STREAMS - 1)
        for field, time in (("pts", self.pts), ("dts", self.dts)):
            if time is not None:
                check_range(field, time, -MAX_PTS, MAX_PTS)
        check_range("duration", self.duration, 0, MAX_PTS)
        check_range("is_key", self.is_key, 0, 1)
        check_limit("bytes of an audio packet", len(self.data), MAX_AUDIO_PACKET_BYTES)


@dataclass(frozen=True)
class IndexEntry:
    """Where one segment is."""

    first_frame: int
    """Number of its first frame in the file."""
    pts: int
    """Presentation time of that frame, in units of the time base."""
    offset_bytes: int
    """Where its first chunk (TIME, else SEGM) starts, counted from the first byte of the signature."""

    def __post_init__(self) -> None:
        check_range("first_frame", self.first_frame, 0, MAX_FRAMES - 1)
        check_range("pts", self.pts, -MAX_PTS, MAX_PTS)
        check_range("offset_bytes", self.offset_bytes, 0, (1 << 63) - 1)


@dataclass(frozen=True)
class Index:
    """Where every segment is.

    Raises:
        CorruptError, LimitError: on construction, if frames, times or offsets do not rise, or are too many.
    """

    entries: tuple[IndexEntry, ...]
    """One a segment, in file order."""
    num_frames: int
    """Frames in the file: one more than the number of the last."""

    def __post_init__(self) -> None:
        check_limit("segments in the index", len(self.entries), MAX_INDEX_ENTRIES)
        check_range("num_frames", self.num_frames, 0, MAX_FRAMES)
        for early, late in zip(self.entries, self.entries[1:], strict=False):
            for field in ("first_frame", "pts", "offset_bytes"):
                if getattr(early, field) >= getattr(late, field):
                    raise CorruptError(f"{field} does not rise in the index", field=field)
        if self.entries and self.entries[-1].first_frame >= self.num_frames:
            raise CorruptError("the index names a segment after the last frame", field="num_frames")

    def find(self, pts: int) -> int:
        """Give the position of the segment that holds the time `pts`; 0 for times before the first.

        Raises:
            IndexError: if there is no segment at all.
        """
        if not self.entries:
            raise IndexError("the file has no segment")
        return max(0, bisect.bisect_right(self.entries, pts, key=lambda entry: entry.pts) - 1)
