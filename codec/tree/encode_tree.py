"""Encode all videos below a folder: `encode` for trees, resumable, on one machine or a cluster."""

import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..encode_video import EncodeReport
from ..errors import MediaError, OutputError
from ..options import OptionError
from ..output import make_folder
from ..parallel import num_processors
from .find import FoundTree, find_sources
from .journal import FileFacts, Journal, Run, root_hash
from .on_ray import run_on_ray
from .plan import TreePlan, make_plan, target_of
from .settings import EncodeSettings, Failure, FileJob
from .workers import Outcome, run_here

LOCAL, RAY = "local", "ray"

TreeProgress = Callable[[int, int, int], None]
"""Called with the files done so far, the files to do, and the frames done so far."""

Status = Literal["encoded", "kept", "failed"]


@dataclass(frozen=True)
class FileOutcome:
    """What came of one source."""

    source: str
    """Relative to the root of the sources."""

    target: str | None
    """Relative to the root of the targets; None if it failed."""

    status: Status
    facts: FileFacts | None = None
    """None if it failed."""

    error: str | None = None
    """Why it failed."""


@dataclass(frozen=True)
class TreeReport:
    """What the encoding of a tree came to."""

    files: tuple[FileOutcome, ...]
    """In order of path."""

    num_other: int
    """Files of the tree that are no video by their name."""

    seconds: float
    """Wall time of the encoding."""

    def of(self, status: Status) -> tuple[FileOutcome, ...]:
        """Give the files of one status."""
        return tuple(file for file in self.files if file.status == status)

    @property
    def num_frames(self) -> int:
        """Frames that were encoded."""
        return sum(file.facts.num_frames for file in self.of("encoded") if file.facts)

    @property
    def file_bytes(self) -> int:
        """Bytes of the files that are there, encoded now or kept."""
        return sum(file.facts.file_bytes for file in self.files if file.facts)


def encode_tree(  # noqa: PLR0913 - what a user may choose, by name
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    jobs: int | None = None,
    engine: str = LOCAL,
    images: bool = False,
    quality: int | None = None,
    bpp: float | str | None = None,
    bitrate: float | str | None = None,
    size: float | str | None = None,
    model: str | os.PathLike[str] = "mgv-s",
    coder: str | None = None,
    effort: int = 0,
    segment_frames: int | None = None,
    follow_camera: bool = True,
    align_motion: bool = True,
    force: bool = False,
    progress: TreeProgress | None = None,
) -> TreeReport:
    """Encode every video in a folder and below, each to the same relative path and name with `.mgv` after it.

    What an earlier run made of the same video with the same options is kept; `mgv-encode.jsonl` in the target folder
    says so. A video that fails is reported, and the others go on. Processes are spawned: a script calls this under
    `if __name__ == "__main__":`.

    Args:
        source: a folder.
        target: a folder, made if missing. It may be in `source`, or be `source` itself.
        jobs: files at a time; by default as many as there are processors.
        engine: `local`, `ray`, or the address of a Ray cluster (`ray://HOST:PORT`, `HOST:PORT`).
        images: whether photographs are encoded too, as videos of one frame.
        quality: as for `encode`; so are `bpp`, `bitrate`, `size` (of each file), `coder`, `effort`,
            `segment_frames`, `follow_camera` and `align_motion`.
        bpp: see there.
        bitrate: see there.
        size: see there.
        model: name or folder of a tokenizer.
        coder: see `encode`.
        effort: see there.
        segment_frames: see there.
        follow_camera: see there.
        align_motion: see there.
        force: replace what is there that this run would make otherwise, or that was made by something else.
        progress: told how far it is.

    Returns:
        What came of each video, failures included.

    Raises:
        MediaError: there is no such folder, or no video in it.
        OutputError: the target is no folder, can't be written, another run writes to it, or holds what only `force`
            replaces; nothing was encoded then.
        OptionError, WeightsError: as `encode` does.
        MissingToolError: the engine is not installed, or there is no such cluster.
    """
    if jobs is not None and jobs < 1:
        raise OptionError(f"jobs is {jobs}, expected at least 1")
    if engine not in (LOCAL, RAY) and ":" not in engine:
        raise OptionError(f"engine is {engine!r}, expected local, ray or an address such as ray://HOST:10001")
    settings = EncodeSettings(
        quality,
        bpp,
        bitrate,
        size,
        os.fspath(model),
        coder,
        effort,
        segment_frames,
        follow_camera,
        align_motion,
    ).everywhere()
    settings.check()
    root, folder = Path(source), Path(target)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file, expected a folder; {root} is one")
    tree = find_sources(root, images=images, leave_out=folder)
    if not tree.files and not tree.unreadable:
        raise MediaError(
            f"{root}: no video in this folder or below, by the suffixes of names"
            f"{'' if images else '; photographs are taken with --images'}"
        )
    run = Run(root_hash(root), settings.options())
    started = time.perf_counter()
    make_folder(folder)
    with Journal(folder) as journal:
        plan = make_plan(tree.files, folder, journal.entries, run)
        if plan.in_the_way and not force:
            raise OutputError(_in_the_way(folder, plan))
        work = _TreeRun(root, folder, tree, plan, journal, run, progress)
        outcomes = work.encode(settings, jobs, engine)
    return TreeReport(outcomes, tree.num_other, time.perf_counter() - started)


