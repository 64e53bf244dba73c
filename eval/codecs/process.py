"""Run a program and measure what it took: wall and CPU time, peak memory."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...codec import MissingToolError
from .errors import CodecError
from .interface import Cost

LAUNCHER = Path(__file__).with_name("launcher.py")
"""A process in between, as small as can be: a child's peak memory counts that of the process it was forked from."""

LAST_WORDS = 400
"""Characters of stderr that an error shows."""


@dataclass(frozen=True)
class Finished:
    """A program that ended well."""

    stdout: bytes
    stderr: str
    cost: Cost


def run_measured(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Finished:
    """Run a program to its end, without a shell and without stdin.

    Args:
        arguments: the program and its arguments.
        environment: variables to set beside those of this process.
        folder: to run in; that of this process if None.

    Raises:
        MissingToolError: there is no such program.
        CodecError: it failed.
    """
    with tempfile.TemporaryDirectory(prefix="mgv-run-") as reports:
        report = Path(reports) / "report.json"
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(LAUNCHER), str(report), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            cwd=folder,
            env={**os.environ, **(environment or {})},
        )
        facts = json.loads(report.read_text("utf-8")) if report.exists() else {"status": done.returncode}
    stderr = done.stderr.decode("utf-8", "replace")
    if facts.get("missing"):
        raise MissingToolError(f"{arguments[0]}: there is no such program; install it, or put it on PATH")
    if facts["status"] != 0:
        raise CodecError(
            f"{Path(arguments[0]).name} ended with status {facts['status']}: "
            f"{' '.join(stderr.split())[-LAST_WORDS:]} (command: {shlex.join(arguments)})"
        )
    cost = Cost(facts["wall_seconds"], facts["cpu_seconds"], facts["peak_bytes"], facts["wall_seconds"])
    return Finished(done.stdout, stderr, cost)
