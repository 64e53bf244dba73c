"""The tokenizer's stage of the pipelines: chunks of frames to the latents of segments, and tokens back."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..container import WHOLE, AudioPacket, Timing, View
from ..tokenizer import LatentSearch, Tokenizer
from ..tokenizer.decoder_engine import DecoderEngine
from ..tokenizer.resize import resize_frames
from .camera import Size
from .motion import Field, displacements, num_groups, pack_motion, unpack_motion
from .picking import to_source
from .pipeline import stop_if_unwanted
from .segmenter import Chunk, SegmentEnd

if TYPE_CHECKING:
    from torch import Tensor

    from ..tokenizer.stream import EncoderStream

ALL_LATENTS = 1 << 30
"""More latent frames than a segment can have."""

CHUNK_BYTES = 1 << 26
"""Bytes of uint8 RGB that a chunk keeps below, unless one latent frame alone has more."""

MAX_CHUNK_LATENTS = 2
"""More gains no speed: larger tensors cost page faults."""


@dataclass(frozen=True)
class SegmentLatents:
    """One segment between the tokenizer's network and its quantizer."""

    latents: "dict[Size, Tensor]"
    """By coded size, float32 `[D, t, h, w]`."""

    first_frame: int
    pts: tuple[int, ...]
    """Of each frame, in ticks; as many as the segment has frames."""

    last_duration: int
    """Of the last frame, in ticks."""

    audio: tuple[AudioPacket, ...]
    """Packets that go with the segment."""

    is_last: bool
    """Whether the video ends with it."""

    frames: dict[Size, NDArray[np.uint8]] = field(default_factory=dict)
    """By coded size, `[T, H, W, 3]`, padding left out; empty unless they were to be kept."""

    views: tuple[View, ...] = ()
    """Where each frame lies in the coded picture; none where it is the coded picture."""

    motion: bytes = b""
    """How what is seen moves, see `pack_motion`."""

    @property
    def num_frames(self) -> int:
        """Frames of the source."""
        return len(self.pts)

    @property
    def timing(self) -> Timing:
        """What the container is told of its frames."""
        return Timing(self.pts, self.last_duration, self.views, self.motion)


@dataclass(frozen=True)
class SegmentTokens:
    """One segment between the quantizer and the entropy coder."""

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

    is_concealed: bool = False
    """Whether the segment stands in for a lost one."""

    views: tuple[View, ...] = ()
    """Where each frame lies in the coded picture; none where it is the coded picture."""

    motion: bytes = b""
    """How what is seen moves, see `pack_motion`."""

    @property
    def timing(self) -> Timing:
        """What the container is told of its frames."""
        return Timing(self.pts, self.last_duration, self.views, self.motion)


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


@dataclass(frozen=True)
class CodedBatch:
    """Decoded pictures of one chunk before frames are cut out of them."""

    pictures: NDArray[np.uint8]
    """`[T, H', W', 3]`, padding cropped, at coded size."""

    views: tuple[View, ...]
    """T of them, or none where the pictures are the frames."""

    fields: tuple[Field | None, ...]
    """T of them, see `displacements`."""

    size: Size
    """Of the source."""

    first_frame: int
    """See `FrameBatch`; so for what follows."""

    pts: tuple[int, ...]
    durations: tuple[int, ...]
    is_concealed: bool

    def cut_out(self) -> FrameBatch:
        """Cut the frames out of the pictures."""
        rgb = to_source(self.pictures, self.views, self.fields, self.size)
        return FrameBatch(rgb, self.first_frame, self.pts, self.durations, self.is_concealed)


