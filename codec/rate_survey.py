"""The first of two passes over a source: how much there is of it, and what its segments need."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..container import Segment
from .camera import Size
from .encode_stages import Cutting, EncoderModels, ExtentCounter, Heads, read_latents
from .pipeline import Pipeline
from .rate_control import SegmentNeeds
from .rate_ladder import MEASURED_WEIGHT, Measured, coded_sizes_of, keep_rising, make_ladder
from .rate_ledger import Ledger
from .rate_points import MAX_RATE_WEIGHT, RatePoint
from .rate_target import Extent
from .segment_coder import SegmentCoder
from .token_stream import ALL_LATENTS, SegmentLatents
from .video_in import VideoSource

_MOST_SAMPLES = 4
"""Segments whose beginning is coded at every rung of the ladder."""

_SAMPLE_LATENTS = 5
"""Latent frames of such a beginning."""


@dataclass(frozen=True)
class Sample:
    """The beginning of one segment, coded at every rung of the ladder."""

    number: int
    """Of the segment."""

    factors: dict[RatePoint, float]
    """For each rung, its bytes over those that the weights of `SegmentNeeds` are made of."""


@dataclass(frozen=True)
class Survey:
    """What the first pass found."""

    extent: Extent
    needs: tuple[SegmentNeeds, ...]
    least_video_bytes: int
    """Of a file with every segment coded as coarsely as can be."""

    samples: tuple[Sample, ...]
    """Of segments spread over the video, in order; at least one."""

    def measured(self) -> tuple[Measured, ...]:
        """Give, for each rung of the ladder, the bytes that all segments together would take, about."""
        rungs = self.samples[0].factors
        return keep_rising((rung, sum(need.weight for need in self.needs_at(rung))) for rung in rungs)

    def needs_at(self, point: RatePoint) -> tuple[SegmentNeeds, ...]:
        """Give the needs, weighted by the bytes that the segments would take, about, at a rate point.

        Args:
            point: of the ladder, or between two of its rungs.
        """
        rung = min(
            self.samples[0].factors,
            key=lambda rung: (abs(rung.num_layers - point.num_layers), abs(rung.scale - point.scale)),
        )
        weighted = []
        for number, need in enumerate(self.needs):
            sample = min(self.samples, key=lambda sample: abs(sample.number - number))
            weighted.append(need.at(sample.factors[rung]))
        return tuple(weighted)


def take_survey(
    video: VideoSource,
    models: EncoderModels,
    levels: Sequence[RatePoint],
    cutting: Cutting,
    on_frames: Callable[[int], None],
) -> Survey:
    """Go through a source: code all of it at the lowest scale, and samples at every rung of the ladder.

    Args:
        video: not read yet.
        models: that it will be coded with.
        levels: quality levels of the model.
        cutting: into segments.
        on_frames: told the number of frames of each chunk that is done.
    """
    survey = _Surveyor(video, models, levels, cutting.lengths.nominal)
    with Pipeline() as pipeline:
        latents = read_latents(pipeline, video, models.tokenizer, cutting, survey.coded_sizes, on_frames)
        for segment in pipeline.run_ahead(latents, 1, "mgv-survey"):
            survey.add(segment)
    return survey.result()


class _Surveyor:
    """Gathers what segments need."""

    def __init__(
        self, video: VideoSource, models: EncoderModels, levels: Sequence[RatePoint], segment_frames: int
    ) -> None:
        self._video = video
        self._models = models
        self._segment_frames = segment_frames
        self._samples = _choose_samples(video.num_frames_estimated, segment_frames)
        self._sizes = coded_sizes_of(levels, video.width, video.height)
        self._scale = min(self._sizes)
        self._num_layers = max(level.num_layers for level in levels if level.scale == self._scale)
        self._most_layers = max(level.num_layers for level in levels)
        self._coder = SegmentCoder(models.tokenizer, models.coder)
        self._counter = ExtentCounter(video)
        self._ledger = Ledger(video.tick)
        self._needs: list[SegmentNeeds] = []
        self._ladder = make_ladder(levels)
        self._found: list[Sample] = []

    def coded_sizes(self, number: int) -> dict[Size, int]:
        """Give the sizes at which a segment is wanted, and the latent frames of each."""
        sample = dict.fromkeys(self._sizes.values() if number in self._samples else (), _SAMPLE_LATENTS)
        return sample | {self._sizes[self._scale]: ALL_LATENTS}

    def add(self, segment: SegmentLatents) -> None:
        """Find out about the next segment."""
        timing, size = segment.timing, self._sizes[self._scale]
        if not self._needs:
            heads = Heads(self._video, self._models, size, self._most_layers, self._segment_frames)
            heads.write(self._ledger.writer, segment)
        least = self._coder.code(segment, size, 1, MAX_RATE_WEIGHT)
        usual = self._coder.code(segment, size, self._num_layers, MEASURED_WEIGHT)
        weight = self._ledger.cost(usual, timing)
        if len(self._needs) in self._samples:
            self._measure(segment)
        fixed = weight - _payload_bytes(usual)
        self._needs.append(SegmentNeeds(segment.first_frame, self._ledger.cost(least, timing), weight, fixed))
        self._counter.add(segment)
        self._ledger.add_audio(segment.audio)
        self._ledger.add_segment(least, timing)

    def _measure(self, segment: SegmentLatents) -> None:
        """Code the beginning of a segment at every rung."""
        latents = {size: latent[:, :_SAMPLE_LATENTS] for size, latent in segment.latents.items()}
        sample = replace(segment, latents=latents)

        def num_bytes(rung: RatePoint) -> int:
            return _payload_bytes(
                self._coder.code(sample, self._sizes[rung.scale], rung.num_layers, MEASURED_WEIGHT)
            )

        usual = max(1, num_bytes(RatePoint(self._scale, self._num_layers)))
        factors = {rung: num_bytes(rung) / usual for rung in self._ladder}
        self._found.append(Sample(len(self._needs), factors))

    def result(self) -> Survey:
        """Sum up, after the last segment."""
        return Survey(
            self._counter.extent(self._ledger.audio_bytes),
            tuple(self._needs),
            self._ledger.video_bytes,
            tuple(self._found),
        )


def _payload_bytes(segment: Segment) -> int:
    return sum(len(layer.payload) for layer in segment.layers)


def _choose_samples(num_frames: int | None, segment_frames: int) -> set[int]:
    """Choose the numbers of up to four segments spread over the video; the first is always among them."""
    if num_frames is None:
        return {0, 3, 12, 48}
    num_segments = -(-num_frames // segment_frames)
    num_samples = min(_MOST_SAMPLES, num_segments)
    return {index * num_segments // num_samples for index in range(num_samples)}
