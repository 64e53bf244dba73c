"""Encoding on a Ray cluster: a task for each file, in processes that keep their models open."""

from collections.abc import Callable, Generator, Iterator
from functools import cache
from itertools import islice
from typing import Any

from ..encode_video import EncodeReport
from ..parallel import open_cluster
from .settings import EncodeSettings, Failure, FileJob, TreeEncoder
from .workers import STOP_SECONDS, Outcome


def run_on_ray(
    jobs: Iterator[FileJob],
    settings: EncodeSettings,
    num_jobs: int | None,
    address: str | None,
    on_frames: Callable[[int], None],
) -> Generator[Outcome]:
    """Encode files as Ray tasks of one CPU each; yields them as they are done.

    All nodes must have mgv, and sources, targets and model under the same paths. A task is not tried again: the next
    run does that. Leaving early cancels the tasks, and what they had not finished is removed.

    Args:
        jobs: taken as the cluster has room.
        settings: for all of them.
        num_jobs: at a time; None for as many as the cluster has CPUs, and as many again in wait.
        address: see `open_cluster`.
        on_frames: told the frames of each file that is done.

    Raises:
        MissingToolError: ray is not installed, or there is no such cluster.
    """
    with open_cluster(address) as ray:
        remote: Any = ray.remote(num_cpus=1, max_retries=0)(encode_one)
        waiting: dict[Any, FileJob] = {}
        try:
            while True:
                room = num_jobs or 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))
                for job in islice(jobs, max(0, room - len(waiting))):
                    waiting[remote.remote(job, settings)] = job
                if not waiting:
                    return
                for reference in ray.wait(list(waiting), num_returns=1)[0]:
                    job = waiting[reference]
                    result: EncodeReport | Failure
                    try:
                        result = ray.get(reference)
                    except ray.exceptions.RayError as error:
                        result = Failure(
                            f"its Ray task failed: {str(error).strip().splitlines()[-1].strip()}"
                        )
                        job.remove_part()
                    if isinstance(result, EncodeReport):
                        on_frames(result.num_frames)
                    del waiting[reference]
                    yield job, result
        finally:
            for reference in waiting:
                ray.cancel(reference)
            if waiting:
                ray.wait(list(waiting), num_returns=len(waiting), timeout=STOP_SECONDS)
            for job in waiting.values():
                job.remove_part()


def encode_one(job: FileJob, settings: EncodeSettings) -> EncodeReport | Failure:
    """Encode a file; this is what a task does. Ray gives the process to the next task."""
    return _encoder(settings).run(job)


@cache
def _encoder(settings: EncodeSettings) -> TreeEncoder:
    return TreeEncoder(settings, num_threads=1)
