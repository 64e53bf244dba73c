"""Encode: a video source to an `.mgv` file. Mirror of `decode_video.py`."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction

from .. import __version__
from ..container import AudioPacket, Header, Segment, Timing, Writer
from ..tokenizer import Tokenizer
from .entropy import LayerCoder
from .files import FileOrPath
from .layer_stream import encode_layers
from .models import ModelName, open_coder, open_tokenizer
from .options import OptionError
from .output import open_output
from .pipeline import Pipeline
from .rate import audio_bytes, bits_per_pixel
from .rate_points import RatePoint, choose_rate_point, read_rate_points
from .segmenter import SegmentShape, cut_segments, longest_segment
from .token_stream import SegmentTokens, chunk_latents, tokenize_segments
from .video_in import VideoSource, open_source

Progress = Callable[[int, int | None], None]
"""Called with the frames done so far and the frames expected, None where unknown."""


@dataclass(frozen=True)
class EncodeReport:
    """What an encoding came to."""

    num_frames: int
    width: int
    height: int
    quality: int
    num_layers: int
    file_bytes: int
    audio_bytes: int
    """Of the chunks that hold audio and its headers; part of `file_bytes`."""

    seconds: float
    """Wall time from the first frame read to the last byte written."""

    warnings: tuple[str, ...]
    """What of the source could not be kept."""

    @property
    def bpp(self) -> float:
        """Bits per pixel as DESIGN 6 defines it: all bytes but those of audio, over source pixels."""
        return bits_per_pixel(self.file_bytes - self.audio_bytes, self.width, self.height, self.num_frames)

    @property
    def fps(self) -> float:
        """Frames encoded per second of wall time."""
        return self.num_frames / self.seconds


def encode(
    source: FileOrPath,
    target: FileOrPath,
    *,
    quality: int | None = None,
    model: ModelName = "mgv-s",
    coder: str = "adaptive",
    force: bool = False,
    progress: Progress | None = None,
) -> EncodeReport:
    """Compress a video; its audio, timestamps, size, rotation and colour tags are kept. Inverse: `decode`.

    Memory grows with neither the length of the video nor the number of its segments.

    Args:
        source: a path of anything ffmpeg reads, or a binary file (a pipe will do).
        target: a path, or a binary file that need not seek. A path appears only when it is whole.
        quality: level from 0; the highest if None (DESIGN 6).
        model: a tokenizer, its name or its folder.
        coder: entropy coder: `raw`, `zstd` or `adaptive`.
        force: replace an existing target.
        progress: told how far it is.

    Returns:
        What it came to.

    Raises:
        MediaError: the source is missing or no video.
        WeightsError: there is no such tokenizer, or its weights are broken.
        OutputError: the target exists or cannot be written.
        OptionError: there is no such quality or coder, or the tokenizer is not causal.
    """
    with ExitStack() as stack:
        video = stack.enter_context(open_source(source))
        tokenizer = open_tokenizer(model)
        if tokenizer.config.kind == "magvit":
            raise OptionError(
                "a magvit tokenizer is not causal, so it can't code video as it comes; choose another"
            )
        levels = read_rate_points(tokenizer.folder, len(tokenizer.config.bit_depths))
        number, level = choose_rate_point(levels, quality)
        layer_coder = open_coder(coder, tokenizer)
        file = stack.enter_context(open_output(target, force=force, source=source))
        job = _Encoding(video, tokenizer, layer_coder, level, progress)
        started = time.perf_counter()
        with Writer(file) as writer:
            job.run(writer)
        seconds = time.perf_counter() - started
    return EncodeReport(
        num_frames=writer.num_frames,
        width=video.width,
        height=video.height,
        quality=number,
        num_layers=level.num_layers,
        file_bytes=writer.num_bytes,
        audio_bytes=audio_bytes(writer.bytes_by_chunk),
        seconds=seconds,
        warnings=tuple(video.warnings),
    )


class _Encoding:
    """The stages of one encoding: threads that read, tokenize and code, and the writer that drives them."""

    def __init__(
        self,
        video: VideoSource,
        tokenizer: Tokenizer,
        coder: LayerCoder,
        level: RatePoint,
        progress: Progress | None,
    ) -> None:
        self.video = video
        self.tokenizer = tokenizer
        self.coder = coder
        self.coded_size = level.coded_size(video.width, video.height)
        self.segment_frames = longest_segment(tokenizer.config.strides, *self.coded_size)
        self.bit_depths = tokenizer.config.bit_depths[: level.num_layers]
        self.progress = progress
        self._num_tokenized = 0

    def run(self, writer: Writer) -> None:
        video, stride = self.video, self.tokenizer.config.strides[0]
        shape = SegmentShape(stride, self.segment_frames, chunk_latents(stride, video.height, video.width))
        cut = cut_segments(video.events(), shape, video.time_base, self._audio_seconds)
        with Pipeline() as pipeline:
            chunks = pipeline.run_ahead(cut, 1, "mgv-read")
            tokens = tokenize_segments(chunks, self.tokenizer, self.coded_size, self._count)
            segments = pipeline.run_ahead(tokens, 1, "mgv-tokenize")
            coded = pipeline.run_ahead(self._code(segments), 1, "mgv-code")
            for tokens_of_segment, segment in coded:
                if segment.first_frame == 0:
                    self._write_heads(writer, tokens_of_segment.pts[0], shape.segment_frames)
                writer.write_segment(segment, Timing(tokens_of_segment.pts, tokens_of_segment.last_duration))
                writer.write_audio_packets(tokens_of_segment.audio)

    def _code(self, segments: Iterator[SegmentTokens]) -> Iterator[tuple[SegmentTokens, Segment]]:
        for tokens in segments:
            yield tokens, encode_layers(tokens, self.coder, self.bit_depths)

    def _write_heads(self, writer: Writer, start_pts: int, segment_frames: int) -> None:
        video, config = self.video, self.tokenizer.config
        header = Header(
            width=video.width,
            height=video.height,
            coded_width=self.coded_size[0],
            coded_height=self.coded_size[1],
            sample_aspect=video.sample_aspect,
            rotation_degrees=video.rotation_degrees,
            colour=video.colour,
            time_base=video.time_base,
            tick=video.tick,
            start_pts=start_pts,
            tokenizer=config.name,
            tokenizer_sha256=bytes.fromhex(self.tokenizer.sha256),
            strides=config.strides,
            bits_per_token=config.bits_per_token,
            bit_depths=self.bit_depths,
            coder=self.coder.id,
            coder_sha256=self.coder.parameters_sha256,
            segment_frames=segment_frames,
            software=f"mgv {__version__}",
        )
        writer.write_header(header)
        if video.metadata:
            writer.write_metadata(video.metadata)
        for audio_header in video.audio:
            writer.write_audio_header(audio_header)

    def _audio_seconds(self, packet: AudioPacket) -> Fraction | None:
        stamp = packet.pts if packet.pts is not None else packet.dts
        return None if stamp is None else stamp * self.video.audio[packet.stream].time_base

    def _count(self, num_frames: int) -> None:
        self._num_tokenized += num_frames
        if self.progress is not None:
            self.progress(self._num_tokenized, self.video.num_frames_estimated)
