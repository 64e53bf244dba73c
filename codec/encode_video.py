"""Encode: a video source to an `.mgv` file. Mirror of `decode_video.py`."""

import os
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO

from ..container import Segment, Writer
from ..tokenizer import MAX_SEARCH_STEPS
from .encode_stages import (
    Cutting,
    EncoderModels,
    ExtentCounter,
    FrameCount,
    Heads,
    Outcome,
    Placing,
    Progress,
    read_latents,
    write_segments,
)
from .files import FileOrPath
from .models import ModelName, check_streams, open_coder, open_tokenizer
from .options import OptionError, whole_number
from .output import open_output
from .pipeline import Pipeline
from .rate import audio_bytes, bits_per_pixel
from .rate_points import RatePoint, choose_rate_point, read_rate_points
from .rate_target import RateTarget, choose_target
from .segment_coder import SegmentCoder
from .segmenter import segment_lengths
from .targeted_encoding import TargetedEncoding, VideoSupply
from .token_stream import ALL_LATENTS, SegmentLatents
from .video_in import VideoSource


@dataclass(frozen=True)
class ReachedRate:
    """What was asked of the rate, and what came of it."""

    kind: str
    """`bpp`, `bitrate` or `size`."""

    asked: float
    """In bits per pixel, bits per second (of video alone) or bytes (of the whole file)."""

    reached: float
    """In the same unit; never above `asked`."""

    def __str__(self) -> str:
        target = RateTarget(self.kind, self.asked)
        return f"asked for {target}, reached {self.reached / self.asked:.1%} of it"


@dataclass(frozen=True)
class EncodeReport:
    """What an encoding came to."""

    num_frames: int
    width: int
    height: int
    quality: int | None
    """Level; None where a rate was asked for."""

    num_layers: int
    """Most that a segment has."""

    scale: float
    """Coded size over source size."""

    file_bytes: int
    audio_bytes: int
    """Of the chunks that hold audio and its headers; part of `file_bytes`."""

    duration_seconds: float
    """Of the video."""

    seconds: float
    """Wall time from the first frame read to the last byte written."""

    warnings: tuple[str, ...]
    """What of the source could not be kept."""

    target: ReachedRate | None = None
    """None where a quality was asked for."""

    notes: tuple[str, ...] = ()
    """What is worth knowing of the rate."""

    @property
    def bpp(self) -> float:
        """Bits per pixel: all bytes but those of audio, over source pixels."""
        return bits_per_pixel(self.file_bytes - self.audio_bytes, self.width, self.height, self.num_frames)

    @property
    def fps(self) -> float:
        """Frames encoded per second of wall time."""
        return self.num_frames / self.seconds


def encode(  # noqa: PLR0913 - what a user may choose, by name
    source: FileOrPath,
    target: FileOrPath,
    *,
    quality: int | None = None,
    bpp: float | str | None = None,
    bitrate: float | str | None = None,
    size: float | str | None = None,
    model: ModelName = "mgv-s",
    coder: str | None = None,
    effort: int = 0,
    segment_frames: int | None = None,
    follow_camera: bool = True,
    align_motion: bool = True,
    force: bool = False,
    progress: Progress | None = None,
) -> EncodeReport:
    """Compress a video; its audio, timestamps, size, rotation and colour tags are kept. Inverse: `decode`.

    Memory grows with neither the length of the video nor the number of its segments, but for some bytes a segment.

    At most one of `quality`, `bpp`, `bitrate` and `size` is given. The last three are never exceeded; a source that
    can be read twice (a path, a file that seeks) is, so that they are used up as well. They may be texts that end
    in k, M or G, Ki, Mi or Gi.

    Args:
        source: a path of anything ffmpeg reads, or a binary file (a pipe will do).
        target: a path, or a binary file that need not seek. A path appears only when it is whole.
        quality: level from 0; the model's default if None and no rate is asked for.
        bpp: most bits per pixel, audio left out.
        bitrate: most bits per second of video, audio left out.
        size: most bytes of the whole file.
        model: a tokenizer, its name or its folder.
        coder: entropy coder: `raw`, `zstd`, `adaptive` or `prior`; None is the best that the model has.
        effort: gradient steps that search for tokens from which the decoder rebuilds the source better, 0 to 20;
            2 take twenty to thirty times as long as none. Goes with a quality only, and makes files of the same
            quality level somewhat larger, and better by more than that is worth in PSNR-Y and VMAF.
        segment_frames: most frames in a segment, where decoding can start and to which damage is confined; rounded down
            to what the model makes whole latent frames of. If None 129, up to 257 where the picture stands still.
        follow_camera: lay frames over one another where the camera moves, if anything is gained by it. Tokens are then
            those of pictures that stand still, and the file says where each frame lies in them.
        align_motion: bend the frames that a token stands for so that what moves is in one place in them, where that
            makes them more alike. The file says how it moves.
        force: replace an existing target.
        progress: told how far it is; with two passes the frames of both count.

    Returns:
        What it came to.

    Raises:
        MediaError: the source is missing or no video.
        WeightsError: there is no such tokenizer, or its weights are broken.
        OutputError: the target exists or cannot be written.
        OptionError: there is no such quality or coder, the tokenizer takes clips as a whole, the rate asked for is too
            low, or the effort is none or goes with a rate, or segments are to have less than one frame.
    """
    rate = choose_rate(quality, bpp, bitrate, size, effort)
    supply, placing = VideoSupply(source), Placing(follow_camera, align_motion)
    with supply.open() as video:
        models, levels = open_encoder(model, coder)
        open_file = partial(open_output, target, force=force, source=source)
        started = time.perf_counter()
        if rate is None:
            number, level = choose_rate_point(levels, quality)
            with open_file() as file:
                outcome = encode_at_level(
                    video,
                    replace(models, effort=effort),
                    level,
                    file,
                    progress,
                    segment_frames,
                    placing=placing,
                )
            return _report(outcome, number, None, started)
        encoding = TargetedEncoding(supply, models, levels, rate, progress, segment_frames, placing=placing)
        is_repeatable = isinstance(target, str | os.PathLike)
        outcome = encoding.run(video, open_file, is_repeatable=is_repeatable)
        return _report(outcome, None, rate, started)


