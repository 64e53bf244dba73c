"""What each stage of coding takes, one after the other: time and memory, by size of picture and length."""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from ...codec import WHOLE, OptionError, View, open_source, read_rate_points
from ...codec.camera import follow_camera
from ...codec.entropy import LayerCoder
from ...codec.models import open_coder, open_decoder_engine
from ...codec.motion import Field, align_motion, displacements, num_groups, unpack_motion
from ...codec.picking import to_source
from ...codec.rate_points import RatePoint, choose_rate_point
from ...codec.segmenter import Chunk, SegmentEnd, SegmentShape, longest_segment
from ...codec.token_stream import chunk_latents, from_two_on, join_motion
from ...codec.video_out import VideoSink
from ...tokenizer import Tokenizer, load_tokenizer
from ...tokenizer.resize import resize_frames
from ..codecs.ffmpeg import QUIET, find_ffmpeg
from ..codecs.process import run_measured
from ..metrics import peak_memory_bytes
from .clips import run_alone

STAGES = (
    "read",
    "follow camera",
    "align motion",
    "encode network",
    "quantize",
    "entropy code",
    "entropy decode",
    "decode network",
    "write",
)
"""In order; `read` is decoding the source to RGB, `write` is x264."""

RESET_PEAK = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class StageResult:
    """One stage at one size and length."""

    width: int
    height: int
    num_frames: int
    stage: str
    seconds: float
    """Wall time over all frames, this stage alone at work."""

    peak_bytes: int | None
    """Largest resident memory of the process during the stage; None where the system can't tell."""

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self.num_frames / self.seconds


