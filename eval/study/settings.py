"""What a study asks, shows and excludes: one TOML, kept in the study itself."""

import tomllib
import types
import typing
from dataclasses import dataclass, field, fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from .errors import StudyError

INSTRUCTIONS = (
    "You will see two videos of the same scene, side by side. They differ in how they were compressed. "
    "Choose the one that looks better to you. Look for what disturbs you: blur, blocks, flicker, wrong colours. "
    "There are no wrong answers, and you cannot pause. Sit as you usually do, with the window as large as possible."
)


@dataclass(frozen=True)
class Selection:
    """What is compared."""

    codecs: tuple[str, ...] = ()
    """Names of the run's codecs; all of them if empty."""
    clips: tuple[str, ...] = ()
    """Names of the run's clips; all of them if empty."""
    rates_bpp: tuple[float, ...] = ()
    """Bits per pixel at which codecs are compared; if empty, the targets that every codec of the run was asked for, or
    `num_rates` that suit the run."""
    num_rates: int = 4
    """Used where codecs were asked for qualities, not for rates."""
    tolerance: float = 0.1
    """Two sides at one rate differ in bytes by at most this share of the smaller."""
    window: float = 0.35
    """A rate may lie off its nominal bpp by at most this share, clips being as different as they are."""
    across_rates_share: float = 0.25
    """Share of the questions that compare neighbouring rates, which puts all rates on one scale; 0 for none."""

    def __post_init__(self) -> None:
        _check(0 <= self.tolerance <= 10, "tolerance", self.tolerance, "0..10")
        _check(0 <= self.window <= 10, "window", self.window, "0..10")
        _check(
            0 <= self.across_rates_share < 1, "across_rates_share", self.across_rates_share, "0 to below 1"
        )
        _check(1 <= self.num_rates <= 32, "num_rates", self.num_rates, "1..32")
        rates = sorted(self.rates_bpp)
        apart = all(after >= 1.05 * before for before, after in pairwise(rates))
        _check(
            all(rate > 0 for rate in rates) and apart,
            "rates_bpp",
            rates,
            "positive numbers, 5% or more apart",
        )


@dataclass(frozen=True)
class Questions:
    """What one rater is asked."""

    per_rater: int = 120
    """Budget: answers that count, golden pairs and repeats included, training left out."""
    training: int = 3
    """Questions with an obvious answer, and a word on it, before the first that counts."""
    golden_every: int = 10
    """One question in so many is a golden pair, whose answer is obvious; 0 for none."""
    repeat_every: int = 10
    """One question in so many repeats an earlier pair with sides swapped; 0 for none."""
    repeat_gap: int = 4
    """At least so many other questions lie between a pair and its repeat."""
    allow_ties: bool = False
    """Offer "no difference" as a third answer (the thesis forces a choice)."""
    allow_reference: bool = False
    """Let the rater look at the source while a key is held."""
    min_seconds: float = 1.0
    """The server takes no answer sooner; the page waits for the first whole play as well."""
    max_seconds: float = 90.0
    """Slower answers are kept, but do not count."""

    def __post_init__(self) -> None:
        _check(1 <= self.per_rater <= 10000, "per_rater", self.per_rater, "1..10000")
        _check(0 <= self.training <= 20, "training", self.training, "0..20")
        _check(
            self.golden_every == 0 or self.golden_every >= 2,
            "golden_every",
            self.golden_every,
            "0, or 2 or more",
        )
        _check(
            self.repeat_every == 0 or self.repeat_every >= 2,
            "repeat_every",
            self.repeat_every,
            "0, or 2 or more",
        )
        _check(self.repeat_gap >= 1, "repeat_gap", self.repeat_gap, "1 or more")
        _check(
            0 <= self.min_seconds < self.max_seconds,
            "min_seconds",
            self.min_seconds,
            "from 0 to below max_seconds",
        )


@dataclass(frozen=True)
class Playback:
    """How stimuli are made and shown."""

    rendering: str = "high"
    """`high`: H.264 4:2:0, which every browser plays; `lossless`: 4:4:4 without loss in YUV, for Chromium."""
    min_render_psnr_db: float = 44.0
    """Luma PSNR of a rendered stimulus against the decoded frames; the encoder is asked again until it has that."""
    scale: float = 1.0
    """Device pixels per pixel of the clip, the same for all raters whose screens can show it."""
    max_desync_ms: float = 50.0
    """Answers on pairs that played further apart do not count."""

    def __post_init__(self) -> None:
        _check(self.rendering in ("high", "lossless"), "rendering", self.rendering, "high or lossless")
        _check(0.1 <= self.scale <= 8, "scale", self.scale, "0.1..8")
        _check(20 <= self.min_render_psnr_db <= 60, "min_render_psnr_db", self.min_render_psnr_db, "20..60")
        _check(self.max_desync_ms > 0, "max_desync_ms", self.max_desync_ms, "a positive number")


