"""What the length of a segment costs and brings: bytes, distortion, and how far the picture jumps at the seams."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...codec import open_source
from ...codec.entropy import LayerCoder
from ...codec.models import open_coder
from ...codec.segmenter import SegmentShape
from ...codec.token_stream import chunk_latents
from ...tokenizer import Tokenizer
from ..metrics import luma, psnr_db

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class CodedSegment:
    """One segment, coded and decoded again."""

    num_bytes: int
    """Of the coded layers."""

    image_bytes: int
    """What its first frame alone takes: the layers of its first latent frame, coded without the others."""

    decoded: Frames
    """uint8 `[T, H, W, 3]`."""


@dataclass(frozen=True)
class LengthResult:
    """One clip cut into segments of one length."""

    clip: str
    segment_frames: int
    num_frames: int
    """In whole segments; only they count."""

    num_bytes: int
    psnr_y_db: float
    seam_jump: float | None
    """Mean absolute difference of luma, of 255, between decoded neighbours at seams, less that of the source;
    None without seams."""

    inside_jump: float | None
    """The same at all other places."""

    @property
    def bits_per_frame(self) -> float:
        """Of all layers, headers left out."""
        return 8 * self.num_bytes / self.num_frames


def tokenize_segment(frames: Frames, tokenizer: Tokenizer, rate_weight: float) -> NDArray[np.int64]:
    """Turn the frames of one segment into tokens `[t, h, w]` of full bit depth; the last frame pads it."""
    import torch

    stride = tokenizer.config.strides[0]
    height, width = frames.shape[1:3]
    shape = SegmentShape(
        stride, 1 + stride * (len(frames) // stride + 1), chunk_latents(stride, height, width)
    )
    num_padded = 1 + stride * (shape.num_latents(len(frames)) - 1)
    padded = np.concatenate([frames, np.repeat(frames[-1:], num_padded - len(frames), axis=0)])
    stream = tokenizer.encoder_stream(height, width)
    latents, done = [], 0
    while done < num_padded:
        chunk = padded[done : done + shape.chunk_frames(done)]
        latents.append(stream.push_latent(chunk))
        done += len(chunk)
    return tokenizer.quantize(torch.cat(latents, dim=1), tokenizer.config.bits_per_token, rate_weight)


def code_segment(frames: Frames, tokenizer: Tokenizer, coder: LayerCoder, rate_weight: float) -> CodedSegment:
    """Code the frames of one segment, uint8 `[T, H, W, 3]`, and decode them."""
    height, width = frames.shape[1:3]
    ids = tokenize_segment(frames, tokenizer, rate_weight)
    stream = tokenizer.decoder_stream(height, width, tokenizer.config.bits_per_token)
    step = chunk_latents(tokenizer.config.strides[0], height, width)
    decoded = [stream.push(ids[first : first + step]) for first in range(0, len(ids), step)]
    return CodedSegment(
        coded_bytes(ids, tokenizer, coder),
        coded_bytes(ids[:1], tokenizer, coder),
        np.concatenate(decoded)[: len(frames)],
    )


def coded_bytes(ids: NDArray[np.int64], tokenizer: Tokenizer, coder: LayerCoder) -> int:
    """Count the bytes of all layers of tokens `[t, h, w]`."""
    return sum(map(len, coder.encode(ids, tokenizer.config.bit_depths)))


def measure_lengths(
    clips: Sequence[Path], lengths: Sequence[int], tokenizer: Tokenizer, rate_weight: float, coder: str
) -> Iterator[LengthResult]:
    """Code the beginning of every clip in segments of every length.

    Args:
        clips: video files; one with fewer frames than the longest segment is played back and forth.
        lengths: in frames, each 1 + s*k.
        tokenizer: a causal one.
        rate_weight: see `Tokenizer.quantize`.
        coder: name of an entropy coder.
    """
    layer_coder = open_coder(coder, tokenizer)
    wanted = max(length * round(max(lengths) / length) for length in lengths)
    for clip in clips:
        frames = read_back_and_forth(clip, wanted)
        source = luma(frames, 1)
        for length in lengths:
            num_frames = len(frames) // length * length
            coded = [
                code_segment(frames[first : first + length], tokenizer, layer_coder, rate_weight)
                for first in range(0, num_frames, length)
            ]
            decoded = luma(np.concatenate([segment.decoded for segment in coded]), 1)
            seams, inside = jumps(source[:num_frames], decoded, length)
            psnr = np.mean([psnr_db(one, other) for one, other in zip(source, decoded, strict=False)])
            num_bytes = sum(segment.num_bytes for segment in coded)
            yield LengthResult(clip.name, length, num_frames, num_bytes, float(psnr), seams, inside)


def as_markdown(results: Sequence[LengthResult]) -> str:
    """Lay the results out as a markdown table, with the means of each length below."""
    lines = [
        "| clip | frames a segment | bits a frame | PSNR-Y dB | jump at seams | elsewhere |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {result.clip} | {result.segment_frames} | {result.bits_per_frame:.0f} | {result.psnr_y_db:.2f} "
        f"| {_signed(result.seam_jump)} | {_signed(result.inside_jump)} |"
        for result in results
    ]
    for length in sorted({result.segment_frames for result in results}):
        group = [result for result in results if result.segment_frames == length]
        seams = [result.seam_jump for result in group if result.seam_jump is not None]
        inside = [result.inside_jump for result in group if result.inside_jump is not None]
        lines.append(
            f"| **mean of {len(group)}** | {length} | {np.mean([r.bits_per_frame for r in group]):.0f} "
            f"| {np.mean([r.psnr_y_db for r in group]):.2f} "
            f"| {_signed(float(np.mean(seams)) if seams else None)} "
            f"| {_signed(float(np.mean(inside)) if inside else None)} |"
        )
    return "\n".join(lines) + "\n"


def read_back_and_forth(clip: Path, num_frames: int) -> Frames:
    """Read frames uint8 `[T, H, W, 3]`, going back from the last one and forth again until there are enough."""
    with open_source(clip) as source:
        frames = np.stack([frame.rgb for frame in islice(source.frames(), num_frames)])
    order = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    return frames[[order[index % len(order)] for index in range(num_frames)]]


def jumps(
    source: NDArray[np.float32], decoded: NDArray[np.float32], segment_frames: int
) -> tuple[float | None, float | None]:
    """Tell how much more decoded neighbours `[T, H, W]` differ than those of the source: at seams, and elsewhere.

    Below 0 they differ less, as where noise is lost. None where there is no such place.
    """
    extra = [_step(decoded, index) - _step(source, index) for index in range(1, len(source))]
    seams, inside = extra[segment_frames - 1 :: segment_frames], extra.copy()
    del inside[segment_frames - 1 :: segment_frames]
    return (float(np.mean(seams)) if seams else None, float(np.mean(inside)) if inside else None)


def _step(frames: NDArray[np.float32], index: int) -> float:
    return float(np.abs(frames[index] - frames[index - 1]).mean())


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"
