"""Cutting a stream of frames and audio packets into segments of 1 + s*k frames, and those into chunks."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..container import AudioPacket
from ..container.limits import MAX_SEGMENT_TOKENS
from .options import OptionError
from .video_in import SourceFrame

DEFAULT_SEGMENT_FRAMES = 33
MAX_HELD_AUDIO_BYTES = 1 << 24


@dataclass(frozen=True)
class Chunk:
    """Frames that the tokenizer takes in one push."""

    rgb: NDArray[np.uint8]
    """`[T, H, W, 3]`, T = 1 + s*k in the first chunk of a segment and s*k in the others, padding included."""

    num_frames: int
    """Frames of the source among them; the rest repeats the last one."""


@dataclass(frozen=True)
class SegmentEnd:
    """What is known of a segment once its last chunk has gone by."""

    pts: tuple[int, ...]
    """Of each frame, strictly rising, in ticks of the source's time base."""

    last_duration: int
    """Of the last frame, in the same ticks."""

    audio: tuple[AudioPacket, ...]
    """Packets that start before the next segment does, in the source's order."""


@dataclass(frozen=True)
class SegmentShape:
    """How long segments and chunks are."""

    stride: int
    """Frames per latent frame after the first, s."""

    segment_frames: int
    """Nominal length of a segment, 1 + s*k."""

    chunk_latents: int
    """Latent frames per chunk at most, at least 1; what bounds the memory."""

    def __post_init__(self) -> None:
        if self.segment_frames < 1 or (self.segment_frames - 1) % self.stride:
            raise ValueError(f"segment length is {self.segment_frames} frames, expected 1 + {self.stride}k")
        if self.chunk_latents < 1:
            raise ValueError(f"chunk length is {self.chunk_latents} latent frames, expected at least 1")

    def chunk_frames(self, num_before: int) -> int:
        """Give the wanted number of frames of the chunk that follows `num_before` frames of the segment."""
        longest = self.stride * self.chunk_latents - (self.stride - 1 if num_before == 0 else 0)
        return min(longest, self.segment_frames - num_before)

    def num_latents(self, num_frames: int) -> int:
        """Give the latent frames of a segment of `num_frames` frames."""
        return 1 + -(-(num_frames - 1) // self.stride)


def longest_segment(strides: tuple[int, int, int], width: int, height: int) -> int:
    """Give the nominal length of a segment, less than usual where its tokens would be more than a file may have.

    Args:
        strides: frames, rows and columns per latent step.
        width: of the coded picture.
        height: of the coded picture.

    Raises:
        OptionError: one latent frame alone has too many.
    """
    num_tokens = -(-height // strides[1]) * -(-width // strides[2])
    most_latents = MAX_SEGMENT_TOKENS // num_tokens
    if most_latents < 1:
        raise OptionError(
            f"a picture of {width} x {height} has {num_tokens} tokens under strides {strides}, "
            f"a file may have {MAX_SEGMENT_TOKENS} a segment; choose a lower quality or another model"
        )
    return min(DEFAULT_SEGMENT_FRAMES, 1 + strides[0] * (most_latents - 1))


@dataclass
class _Open:
    """The segment being filled."""

    pts: list[int] = field(default_factory=list)
    last_duration: int = 0
    waiting: list[NDArray[np.uint8]] = field(default_factory=list)
    num_sent: int = 0


def cut_segments(
    events: Iterable[SourceFrame | AudioPacket],
    shape: SegmentShape,
    time_base: Fraction,
    audio_seconds: Callable[[AudioPacket], Fraction | None],
) -> Iterator[Chunk | SegmentEnd]:
    """Group frames into chunks, closing each segment with a `SegmentEnd`.

    Only the frames of one chunk are held. The last segment may be shorter, its last chunk padded by
    repetition.

    Args:
        events: frames and audio packets in the source's order.
        shape: segment and chunk lengths.
        time_base: seconds per tick of the frames' pts.
        audio_seconds: start of a packet in seconds, `None` where unknown (then it goes with its neighbours).
    """
    segment = _Open()
    audio: list[AudioPacket] = []
    for event in events:
        if isinstance(event, AudioPacket):
            audio.append(event)
            continue
        if len(segment.pts) == shape.segment_frames:
            due = _take_due(audio, event.pts * time_base, audio_seconds)
            yield SegmentEnd(tuple(segment.pts), segment.last_duration, due)
            segment = _Open()
        segment.pts.append(event.pts)
        segment.last_duration = event.duration
        segment.waiting.append(event.rgb)
        if len(segment.waiting) == shape.chunk_frames(segment.num_sent):
            yield _take_chunk(segment, len(segment.waiting))
    if segment.waiting:
        num_padded = 1 + shape.stride * (shape.num_latents(len(segment.pts)) - 1) - segment.num_sent
        yield _take_chunk(segment, num_padded)
    if segment.pts:
        yield SegmentEnd(tuple(segment.pts), segment.last_duration, tuple(audio))


def _take_chunk(segment: _Open, num_padded: int) -> Chunk:
    num_frames = len(segment.waiting)
    frames = segment.waiting + segment.waiting[-1:] * (num_padded - num_frames)
    segment.waiting = []
    segment.num_sent += num_frames
    return Chunk(np.stack(frames), num_frames)


def _take_due(
    audio: list[AudioPacket], end_seconds: Fraction, audio_seconds: Callable[[AudioPacket], Fraction | None]
) -> tuple[AudioPacket, ...]:
    """Remove from `audio` what starts before `end_seconds`; all of it where too much would be held."""
    if sum(len(packet.data) for packet in audio) > MAX_HELD_AUDIO_BYTES:
        due = list(audio)
    else:
        seconds = [audio_seconds(packet) for packet in audio]
        due = [p for p, start in zip(audio, seconds, strict=True) if start is None or start < end_seconds]
    kept = {id(packet) for packet in due}
    audio[:] = [packet for packet in audio if id(packet) not in kept]
    return tuple(due)
