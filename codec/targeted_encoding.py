"""Encodings that keep below a rate: in two passes where the source can be read again, else by what came so far."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from ..container import Writer
from .camera import Size
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
from .options import OptionError
from .pipeline import Pipeline
from .rate import audio_bytes
from .rate_control import Budget, RateController, RunningBudget, SurveyedBudget
from .rate_fit import BudgetTooSmallError
from .rate_ladder import MEASURED_WEIGHT, Measured, choose_rung, coded_sizes_of, keep_rising, make_ladder
from .rate_ledger import Ledger
from .rate_points import RatePoint
from .rate_survey import Survey, take_survey
from .rate_target import Extent, RateTarget
from .segment_coder import SegmentCoder
from .segmenter import SegmentLengths, segment_lengths
from .token_stream import ALL_LATENTS, SegmentLatents
from .video_in import VideoSource, open_source

OpenFile = Callable[[], AbstractContextManager[BinaryIO]]

_WELL_USED = 0.95
"""Share of a target below which the report says why it is not used up."""

_MOTION_WEIGHT = 0.5
"""Of `Placing`, where the source can't be read twice: what rate point there will be is not known yet."""

_CAUTION = 0.7
"""Of what the first segment may take, the share for which the scale is chosen where nothing else is known: layers can
be added to easy segments, but the scale can't be lowered for hard ones."""

_LEAST_POWER = 1.5
"""By which the least bytes of a segment grow with the scale; an estimate on the safe side."""


class VideoSupply:
    """A source that can be opened, perhaps more than once."""

    def __init__(self, source: FileOrPath) -> None:
        self._source = source
        self._start = 0
        self.can_reopen = False
        """Whether the source can be read again from where it was."""
        if isinstance(source, str | os.PathLike):
            self.can_reopen = Path(source).is_file()
        elif hasattr(source, "seekable") and source.seekable():
            self.can_reopen = True
            self._start = source.tell()

    def open(self) -> VideoSource:
        """Open the source, at the place where it was at first."""
        if self.can_reopen and not isinstance(self._source, str | os.PathLike):
            self._source.seek(self._start)
        return open_source(self._source)


@dataclass(frozen=True)
class _Plan:
    """How to go about it."""

    point: RatePoint
    """Scale, and number of layers and rate weight to begin with."""

    budget: Budget


