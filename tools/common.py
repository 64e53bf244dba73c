"""What the commands share: `-` for pipes, the progress bar, warnings, JSON."""

import dataclasses
import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, BinaryIO, Protocol, TextIO

import click

from ..codec.output import make_folder as make_folder

PIPE = "-"

Command = Callable[..., Any]


class Progress(Protocol):
    """Shows how far long work has come."""

    def __call__(self, done: int, expected: int | None, text: str = "") -> None:
        """Tell the units done, the units expected (None where unknown) and a text beside them."""


class FiniteRange(click.FloatRange):
    """A range of numbers without NaN, which is in no range and out of none, and infinity."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a number."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number", param, ctx)
        return number


def source_or_pipe(name: str) -> str | BinaryIO:
    """Give stdin for `-`, else the name itself.

    Raises:
        click.UsageError: stdin is closed.
    """
    if name != PIPE:
        return name
    if sys.stdin is None:
        raise click.UsageError("stdin is closed; nothing can be read from it")
    return sys.stdin.buffer


def target_or_pipe(name: str) -> str | BinaryIO:
    """Give stdout for `-`, else the name itself.

    Raises:
        click.UsageError: stdout is closed, or a terminal, which can show no video.
    """
    if name != PIPE:
        return name
    if sys.stdout is None:
        raise click.UsageError("stdout is closed; nothing can be written to it")
    if sys.stdout.isatty():
        raise click.UsageError("stdout is a terminal; redirect it to a file or a pipe")
    return sys.stdout.buffer


def shown(text: object) -> str:
    """Give names and texts from files as one line without control characters, which terminals would obey."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(text))


def report_stream(target: str) -> TextIO:
    """Give where a report goes: stdout, unless the output itself went there."""
    return sys.stderr if target == PIPE else sys.stdout


@contextmanager
def progress_bar(title: str, unit: str = "frame") -> Iterator[Progress]:
    """Show a bar on stderr when that is a terminal, nothing on a pipe.

    Yields:
        A function that takes the units done, the units expected (None where unknown) and perhaps a text to
        show.
    """
    if not sys.stderr.isatty():
        yield lambda done, expected, text="": None
        return
    from tqdm import tqdm

    with tqdm(desc=title, unit=unit, leave=False, dynamic_ncols=True) as bar:

        def show(done: int, expected: int | None, text: str = "") -> None:
            bar.total = expected
            bar.set_postfix_str(text, refresh=False)
            bar.update(done - bar.n)

        yield show


def warn(messages: tuple[str, ...] | list[str]) -> None:
    """Print one line for each warning, on stderr."""
    for message in messages:
        click.echo(f"mgv: warning: {shown(message)}", err=True)


def as_json(value: Any) -> str:
    """Write dataclasses and plain values as JSON: fractions as "n/d", bytes as hex."""
    return json.dumps(value, indent=2, default=_plain)


def require(condition: bool, message: str) -> None:
    """Raise a usage error (exit 2) unless `condition` holds."""
    if not condition:
        raise click.UsageError(message)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)
