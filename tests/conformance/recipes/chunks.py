"""A file as a list of chunks, framed without the package's own code, so that it can be made wrong on purpose."""

import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

SIGNATURE = b"\x89MGV\r\n\x1a\n"


class Chunk(NamedTuple):
    """A chunk, which may break any rule but that of framing."""

    kind: bytes
    payload: bytes
    flags: int = 0

    def pack(self) -> bytes:
        prefix = self.kind + struct.pack("<BQ", self.flags, len(self.payload))
        crcs = [struct.pack("<I", zlib.crc32(data)) for data in (prefix, self.payload)]
        return prefix + crcs[0] + self.payload + crcs[1]

    @property
    def num_bytes(self) -> int:
        return 21 + len(self.payload)


def split(data: bytes) -> list[Chunk]:
    """Cut a sound file into its chunks; inverse: `join`."""
    place, chunks = len(SIGNATURE), []
    while place < len(data):
        kind, flags, length = struct.unpack_from("<4sBQ", data, place)
        chunks.append(Chunk(kind, data[place + 17 : place + 17 + length], flags))
        place += chunks[-1].num_bytes
    return chunks


def join(chunks: Sequence[Chunk]) -> bytes:
    """Make a file of chunks as they are."""
    return SIGNATURE + b"".join(chunk.pack() for chunk in chunks)


def place_of(chunks: Sequence[Chunk], position: int) -> int:
    """Give the offset of a chunk."""
    return len(SIGNATURE) + sum(chunk.num_bytes for chunk in chunks[:position])


def reindex(chunks: Sequence[Chunk]) -> list[Chunk]:
    """Make INDX and END anew, so that they tell the truth about the other chunks."""
    body = [chunk for chunk in chunks if chunk.kind not in (b"INDX", b"END ")]
    entries, num_frames = b"", 0
    for position, chunk in enumerate(body):
        if chunk.kind == b"SEGM":
            first_frame, length, pts = struct.unpack_from("<IIq", chunk.payload)
            has_time = body[position - 1].kind == b"TIME"
            entries += struct.pack("<IqQ", first_frame, pts, place_of(body, position - has_time))
            num_frames = first_frame + length
    index = Chunk(b"INDX", struct.pack("<II", num_frames, len(entries) // 20) + entries)
    end = Chunk(b"END ", struct.pack("<QI", place_of(body, len(body)), num_frames))
    return [*body, index, end]
