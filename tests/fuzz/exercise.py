"""What every damaged file is put through, and what must hold whatever the damage."""

import io
from functools import cache
from typing import Any

import numpy as np
from fuzz.seeds import BIT_DEPTHS, BITS_PER_TOKEN, CODERS, make_coder

from mgv.codec.motion import pack_motion, unpack_motion
from mgv.container import FormatError, Header, Reader, Segment, TimedSegment, repair, verify


class CountingFile(io.RawIOBase):
    """A file, perhaps a pipe, that refuses to be read without end: what a hang would do."""

    def __init__(self, data: bytes, *, is_pipe: bool = False, most_bytes: int = 1 << 20) -> None:
        self._inner = io.BytesIO(data)
        self._is_pipe = is_pipe
        self._most_bytes = most_bytes
        self.num_reads_left = 64 + 2 * len(data)
        self.num_bytes_left = 65536 + 64 * len(data)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return not self._is_pipe

    def seek(self, offset: int, whence: int = 0) -> int:
        assert not self._is_pipe
        return self._inner.seek(offset, whence)

    def tell(self) -> int:
        return self._inner.tell()

    def readinto(self, buffer: Any) -> int:
        data = self._inner.read(min(len(buffer), self._most_bytes))
        self.num_reads_left -= 1
        self.num_bytes_left -= len(data)
        assert self.num_reads_left > 0, "read too often"
        assert self.num_bytes_left > 0, "read too much"
        buffer[: len(data)] = data
        return len(data)


class Exerciser:
    """Puts files through the reader, the tools on it and the entropy decoders.

    Only FormatError may come out of what it calls; all else is a finding.
    """

    def __init__(self, most_token_bits: int = 4096) -> None:
        """Take how many bits of a segment are worth decoding."""
        self._most_token_bits = most_token_bits
        self.num_decoded = 0
        """Segments whose tokens were decoded."""
        self.num_moving = 0
        """Segments whose motion was decoded."""
        self.num_whole = 0
        """Files that had no fault."""
        self._coder = cache(make_coder)

    def run(self, data: bytes, *, thoroughly: bool = True) -> None:
        """Read a file in every way; less often used ways only `thoroughly`."""
        strict = self._read(CountingFile(data))
        damages: list[object] = []
        tolerant = self._read(CountingFile(data), damages.append)
        if isinstance(strict, FormatError):
            assert damages or isinstance(tolerant, FormatError)
        else:
            assert tolerant == strict
            assert not damages
            self.num_whole += 1
        report = self._outcome(lambda: verify(CountingFile(data)))
        if not isinstance(report, FormatError):
            assert report.num_damages == len(damages)
        else:
            assert type(report) is type(tolerant)
        if thoroughly:
            self._compare_pipe(data, strict)
            self._seek(data)
            self._repair(data)
        if not isinstance(tolerant, FormatError):
            header, items = tolerant
            for item in items:
                if isinstance(item, TimedSegment):
                    self._decode(header, item.segment, thoroughly)
                    self._unpack_motion(item.timing.motion, item.segment.latent_shape[0] - 1)

    def _outcome(self, use: Any) -> Any:
        try:
            return use()
        except FormatError as error:
            return error

    def _read(self, file: Any, on_damage: Any = None) -> Any:
        def read() -> Any:
            reader = Reader(file, on_damage)
            return reader.header, list(reader.items())

        return self._outcome(read)

    def _compare_pipe(self, data: bytes, seekable: Any) -> None:
        piped = self._read(CountingFile(data, is_pipe=True, most_bytes=50))
        if isinstance(seekable, FormatError):
            assert (type(piped), str(piped)) == (type(seekable), str(seekable))
        else:
            assert piped == seekable

    def _seek(self, data: bytes) -> None:
        reader = self._outcome(lambda: Reader(CountingFile(data), list().append))
        if isinstance(reader, FormatError):
            return
        index = self._outcome(reader.index)
        for segment in range(0 if isinstance(index, FormatError) else min(3, len(index.entries))):
            self._outcome(lambda segment=segment: reader.read_segment(segment))

    def _repair(self, data: bytes) -> None:
        file = io.BytesIO()
        if not isinstance(self._outcome(lambda: repair(CountingFile(data), file)), FormatError):
            assert verify(io.BytesIO(file.getvalue())).is_whole

    def _decode(self, header: Header, segment: Segment, thoroughly: bool) -> None:
        depths = header.bit_depths[: len(segment.layers)]
        t, h, w = segment.latent_shape
        if header.coder >= len(CODERS) or t * h * w * depths[-1] > self._most_token_bits:
            return
        if header.coder == 3 and (
            header.bits_per_token != BITS_PER_TOKEN or depths != BIT_DEPTHS[: len(depths)]
        ):
            return  # a prior is for certain layers only
        coder = self._coder(header.coder, header.bits_per_token)
        payloads = [layer.payload for layer in segment.layers]
        ids = self._outcome(lambda: coder.decode(payloads, segment.latent_shape, depths))
        if isinstance(ids, FormatError):
            return
        self.num_decoded += 1
        assert ids.shape == segment.latent_shape
        assert ids.dtype == np.int64
        assert int(ids.min()) >= 0
        assert int(ids.max()) >> depths[-1] == 0
        if thoroughly:
            again = coder.decode(coder.encode(ids, depths), segment.latent_shape, depths)
            np.testing.assert_array_equal(again, ids)

    def _unpack_motion(self, data: bytes, most_groups: int) -> None:
        motion = self._outcome(lambda: unpack_motion(data, most_groups))
        if isinstance(motion, FormatError) or not data:
            return
        self.num_moving += 1
        assert len(motion) <= most_groups
        packed = pack_motion(motion)
        assert bool(packed) == motion.any()
        if packed:
            again = unpack_motion(packed, most_groups)
            np.testing.assert_array_equal(again, motion[: len(again)])
            assert not motion[len(again) :].any()
