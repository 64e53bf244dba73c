"""Where jobs run: in this process, in several of this machine, or on a Ray cluster."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any

from ...codec import MissingToolError
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
    # spawned, not forked: torch and its threads do not survive a fork
    pool = ProcessPoolExecutor(num_processes, get_context("spawn"), limit_threads, (num_processes,))
    try:
        waiting = {pool.submit(attempt, job): job for job in jobs}
        for done in as_completed(waiting):
            yield waiting[done], done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def run_on_ray(jobs: Sequence[PointJob], address: str | None) -> Iterator[Outcome]:
    """Run jobs as Ray tasks; the run folder and the ffmpeg binary must be there, under the same paths, on all nodes.

    Args:
        jobs: each becomes a task of one CPU.
        address: of the cluster; a local one is started if None.

    Raises:
        MissingToolError: ray is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingToolError("--engine ray needs ray: pip install 'mgv[scale]'") from error
    ray.init(address=address, log_to_driver=False, include_dashboard=False, ignore_reinit_error=True)
    try:
        remote: Any = ray.remote(num_cpus=1)(_attempt_alone)
        waiting = {remote.remote(job): job for job in jobs}
        while waiting:
            done, _ = ray.wait(list(waiting), num_returns=1)
            for reference in done:
                yield waiting.pop(reference), ray.get(reference)
    finally:
        ray.shutdown()


def attempt(job: PointJob) -> RunPoint | CodecError:
    """Run one job; a codec's failure is a result, for the others must go on."""
    try:
        return measure_point(job)
    except CodecError as error:
        return error


def limit_threads(num_processes: int) -> None:
    """Share the processors among processes: torch would start as many threads as there are in each."""
    import torch

    torch.set_num_threads(max(1, (os.cpu_count() or 1) // num_processes))


def _attempt_alone(job: PointJob) -> RunPoint | CodecError:
    import torch

    torch.set_num_threads(1)
    return attempt(job)