def choose_rate(
    quality: int | None,
    bpp: float | str | None,
    bitrate: float | str | None,
    size: float | str | None,
    effort: int,
) -> RateTarget | None:
    """Check those arguments of `encode` against each other; gives the rate asked for, if any.

    Raises:
        OptionError: they don't go together, or one is out of range.
    """
    rate = choose_target(bpp, bitrate, size)
    if rate is not None and quality is not None:
        raise OptionError(f"quality and {rate.kind} are given, expected one of them")
    if not 0 <= whole_number("effort", effort) <= MAX_SEARCH_STEPS:
        raise OptionError(f"effort is {effort}, expected 0..{MAX_SEARCH_STEPS}")
    if effort and rate is not None:
        raise OptionError(f"effort and {rate.kind} are given; effort goes with a quality only")
    return rate


def open_encoder(model: ModelName, coder: str | None) -> tuple[EncoderModels, tuple[RatePoint, ...]]:
    """Open what those arguments of `encode` name, and the model's quality levels.

    Raises:
        OptionError: there is no such coder, or the tokenizer takes clips as a whole.
        WeightsError: there is no such tokenizer, or its weights are broken.
    """
    tokenizer = open_tokenizer(model)
    check_streams(tokenizer)
    levels = read_rate_points(tokenizer.folder, len(tokenizer.config.bit_depths))
    return EncoderModels(tokenizer, open_coder(coder, tokenizer)), levels


def encode_at_level(
    video: VideoSource,
    models: EncoderModels,
    level: RatePoint,
    file: BinaryIO,
    progress: Progress | None,
    segment_frames: int | None,
    *,
    placing: Placing,
) -> Outcome:
    """Encode a source at one rate point."""
    size = level.coded_size(video.width, video.height)
    strides = models.tokenizer.config.strides
    lengths = segment_lengths(strides, size, (video.width, video.height), segment_frames)
    segment_coder = SegmentCoder(models.tokenizer, models.coder, models.effort)
    count, extent = FrameCount(progress, 1, video.num_frames_estimated), ExtentCounter(video)

    def code(segment: SegmentLatents) -> Segment:
        extent.add(segment)
        return segment_coder.code(segment, size, level.num_layers, level.rate_weight)

    with Writer(file) as writer, Pipeline() as pipeline:
        heads = Heads(video, models, size, level.num_layers, lengths.nominal)
        latents = read_latents(
            pipeline,
            video,
            models.tokenizer,
            Cutting(
                lengths, replace(placing, motion_weight=level.motion_weight), keep_frames=models.effort > 0
            ),
            lambda _: {size: ALL_LATENTS},
            count.add,
        )
        segments = pipeline.run_ahead(latents, 1, "mgv-tokenize")
        write_segments(writer, heads, pipeline, segments, code)
    found = extent.extent(audio_bytes(writer.bytes_by_chunk))
    return Outcome(found, writer.num_bytes, level.scale, level.num_layers, tuple(video.warnings))


def _report(outcome: Outcome, quality: int | None, rate: RateTarget | None, started: float) -> EncodeReport:
    extent = outcome.extent
    reached = None
    if rate is not None:
        video_bytes = outcome.file_bytes - extent.audio_bytes
        reached = ReachedRate(rate.kind, rate.amount, rate.reached(video_bytes, extent))
    return EncodeReport(
        num_frames=extent.num_frames,
        width=extent.width,
        height=extent.height,
        quality=quality,
        num_layers=outcome.num_layers,
        scale=outcome.scale,
        file_bytes=outcome.file_bytes,
        audio_bytes=extent.audio_bytes,
        duration_seconds=float(extent.duration_seconds),
        seconds=time.perf_counter() - started,
        warnings=outcome.warnings,
        target=reached,
        notes=outcome.notes,
    )
