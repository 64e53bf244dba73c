"""Bytes <-> chunks: the grammar of `.mgv` files (FORMAT.md), their reader and writer, and what mends them."""

from .body import Item, OnDamage, OtherChunk
from .damage_places import PlacedDamage
from .errors import CorruptError, Damage, FormatError, LimitError, NotMgvError, TruncatedError, VersionError
from .header import FORMAT_VERSION, NO_HASH, AudioHeader, Colour, Header
from .reader import Event, Reader
from .rewrite import RewriteReport, repair, thin
from .segment import AudioPacket, Index, IndexEntry, Layer, Segment, TimedSegment, Timing, crc32
from .verification import VerifyReport, verify
from .views import VIEW_UNIT, WHOLE, View
from .writer import Writer

__all__ = [
    "FORMAT_VERSION",
    "NO_HASH",
    "VIEW_UNIT",
    "WHOLE",
    "AudioHeader",
    "AudioPacket",
    "Colour",
    "CorruptError",
    "Damage",
    "Event",
    "FormatError",
    "Header",
    "Index",
    "IndexEntry",
    "Item",
    "Layer",
    "LimitError",
    "NotMgvError",
    "OnDamage",
    "OtherChunk",
    "PlacedDamage",
    "Reader",
    "RewriteReport",
    "Segment",
    "TimedSegment",
    "Timing",
    "TruncatedError",
    "VerifyReport",
    "VersionError",
    "View",
    "Writer",
    "crc32",
    "repair",
    "thin",
    "verify",
]
