"""Work in several processes: threads of each, and a Ray cluster."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .errors import MissingToolError

CONNECT_SECONDS = 10.0


def num_processors() -> int:
    """Count the processors that this process may use."""
    return len(os.sched_getaffinity(0))


def limit_threads(num_threads: int) -> None:
    """Let torch, with it ONNX Runtime, and OpenCV start so many threads in this process, not one for each processor.

    Nothing else of an encoding would: the entropy coders keep numpy's matrix products to one thread themselves.
    """
    import cv2
    import torch

    torch.set_num_threads(num_threads)
    cv2.setNumThreads(num_threads)


@contextmanager
def open_cluster(address: str | None) -> Iterator[Any]:
    """Connect to a Ray cluster for the length of the block.

    Args:
        address: of the cluster; if None, the one that the environment variable RAY_ADDRESS names, else one of this
            machine alone, which is started.

    Yields:
        The module `ray`.

    Raises:
        MissingToolError: ray is not installed, or there is no cluster at that address.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingToolError("--engine ray needs ray: pip install 'mgv[scale]'") from error
    try:
        if address is not None:
            _check_address(address)
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            include_dashboard=False if address is None else None,
            ignore_reinit_error=True,
        )
    except (OSError, ValueError) as error:  # a ConnectionError is an OSError
        reason = str(error).strip().splitlines()[0]
        raise MissingToolError(f"there is no Ray cluster at {address or 'hand'}: {reason}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Knock at a cluster's door: Ray itself would try for ten minutes and more.

    Raises:
        OSError, ValueError: nobody answers, or it is no address.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
