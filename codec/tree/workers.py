"""Encoding on this machine: processes that take file after file, each of which may die without the others."""

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from itertools import islice
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from types import FrameType

from ..encode_video import EncodeReport
from ..options import OptionError
from ..parallel import num_processors
from .settings import EncodeSettings, Failure, FileJob, TreeEncoder

Outcome = tuple[FileJob, EncodeReport | Failure]
"""A job with what came of it."""

STOP_SECONDS = 20.0
"""What a worker has to remove its unfinished file when it is told to stop."""


def run_here(
    jobs: Iterator[FileJob], settings: EncodeSettings, num_processes: int, on_frames: Callable[[int], None]
) -> Generator[Outcome]:
    """Encode files in so many processes; yields them as they are done.

    Leaving early (an exception, `close`) stops all processes, and what they had not finished is removed.

    Args:
        jobs: taken one by one, when there is a process for them.
        settings: for all of them.
        num_processes: that work at a time.
        on_frames: told how many frames more are done, while files are worked on.

    Raises:
        OptionError: the first process to end could not even begin.
    """
    num_threads = max(1, num_processors() // num_processes)
    crew: list[_Worker] = []
    is_proven = False
    try:
        crew += [_Worker(settings, num_threads, job) for job in islice(jobs, num_processes)]
        while crew:
            ready = wait([worker.connection for worker in crew])
            for worker in [worker for worker in crew if worker.connection in ready]:
                message = worker.receive()
                if isinstance(message, int):
                    is_proven = True
                    on_frames(worker.count(message))
                    continue
                if message is None:
                    ending = worker.ending()
                    if not is_proven:
                        raise OptionError(
                            f"a process that should encode {ending} before it could begin; try fewer jobs, "
                            "and call encode_tree under `if __name__ == '__main__':`"
                        )
                    worker.job.remove_part()
                elif isinstance(message, EncodeReport):
                    on_frames(worker.count(message.num_frames))
                yield worker.job, message or Failure(f"its process {ending}")
                following = next(jobs, None)
                if following is not None and message is not None:
                    worker.give(following)
                    continue
                worker.dismiss()
                crew.remove(worker)
                if following is not None:
                    crew.append(_Worker(settings, num_threads, following))
    finally:
        for worker in crew:
            worker.stop()
        for worker in crew:
            worker.ending()
            worker.job.remove_part()


class _Worker:
    """A process that encodes, seen from outside."""

    def __init__(self, settings: EncodeSettings, num_threads: int, job: FileJob) -> None:
        # spawned, not forked: torch and its threads do not survive a fork
        context = get_context("spawn")
        self.connection, there = context.Pipe()
        self.process = context.Process(target=work, args=(there, settings, num_threads), daemon=True)
        # Ctrl-C goes to all processes of a terminal; the workers are to hear of it from this one alone. They begin with
        # this thread's mask, if what `start` starts first, and unmasks again, runs already.
        resource_tracker.ensure_running()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        there.close()
        self.give(job)

    def give(self, job: FileJob) -> None:
        """Hand a job over."""
        self.job = job
        self._num_frames = 0
        with suppress(OSError):  # it is dead; `receive` will tell
            self.connection.send(job)

    def receive(self) -> int | EncodeReport | Failure | None:
        """Wait for the frames of its file that are done, or what came of it; None if the process is dead."""
        try:
            message: int | EncodeReport | Failure = self.connection.recv()
        except (EOFError, OSError):
            return None
        return message

    def count(self, num_frames: int) -> int:
        """Give how many frames that is more than were counted."""
        more = max(0, num_frames - self._num_frames)
        self._num_frames += more
        return more

    def dismiss(self) -> None:
        """Let the process end: there is nothing more to do."""
        with suppress(OSError):
            self.connection.send(None)
        self.process.join()
        self.connection.close()

    def stop(self) -> None:
        """Tell the process to end soon, whether it works or waits."""
        self.process.terminate()
        with suppress(OSError):
            self.connection.send(None)

    def ending(self) -> str:
        """Wait for the process to end, and say how it did."""
        self.process.join(STOP_SECONDS)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        code = self.process.exitcode or 0
        if code >= 0:
            return f"ended with exit code {code} (see its trace)"
        name = signal.Signals(-code).name
        return f"was killed ({name}{', perhaps for lack of memory' if name == 'SIGKILL' else ''})"


def work(connection: "Connection", settings: EncodeSettings, num_threads: int) -> None:
    """Encode what comes until None comes; this is what a worker's process does.

    Args:
        connection: gives `FileJob`s; takes for each the frames done so far, again and again, then the outcome.
        settings: for all of them.
        num_threads: that the process may take.
    """
    is_stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        """Only take note: an exception out of the blue, between two steps of a lock, could leave it broken."""
        nonlocal is_stopping
        is_stopping = True

    def report(num_frames: int) -> None:
        if is_stopping:
            raise SystemExit(
                128 + signal.SIGTERM
            )  # from within `encode`, so that the unfinished file is removed
        connection.send(num_frames)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    encoder = TreeEncoder(settings, num_threads)
    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, BrokenPipeError):  # the other side is gone
        connection.send(0)
        while (job := connection.recv()) is not None:
            connection.send(encoder.run(job, report))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
