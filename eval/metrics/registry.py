"""Metrics by name, with what each needs, and one pass over the frames of a pair for all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from ...codec import OptionError
from .features import Lpips, SqueezeNetFeatures
from .fidelity import MsSsim, Psnr, Ssim
from .interface import ClipMetric, ClipPair, FrameMetric, Metric, MetricUnavailable
from .vmaf import Vmaf

DEFAULT_METRICS = ("psnr", "ssim", "ms-ssim", "vmaf")
"""The fast ones."""


@dataclass(frozen=True)
class MetricOptions:
    """Which metrics, and the files some need."""

    names: tuple[str, ...] = DEFAULT_METRICS
    ffmpeg: str | None = None
    lpips_weights: Path | None = None
    squeezenet_weights: Path | None = None
    every: int = 1
    """Slow metrics measure frames 0, `every`, 2 x `every`, ... only."""

    def __post_init__(self) -> None:
        for name in self.names:
            if name not in MAKERS:
                raise OptionError(f"metric is {name!r}, expected one of {', '.join(MAKERS)}")


MAKERS: dict[str, Callable[[MetricOptions], Metric]] = {
    "psnr": lambda options: Psnr(),
    "ssim": lambda options: Ssim(),
    "ms-ssim": lambda options: MsSsim(),
    "vmaf": lambda options: Vmaf(options.ffmpeg),
    "lpips": lambda options: Lpips(options.lpips_weights),
    "squeezenet": lambda options: SqueezeNetFeatures(options.squeezenet_weights),
}
"""Name -> how it is made; raises MetricUnavailable."""

CLASSES: tuple[type[Metric], ...] = (Psnr, Ssim, MsSsim, Vmaf, Lpips, SqueezeNetFeatures)

COLUMNS = {column.name: column for metric in CLASSES for column in metric.columns}
"""Every column that there is, in the order of reports."""


Series = tuple[float | None, ...]
"""Of one column: the value of each frame, None where it was not measured; or one value for the clip."""


@dataclass(frozen=True)
class Measured:
    """What metrics made of one pair of clips."""

    values: Mapping[str, Series]

    unavailable: Mapping[str, str]
    """Metric -> why it was not measured."""


@dataclass(frozen=True)
class MetricSet:
    """Metrics that are ready, and why others are not."""

    metrics: Mapping[str, Metric]
    unavailable: Mapping[str, str] = field(default_factory=dict)
    every: int = 1

    def versions(self) -> dict[str, str]:
        """Give the version of each that is ready; of slow ones with the frames they look at."""
        return {
            name: f"{metric.version}, every {self._step(metric)}"
            if self._step(metric) > 1
            else metric.version
            for name, metric in self.metrics.items()
        }

    def measure(self, pair: ClipPair, scratch: Path, names: Sequence[str]) -> Measured:
        """Measure some of them.

        Args:
            pair: source and decoding.
            scratch: folder for temporary files.
            names: of metrics that are ready.
        """
        values: dict[str, Series] = {}
        unavailable: dict[str, str] = {}
        on_frames: list[FrameMetric] = []
        for name in names:
            metric = self.metrics[name]
            try:
                metric.check(pair.format)
                if isinstance(metric, ClipMetric):
                    series = metric.measure_clip(pair, scratch)
                    values |= {
                        column.name: tuple(one) for column, one in zip(metric.columns, series, strict=True)
                    }
                elif isinstance(metric, FrameMetric):
                    on_frames.append(metric)
            except MetricUnavailable as reason:
                unavailable[name] = str(reason)
        values |= self._measure_frames(on_frames, pair)
        return Measured(values, unavailable)

    def _measure_frames(self, metrics: Sequence[FrameMetric], pair: ClipPair) -> dict[str, Series]:
        columns = [column.name for metric in metrics for column in metric.columns]
        if not columns:
            return {}
        rows: list[list[float | None]] = []
        for index, frame in enumerate(pair.frames()):
            row: list[float | None] = []
            for metric in metrics:
                is_wanted = index % self._step(metric) == 0
                row += metric.measure_frame(frame) if is_wanted else [None] * len(metric.columns)
            rows.append(row)
        return {name: tuple(series) for name, series in zip(columns, zip(*rows, strict=True), strict=True)}

    def _step(self, metric: Metric) -> int:
        return self.every if isinstance(metric, FrameMetric) and metric.is_slow else 1


def make_metrics(options: MetricOptions) -> MetricSet:
    """Make the metrics that are asked for, as far as they are to be had."""
    ready: dict[str, Metric] = {}
    unavailable: dict[str, str] = {}
    for name in options.names:
        try:
            ready[name] = MAKERS[name](options)
        except MetricUnavailable as reason:
            unavailable[name] = str(reason)
    return MetricSet(ready, unavailable, options.every)


def clip_means(values: Mapping[str, Series]) -> dict[str, float]:
    """Take the mean of each column over the frames that were measured."""
    return {name: fmean(one for one in series if one is not None) for name, series in values.items()}
