"""A file read forward, with a look ahead and a way back for what was read in vain."""

from __future__ import annotations

import io
from typing import BinaryIO

READ_BYTES = 1 << 20
"""Most bytes asked of the file at once, so that a declared length takes no memory before its bytes come."""


def is_seekable(file: BinaryIO) -> bool:
    """Tell whether the file can seek; pipes and sockets cannot."""
    seekable = getattr(file, "seekable", None)
    return bool(seekable()) if seekable is not None else False


class ByteSource:
    """The bytes of an `.mgv` file from a place on, numbered from the first byte of its signature."""

    def __init__(self, file: BinaryIO, start: int | None = None, offset_bytes: int = 0) -> None:
        """Begin at byte `offset_bytes`.

        Args:
            file: readable binary file.
            start: where in `file` the signature is; None for a file that is read in order and never seeks.
            offset_bytes: first byte to give; must be 0 where `start` is None.
        """
        self._file = file
        self._start = start
        self._buffer = b""
        self._position = 0
        self._fetched_bytes = offset_bytes
        """Offset of the first byte that is not in the buffer."""
        self.put_back_bytes = 0
        """How many bytes were put back in all."""

    @property
    def offset_bytes(self) -> int:
        """Offset of the next byte."""
        return self._fetched_bytes - (len(self._buffer) - self._position)

    def peek(self, num_bytes: int) -> bytes:
        """Give the next bytes and leave them there; fewer only where the file ends."""
        missing = num_bytes - (len(self._buffer) - self._position)
        if missing > 0:
            self._buffer = self._buffer[self._position :] + self._fetch(missing)
            self._position = 0
        return self._buffer[self._position : self._position + num_bytes]

    def take(self, num_bytes: int) -> bytes:
        """Give the next bytes and go past them; fewer only where the file ends."""
        data = self._buffer[self._position : self._position + num_bytes]
        self._position += len(data)
        if self._position == len(self._buffer):
            self._buffer, self._position = b"", 0
        if len(data) == num_bytes:
            return data
        return data + self._fetch(num_bytes - len(data))

    def put_back(self, data: bytes) -> None:
        """Undo a `take`: `data` comes next again."""
        self.put_back_bytes += len(data)
        self._buffer = data + self._buffer[self._position :]
        self._position = 0

    def skip(self, num_bytes: int) -> None:
        """Go past bytes, without reading them where the file can seek; its end is not noticed then."""
        buffered = min(num_bytes, len(self._buffer) - self._position)
        self._position += buffered
        if self._start is not None:
            self._fetched_bytes += num_bytes - buffered
            return
        left = num_bytes - buffered
        while left > 0 and (data := self._fetch(min(left, READ_BYTES))):
            left -= len(data)

    def go_to(self, offset_bytes: int) -> None:
        """Jump to another place; for files that can seek only."""
        self._buffer, self._position = b"", 0
        self._fetched_bytes = offset_bytes

    def _fetch(self, num_bytes: int) -> bytes:
        if self._start is not None:
            self._file.seek(self._start + self._fetched_bytes)
        pieces = []
        while num_bytes > 0:
            piece = self._file.read(min(num_bytes, READ_BYTES))
            if piece is None:
                raise io.UnsupportedOperation("the file is in non-blocking mode; give a blocking one")
            if not piece:
                break
            pieces.append(piece)
            num_bytes -= len(piece)
            self._fetched_bytes += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
