"""Cutting a stream of frames and audio packets into segments of 1 + s*k frames, and those into chunks."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..container import AudioPacket, View
from ..container.limits import MAX_SEGMENT_FRAMES, MAX_SEGMENT_TOKENS
from .options import OptionError, whole_number
from .scene_cuts import SceneWatch
from .video_in import SourceFrame

DEFAULT_SEGMENT_FRAMES = 129
LARGE_SEGMENT_FRAMES = 33
"""The nominal length where the picture is so large that one of 33 frames has `MAX_HELD_TOKENS` or more."""

STILL_SEGMENT_FRAMES = 257
"""Up to which a segment runs on while the picture stands still."""

SHORTEST_SCENE_FRAMES = 5
"""Frames that a segment has before a scene cut may end it."""

MAX_HELD_TOKENS = 1 << 21
"""To which a segment of more than 33 frames is bounded: its latents, 4 bytes a dimension, are held until it ends."""

MAX_HELD_AUDIO_BYTES = 1 << 24


@dataclass(frozen=True)
class Chunk:
    """Frames that the tokenizer takes in one push."""

    rgb: NDArray[np.uint8]
    """`[T, H, W, 3]`, T = 1 + s*k in the first chunk of a segment and s*k in the others, padding included."""

    num_frames: int
    """Frames of the source among them; the rest repeats the last one."""

    views: tuple[View, ...] = ()
    """Where each of those lies in its picture; none where it is the picture."""

    motion: NDArray[np.int16] | None = None
    """How what is seen in each latent frame's frames moves, of which it is aligned, `[groups, rows, columns, 2]`; None
    where nothing was aligned. The first frame of a segment is in no group."""


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

    still_frames: int = 0
    """Length up to which a segment runs on while the picture stands still, 1 + s*k; 0 for the nominal one."""

    def __post_init__(self) -> None:
        if self.segment_frames < 1 or (self.segment_frames - 1) % self.stride:
            raise ValueError(f"segment length is {self.segment_frames} frames, expected 1 + {self.stride}k")
        if self.still_frames and (
            self.still_frames < self.segment_frames or (self.still_frames - 1) % self.stride
        ):
            raise ValueError(
                f"still segment length is {self.still_frames} frames, expected 1 + {self.stride}k "
                f"and at least {self.segment_frames}"
            )
        if self.chunk_latents < 1:
            raise ValueError(f"chunk length is {self.chunk_latents} latent frames, expected at least 1")

    def chunk_frames(self, num_before: int) -> int:
        """Give the wanted number of frames of the chunk that follows `num_before` frames of the segment."""
        longest = self.stride * self.chunk_latents - (self.stride - 1 if num_before == 0 else 0)
        end = self.segment_frames if num_before < self.segment_frames else self.still_frames
        return min(longest, end - num_before)

    def num_latents(self, num_frames: int) -> int:
        """Give the latent frames of a segment of `num_frames` frames."""
        return 1 + -(-(num_frames - 1) // self.stride)


@dataclass(frozen=True)
class SegmentLengths:
    """Frames that segments of one encoding have, each 1 + s*k."""

    nominal: int
    still: int
    """Up to which one runs on while the picture stands still."""


def check_segment_frames(wanted: int | None) -> None:
    """Refuse a length of segments that is below one frame, or above what a file may have.

    Raises:
        OptionError: it is.
    """
    if wanted is not None and not 1 <= whole_number("segment_frames", wanted) <= MAX_SEGMENT_FRAMES:
        raise OptionError(f"segment_frames is {wanted}, expected 1 to {MAX_SEGMENT_FRAMES}")


def segment_lengths(
    strides: tuple[int, int, int], coded: tuple[int, int], source: tuple[int, int], wanted: int | None = None
) -> SegmentLengths:
    """Choose how long segments are.

    Args:
        strides: frames, rows and columns per latent step.
        coded: width and height of the largest coded picture.
        source: width and height of the source's.
        wanted: most frames that a segment may have, at least 1; None for the usual length, which grows in still scenes.

    Raises:
        OptionError: one latent frame alone has too many tokens, or `wanted` is below 1 or too large.
    """
    check_segment_frames(wanted)
    nominal = longest_segment(strides, *coded, wanted)
    if wanted is not None:
        return SegmentLengths(nominal, nominal)
    return SegmentLengths(nominal, longest_still_segment(nominal, strides, *source))


def longest_segment(strides: tuple[int, int, int], width: int, height: int, wanted: int | None = None) -> int:
    """Give the nominal length of a segment: less than usual for large pictures, and what a file may have at most.

    Args:
        strides: frames, rows and columns per latent step.
        width: of the coded picture.
        height: of the coded picture.
        wanted: in place of the usual length.

    Raises:
        OptionError: one latent frame alone has too many.
    """
    num_tokens = _tokens_per_latent(strides, width, height)
    if num_tokens > MAX_SEGMENT_TOKENS:
        raise OptionError(
            f"a picture of {width} x {height} has {num_tokens} tokens under strides {strides}, "
            f"a file may have {MAX_SEGMENT_TOKENS} a segment; choose a lower quality or another model"
        )
    usual = DEFAULT_SEGMENT_FRAMES if wanted is None else 1 + (wanted - 1) // strides[0] * strides[0]
    held = max(LARGE_SEGMENT_FRAMES, _most_frames(MAX_HELD_TOKENS, strides[0], num_tokens))
    return min(usual, held, _most_frames(MAX_SEGMENT_TOKENS, strides[0], num_tokens))


def longest_still_segment(segment_frames: int, strides: tuple[int, int, int], width: int, height: int) -> int:
    """Give the length up to which a segment runs on while the picture stands still.

    Args:
        segment_frames: nominal length, which is the least.
        strides: frames, rows and columns per latent step.
        width: of the coded picture, or more.
        height: of the coded picture, or more.
    """
    num_tokens = _tokens_per_latent(strides, width, height)
    most_frames = _most_frames(MAX_HELD_TOKENS, strides[0], num_tokens)
    return max(segment_frames, min(STILL_SEGMENT_FRAMES, most_frames))


def _tokens_per_latent(strides: tuple[int, int, int], width: int, height: int) -> int:
    return -(-height // strides[1]) * -(-width // strides[2])


def _most_frames(max_tokens: int, stride: int, tokens_per_latent: int) -> int:
    """Give the length, 1 + s*k, of a segment of so many tokens at most; below 1 where one latent frame has more."""
    return 1 + stride * (max_tokens // tokens_per_latent - 1)


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
    scenes: SceneWatch | None = None,
) -> Iterator[Chunk | SegmentEnd]:
    """Group frames into chunks, closing each segment with a `SegmentEnd`.

    Only the frames of one chunk are held. The last segment may be shorter, and so is one that a scene cut ends;
    its last chunk is padded by repetition.

    Args:
        events: frames and audio packets in the source's order.
        shape: segment and chunk lengths.
        time_base: seconds per tick of the frames' pts.
        audio_seconds: start of a packet in seconds, `None` where unknown (then it goes with its neighbours).
        scenes: ends segments at scene cuts, and lets them run on to `shape.still_frames` while the picture
            stands still; without one every segment but the last has the nominal length.
    """
    segment = _Open()
    audio: list[AudioPacket] = []
    for event in events:
        if isinstance(event, AudioPacket):
            audio.append(event)
            continue
        if scenes is not None:
            scenes.see(event.rgb)
        if _is_over(len(segment.pts), shape, scenes):
            if segment.waiting:
                yield _take_chunk(segment, _num_padded(segment, shape))
            due = _take_due(audio, event.pts * time_base, audio_seconds)
            yield SegmentEnd(tuple(segment.pts), segment.last_duration, due)
            segment = _Open()
        if scenes is not None and not segment.pts:
            scenes.begin_segment()
        segment.pts.append(event.pts)
        segment.last_duration = event.duration
        segment.waiting.append(event.rgb)
        if len(segment.waiting) == shape.chunk_frames(segment.num_sent):
            yield _take_chunk(segment, len(segment.waiting))
    if segment.waiting:
        yield _take_chunk(segment, _num_padded(segment, shape))
    if segment.pts:
        yield SegmentEnd(tuple(segment.pts), segment.last_duration, tuple(audio))


def _is_over(num_frames: int, shape: SegmentShape, scenes: SceneWatch | None) -> bool:
    """Tell whether a segment of `num_frames` frames ends before the frame that `scenes` saw last."""
    is_cut = scenes is not None and scenes.is_cut
    if num_frames < shape.segment_frames:
        return is_cut and num_frames >= SHORTEST_SCENE_FRAMES
    runs_on = scenes is not None and num_frames < shape.still_frames and not is_cut
    # What moves within a latent frame stays with it: a segment that ends there needs no padding.
    return not runs_on or (
        (num_frames - 1) % shape.stride == 0 and scenes is not None and not scenes.is_still
    )


def _num_padded(segment: _Open, shape: SegmentShape) -> int:
    """Give the frames of a segment's last chunk, those that pad it included."""
    return 1 + shape.stride * (shape.num_latents(len(segment.pts)) - 1) - segment.num_sent


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
