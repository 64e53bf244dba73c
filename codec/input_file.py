"""The bytes of a source: what they begin with, how many there are, whether the last are missing."""

import io
import os
from typing import BinaryIO

_HEAD_BYTES = 4096
_MGV_SIGNATURE = b"\x89MGV\r\n\x1a\n"
_EBML_ID, _SEGMENT_ID = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_Y4M_MAGIC, _Y4M_FRAME = b"YUV4MPEG2 ", b"FRAME\n"


class InputFile:
    """A file or pipe as FFmpeg reads it; remembers the first bytes and counts all of them.

    Args:
        file: binary, open for reading.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._seekable = file.seekable() if hasattr(file, "seekable") else hasattr(file, "seek")
        # `read` of a buffered pipe waits until all is there: frames of a live source would come late.
        self._read_some = file.read if self._seekable else getattr(file, "read1", file.read)
        self._unread = self.head = _read_head(file)
        """The first bytes, 4096 at most."""
        self._position = self._furthest = len(self.head)
        if self._seekable:
            file.seek(-len(self.head), os.SEEK_CUR)
            self._unread = b""
            self._start = file.tell()
            self._position = 0

    @property
    def is_mgv(self) -> bool:
        """Whether this is no source but the result of an encoding."""
        return self.head.startswith(_MGV_SIGNATURE)

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Tell whether `seek` works."""
        return self._seekable

    def read(self, num_bytes: int) -> bytes:
        """Read up to `num_bytes`, fewer only where fewer are at hand; empty at the end."""
        if self._unread:
            data, self._unread = self._unread[:num_bytes], self._unread[num_bytes:]
            return data
        data = self._read_some(num_bytes) or b""
        self._position += len(data)
        self._furthest = max(self._furthest, self._position)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, counted from where the file stood when it was handed over."""
        if whence == os.SEEK_SET:
            offset += self._start
        self._position = self._file.seek(offset, whence) - self._start
        return self._position

    def tell(self) -> int:
        """Give the position, counted likewise."""
        return self._position

    def num_missing_bytes(self, num_frames: int, frame_bytes: int) -> int:
        """Tell how many bytes the file lacks by its own account; call it after the last frame.

        Only formats that announce their length can tell: Matroska and AVI, and y4m of itself.

        Args:
            num_frames: frames of video that were found.
            frame_bytes: coded size of the first.

        Returns:
            The number, 0 where nothing is missing or nothing is known.
        """
        num_bytes = self._num_bytes()
        if self.head.startswith(_Y4M_MAGIC):
            header_bytes = self.head.find(b"\n") + 1
            if not self.head.startswith(_Y4M_FRAME, header_bytes):
                return 0
            step = len(_Y4M_FRAME) + frame_bytes
            rest = num_bytes - header_bytes - num_frames * step
            return step - rest if 0 < rest < step else 0
        return max(0, announced_bytes(self.head) - num_bytes)

    def _num_bytes(self) -> int:
        if not self._seekable:
            return self._furthest
        return self._file.seek(0, os.SEEK_END) - self._start


def announced_bytes(head: bytes) -> int:
    """Give the length of a Matroska or AVI file as its first bytes have it; 0 where they don't say."""
    if head.startswith(b"RIFF") and len(head) >= 8:
        return 8 + int.from_bytes(head[4:8], "little")
    if not head.startswith(_EBML_ID):
        return 0
    ebml_bytes, size_bytes = _variable_integer(head, len(_EBML_ID))
    segment = len(_EBML_ID) + size_bytes + ebml_bytes
    if not head.startswith(_SEGMENT_ID, segment):
        return 0
    start = segment + len(_SEGMENT_ID)
    segment_bytes, size_bytes = _variable_integer(head, start)
    unknown = segment_bytes == (1 << 7 * size_bytes) - 1
    return 0 if unknown else start + size_bytes + segment_bytes


def _variable_integer(data: bytes, offset: int) -> tuple[int, int]:
    """Give value and length in bytes of an EBML variable-size integer, 0 and 0 if there is none."""
    first = data[offset] if offset < len(data) else 0
    length = 9 - first.bit_length()
    if first == 0 or offset + length > len(data):
        return 0, 0
    return int.from_bytes(data[offset : offset + length], "big") & ((1 << 7 * length) - 1), length


def _read_head(file: BinaryIO) -> bytes:
    """Read the first bytes, through the short reads of an unbuffered pipe."""
    head = io.BytesIO()
    while head.tell() < _HEAD_BYTES and (data := file.read(_HEAD_BYTES - head.tell())):
        head.write(data)
    return head.getvalue()