@dataclass
class StageMeter:
    """Adds up the time of each stage, and keeps the largest memory."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    peaks: dict[str, int] = field(default_factory=dict)
    _inside: list[float] = field(default_factory=list)
    """For each block that is open, seconds of blocks inside of it."""

    @contextmanager
    def at(self, stage: str) -> Iterator[None]:
        """Count what is done in the `with` block to a stage, but for what blocks inside of it count to theirs."""
        can_reset = os.access(RESET_PEAK, os.W_OK)
        if can_reset:
            RESET_PEAK.write_text("5", "ascii")
        self._inside.append(0.0)
        start = time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        self.seconds[stage] += seconds - self._inside.pop()
        if self._inside:
            self._inside[-1] += seconds
        if can_reset:
            self.peaks[stage] = max(self.peaks.get(stage, 0), peak_memory_bytes())


def measure_sizes(
    clip: Path,
    sizes: Sequence[tuple[int, int]],
    lengths: Sequence[int],
    model: str,
    quality: int | None,
    on_done: Callable[[], None],
) -> list[StageResult]:
    """Measure every size at every length, each in a process of its own.

    Args:
        clip: scaled to each size, and repeated to each length.
        sizes: (width, height).
        lengths: in frames.
        model: name or folder of a tokenizer.
        quality: level; the highest if None.
        on_done: called after each.
    """
    results = []
    for width, height in sizes:
        for num_frames in lengths:
            with TemporaryDirectory(prefix="mgv-bench-") as folder:
                source = Path(folder) / "source.mp4"
                make_source(clip, source, (width, height), num_frames)
                job = {"do": "stages", "source": str(source), "model": model, "quality": quality}
                facts = run_alone(job)
            results += [StageResult(**one) for one in facts["stages"]]
            on_done()
    return results


def make_source(clip: Path, target: Path, size: tuple[int, int], num_frames: int) -> None:
    """Write a clip scaled to a size and repeated to a length, as H.264 of high quality."""
    arguments = [find_ffmpeg(), *QUIET, "-stream_loop", "-1", "-i", str(clip), "-map", "0:v:0", "-an"]
    arguments += ["-vf", f"scale={size[0]}:{size[1]},format=yuv420p", "-frames:v", str(num_frames)]
    run_measured([*arguments, "-c:v", "libx264", "-preset", "veryfast", "-crf", "17", str(target)])


def measure_stages(source: Path, model: str, quality: int | None) -> list[StageResult]:
    """Code a clip in whole segments, one stage after the other, and decode it again.

    Args:
        source: a video file.
        model: name or folder of a tokenizer.
        quality: level; the highest if None.

    Raises:
        OptionError: there is no such quality.
    """
    tokenizer = load_tokenizer(model)
    levels = read_rate_points(tokenizer.folder, len(tokenizer.config.bit_depths))
    _, level = choose_rate_point(levels, quality)
    num_frames, meter = 0, StageMeter()
    with TemporaryDirectory(prefix="mgv-bench-") as folder, open_source(source) as video:
        size = video.width, video.height
        bench = _SegmentBench(tokenizer, open_coder(None, tokenizer), level, size, meter)
        frames = (frame.rgb for frame in video.frames())
        with VideoSink(Path(folder) / "out.mp4", video.format) as sink:
            while segment := bench.encode(frames):
                for batch in bench.decode(segment):
                    with meter.at("write"):
                        for rgb in batch:
                            sink.write_frame(rgb, num_frames * video.tick)
                            num_frames += 1
    return [
        StageResult(*size, num_frames, stage, meter.seconds[stage], meter.peaks.get(stage))
        for stage in STAGES
    ]


@dataclass(frozen=True)
class _Coded:
    """One segment."""

    layers: Sequence[bytes]
    latent_shape: tuple[int, int, int]
    num_frames: int
    views: tuple[View, ...]
    """One a frame."""

    fields: tuple[Field | None, ...]
    """See `displacements`."""


class _SegmentBench:
    """Codes and decodes segments, its stages metered."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        coder: LayerCoder,
        level: RatePoint,
        size: tuple[int, int],
        meter: StageMeter,
    ) -> None:
        self._tokenizer, self._coder, self._level, self._meter = tokenizer, coder, level, meter
        self._engine, _ = open_decoder_engine(tokenizer, None)
        self._size, self._coded_size = size, level.coded_size(*size)
        config = tokenizer.config
        self._depths = config.bit_depths[: level.num_layers]
        self._stride = config.strides[0]
        width, height = self._coded_size
        encoded = chunk_latents(self._stride, size[1], size[0])
        self._decoded_latents = chunk_latents(self._stride, height, width)
        segment_frames = longest_segment(config.strides, width, height)
        self._shape = SegmentShape(self._stride, segment_frames, encoded)

    def encode(self, frames: Iterator[NDArray[np.uint8]]) -> _Coded | None:
        """Code the next segment of a source; None at its end."""
        width, height = self._coded_size
        encoder = self._tokenizer.encoder_stream(height, width)
        views: list[View] = []
        motion: list[NDArray[np.int16] | int] = []
        latents = []
        num_frames = 0
        followed = self._metered("follow camera", follow_camera(self._read(frames), self._size))
        for item in self._metered(
            "align motion", align_motion(followed, self._size, self._stride, self._level.motion_weight)
        ):
            if isinstance(item, SegmentEnd):
                break
            with self._meter.at("encode network"):
                latents.append(encoder.push_latent(resize_frames(item.rgb, width, height)))
            num_frames += item.num_frames
            views += item.views or [WHOLE] * item.num_frames
            motion.append(len(item.rgb) // self._stride if item.motion is None else item.motion)
        if not latents:
            return None
        with self._meter.at("quantize"):
            joined = torch.cat(latents, dim=1)
            ids = self._tokenizer.quantize(joined, self._depths[-1], self._level.rate_weight)
        with self._meter.at("entropy code"):
            layers = self._coder.encode(ids, self._depths)
        vectors = unpack_motion(join_motion(motion), num_groups(num_frames, self._stride))
        fields = displacements(vectors, range(num_frames), self._stride)
        return _Coded(layers, (ids.shape[0], ids.shape[1], ids.shape[2]), num_frames, tuple(views), fields)

    def _metered(self, stage: str, items: Iterator[Chunk | SegmentEnd]) -> Iterator[Chunk | SegmentEnd]:
        """Count what goes on inside to a stage."""
        while True:
            with self._meter.at(stage):
                item = next(items)
            yield item
            if isinstance(item, SegmentEnd):
                return

    def _read(self, frames: Iterator[NDArray[np.uint8]]) -> Iterator[Chunk | SegmentEnd]:
        """Read the next segment, chunk by chunk."""
        done = 0
        while done < self._shape.segment_frames:
            with self._meter.at("read"):
                chunk = list(islice(frames, self._shape.chunk_frames(done)))
            if not chunk:
                break
            done += len(chunk)
            yield Chunk(_whole_steps(np.stack(chunk), done, self._stride), len(chunk))
        yield SegmentEnd(tuple(range(done)), 1, ())

    def decode(self, segment: _Coded) -> Iterator[NDArray[np.uint8]]:
        """Decode a segment to batches of frames `[T, H, W, 3]`."""
        width, height = self._coded_size
        with self._meter.at("entropy decode"):
            ids = self._coder.decode(segment.layers, segment.latent_shape, self._depths)
        decoder = self._tokenizer.decoder_stream(height, width, self._depths[-1], self._engine)
        done = 0
        for part in from_two_on(ids, self._decoded_latents):
            with self._meter.at("decode network"):
                coded = decoder.push(part)[: segment.num_frames - done]
                now = slice(done, done + len(coded))
                batch = to_source(coded, segment.views[now], segment.fields[now], self._size)
            yield batch
            done += len(batch)


def as_markdown(results: Sequence[StageResult]) -> str:
    """Lay the results out as a markdown table."""
    lines = ["| size | frames | stage | ms a frame | frames/s | peak MB |", "|---|--:|---|--:|--:|--:|"]
    for result in results:
        peak = "-" if result.peak_bytes is None else f"{result.peak_bytes / 1e6:.0f}"
        lines.append(
            f"| {result.width}x{result.height} | {result.num_frames} | {result.stage} "
            f"| {1000 / result.fps:.1f} | {result.fps:.1f} | {peak} |"
        )
    return "\n".join(lines) + "\n"


def as_json(results: Sequence[StageResult]) -> str:
    """Write the results as a JSON list of `StageResult` fields."""
    return json.dumps([asdict(result) for result in results], indent=2) + "\n"


def parse_sizes(text: str) -> list[tuple[int, int]]:
    """Read sizes `WIDTHxHEIGHT`, or lines of 16:9 pictures as `360p`, separated by commas.

    Raises:
        OptionError: one is neither.
    """
    sizes = []
    for part in text.split(","):
        width, cross, height = part.strip().partition("x")
        try:
            if cross:
                sizes.append((int(width), int(height)))
            else:
                lines = int(part.strip().removesuffix("p"))
                sizes.append((round(lines * 16 / 9 / 2) * 2, lines))
        except ValueError as error:
            raise OptionError(f"size is {part!r}, expected WIDTHxHEIGHT or lines as in 360p") from error
    return sizes


def _whole_steps(chunk: NDArray[np.uint8], done: int, stride: int) -> NDArray[np.uint8]:
    """Pad the end of a segment with its last frame, to 1 + s*k frames."""
    missing = -(done - 1) % stride
    return np.concatenate([chunk, np.repeat(chunk[-1:], missing, axis=0)]) if missing else chunk
