"""Codecs by name: what the command line says to specifications, and those to codecs."""

import re
from collections.abc import Callable, Collection
from pathlib import Path

from ...codec import OptionError
from .anchors import ANCHORS
from .command import CommandCodec, VvencappCodec, read_codec_file
from .ffmpeg_codec import FfmpegCodec
from .interface import CodecSpec, RdCodec
from .mgv import MgvCodec

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")

KINDS: dict[str, Callable[[CodecSpec], RdCodec]] = {
    "mgv": MgvCodec,
    **dict.fromkeys(ANCHORS, FfmpegCodec),
    "vvencapp": VvencappCodec,
    "command": CommandCodec,
}
"""Kind of codec -> its class."""


def parse_codecs(text: str, *, ffmpeg: str | None = None, codec_file: Path | None = None) -> list[CodecSpec]:
    """Read codecs separated by commas: `KIND`, with settings `KIND:preset=slow`, with a name `NAME=KIND:...`.

    Args:
        text: at least one.
        ffmpeg: binary for those that ffmpeg encodes, unless they name one.
        codec_file: TOML with command templates; those that `text` names are taken, or all where it names none.

    Raises:
        OptionError: one is not known, or two have one name.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    templates = [] if codec_file is None else read_codec_file(codec_file)
    of_file = {spec.name for spec in templates}
    named = of_file.intersection(parts)
    specs = [_parse_one(part, ffmpeg, of_file) for part in parts if part not in of_file or part in KINDS]
    specs += [spec for spec in templates if not named or spec.name in named]
    if not specs:
        raise OptionError(f"no codec given, expected some of {', '.join(KINDS)}")
    names = [spec.name for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise OptionError(f"two codecs are called {name!r}; name one of them: other={name}:...")
    return specs


def codec_from_spec(spec: CodecSpec) -> RdCodec:
    """Make a codec.

    Raises:
        OptionError: kind or settings are not known.
        MissingToolError, WeightsError: what it needs is not there.
    """
    return KINDS[_known(spec.kind)](spec)


def _parse_one(text: str, ffmpeg: str | None, of_file: Collection[str]) -> CodecSpec:
    head, *settings = text.split(":")
    name, _, kind = head.rpartition("=")
    kind = _known(kind, of_file)
    name = name or kind
    if not NAME.fullmatch(name):
        raise OptionError(f"codec name {name!r}: letters, digits and . _ + - only")
    pairs = [setting.partition("=") for setting in settings]
    for key, equals, value in pairs:
        if not key or not equals or not value:
            raise OptionError(f"codec {text!r}: expected settings as :key=value")
    chosen = {key: value for key, _, value in pairs}
    if ffmpeg is not None and kind in ANCHORS:
        chosen.setdefault("ffmpeg", ffmpeg)
    return CodecSpec(name, kind, chosen)


def _known(kind: str, of_file: Collection[str] = ()) -> str:
    if kind not in KINDS:
        others = f"; of the codec file, by name alone: {', '.join(sorted(of_file))}" if of_file else ""
        raise OptionError(f"codec is {kind!r}, expected one of {', '.join(KINDS)}{others}")
    return kind
