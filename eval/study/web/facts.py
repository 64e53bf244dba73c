"""What a page may report of itself: named numbers in known ranges, and nothing else."""

from collections.abc import Mapping
from typing import Any

from ..session import SIDES, RefusedError

SCREEN_FACTS = {
    "width_device_pixels": (1, 100_000),
    "height_device_pixels": (1, 100_000),
    "device_pixel_ratio": (0.1, 20),
    "refresh_hz": (0, 2_000),
}
VOTE_FACTS = {
    "desync_ms": (0, 1e6),
    "desync_max_ms": (0, 1e6),
    "frames_compared": (0, 1e7),
    "plays": (0, 1e6),
    "scale": (0, 100),
    "dropped_frames": (0, 1e7),
    "times_hidden": (0, 1e6),
    "reference_seconds": (0, 1e6),
}
"""Name -> smallest and largest value."""


def checked_numbers(values: dict[str, Any], known: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Check what a page reports.

    Raises:
        RefusedError: an unknown name, or no number in its range.
    """
    for name, value in values.items():
        if name not in known:
            raise RefusedError(422, f"unknown fact {name[:40]!r}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RefusedError(422, f"{name} is no number")
        low, high = known[name]
        if not low <= value <= high:
            raise RefusedError(422, f"{name} is out of range")
    return values


def checked_key(value: object) -> str:
    """Take the opaque name of a question, a video or a rater: letters that any database can be asked for.

    Raises:
        RefusedError: it is none.
    """
    if not isinstance(value, str) or len(value) > 64 or not (value.isascii() and value.isprintable()):
        raise RefusedError(422, "a name is at most 64 printable ASCII characters")
    return value


def checked_vote(values: dict[str, Any]) -> tuple[str, str, dict[str, float]]:
    """Take a vote apart into the question's key, the side, and facts.

    Raises:
        RefusedError: a part is missing or impossible.
    """
    side, facts = values.get("side"), values.get("facts", {})
    if "question" not in values or side not in SIDES or not isinstance(facts, dict):
        raise RefusedError(422, "a vote has a question, a side (left, right or none) and facts")
    return checked_key(values["question"]), str(side), checked_numbers(facts, VOTE_FACTS)
