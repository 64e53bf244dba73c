"""Checks a whole file without decoding it, and says what it holds, what is damaged and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from .damage_places import PlacedDamage, SegmentTable
from .errors import Damage
from .header import Header
from .reader import Reader
from .segment import TimedSegment

MAX_DAMAGES_KEPT = 1000
"""Damages a report lists; more are only counted, so that a hostile file cannot fill the memory."""


class DamageLog:
    """Keeps damages up to a bound; call it as a reader's `on_damage`."""

    def __init__(self) -> None:
        self.damages: list[Damage] = []
        self.num_damages = 0

    def __call__(self, damage: Damage) -> None:
        """Note one damage."""
        self.num_damages += 1
        if len(self.damages) < MAX_DAMAGES_KEPT:
            self.damages.append(damage)


@dataclass(frozen=True)
class VerifyReport:
    """What `verify` found."""

    header: Header
    num_segments: int
    """Segments that can be read."""
    num_frames: int
    """Frames in them."""
    num_frames_expected: int | None
    """Frames in the file as END counts them; None where there is no END."""
    num_audio_packets: int
    bytes_by_chunk: Mapping[str, int]
    """Bytes for each chunk type, headers and checksums included; `signature` and `damaged` count as types."""
    damages: tuple[PlacedDamage, ...]
    """What is wrong, in file order; the first thousand."""
    num_damages: int
    """How many there are."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return self.num_damages == 0


def verify(file: BinaryIO) -> VerifyReport:
    """Read a file from end to end and check everything that can be checked without decoding tokens.

    That is all but the CRC-32 of each layer's decoded bits, and coded motion. Needs no seek.

    Args:
        file: readable binary file that stands at the signature.

    Raises:
        NotMgvError, VersionError: if it is no file for this reader.
        TruncatedError, CorruptError, LimitError: if not even HEAD can be read.
    """
    log = DamageLog()
    reader = Reader(file, log)
    table = SegmentTable(reader.header, reader.body_offset_bytes)
    num_segments = num_frames = num_audio_packets = 0
    for event in reader.events():
        if isinstance(event, TimedSegment):
            table.add(event)
            num_segments += 1
            num_frames += event.segment.num_frames
        else:
            num_audio_packets += 1
    table.finish(reader.listed_index, reader.index_offset_bytes, reader.num_frames)
    return VerifyReport(
        header=reader.header,
        num_segments=num_segments,
        num_frames=num_frames,
        num_frames_expected=reader.num_frames,
        num_audio_packets=num_audio_packets,
        bytes_by_chunk=dict(reader.bytes_by_chunk),
        damages=tuple(table.place(damage) for damage in log.damages),
        num_damages=log.num_damages,
    )
