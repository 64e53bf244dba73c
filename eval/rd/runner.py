"""A run: prepare the clips, find the codecs, do every point that is not done, keep account of what failed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ...codec import MissingToolError
from ..codecs import CodecError, CodecSpec, Rate, codec_from_spec
from ..metrics.registry import MetricOptions, make_metrics
from .datasets import ClipSource
from .engines import Outcome, run_here, run_on_ray
from .point import PointJob
from .prepare import prepare_clip
from .store import LAYOUT_VERSION, Run, RunClip, open_run, write_json


@dataclass(frozen=True)
class RunPlan:
    """What is to be measured."""

    folder: Path
    sources: Sequence[ClipSource]
    codecs: Sequence[CodecSpec]
    rates: Mapping[str, Sequence[Rate]] = field(default_factory=dict)
    """Name of a codec -> rates; its own ladder where there are none."""

    metrics: MetricOptions = field(default_factory=MetricOptions)
    redo: frozenset[str] = frozenset()
    """Names of codecs whose points are measured anew, though nothing that is known of changed."""


@dataclass(frozen=True)
class RunSummary:
    """What a run came to."""

    num_done: int
    """Points measured or completed now."""

    num_kept: int
    """Points that were there."""

    failures: Sequence[str]
    """A line for each point that failed."""

    missing: Mapping[str, str]
    """Codecs and metrics that are not to be had, with how to get them."""


def run_plan(
    plan: RunPlan,
    *,
    num_processes: int = 1,
    engine: str = "local",
    on_progress: Callable[[int, int, str], None] = lambda done, expected, text: None,
) -> RunSummary:
    """Do all points of a plan that are not done; what an earlier run in that folder did is kept.

    Args:
        plan: the folder may hold a run already; then it grows.
        num_processes: for `local`.
        engine: `local` or `ray`, or `ray://ADDRESS` for a cluster that runs.
        on_progress: told points done, points to do, and the one that was done last.

    Raises:
        MediaError: a source can't be read.
        OptionError, WeightsError: a codec or metric can't be made as asked.
        MissingToolError: no codec at all is there.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    codecs = _find_codecs(plan)
    metrics = make_metrics(plan.metrics)
    missing = {**codecs.missing, **metrics.unavailable}
    _write_run_file(plan, codecs.versions, missing)
    clips = [prepare_clip(source, plan.folder) for source in plan.sources]
    jobs = list(_jobs(plan, codecs, clips, metrics.versions()))
    _drop_stale(plan, codecs)
    waiting = [job for job in jobs if (point := job.kept()) is None or job.missing_metrics(point)]
    failures: list[str] = []
    for count, (job, result) in enumerate(_outcomes(waiting, engine, num_processes), 1):
        where = f"{job.clip.name} {job.spec.name} {job.rate.label}"
        if isinstance(result, CodecError):
            failures.append(f"{where}: {result}")
        on_progress(count, len(waiting), where)
    write_json(plan.folder / "failures.json", {"failures": failures})
    return RunSummary(len(waiting) - len(failures), len(jobs) - len(waiting), failures, missing)


def _drop_stale(plan: RunPlan, codecs: "_Codecs") -> None:
    """Remove points that the plan's codecs left under other settings or versions: they are other codecs now."""
    for point in open_run(plan.folder).points:
        if point.codec not in codecs.versions:
            continue
        spec = next(spec for spec in codecs.specs if spec.name == point.codec)
        is_same = point.spec == spec and point.versions == codecs.versions[spec.name]
        if not is_same or point.codec in plan.redo:
            point.file.with_name(f"{point.label}.json").unlink()
            point.file.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Codecs:
    specs: Sequence[CodecSpec]
    versions: Mapping[str, Mapping[str, str]]
    ladders: Mapping[str, Sequence[Rate]]
    missing: Mapping[str, str]


def _find_codecs(plan: RunPlan) -> _Codecs:
    specs: list[CodecSpec] = []
    versions: dict[str, Mapping[str, str]] = {}
    ladders: dict[str, Sequence[Rate]] = {}
    missing: dict[str, str] = {}
    for spec in plan.codecs:
        try:
            codec = codec_from_spec(spec)
            versions[spec.name] = codec.versions()
        except MissingToolError as error:
            missing[spec.name] = str(error)
            continue
        specs.append(spec)
        ladders[spec.name] = plan.rates.get(spec.name) or [Rate("quality", q) for q in codec.ladder]
    if not specs:
        raise MissingToolError(f"no codec is there: {'; '.join(missing.values())}")
    return _Codecs(specs, versions, ladders, missing)


def _jobs(
    plan: RunPlan, codecs: _Codecs, clips: Sequence[RunClip], metric_versions: Mapping[str, str]
) -> Iterator[PointJob]:
    """Small clips first, so that a run that is cut short has whole clips to show."""
    run = Run(plan.folder, {})
    for clip in sorted(clips, key=lambda clip: clip.format.num_pixels):
        for spec in codecs.specs:
            for rate in codecs.ladders[spec.name]:
                yield PointJob(
                    run=plan.folder,
                    clip=run.source(clip),
                    clip_sha256=clip.sha256,
                    spec=spec,
                    versions=codecs.versions[spec.name],
                    rate=rate,
                    metrics=plan.metrics,
                    metric_versions=metric_versions,
                )


def _outcomes(jobs: Sequence[PointJob], engine: str, num_processes: int) -> Iterator[Outcome]:
    if engine == "local":
        return run_here(jobs, num_processes)
    return run_on_ray(jobs, None if engine == "ray" else engine)


def _write_run_file(
    plan: RunPlan, versions: Mapping[str, Mapping[str, str]], missing: Mapping[str, str]
) -> None:
    """Note what was asked for; codecs of earlier runs in this folder stay listed."""
    path = plan.folder / "run.json"
    facts = dict(open_run(plan.folder).facts) if path.is_file() else {}
    specs = {
        spec.name: {**asdict(spec), "versions": dict(versions.get(spec.name, {}))} for spec in plan.codecs
    }
    codecs = {**facts.get("codecs", {}), **specs}
    write_json(path, {**facts, "version": LAYOUT_VERSION, "codecs": codecs, "missing": dict(missing)})
