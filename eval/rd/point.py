"""One rate point: encode, decode, measure, keep; a job that any engine can run, here or elsewhere."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from ..codecs import CodecSpec, Coded, Decoded, Rate, RdCodec, SourceClip, codec_from_spec
from ..codecs.ffmpeg import write_clip_raw
from ..metrics.interface import ClipPair
from ..metrics.registry import MetricOptions, MetricSet, clip_means, make_metrics
from .prepare import file_sha256
from .store import (
    RunPoint,
    features_file,
    point_folder,
    point_to_json,
    read_point,
    write_json,
)


@dataclass(frozen=True)
class PointJob:
    """What one point needs; plain values, so that it can travel to another process."""

    run: Path
    clip: SourceClip
    clip_sha256: str
    spec: CodecSpec
    versions: Mapping[str, str]
    rate: Rate
    metrics: MetricOptions
    metric_versions: Mapping[str, str]
    """Of those that can be measured."""

    @property
    def result(self) -> Path:
        """The JSON file that the point is kept in."""
        return point_folder(self.run, self.clip.name, self.spec.name) / f"{self.rate.label}.json"

    @property
    def identity(self) -> str:
        """Hash of all that decides on the coded file."""
        facts = {
            "frames": self.clip_sha256,
            "kind": self.spec.kind,
            "settings": dict(sorted(self.spec.settings.items())),
            "versions": dict(sorted(self.versions.items())),
            "rate": asdict(self.rate),
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def kept(self) -> RunPoint | None:
        """Give the point as an earlier run left it.

        None where there is none, or of other frames or versions, or where its coded file is not what was measured.
        """
        if not self.result.is_file():
            return None
        point = read_point(self.result)
        is_whole = point.file.is_file() and file_sha256(point.file) == point.sha256
        return point if is_whole and point.identity == self.identity else None

    def missing_metrics(self, point: RunPoint | None) -> list[str]:
        """Name the metrics that a kept point lacks, or has of another version."""
        measured: Mapping[str, str] = {} if point is None else point.measured
        return [name for name, version in self.metric_versions.items() if measured.get(name) != version]


def measure_point(job: PointJob) -> RunPoint:
    """Do what is not done yet of a point, and write it into the run folder.

    Raises:
        CodecError: encoder or decoder failed.
    """
    point = job.kept()
    missing = job.missing_metrics(point)
    if point is not None and not missing:
        return point
    with tempfile.TemporaryDirectory(prefix="mgv-rd-") as name:
        scratch = Path(name)
        codec = codec_from_spec(job.spec)
        decoded, source = scratch / "decoded-frames.yuv", scratch / "source-frames.yuv"
        if point is None:
            coded, file = _encode(job, codec, scratch)
            point = _new_point(job, file, coded, codec.decode(file, job.clip, decoded, scratch))
        else:
            codec.decode(point.file, job.clip, decoded, scratch)
        write_clip_raw(job.clip, source)
        pair = ClipPair(source, decoded, job.clip.format)
        point = _with_metrics(point, job, pair, scratch, missing)
    write_json(job.result, point_to_json(point))
    return point


def _encode(job: PointJob, codec: RdCodec, scratch: Path) -> tuple[Coded, Path]:
    folder = job.result.parent
    folder.mkdir(parents=True, exist_ok=True)
    job.result.unlink(missing_ok=True)  # from here on it would tell of a file that is no more
    name = f"{job.rate.label}.{codec.suffix}"
    coded = codec.encode(job.clip, job.rate, scratch / name, scratch)
    shutil.copyfile(scratch / name, folder / name)
    return coded, folder / name


def _new_point(job: PointJob, file: Path, coded: Coded, decoding: Decoded) -> RunPoint:
    num_pixels = job.clip.format.num_pixels
    return RunPoint(
        clip=job.clip.name,
        codec=job.spec.name,
        label=job.rate.label,
        identity=job.identity,
        asked=job.rate,
        reached=coded.rate,
        file=file,
        sha256=file_sha256(file),
        num_bytes=coded.num_bytes,
        bpp=8 * coded.num_bytes / num_pixels,
        spec=job.spec,
        versions=dict(job.versions),
        commands=(*coded.commands, *decoding.commands),
        encode=coded.cost,
        decode=decoding.cost,
        raw_bpp=None if coded.raw_bits is None else coded.raw_bits / num_pixels,
    )


def _with_metrics(
    point: RunPoint, job: PointJob, pair: ClipPair, scratch: Path, names: list[str]
) -> RunPoint:
    metrics = _metrics_of_this_process(job.metrics)
    found = metrics.measure(pair, scratch, names)
    if found.features is not None:
        source, decoded = found.features
        np.savez(features_file(point), source=source, decoded=decoded)
    series = {**point.frame_metrics, **found.values}
    unavailable = {name: why for name, why in point.unavailable.items() if name not in names}
    return replace(
        point,
        frame_metrics=series,
        metrics=clip_means(series),
        unavailable={**unavailable, **found.unavailable},
        measured={**point.measured, **{name: job.metric_versions[name] for name in names}},
    )


@cache
def _metrics_of_this_process(options: MetricOptions) -> MetricSet:
    return make_metrics(options)
