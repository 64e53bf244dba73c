"""Where jobs run: in this process, in several of this machine, or on a Ray cluster."""

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing import get_context
from typing import Any

from ...codec.parallel import limit_threads, num_processors, open_cluster
from ..codecs import CodecError
from .point import PointJob, measure_point
from .store import RunPoint

Outcome = tuple[PointJob, RunPoint | CodecError]
"""A job with what came of it."""


def run_here(jobs: Sequence[PointJob], num_processes: int) -> Iterator[Outcome]:
    """Run jobs one after the other, or in so many processes; yields them as they end."""
    if num_processes == 1:
        for job in jobs:
            yield job, attempt(job)
        return
    num_threads = max(1, num_processors() // num_processes)
    # spawned, not forked: torch and its threads do not survive a fork
    pool = ProcessPoolExecutor(num_processes, get_context("spawn"), limit_threads, (num_threads,))
    rest = iter(jobs)
    running: dict[Future[RunPoint | CodecError], PointJob] = {}
    try:
        while True:
            for job in islice(
                rest, num_processes - len(running)
            ):  # no more, so that a stop waits for these only
                running[pool.submit(attempt, job)] = job
            if not running:
                return
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(done), done.result()
    finally:
        pool.shutdown()


def run_on_ray(jobs: Sequence[PointJob], address: str | None) -> Iterator[Outcome]:
    """Run jobs as Ray tasks; the run folder and the ffmpeg binary must be there, under the same paths, on all nodes.

    Args:
        jobs: each becomes a task of one CPU.
        address: of the cluster; a local one is started if None.

    Raises:
        MissingToolError: ray is not installed.
    """
    with open_cluster(address) as ray:
        remote: Any = ray.remote(num_cpus=1)(_attempt_alone)
        waiting = {remote.remote(job): job for job in jobs}
        while waiting:
            done, _ = ray.wait(list(waiting), num_returns=1)
            for reference in done:
                yield waiting.pop(reference), ray.get(reference)


def attempt(job: PointJob) -> RunPoint | CodecError:
    """Run one job; a codec's failure is a result, for the others must go on."""
    try:
        return measure_point(job)
    except CodecError as error:
        return error


def _attempt_alone(job: PointJob) -> RunPoint | CodecError:
    limit_threads(1)
    return attempt(job)
