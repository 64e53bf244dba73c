"""The stages of an encoding: threads that read, transform and code, and the writer that drives them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from .. import __version__
from ..container import AudioPacket, Header, Segment, Writer
from ..tokenizer import Tokenizer
from .camera import Size, follow_camera
from .entropy import LayerCoder
from .motion import align_motion
from .pipeline import Pipeline
from .rate_target import Extent
from .scene_cuts import SceneWatch
from .segmenter import SegmentLengths, SegmentShape, cut_segments
from .token_stream import SegmentLatents, chunk_latents, segment_latents
from .video_in import VideoSource

Progress = Callable[[int, int | None], None]
"""Called with the frames done so far and the frames expected, None where unknown."""


class FrameCount:
    """Adds up frames and passes them on to a `Progress`."""

    def __init__(self, progress: Progress | None, num_passes: int, num_frames: int | None) -> None:
        self._progress = progress
        self._expected = None if num_frames is None else num_frames * num_passes
        self._done = 0

    def expect_again(self, num_frames: int | None) -> None:
        """Expect a pass over so many frames from here on, in place of what was expected."""
        if self._expected is not None and num_frames is not None:
            self._expected = self._done + num_frames

    def add(self, num_frames: int) -> None:
        """Tell that so many frames more are done."""
        self._done += num_frames
        if self._progress is not None:
            self._progress(self._done, self._expected)


@dataclass(frozen=True)
class EncoderModels:
    """What turns frames into bytes."""

    tokenizer: Tokenizer
    coder: LayerCoder
    effort: int = 0
    """Steps of search, see `quantize_segment`."""


@dataclass(frozen=True)
class Placing:
    """What is done so that things stay where they are in the coded picture."""

    follows_camera: bool = True
    """Whether frames are laid over one another, see `follow_camera`."""

    aligns_motion: bool = True
    """Whether those of a latent frame are aligned, see `align_motion`."""

    motion_weight: float = 1.0
    """Of `align_motion`."""


@dataclass(frozen=True)
class Cutting:
    """How a source becomes segments."""

    lengths: SegmentLengths
    """Of segments."""

    placing: Placing = field(default_factory=Placing)

    keep_frames: bool = False
    """See `segment_latents`."""


@dataclass(frozen=True)
class Heads:
    """What comes before the first segment."""

    video: VideoSource
    models: EncoderModels
    size: Size
    """Coded size."""

    num_layers: int
    """Most that a segment may have."""

    segment_frames: int
    """Nominal length of a segment."""

    def write(self, writer: Writer, first: SegmentLatents) -> None:
        """Write header, metadata and audio headers.

        Args:
            writer: nothing is written to it yet.
            first: the first segment.
        """
        writer.write_header(self._header(first.pts[0]))
        if self.video.metadata:
            writer.write_metadata(self.video.metadata)
        for audio_header in self.video.audio:
            writer.write_audio_header(audio_header)

    def _header(self, start_pts: int) -> Header:
        video, config, coder = self.video, self.models.tokenizer.config, self.models.coder
        return Header(
            width=video.width,
            height=video.height,
            coded_width=self.size[0],
            coded_height=self.size[1],
            sample_aspect=video.sample_aspect,
            rotation_degrees=video.rotation_degrees,
            colour=video.colour,
            time_base=video.time_base,
            tick=video.tick,
            start_pts=start_pts,
            tokenizer=config.name,
            tokenizer_sha256=bytes.fromhex(self.models.tokenizer.sha256),
            strides=config.strides,
            bits_per_token=config.bits_per_token,
            bit_depths=config.bit_depths[: self.num_layers],
            coder=coder.id,
            coder_sha256=coder.parameters_sha256,
            segment_frames=self.segment_frames,
            software=f"mgv {__version__}",
        )


@dataclass(frozen=True)
class Outcome:
    """What an encoding came to."""

    extent: Extent
    file_bytes: int
    scale: float
    num_layers: int
    """Most that a segment has."""

    warnings: tuple[str, ...]
    """Of the source."""

    notes: tuple[str, ...] = ()
    """On the rate."""


def read_latents(
    pipeline: Pipeline,
    video: VideoSource,
    tokenizer: Tokenizer,
    cutting: Cutting,
    coded_sizes: Callable[[int], Mapping[Size, int]],
    on_frames: Callable[[int], None],
) -> Iterator[SegmentLatents]:
    """Read a source in threads, and give the latents of its segments.

    Args:
        pipeline: that the threads belong to.
        video: not read yet.
        tokenizer: a causal one.
        cutting: into segments.
        coded_sizes: see `segment_latents`.
        on_frames: likewise.
    """

    def audio_seconds(packet: AudioPacket) -> Fraction | None:
        stamp = packet.pts if packet.pts is not None else packet.dts
        return None if stamp is None else stamp * video.audio[packet.stream].time_base

    stride = tokenizer.config.strides[0]
    longest_chunk = chunk_latents(stride, video.height, video.width)
    shape = SegmentShape(stride, cutting.lengths.nominal, longest_chunk, cutting.lengths.still)
    cut = cut_segments(video.events(), shape, video.time_base, audio_seconds, SceneWatch())
    chunks = pipeline.run_ahead(cut, 1, "mgv-read")
    size, placing = (video.width, video.height), cutting.placing
    if placing.follows_camera:
        chunks = pipeline.run_ahead(follow_camera(chunks, size), 1, "mgv-follow")
    if placing.aligns_motion:
        chunks = pipeline.run_ahead(align_motion(chunks, size, stride, placing.motion_weight), 1, "mgv-align")
    return segment_latents(chunks, tokenizer, coded_sizes, on_frames, keep_frames=cutting.keep_frames)


def write_segments(
    writer: Writer,
    heads: Heads,
    pipeline: Pipeline,
    segments: Iterator[SegmentLatents],
    code: Callable[[SegmentLatents], Segment],
) -> None:
    """Code segments in a thread, and write heads, segments and audio.

    Args:
        writer: nothing is written to it yet.
        heads: of the file.
        pipeline: that the thread belongs to.
        segments: all of them.
        code: codes a segment.
    """
    coded = pipeline.run_ahead(_code(segments, code), 1, "mgv-code")
    for segment, data in coded:
        if segment.first_frame == 0:
            heads.write(writer, segment)
        writer.write_segment(data, segment.timing)
        writer.write_audio_packets(segment.audio)


def _code(
    segments: Iterator[SegmentLatents], code: Callable[[SegmentLatents], Segment]
) -> Iterator[tuple[SegmentLatents, Segment]]:
    for segment in segments:
        pair = replace(segment, latents={}, frames={}), code(segment)
        del segment  # latents and frames are large
        yield pair


class ExtentCounter:
    """Counts frames, time and audio as segments go by."""

    def __init__(self, video: VideoSource) -> None:
        self._video = video
        self._first_pts: int | None = None
        self._end_pts = 0
        self._num_frames = 0

    def add(self, segment: SegmentLatents) -> None:
        """Enter the next segment."""
        if self._first_pts is None:
            self._first_pts = segment.pts[0]
        self._end_pts = segment.pts[-1] + segment.last_duration
        self._num_frames += segment.num_frames

    def extent(self, audio_bytes: int) -> Extent:
        """Give what was entered so far.

        Args:
            audio_bytes: of the chunks that hold audio and its headers.
        """
        seconds = (self._end_pts - (self._first_pts or 0)) * self._video.time_base
        return Extent(self._video.width, self._video.height, self._num_frames, seconds, audio_bytes)
