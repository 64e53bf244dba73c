"""The tokenizer's stage of the pipelines: chunks of frames to the tokens of segments, and back."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..container import AudioPacket
from ..tokenizer import Tokenizer
from .resample import resize_frames
from .segmenter import Chunk, SegmentEnd

CHUNK_BYTES = 1 << 26
"""Bytes of uint8 RGB that a chunk keeps below, unless one latent frame alone has more."""

MAX_CHUNK_LATENTS = 2
"""More gains no speed: larger tensors cost page faults."""


@dataclass(frozen=True)
class SegmentTokens:
    """One segment between the tokenizer and the entropy coder."""

    ids: NDArray[np.int64]
    """Tokens `[t, h, w]`."""

    bit_depth: int
    """Token bits that are known, from the lowest."""

    first_frame: int
    pts: tuple[int, ...]
    """Of each frame, in ticks; as many as the segment has frames."""

    last_duration: int
    """Of the last frame, in ticks."""

    audio: tuple[AudioPacket, ...] = ()
    """Packets that go with the segment."""


@dataclass(frozen=True)
class FrameBatch:
    """Decoded frames of one chunk."""

    rgb: NDArray[np.uint8]
    """`[T, H, W, 3]`, padding cropped, at source size."""

    first_frame: int
    pts: tuple[int, ...]
    """T of them, in ticks."""

    durations: tuple[int, ...]
    """T of them, in ticks."""

    is_concealed: bool = False
    """Whether the frames stand in for lost ones."""

    def between(self, first_pts: int | None, end_pts: int | None) -> "FrameBatch":
        """Keep the frames with `first_pts <= pts < end_pts`; None is no bound."""
        low = 0 if first_pts is None else bisect_left(self.pts, first_pts)
        high = len(self.pts) if end_pts is None else bisect_left(self.pts, end_pts)
        if (low, high) == (0, len(self.pts)):
            return self
        return replace(
            self,
            rgb=self.rgb[low:high],
            first_frame=self.first_frame + low,
            pts=self.pts[low:high],
            durations=self.durations[low:high],
        )


def chunk_latents(stride: int, height: int, width: int) -> int:
    """Give the latent frames of a chunk, so that its memory is bounded whatever the frame size.

    Args:
        stride: frames per latent frame.
        height: of a frame, in pixels.
        width: of a frame, in pixels.
    """
    return max(1, min(MAX_CHUNK_LATENTS, CHUNK_BYTES // (3 * stride * height * width)))


def tokenize_segments(
    chunks: Iterable[Chunk | SegmentEnd],
    tokenizer: Tokenizer,
    coded_size: tuple[int, int],
    on_frames: Callable[[int], None],
) -> Iterator[SegmentTokens]:
    """Scale and tokenize chunks, collecting the tokens of each segment. Inverse: `detokenize_segments`.

    Args:
        chunks: from `cut_segments`.
        tokenizer: a causal one.
        coded_size: (width, height) in pixels that the tokenizer gets.
        on_frames: told the number of frames of each chunk that is done.
    """
    width, height = coded_size
    first_frame = 0
    stream = None
    parts: list[NDArray[np.int64]] = []
    for item in chunks:
        if isinstance(item, Chunk):
            if stream is None:
                stream = tokenizer.encoder_stream(height, width)
            parts.append(stream.push(resize_frames(item.rgb, width, height)))
            on_frames(item.num_frames)
        else:
            ids = np.concatenate(parts)
            yield SegmentTokens(
                ids, tokenizer.config.bits_per_token, first_frame, item.pts, item.last_duration, item.audio
            )
            first_frame += len(item.pts)
            stream, parts = None, []


def detokenize_segment(
    tokens: SegmentTokens, tokenizer: Tokenizer, sizes: tuple[tuple[int, int], tuple[int, int]]
) -> Iterator[FrameBatch]:
    """Decode the frames of one segment, chunk by chunk. Inverse: `tokenize_segments`.

    Args:
        tokens: one segment; bits from its `bit_depth` up are ignored.
        tokenizer: the one it was made with.
        sizes: coded (width, height) and source (width, height).
    """
    (coded_width, coded_height), (width, height) = sizes
    step = chunk_latents(tokenizer.config.strides[0], coded_height, coded_width)
    most_frames = max(1, CHUNK_BYTES // (3 * height * width))
    stream = tokenizer.decoder_stream(coded_height, coded_width, tokens.bit_depth)
    num_frames = len(tokens.pts)
    durations = frame_durations(tokens.pts, tokens.last_duration)
    done = 0
    for latent in range(0, tokens.ids.shape[0], step):
        coded = stream.push(tokens.ids[latent : latent + step])[: num_frames - done]
        for start in range(0, len(coded), most_frames):
            rgb = resize_frames(coded[start : start + most_frames], width, height)
            past = done + len(rgb)
            yield FrameBatch(rgb, tokens.first_frame + done, tokens.pts[done:past], durations[done:past])
            done = past


def frame_durations(pts: tuple[int, ...], last_duration: int) -> tuple[int, ...]:
    """Give how long each frame stays, in ticks: until the next one, and `last_duration` for the last."""
    return (*(late - early for early, late in pairwise(pts)), last_duration)
