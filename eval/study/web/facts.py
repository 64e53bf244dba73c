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


def checked_vote(values: dict[str, Any]) -> tuple[str, str, dict[str, float]]:
    """Take a vote apart into the question's key, the side, and facts.

    Raises:
        RefusedError: a part is missing or impossible.
    """
    key, side, facts = values.get("question"), values.get("side"), values.get("facts", {})
    if not isinstance(key, str) or len(key) > 64 or side not in SIDES or not isinstance(facts, dict):
        raise RefusedError(422, "a vote has a question, a side (left, right or none) and facts")
    return key, str(side), checked_numbers(facts, VOTE_FACTS)