class TargetedEncoding:
    """One encoding that must not take more than it may."""

    def __init__(
        self,
        supply: VideoSupply,
        models: EncoderModels,
        levels: Sequence[RatePoint],
        target: RateTarget,
        progress: Progress | None,
        segment_frames: int | None = None,
        *,
        placing: Placing | None = None,
    ) -> None:
        """Prepare.

        Args:
            supply: of the source.
            models: to code with.
            levels: quality levels of the model, lowest first.
            target: of the rate.
            progress: told the frames done, those of both passes where there are two.
            segment_frames: see `segment_lengths`.
            placing: see `Cutting`; what is usual if None.
        """
        self._supply = supply
        self._models = models
        self._levels = levels
        self._most_layers = max(level.num_layers for level in levels)
        self._target = target
        self._progress = progress
        self._segment_frames = segment_frames
        self._placing = placing or Placing()

    def run(self, video: VideoSource, open_file: OpenFile, *, is_repeatable: bool) -> Outcome:
        """Encode.

        Args:
            video: the source, opened and not read yet.
            open_file: opens the file to be; an exception makes what was written go away.
            is_repeatable: whether that is so, and it may be opened again.

        Raises:
            OptionError: the target is less than what the coarsest coding takes.
        """
        if not self._supply.can_reopen:
            with open_file() as file:
                return self._run_blind(video, file)
        count = FrameCount(self._progress, 2, video.num_frames_estimated)
        survey: Survey | None = None
        lowest = RatePoint(min(level.scale for level in self._levels), 1).motion_weight
        try:
            with open_file() as file:
                survey = take_survey(
                    video, self._models, self._levels, self._cutting(video, lowest), count.add
                )
                return self._run_planned(survey, self._plan(survey), file, count)
        except BudgetTooSmallError as error:
            if survey is None or not is_repeatable:
                raise OptionError(
                    f"{self._target} can't be kept; write to a file, or ask for more"
                ) from error
        count.expect_again(video.num_frames_estimated)
        try:
            with open_file() as file:
                return self._run_planned(survey, self._lowest_plan(survey), file, count)
        except BudgetTooSmallError as error:
            raise self._too_low(survey.least_video_bytes, survey.extent) from error

    def _plan(self, survey: Survey) -> _Plan:
        """Choose the scale at which the target is met with a rate weight that has room both ways."""
        most_bytes = self._target.most_video_bytes(survey.extent)
        if most_bytes < survey.least_video_bytes:
            raise self._too_low(survey.least_video_bytes, survey.extent)
        point = choose_rung(survey.measured(), most_bytes, any_scale=True)
        lowest = min(level.scale for level in self._levels)
        factor = (point.scale / lowest) ** _LEAST_POWER
        return _Plan(point, SurveyedBudget(most_bytes, survey.needs_at(point), factor))

    def _lowest_plan(self, survey: Survey) -> _Plan:
        """Stay at the scale of the survey, where it is certain that the least bytes of all segments fit."""
        most_bytes = self._target.most_video_bytes(survey.extent)
        lowest = min(level.scale for level in self._levels)
        return _Plan(RatePoint(lowest, 1, 1.0), SurveyedBudget(most_bytes, survey.needs))

    def _run_planned(self, survey: Survey, plan: _Plan, file: BinaryIO, count: FrameCount) -> Outcome:
        with self._supply.open() as video, Writer(file) as writer, Pipeline() as pipeline:
            size = plan.point.coded_size(video.width, video.height)
            heads = Heads(video, self._models, size, self._most_layers, self._lengths(video).nominal)
            cutting = self._cutting(video, plan.point.motion_weight)
            latents = self._latents(pipeline, video, cutting, lambda _: {size: ALL_LATENTS}, count)
            controller = self._controller(video, heads, plan)
            segments = pipeline.run_ahead(latents, 1, "mgv-tokenize")
            write_segments(writer, heads, pipeline, segments, controller.code)
        return self._outcome(writer, video, plan, controller)

    def _run_blind(self, video: VideoSource, file: BinaryIO) -> Outcome:
        """Encode what can be read only once: the first segment decides on the scale."""
        budget = RunningBudget(self._target, video.num_frames_estimated)
        count = FrameCount(self._progress, 1, video.num_frames_estimated)
        sizes = coded_sizes_of(self._levels, video.width, video.height)
        wanted = dict.fromkeys(sizes.values(), ALL_LATENTS)
        with Writer(file) as writer, Pipeline() as pipeline:
            cutting = self._cutting(video, _MOTION_WEIGHT)
            latents = self._latents(pipeline, video, cutting, lambda _: wanted, count)
            first = next(latents)
            plan = _Plan(self._first_point(video, first, budget), budget)
            size = sizes[plan.point.scale]
            wanted = {size: ALL_LATENTS}
            heads = Heads(video, self._models, size, self._most_layers, self._lengths(video).nominal)
            controller = self._controller(video, heads, plan)
            segments = chain((first,), pipeline.run_ahead(latents, 1, "mgv-tokenize"))
            del first
            try:
                write_segments(writer, heads, pipeline, segments, controller.code)
            except BudgetTooSmallError as error:
                least = controller.ledger.video_bytes + error.num_bytes
                raise self._too_low(least, controller.extent()) from error
        return self._outcome(writer, video, plan, controller)

    def _first_point(self, video: VideoSource, first: SegmentLatents, budget: RunningBudget) -> RatePoint:
        """Choose the scale, as `_plan` does, by what the first segment takes."""
        counter, ledger = ExtentCounter(video), Ledger(video.tick)
        coder = SegmentCoder(self._models.tokenizer, self._models.coder)
        sizes, timing = coded_sizes_of(self._levels, video.width, video.height), first.timing
        counter.add(first)

        audio = sum(len(packet.data) for packet in first.audio)
        goal = _CAUTION * budget.most_video_bytes(counter.extent(audio), is_last=first.is_last)

        def measure() -> Iterator[Measured]:
            for rung in make_ladder(self._levels):
                coded = coder.code(first, sizes[rung.scale], rung.num_layers, MEASURED_WEIGHT)
                num_bytes = ledger.cost(coded, timing)
                yield rung, num_bytes
                if num_bytes >= goal:
                    return  # those above it take the most time, and can't be chosen

        return choose_rung(keep_rising(measure()), goal, any_scale=False)

    def _latents(
        self,
        pipeline: Pipeline,
        video: VideoSource,
        cutting: Cutting,
        sizes: Callable[[int], Mapping[Size, int]],
        count: FrameCount,
    ) -> Iterator[SegmentLatents]:
        return read_latents(pipeline, video, self._models.tokenizer, cutting, sizes, count.add)

    def _cutting(self, video: VideoSource, motion_weight: float) -> Cutting:
        return Cutting(self._lengths(video), replace(self._placing, motion_weight=motion_weight))

    def _lengths(self, video: VideoSource) -> SegmentLengths:
        """Give the same lengths for all scales, so that both passes cut alike."""
        sizes = coded_sizes_of(self._levels, video.width, video.height)
        strides, source = self._models.tokenizer.config.strides, (video.width, video.height)
        return segment_lengths(strides, sizes[max(sizes)], source, self._segment_frames)

    def _controller(self, video: VideoSource, heads: Heads, plan: _Plan) -> RateController:
        coder = SegmentCoder(self._models.tokenizer, self._models.coder)
        return RateController(coder, heads, plan.point, plan.budget, ExtentCounter(video))

    def _too_low(self, least_video_bytes: int, extent: Extent) -> OptionError:
        least = self._target.least(least_video_bytes, extent)
        return OptionError(
            f"{self._target} can't be kept: {extent.num_frames} frames of {extent.width}x{extent.height} take at "
            f"least {least} with this model; ask for that or more"
        )

    def _outcome(
        self, writer: Writer, video: VideoSource, plan: _Plan, controller: RateController
    ) -> Outcome:
        extent = controller.extent()
        reached = self._target.reached(writer.num_bytes - audio_bytes(writer.bytes_by_chunk), extent)
        notes: tuple[str, ...] = ()
        if controller.is_starved and reached < _WELL_USED * self._target.amount:
            is_highest = plan.point.scale == max(level.scale for level in self._levels)
            reason = (
                "the best quality of the model" if is_highest else "the best at the scale chosen at first"
            )
            notes = (f"{self._target} is more than this video can use: this is {reason}",)
        return Outcome(
            extent, writer.num_bytes, plan.point.scale, self._most_layers, tuple(video.warnings), notes
        )
