"""Programs that are run and measured."""

import sys
from pathlib import Path

import pytest

from mgv.codec import MissingToolError
from mgv.eval.codecs import CodecError, Cost
from mgv.eval.codecs.process import run_measured


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


def test_output_and_cost() -> None:
    done = run_measured(python("import sys; sys.stdout.write('out'); sys.stderr.write('err')"))
    assert (done.stdout, done.stderr) == (b"out", "err")
    assert done.cost.seconds > 0
    assert done.cost.cpu_seconds > 0


def test_peak_memory_is_that_of_the_program_not_of_this_process() -> None:
    ballast = bytearray(200 << 20)
    ballast[::4096] = b"x" * len(ballast[::4096])
    small = run_measured(python("pass")).cost.peak_bytes
    large = run_measured(python("block = b'x' * (80 << 20)")).cost.peak_bytes
    assert small < 100 << 20
    assert large - small > 70 << 20


def test_cpu_time_is_that_of_the_program() -> None:
    busy = run_measured(python("for _ in range(3_000_000): pass")).cost
    idle = run_measured(python("import time; time.sleep(0.2)")).cost
    assert busy.cpu_seconds > idle.cpu_seconds
    assert idle.seconds > 0.2


def test_a_failure_holds_the_last_words() -> None:
    with pytest.raises(CodecError, match=r"ended with status 3: no such preset .*command:"):
        run_measured(python("import sys; sys.stderr.write('no such preset'); sys.exit(3)"))


def test_a_killed_program_is_a_failure() -> None:
    with pytest.raises(CodecError, match="status -9"):
        run_measured(python("import os; os.kill(os.getpid(), 9)"))


def test_a_missing_program_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(MissingToolError, match="no-such-encoder: there is no such program; install it"):
        run_measured(["no-such-encoder"])


def test_costs_add_up_but_for_memory() -> None:
    assert Cost(1, 2, 30, 4) + Cost(5, 6, 20, 8) == Cost(6, 8, 30, 12)
