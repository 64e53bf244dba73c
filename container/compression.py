"""zstd frames inside chunks, with their sizes checked before they are unpacked."""

from __future__ import annotations

import zstandard

from .errors import CorruptError
from .limits import MAX_ZSTD_WINDOW_BYTES, check_limit

ZSTD_LEVEL = 19
"""The chunks compressed by this are small; larger payloads belong to the entropy coder."""


def compress(data: bytes) -> bytes:
    """Make one zstd frame that declares its content size; inverse: `decompress`.

    The bytes are the same for the same version of the zstd library only.
    """
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(data)


def decompress(data: bytes, field: str, limit_bytes: int) -> bytes:
    """Unpack one zstd frame.

    Args:
        data: the frame, whole and with nothing after it.
        field: what to call it in errors.
        limit_bytes: most bytes it may declare.

    Raises:
        LimitError: if it declares more, or a window above the limit.
        CorruptError: if it is no such frame.
    """
    try:
        parameters = zstandard.get_frame_parameters(data)
    except zstandard.ZstdError as error:
        raise CorruptError(f"{field} is no zstd frame: {error}", field=field) from None
    if parameters.content_size == zstandard.CONTENTSIZE_UNKNOWN or parameters.dict_id:
        raise CorruptError(
            f"{field} is a zstd frame without a declared size, or with a dictionary", field=field
        )
    check_limit(f"{field} (bytes unpacked)", parameters.content_size, limit_bytes)
    check_limit(f"{field} (zstd window)", parameters.window_size, MAX_ZSTD_WINDOW_BYTES)
    try:
        content = zstandard.ZstdDecompressor().decompress(
            data, max_output_size=parameters.content_size, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise CorruptError(f"{field} is a broken zstd frame: {error}", field=field) from None
    if len(content) != parameters.content_size:
        raise CorruptError(f"{field} unpacks to another size than it declares", field=field)
    return content
