"""Quality levels: how many bit layers are kept, at which coded size, and how much error a bit is worth."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..container.limits import MAX_CODED_SCALE, MAX_SIDE_PIXELS
from .options import OptionError, whole_number

RATE_POINTS_FILE = "rate_points.json"
MAX_QUALITIES = 64
MAX_RATE_WEIGHT = 2.0
"""Above it the picture suffers much and the rate hardly falls."""
MAX_ENLARGED_PIXELS = 1920 * 1080
"""A picture is enlarged up to so many: beyond, what it brings is not worth the time and memory."""


DETAILED_LAYERS = 4
"""Bit layers that code detail at the source's size; coarser tokens show little of what aligned motion would sharpen."""


@dataclass(frozen=True)
class RatePoint:
    """One quality level."""

    scale: float
    """Coded width over source width (and height likewise), in (0, MAX_CODED_SCALE]. Above 1 a token stands for fewer
    pixels of the source, and keeps more of them."""

    num_layers: int
    """Bit layers kept, from the coarsest; at least 1."""

    rate_weight: float = 0.0
    """Of `Tokenizer.quantize`, in [0, MAX_RATE_WEIGHT]: how readily error is traded for rate."""

    is_default: bool = field(default=False, compare=False)
    """Whether it is the level for those who ask for none."""

    def __post_init__(self) -> None:
        if not 0 < self.scale <= MAX_CODED_SCALE:
            raise ValueError(f"coded scale is {self.scale}, expected a number in (0, {MAX_CODED_SCALE}]")
        if self.num_layers < 1:
            raise ValueError(f"number of layers is {self.num_layers}, expected at least 1")
        if not 0 <= self.rate_weight <= MAX_RATE_WEIGHT:
            raise ValueError(f"rate weight is {self.rate_weight}, expected 0 to {MAX_RATE_WEIGHT:g}")

    @property
    def motion_weight(self) -> float:
        """What it is worth that what moves is sharp, up to 1 where detail is coded; see `align_motion`."""
        return min(1.0, self.scale**2 * self.num_layers / DETAILED_LAYERS)

    def coded_size(self, width: int, height: int) -> tuple[int, int]:
        """Give the coded (width, height) in pixels for a source of that size; enlarged within `MAX_ENLARGED_PIXELS`."""
        room = min(math.sqrt(MAX_ENLARGED_PIXELS / (width * height)), MAX_SIDE_PIXELS / max(width, height))
        scale = min(self.scale, max(1.0, room))
        return max(1, round(width * scale)), max(1, round(height * scale))


def default_rate_points(num_layers: int) -> tuple[RatePoint, ...]:
    """Give one level for each number of layers, all at full size."""
    return tuple(RatePoint(1.0, count) for count in range(1, num_layers + 1))


def read_rate_points(folder: Path | None, num_layers: int) -> tuple[RatePoint, ...]:
    """Read the quality levels of a tokenizer, lowest quality first.

    Args:
        folder: the tokenizer's folder; its `rate_points.json` holds a list of `{"scale": 0.5, "layers": 3}`,
            with `"rate_weight": 0.2` or 0, and `"default": true` at one of them at most. Without folder or file there
            is one level a layer.
        num_layers: layers that the tokenizer has.

    Returns:
        At least one level.

    Raises:
        ValueError: the file is there and is not such a list.
    """
    path = None if folder is None else Path(folder) / RATE_POINTS_FILE
    if path is None or not path.is_file():
        return default_rate_points(num_layers)
    try:
        levels = _parse(json.loads(path.read_text("utf-8")), num_layers)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path}: {error}") from error
    return levels


def default_quality(levels: tuple[RatePoint, ...]) -> int:
    """Give the number of the level for those who ask for none: the one that is marked, or else the highest."""
    marked = (number for number, level in enumerate(levels) if level.is_default)
    return next(marked, len(levels) - 1)


def choose_rate_point(levels: tuple[RatePoint, ...], quality: int | None) -> tuple[int, RatePoint]:
    """Pick a quality level; for `None` that marked as the default, or else the highest.

    Returns:
        The level's number and the level.

    Raises:
        OptionError: there is no such level.
    """
    number = default_quality(levels) if quality is None else whole_number("quality", quality)
    if not 0 <= number < len(levels):
        raise OptionError(f"quality is {quality}, expected 0..{len(levels) - 1} for this model")
    return number, levels[number]


def _parse(entries: Any, num_layers: int) -> tuple[RatePoint, ...]:
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_QUALITIES:
        raise ValueError(f"expected a list of 1 to {MAX_QUALITIES} quality levels")
    levels = []
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or set(entry) - {"rate_weight", "default"} != {"scale", "layers"}:
            raise ValueError(
                f"quality {number} is {entry!r}, expected the fields 'scale' and 'layers', and perhaps "
                "'rate_weight' and 'default'"
            )
        if not isinstance(entry.get("default", False), bool):
            raise ValueError(f"quality {number} has the default {entry['default']!r}, expected true or false")
        level = RatePoint(
            float(entry["scale"]),
            int(entry["layers"]),
            float(entry.get("rate_weight", 0)),
            is_default=entry.get("default", False),
        )
        if level.num_layers > num_layers:
            raise ValueError(
                f"quality {number} has {level.num_layers} layers, the tokenizer has {num_layers}"
            )
        levels.append(level)
    if sum(level.is_default for level in levels) > 1:
        raise ValueError("more than one quality level is the default")
    return tuple(levels)
