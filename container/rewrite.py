"""Makes a new file of an old one without decoding it: `repair` keeps what is whole, `thin` drops layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import BinaryIO

from .body import OtherChunk
from .chunks import is_safe_to_copy
from .errors import Damage
from .header import FORMAT_VERSION, Header
from .reader import Reader
from .segment import TimedSegment
from .verification import DamageLog
from .writer import Writer


@dataclass(frozen=True)
class RewriteReport:
    """What `repair` or `thin` wrote."""

    num_segments: int
    num_frames: int
    num_bytes: int
    """Length of the new file."""
    bytes_by_chunk: Mapping[str, int]
    """Bytes for each chunk type, headers and checksums included; `signature` counts as a type."""
    damages: tuple[Damage, ...] = ()
    """What was wrong with the old file, in its order; the first thousand. Always empty for `thin`."""
    num_damages: int = 0
    """How many there were."""


def repair(file_in: BinaryIO, file_out: BinaryIO) -> RewriteReport:
    """Write a sound file of all that is whole in a damaged or cut one.

    Frames are numbered anew without gaps, but keep their presentation times, so sound fits picture.
    Segments of which only the coarse layers are whole keep these. A file that needs no repair comes out as it
    was, but for unknown chunks that are not safe to copy. Neither file needs to seek.

    Args:
        file_in: the damaged file, stands at the signature.
        file_out: the new file, open for writing.

    Raises:
        NotMgvError, VersionError: if it is no file for this reader.
        TruncatedError, CorruptError, LimitError: if HEAD is damaged, without which nothing can be decoded.
    """
    log = DamageLog()
    reader = Reader(file_in, log)
    return _rewrite(reader, file_out, reader.header, log)


def thin(file_in: BinaryIO, file_out: BinaryIO, num_layers: int) -> RewriteReport:
    """Write the same video with only its coarsest layers. Neither file needs to seek.

    Args:
        file_in: a sound file, stands at the signature.
        file_out: the new file, open for writing.
        num_layers: layers to keep, from 1 to the number the file has.

    Raises:
        ValueError: if the file has not so many layers.
        FormatError: if the file is damaged.
    """
    reader = Reader(file_in)
    bit_depths = reader.header.bit_depths
    if not 1 <= num_layers <= len(bit_depths):
        raise ValueError(f"cannot keep {num_layers} layers, the file has {len(bit_depths)}")
    return _rewrite(reader, file_out, replace(reader.header, bit_depths=bit_depths[:num_layers]), DamageLog())


def _rewrite(reader: Reader, file_out: BinaryIO, header: Header, log: DamageLog) -> RewriteReport:
    num_layers = len(header.bit_depths)
    num_segments = 0
    with Writer(file_out) as writer:
        writer.write_header(replace(header, version=FORMAT_VERSION))
        writer.write_metadata(reader.metadata)
        for audio_header in reader.audio_headers:
            writer.write_audio_header(audio_header)
        for item in reader.items():
            if isinstance(item, TimedSegment):
                layers = item.segment.layers[:num_layers]
                segment = replace(item.segment, first_frame=writer.num_frames, layers=layers)
                writer.write_segment(segment, item.timing)
                num_segments += 1
            elif not isinstance(item, OtherChunk):
                writer.write_audio_packets(item)
            elif is_safe_to_copy(item.kind) and not item.flags:
                writer.write_other_chunk(item.kind, item.payload)
    return RewriteReport(
        num_segments=num_segments,
        num_frames=writer.num_frames,
        num_bytes=writer.num_bytes,
        bytes_by_chunk=dict(writer.bytes_by_chunk),
        damages=tuple(log.damages),
        num_damages=log.num_damages,
    )