def chunk_latents(stride: int, height: int, width: int) -> int:
    """Give the latent frames of a chunk, so that its memory is bounded whatever the frame size.

    Args:
        stride: frames per latent frame.
        height: of a frame, in pixels.
        width: of a frame, in pixels.
    """
    return max(1, min(MAX_CHUNK_LATENTS, CHUNK_BYTES // (3 * stride * height * width)))


def segment_latents(
    chunks: Iterable[Chunk | SegmentEnd],
    tokenizer: Tokenizer,
    coded_sizes: Callable[[int], Mapping[Size, int]],
    on_frames: Callable[[int], None],
    *,
    keep_frames: bool = False,
) -> Iterator[SegmentLatents]:
    """Scale chunks and turn them into latents, collecting those of each segment.

    Holds the latents of one segment, D * 4 bytes a token, and its frames where they are kept.

    Args:
        chunks: from `cut_segments`.
        tokenizer: a causal one.
        coded_sizes: asked before each segment, with its number, for the sizes that the tokenizer gets, and how many
            latent frames are wanted of each; the chunk with the last of them is done to its end.
        on_frames: told the number of frames of each chunk that is done.
        keep_frames: whether scaled frames are given with the latents, for `quantize_segment` to search by.
    """
    import torch

    number = first_frame = 0
    wanted: Mapping[Size, int] = {}
    streams: dict[Size, EncoderStream] = {}
    parts: dict[Size, list[Tensor]] = {}
    kept: dict[Size, list[NDArray[np.uint8]]] = {}
    views: list[View] = []
    motion: list[NDArray[np.int16] | int] = []
    for item, is_last in _mark_last(chunks):
        if isinstance(item, Chunk):
            if not streams:
                wanted = coded_sizes(number)
                streams = {size: tokenizer.encoder_stream(size[1], size[0]) for size in wanted}
                parts = {size: [] for size in streams}
                kept = {size: [] for size in streams if keep_frames}
                views, motion = [], []
            for size, stream in streams.items():
                if sum(part.shape[1] for part in parts[size]) < wanted[size]:
                    scaled = resize_frames(item.rgb, *size)
                    parts[size].append(stream.push_latent(scaled))
                    if keep_frames:
                        kept[size].append(scaled[: item.num_frames])
            views += item.views or (WHOLE,) * item.num_frames
            motion.append(
                len(item.rgb) // tokenizer.config.strides[0] if item.motion is None else item.motion
            )
            on_frames(item.num_frames)
        else:
            latents = {size: torch.cat(parts.pop(size), dim=1) for size in streams}
            frames = {size: np.concatenate(kept.pop(size)) for size in tuple(kept)}
            followed = tuple(views) if any(view != WHOLE for view in views) else ()
            segment = SegmentLatents(
                latents,
                first_frame,
                item.pts,
                item.last_duration,
                item.audio,
                is_last,
                frames,
                followed,
                join_motion(motion),
            )
            first_frame += segment.num_frames
            number += 1
            streams = {}
            del latents, frames
            yield segment
            del segment


def quantize_segment(
    segment: SegmentLatents,
    size: Size,
    tokenizer: Tokenizer,
    bit_depth: int,
    rate_weight: float,
    effort: int = 0,
) -> SegmentTokens:
    """Quantize the latents that a segment has for one coded size.

    Args:
        segment: from `segment_latents`.
        size: one of its coded sizes.
        tokenizer: the one it was made with.
        bit_depth: bits of a token that are kept.
        rate_weight: see `Tokenizer.quantize`.
        effort: steps of a `LatentSearch`, which needs the segment's frames; 0 for none.
    """
    if effort:
        search = LatentSearch(tokenizer, bit_depth, rate_weight, effort, on_window=stop_if_unwanted)
        ids = search.run(segment.latents[size], segment.frames[size])
    else:
        ids = tokenizer.quantize(segment.latents[size], bit_depth, rate_weight)
    return SegmentTokens(
        ids,
        bit_depth,
        segment.first_frame,
        segment.pts,
        segment.last_duration,
        segment.audio,
        views=segment.views,
        motion=segment.motion,
    )


def join_motion(parts: Sequence["NDArray[np.int16] | int"]) -> bytes:
    """Code the motion of a segment's chunks.

    Args:
        parts: of each chunk, or the number of its groups where nothing was aligned.
    """
    shape = next((part.shape[1:] for part in parts if not isinstance(part, int)), None)
    if shape is None:
        return b""
    return pack_motion(
        np.concatenate(
            [np.zeros((part, *shape), np.int16) if isinstance(part, int) else part for part in parts]
        )
    )


def _mark_last(chunks: Iterable[Chunk | SegmentEnd]) -> Iterator[tuple[Chunk | SegmentEnd, bool]]:
    """Say of each item whether none follows; needs to see one item ahead."""
    ahead = iter(chunks)
    item = next(ahead, None)
    while item is not None:
        following = next(ahead, None)
        yield item, following is None
        item = following


def detokenize_segment(
    tokens: SegmentTokens, tokenizer: Tokenizer, sizes: tuple[Size, Size], engine: DecoderEngine
) -> Iterator[CodedBatch]:
    """Decode the pictures of one segment, chunk by chunk.

    Inverse, with `CodedBatch.cut_out`: `segment_latents` and `quantize_segment`.

    Args:
        tokens: one segment; bits from its `bit_depth` up are ignored.
        tokenizer: the one it was made with.
        sizes: coded and source.
        engine: what runs the decoder.
    """
    (coded_width, coded_height), (width, height) = sizes
    step = chunk_latents(tokenizer.config.strides[0], coded_height, coded_width)
    most_frames = max(1, CHUNK_BYTES // (3 * height * width))
    stream = tokenizer.decoder_stream(coded_height, coded_width, tokens.bit_depth, engine)
    num_frames = len(tokens.pts)
    stride = tokenizer.config.strides[0]
    motion = unpack_motion(tokens.motion, num_groups(num_frames, stride))
    durations = frame_durations(tokens.pts, tokens.last_duration)
    done = 0
    for part in from_two_on(tokens.ids, step):
        coded = stream.push(part)[: num_frames - done]
        for start in range(0, len(coded), most_frames):
            past = done + len(coded[start : start + most_frames])
            yield CodedBatch(
                coded[start : start + most_frames],
                tokens.views[done:past],
                displacements(motion, range(done, past), stride),
                (width, height),
                tokens.first_frame + done,
                tokens.pts[done:past],
                durations[done:past],
                tokens.is_concealed,
            )
            done = past


def from_two_on(ids: np.ndarray, step: int) -> Iterator[np.ndarray]:
    """Cut ids `[t, h, w]` into parts of `step` latent frames, the first of two at least, for `DecoderStream.push`."""
    first = max(2, step)
    yield ids[:first]
    for latent in range(first, ids.shape[0], step):
        yield ids[latent : latent + step]


def frame_durations(pts: tuple[int, ...], last_duration: int) -> tuple[int, ...]:
    """Give how long each frame stays, in ticks: until the next one, and `last_duration` for the last."""
    return (*(late - early for early, late in pairwise(pts)), last_duration)
