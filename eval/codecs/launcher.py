"""Start a program, wait for it, and write down what it took; a script of its own, see `process.py`."""

import json
import os
import sys
import time


def launch(report: str, arguments: list[str]) -> None:
    """Run a program and write its exit status, seconds, CPU seconds and peak memory to the file `report`."""
    start = time.perf_counter()
    try:
        child = os.posix_spawnp(arguments[0], arguments, os.environ)
    except FileNotFoundError:
        _write(report, {"missing": True})
        return
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - start
    _write(
        report,
        {
            "status": os.waitstatus_to_exitcode(status),
            "wall_seconds": seconds,
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "peak_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        },
    )


def _write(report: str, facts: dict[str, object]) -> None:
    with open(report, "w", encoding="utf-8") as file:
        json.dump(facts, file)


if __name__ == "__main__":
    launch(sys.argv[1], sys.argv[2:])
