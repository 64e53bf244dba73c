"""Small files to read, and ways to damage them, made without the package's own framing code."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import pytest

from mgv.container import (
    AudioHeader,
    AudioPacket,
    Colour,
    Damage,
    Event,
    Header,
    Layer,
    Reader,
    Segment,
    TimedSegment,
    Timing,
    Writer,
)


class RawChunk(NamedTuple):
    """A chunk as FORMAT.md frames it."""

    kind: bytes
    payload: bytes
    flags: int = 0
    offset: int = 0

    def pack(self) -> bytes:
        prefix = self.kind + struct.pack("<BQ", self.flags, len(self.payload))
        crcs = (struct.pack("<I", zlib.crc32(data)) for data in (prefix, self.payload))
        return prefix + next(crcs) + self.payload + next(crcs)


class Pipe(io.RawIOBase):
    """A file that cannot seek and gives few bytes at a time."""

    def __init__(self, data: bytes, most_bytes: int = 5) -> None:
        self._inner = io.BytesIO(data)
        self._most_bytes = most_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._inner.read(min(len(buffer), self._most_bytes))
        buffer[: len(data)] = data
        return len(data)


class Files:
    """Makes parts of files."""

    SIGNATURE = b"\x89MGV\r\n\x1a\n"
    RawChunk = RawChunk
    Pipe = Pipe

    def header(self, **changes: Any) -> Header:
        values: dict[str, Any] = {
            "width": 15,
            "height": 16,
            "coded_width": 15,
            "coded_height": 16,
            "sample_aspect": Fraction(4, 3),
            "rotation_degrees": 90,
            "colour": Colour(9, 16, 9, full_range=True),
            "time_base": Fraction(1, 90000),
            "tick": 3003,
            "start_pts": -7,
            "tokenizer": "tiny",
            "tokenizer_sha256": bytes(range(32)),
            "strides": (4, 8, 8),
            "bits_per_token": 18,
            "bit_depths": (6, 12, 18),
            "coder": 2,
            "coder_sha256": bytes(range(1, 33)),
            "segment_frames": 5,
            "software": "mgv test",
        }
        return Header(**values | changes)

    def audio_header(self, stream: int = 0, **changes: Any) -> AudioHeader:
        values: dict[str, Any] = {
            "codec": "aac",
            "extradata": b"\x11\x90",
            "sample_rate": 48000,
            "channel_layout": "stereo",
            "time_base": Fraction(1, 48000),
            "frame_size": 1024,
            "language": "deu",
        }
        return AudioHeader(stream, **values | changes)

    def segment(self, first_frame: int, num_frames: int = 5, num_layers: int = 3) -> Segment:
        layers = tuple(
            Layer.from_payload(bytes([65 + number]) * (3 - number) + bytes([first_frame]), 1000 + number)
            for number in range(num_layers)
        )
        return Segment(first_frame, num_frames, (1 + -(-(num_frames - 1) // 4), 2, 2), layers)

    def packet(self, pts: int | None, stream: int = 0, data: bytes = b"sound") -> AudioPacket:
        return AudioPacket(stream, pts, pts, 1024, True, data)

    def write(self, fill: Callable[[Writer], None], header: Header | None = None) -> bytes:
        file = io.BytesIO()
        with Writer(file) as writer:
            writer.write_header(header or self.header())
            fill(writer)
        return file.getvalue()

    def many(self, num_segments: int) -> bytes:
        """A file of that many segments of five frames, on the nominal tick."""

        def fill(writer: Writer) -> None:
            for number in range(num_segments):
                writer.write_segment(self.segment(5 * number))

        return self.write(fill)

    def full(self, writer: Writer) -> None:
        """Write something of everything."""
        writer.write_metadata({"title": "Grüße", "tags": [1, 2.5, None]})
        writer.write_audio_header(self.audio_header())
        writer.write_segment(self.segment(0))
        writer.write_audio_packets([self.packet(-1024), self.packet(0), self.packet(None, data=b"")])
        writer.write_segment(self.segment(5, 3), Timing((30000, 30001, 39999), 12))
        writer.write_audio_packets([self.packet(7)])

    def split(self, data: bytes) -> list[RawChunk]:
        """Cut a sound file into its chunks."""
        place, chunks = len(self.SIGNATURE), []
        while place < len(data):
            kind, flags, length = struct.unpack_from("<4sBQ", data, place)
            chunks.append(RawChunk(kind, data[place + 17 : place + 17 + length], flags, place))
            place += 21 + length
        assert place == len(data)
        return chunks

    def join(self, chunks: list[RawChunk]) -> bytes:
        return self.SIGNATURE + b"".join(chunk.pack() for chunk in chunks)

    def read(self, data: bytes, *, is_pipe: bool = False) -> list[Event]:
        return list(Reader(Pipe(data) if is_pipe else io.BytesIO(data)).events())

    def read_damaged(self, data: bytes, *, is_pipe: bool = False) -> tuple[list[Event], list[Damage]]:
        damages: list[Damage] = []
        file = Pipe(data) if is_pipe else io.BytesIO(data)
        return list(Reader(file, damages.append).events()), damages

    def first_frames(self, events: list[Event]) -> list[int]:
        return [event.segment.first_frame for event in events if isinstance(event, TimedSegment)]


@pytest.fixture(scope="session")
def files() -> Files:
    return Files()


@pytest.fixture(scope="session")
def golden(files: Files) -> bytes:
    """A small file with every chunk type in it."""
    return files.write(files.full)


@pytest.fixture
def no_growth() -> Iterator[None]:
    """Fail if a test takes memory in the order of the sizes that its file only declares."""
    import tracemalloc

    tracemalloc.start()
    yield
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 8 << 20