class _TreeRun:
    """The work that a plan leaves to do, and the account of it."""

    def __init__(
        self,
        root: Path,
        folder: Path,
        tree: FoundTree,
        plan: TreePlan,
        journal: Journal,
        run: Run,
        progress: TreeProgress | None,
    ) -> None:
        self._root, self._folder = Path(os.path.abspath(root)), Path(os.path.abspath(folder))
        self._journal, self._run = journal, run
        self._tree, self._kept = tree, plan.kept
        sources = [source for source in tree.files if source.path not in plan.kept]
        # Large ones first, or the last one may be large, and all but one worker wait for it.
        self._sources = sorted(sources, key=lambda source: source.num_bytes, reverse=True)
        self._progress = progress
        self._num_done = self._num_frames = 0

    def encode(self, settings: EncodeSettings, num_jobs: int | None, engine: str) -> tuple[FileOutcome, ...]:
        """Encode what is to be encoded; gives what came of every source of the tree."""
        found = {
            path: FileOutcome(path, None, "failed", error=cause)
            for path, cause in self._tree.unreadable.items()
        }
        for path, facts in self._kept.items():
            found[path] = FileOutcome(path, target_of(path), "kept", facts)
        if self._sources:
            by_name = {str(self._root / source.path): source for source in self._sources}
            self._report()
            with closing(self._outcomes(settings, num_jobs, engine)) as outcomes:
                for job, result in outcomes:
                    source = by_name[job.source]
                    found[source.path] = self._enter(source.path, job, result)
                    if (done := found[source.path].facts) is not None:
                        self._journal.finish(source, done)
                    self._num_done += 1
                    self._report()
        return tuple(found[path] for path in sorted(found))

    def _outcomes(self, settings: EncodeSettings, num_jobs: int | None, engine: str) -> Generator[Outcome]:
        if engine == LOCAL:
            num_processes = min(num_jobs or num_processors(), len(self._sources))
            return run_here(self._jobs(), settings, num_processes, self._count)
        address = None if engine == RAY else engine
        return run_on_ray(self._jobs(), settings, num_jobs, address, self._count)

    def _jobs(self) -> Iterator[FileJob]:
        """Give the jobs; each is entered in the journal when it is taken."""
        for source in self._sources:
            self._journal.begin(self._run, source.path)
            yield FileJob(str(self._root / source.path), str(self._folder / target_of(source.path)))

    def _enter(self, path: str, job: FileJob, result: EncodeReport | Failure) -> FileOutcome:
        if isinstance(result, Failure):
            cause = result.cause.removeprefix(f"{job.source}: ")
            return FileOutcome(path, None, "failed", error=cause)
        facts = FileFacts(
            num_frames=result.num_frames,
            width=result.width,
            height=result.height,
            file_bytes=result.file_bytes,
            bpp=result.bpp,
            seconds=result.seconds,
            warnings=result.warnings,
        )
        return FileOutcome(path, target_of(path), "encoded", facts)

    def _count(self, num_frames: int) -> None:
        self._num_frames += num_frames
        self._report()

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(self._num_done, len(self._sources), self._num_frames)


def _in_the_way(folder: Path, plan: TreePlan) -> str:
    target, reason = next(iter(plan.in_the_way.items()))
    rest = len(plan.in_the_way) - 1
    return (
        f"{folder / target}: {reason}{f', and {rest} more are in the way' if rest else ''}; nothing was encoded: "
        "choose another folder, or replace what is in the way with --force"
    )
