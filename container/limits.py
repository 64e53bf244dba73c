"""Hard limits of the format, as FORMAT.md lists them, and the checks made before memory is taken."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from fractions import Fraction

from .errors import CorruptError, LimitError

MAX_SIDE_PIXELS = 16384
"""Width and height, source and coded."""
MAX_CODED_SCALE = 2
"""Coded width over source width, and height likewise."""
MAX_STRIDE = 64
"""Frames or pixels a latent step, each of the three."""
MAX_BITS_PER_TOKEN = 62
"""So that a token id fits a signed 64-bit integer; also the most layers there can be."""
MAX_SEGMENT_FRAMES = 4096
"""Frames in one segment."""
MAX_SEGMENT_TOKENS = 1 << 25
"""Positions in the token grid of one segment; what bounds the memory that decoding a segment takes."""
MAX_FRAMES = (1 << 32) - 1
"""Frames in a file."""
MAX_PTS = (1 << 62) - 1
"""Largest magnitude of any time in ticks, so that differences fit a signed 64-bit integer."""
MAX_TICK = (1 << 32) - 1
"""Nominal frame duration, in units of the time base."""
MAX_FRACTION_PART = (1 << 31) - 1
"""Numerator and denominator of a fraction."""
MAX_TEXT_BYTES = 255
"""UTF-8 bytes of a text field."""
MAX_METADATA_BYTES = 1 << 20
"""JSON text of META, after decompression; parsed it takes up to fifty times as much."""
MAX_METADATA_DEPTH = 32
"""Nested objects and arrays in META."""
MAX_ZSTD_WINDOW_BYTES = 1 << 23
"""Window a zstd frame may ask for."""
MAX_AUDIO_STREAMS = 32
"""AHDR chunks in a file; stream numbers are below it."""
MAX_EXTRADATA_BYTES = 1 << 20
"""Codec set-up data of one audio stream."""
MAX_SAMPLE_RATE = 1 << 24
"""Audio samples a second."""
MAX_AUDIO_PACKETS = 1 << 13
"""Packets in one APKT chunk."""
MAX_AUDIO_PACKET_BYTES = 1 << 24
"""Data of one audio packet."""
MAX_INDEX_ENTRIES = 1 << 18
"""Segments in a file."""
MAX_MOTION_BYTES = 1 << 19
"""Coded motion of one segment."""
MAX_EARLY_CHUNKS = 1 << 10
"""Unknown skippable chunks before the first segment, which a reader has to hold."""
MAX_EARLY_CHUNK_BYTES = 1 << 26
"""Their payloads together."""

MAX_PAYLOAD_BYTES: dict[bytes, int] = {
    b"HEAD": 1 << 12,
    b"META": 1 << 22,
    b"AHDR": 1 << 21,
    b"TIME": 1 << 20,
    b"SEGM": 1 << 29,
    b"APKT": 1 << 28,
    b"INDX": 1 << 23,
    b"END ": 1 << 8,
}
"""Payload bytes of each chunk type."""
MAX_OTHER_PAYLOAD_BYTES = 1 << 26
"""Payload bytes of a chunk whose type the reader does not know."""


def max_payload_bytes(kind: bytes) -> int:
    """Give the most payload bytes that a chunk of this type may declare."""
    return MAX_PAYLOAD_BYTES.get(kind, MAX_OTHER_PAYLOAD_BYTES)


def check_limit(field: str, value: int, limit: int) -> None:
    """Refuse a size above its limit.

    Raises:
        LimitError: if `value > limit`.
    """
    if value > limit:
        raise LimitError(f"{field} is {value}, the limit is {limit}", field=field)


def check_range(field: str, value: int, low: int, high: int) -> None:
    """Refuse a value that is no integer in `[low, high]`.

    Raises:
        CorruptError: if it is not.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise CorruptError(f"{field} is {value!r}, expected an integer", field=field) from None
    if not low <= number <= high:
        raise CorruptError(f"{field} is {number}, expected {low} to {high}", field=field)


def check_size(field: str, value: int, limit: int) -> None:
    """Refuse a size that is no positive integer (CorruptError) or above its limit (LimitError)."""
    if isinstance(value, int):
        check_limit(field, value, limit)
    check_range(field, value, 1, limit)


def check_each(field: str, values: Sequence[int], low: int, high: int) -> None:
    """Apply `check_range` to every element."""
    for position, value in enumerate(values):
        check_range(f"{field}[{position}]", value, low, high)


def check_text(field: str, text: str, *, may_be_empty: bool = False) -> None:
    """Refuse a text that is too long for its field or could play tricks on a terminal.

    Raises:
        CorruptError: if it is empty and must not be, holds control characters, or is not valid Unicode.
        LimitError: if its UTF-8 form is longer than 255 bytes.
    """
    if not text and not may_be_empty:
        raise CorruptError(f"{field} is empty", field=field)
    if any(ord(letter) < 0x20 or 0x7F <= ord(letter) <= 0x9F for letter in text):
        raise CorruptError(f"{field} holds control characters: {text!r}", field=field)
    try:
        encoded = text.encode("utf-8")
    except UnicodeEncodeError:
        raise CorruptError(f"{field} is not valid Unicode: {text!r}", field=field) from None
    check_limit(f"{field} (UTF-8 bytes)", len(encoded), MAX_TEXT_BYTES)


def check_fraction(field: str, value: Fraction) -> None:
    """Refuse a fraction that is not positive or whose parts do not fit.

    Raises:
        CorruptError: if it is no positive `Fraction` with parts up to 2**31 - 1.
    """
    if not isinstance(value, Fraction) or value <= 0:
        raise CorruptError(f"{field} is {value!r}, expected a positive fraction", field=field)
    check_range(f"{field} numerator", value.numerator, 1, MAX_FRACTION_PART)
    check_range(f"{field} denominator", value.denominator, 1, MAX_FRACTION_PART)


def check_hash(field: str, value: bytes) -> None:
    """Refuse anything but 32 bytes of a SHA-256.

    Raises:
        CorruptError: if it is not.
    """
    if not isinstance(value, bytes) or len(value) != 32:
        raise CorruptError(f"{field} is {value!r}, expected 32 bytes", field=field)
