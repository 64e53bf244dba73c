"""Choosing layers and time."""

from fractions import Fraction
from types import SimpleNamespace

import pytest

from mgv.codec import OptionError
from mgv.codec.selection import Selection

HEADER = SimpleNamespace(start_pts=100, time_base=Fraction(1, 30))


@pytest.mark.parametrize(
    ("start", "duration", "expected"),
    [
        (None, None, (None, None)),
        (0.0, None, (100, None)),
        (0.1, None, (103, None)),
        (0.101, None, (104, None)),
        (None, 2.0, (None, 160)),
        (1.0, 0.5, (130, 145)),
        (0.1, 0.2, (103, 109)),
        (None, 1e-9, (None, 101)),
        (0.1, 1e-9, (103, 104)),
        (0.11, 1e-9, (104, 104)),
        (1e300, 1e308, (100 + 30 * int(1e300), 100 + 30 * (int(1e300) + int(1e308)))),
    ],
)
def test_span_in_ticks(
    start: float | None, duration: float | None, expected: tuple[int | None, int | None]
) -> None:
    assert Selection(None, start, duration).span(HEADER) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [{"layers": 0}, {"start_seconds": -0.1}, {"start_seconds": float("nan")}, {"duration_seconds": 0.0}],
    ids=str,
)
def test_impossible_choices_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionError, match="expected"):
        Selection(**options)  # type: ignore[arg-type]
