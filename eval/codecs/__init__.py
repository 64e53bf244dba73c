"""Codecs behind one interface: a clip to a file at a rate, and back; mgv, what ffmpeg brings, command templates."""

from .clip import ClipFormat, SourceClip
from .errors import CodecError
from .interface import CodecSpec, Coded, Cost, Decoded, Rate, RdCodec
from .registry import codec_from_spec, parse_codecs

__all__ = [
    "ClipFormat",
    "CodecError",
    "CodecSpec",
    "Coded",
    "Cost",
    "Decoded",
    "Rate",
    "RdCodec",
    "SourceClip",
    "codec_from_spec",
    "parse_codecs",
]