@dataclass(frozen=True)
class Screening:
    """Whose answers are left out; each rule is told in `screening.py`."""

    min_golden_share: float = 0.8
    """Of golden pairs answered rightly."""
    min_golden_asked: int = 4
    """Fewer answered golden pairs exclude nobody."""
    min_repeat_share: float = 0.4
    """Of repeats answered as before, if chance would bring fewer about in fewer than one rater in a thousand."""
    min_repeats_asked: int = 6
    """Fewer answered repeats exclude nobody."""
    max_side_share: float = 0.75
    """Of answers on one side, if chance would bring that about in fewer than one rater in a thousand."""
    max_tie_share: float = 0.9
    """Of answers "no difference"."""
    min_median_seconds: float = 1.0
    """Per answer."""
    require_screen: bool = True
    """Exclude raters whose window can't show both sides at scale, or whose screen is slower than the clips."""


@dataclass(frozen=True)
class Limits:
    """What the server lets one client do."""

    requests_per_second: float = 20.0
    """Per rater, or per address where there is no rater yet."""
    burst: int = 60
    """Requests that may come at once."""
    new_raters_per_minute: float = 30.0
    """Per address."""
    max_raters: int = 10000
    """Of the whole study."""

    def __post_init__(self) -> None:
        _check(
            self.requests_per_second > 0, "requests_per_second", self.requests_per_second, "a positive number"
        )
        _check(
            self.new_raters_per_minute > 0,
            "new_raters_per_minute",
            self.new_raters_per_minute,
            "a positive number",
        )
        _check(
            self.burst >= 1 and self.max_raters >= 1,
            "burst and max_raters",
            (self.burst, self.max_raters),
            "1 or more",
        )


@dataclass(frozen=True)
class Settings:
    """All of a study's choices."""

    title: str = "Which video looks better?"
    instructions: str = INSTRUCTIONS
    seed: int = 0
    """Of sides, order and choices; each rater's own stream is derived from it."""
    elo_k: float = 32.0
    """Step of Elo scores in play order."""
    balanced_answers: int = 12
    """Answers that every pair of contestants gets before the most informative are asked."""
    selection: Selection = field(default_factory=Selection)
    questions: Questions = field(default_factory=Questions)
    playback: Playback = field(default_factory=Playback)
    screening: Screening = field(default_factory=Screening)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        _check(0 < self.elo_k <= 400, "elo_k", self.elo_k, "above 0, at most 400")


def read_settings(path: Path) -> Settings:
    """Read settings from a TOML file; what it leaves out has its default.

    Raises:
        StudyError: no such file, not TOML, an unknown field or an impossible value; names the file.
    """
    try:
        return settings_from_toml(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: can't be read: {error}") from error
    except StudyError as error:
        raise StudyError(f"{path}: {error}") from error


def settings_from_toml(text: str) -> Settings:
    """Read settings; inverse: `settings_to_toml`.

    Raises:
        StudyError: as `read_settings`, without the name.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"settings are not TOML: {error}") from error
    settings: Settings = _from_dict(Settings, values, "settings")
    return settings


def settings_to_toml(settings: Settings) -> str:
    """Write all settings as TOML; inverse: `settings_from_toml`."""
    lines: list[str] = []
    tables: list[tuple[str, Any]] = []
    for item in fields(settings):
        value = getattr(settings, item.name)
        if is_dataclass(value):
            tables.append((item.name, value))
        else:
            lines.append(f"{item.name} = {_toml(value)}")
    for name, table in tables:
        lines += [
            "",
            f"[{name}]",
            *(f"{item.name} = {_toml(getattr(table, item.name))}" for item in fields(table)),
        ]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return repr(value)


def _from_dict(cls: type[Any], values: dict[str, Any], where: str) -> Any:
    hints = typing.get_type_hints(cls)
    unknown = set(values) - set(hints)
    if unknown:
        raise StudyError(
            f"unknown field {', '.join(sorted(unknown))} in {where}; known are {', '.join(hints)}"
        )
    return cls(**{name: _value(hints[name], value, f"{where}.{name}") for name, value in values.items()})


def _value(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        if isinstance(value, dict):
            return _from_dict(kind, value, where)
    elif isinstance(kind, types.GenericAlias):
        item = kind.__args__[0]
        if isinstance(value, list):
            return tuple(_value(item, each, where) for each in value)
    elif kind is float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif type(value) is kind:
        return value
    raise StudyError(f"{where} is {value!r}, expected {getattr(kind, '__name__', kind)}")


def _check(holds: bool, name: str, value: object, expected: str) -> None:
    if not holds:
        raise StudyError(f"{name} is {value!r}, expected {expected}")
