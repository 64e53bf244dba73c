"""Counts the bytes of a file to be, to the byte, before they are written."""

from collections.abc import Sequence
from typing import BinaryIO, cast

from ..container import AudioPacket, Index, Segment, Timing, Writer, layout
from ..container.packing import pack_index
from ..container.segment_packing import pack_segment, pack_timing
from .rate import audio_bytes

_ROW_BYTES: int = layout.INDEX_ROW.sizeof()
_TAIL_BYTES = layout.CHUNK_OVERHEAD_BYTES + len(pack_index(Index((), 0))) + layout.END_CHUNK_BYTES


class Ledger:
    """Keeps a second account of a file: what the `Writer` will have written, index and end included.

    Args:
        tick: nominal duration of a frame, as the header has it.
    """

    def __init__(self, tick: int) -> None:
        self.writer = Writer(cast(BinaryIO, _Nowhere()))
        """Keeps nothing but the account; takes header, metadata and audio headers first."""
        self._tick = tick
        self._num_segments = 0

    @property
    def video_bytes(self) -> int:
        """All bytes but those of audio, were the file to end now."""
        tail = _TAIL_BYTES + _ROW_BYTES * self._num_segments
        return self.writer.num_bytes - self.audio_bytes + tail

    @property
    def audio_bytes(self) -> int:
        """Of the chunks that hold audio and its headers."""
        return audio_bytes(self.writer.bytes_by_chunk)

    def cost(self, segment: Segment, timing: Timing) -> int:
        """Give the bytes that a segment would add to `video_bytes`: SEGM, TIME and its row of the index."""
        has_time = not timing.is_nominal(self._tick)
        payloads = [pack_segment(segment, timing.pts[0], has_time=has_time)]
        if has_time:
            payloads.append(pack_timing(segment.first_frame, timing))
        return _ROW_BYTES + sum(layout.CHUNK_OVERHEAD_BYTES + len(payload) for payload in payloads)

    def add_segment(self, segment: Segment, timing: Timing) -> None:
        """Enter a segment; its audio must have been entered first."""
        self.writer.write_segment(segment, timing)
        self._num_segments += 1

    def add_audio(self, packets: Sequence[AudioPacket]) -> None:
        """Enter the packets that go with the segment entered next."""
        self.writer.write_audio_packets(packets)


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, data: bytes) -> int:
        return len(data)

    def flush(self) -> None:
        pass
