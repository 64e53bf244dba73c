"""Bit layers of tokens: what the bits of a token mean, and the order in which a layer's bits stand in bytes."""

import zlib
from collections.abc import Sequence
from itertools import pairwise
from math import prod

import numpy as np
from numpy.typing import NDArray

from ...container import CorruptError

Planes = tuple[tuple[int, int], ...]
"""For token bit k (0 is the lowest, coarsest, and coded first) the pair (dimension, plane).

A dimension with b bits has 2**b values in rising order; plane 0 is the most significant bit of a value's number. The
planes of one dimension come in rising order, without gaps.
"""

MAX_BITS_PER_TOKEN = 62
MAX_PLANES = 12
"""Most bits one dimension may have."""

_PIECE_TOKENS = 1 << 20
"""Tokens whose bits are packed or unpacked together, so that this takes no memory to speak of."""


def check_planes(planes: Planes) -> Planes:
    """Return `planes` as tuples of int if they are a legal meaning of token bits.

    Raises:
        ValueError: none or over 62 bits, a plane out of turn, or a dimension with over 12 bits.
    """
    planes = tuple((int(dimension), int(plane)) for dimension, plane in planes)
    if not 1 <= len(planes) <= MAX_BITS_PER_TOKEN:
        raise ValueError(f"a token has 1 to {MAX_BITS_PER_TOKEN} bits, got {len(planes)} planes")
    seen: dict[int, int] = {}
    for bit, (dimension, plane) in enumerate(planes):
        expected = seen.get(dimension, 0)
        if dimension < 0 or plane != expected or plane >= MAX_PLANES:
            raise ValueError(
                f"token bit {bit} is plane {plane} of dimension {dimension}, expected plane {expected} "
                f"(each dimension's planes in turn, at most {MAX_PLANES})"
            )
        seen[dimension] = plane + 1
    return planes


def check_bit_depths(bit_depths: Sequence[int]) -> tuple[int, ...]:
    """Return the cumulative bit depths after each layer as a tuple if they rise from at least 1 to at most 62.

    Raises:
        ValueError: they do not.
    """
    depths = tuple(int(depth) for depth in bit_depths)
    if (
        not depths
        or depths[0] < 1
        or depths[-1] > MAX_BITS_PER_TOKEN
        or any(low >= high for low, high in pairwise(depths))
    ):
        raise ValueError(f"bit depths must rise from 1 or more to at most {MAX_BITS_PER_TOKEN}, got {depths}")
    return depths


def check_ids(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return `ids` as a C-contiguous int64 array if it is a token grid `[t, h, w]` of at least one token.

    Raises:
        ValueError: it is not, or holds a negative id.
    """
    grid = np.ascontiguousarray(ids, dtype=np.int64)
    if grid.ndim != 3 or grid.size == 0:
        raise ValueError(f"a token grid is [t, h, w] with at least one token, got shape {grid.shape}")
    if int(grid.min()) < 0:
        raise ValueError(f"a token id is at least 0, got {int(grid.min())}")
    return grid


def layer_bounds(bit_depths: Sequence[int], num_layers: int) -> list[tuple[int, int]]:
    """List the token bits `[low, high)` of the first `num_layers` layers.

    Raises:
        ValueError: there are fewer than `num_layers` bit depths, or none is asked for.
    """
    depths = check_bit_depths(bit_depths)
    if not 1 <= num_layers <= len(depths):
        raise ValueError(f"got {num_layers} layer payloads, expected 1 to {len(depths)}")
    return list(zip((0, *depths), depths[:num_layers], strict=False))


def num_packed_bytes(num_tokens: int, low: int, high: int) -> int:
    """Count the bytes that `pack_layer` makes of `num_tokens` tokens."""
    return (num_tokens * (high - low) + 7) // 8


def pack_layer(ids: NDArray[np.int64], low: int, high: int) -> bytes:
    """Pack token bits low..high-1; inverse: `unpack_layer`.

    For each bit from low to high, for each latent frame, row and column: one bit, most significant bit of a byte
    first, zeros at the end of the layer up to a whole byte.

    Args:
        ids: int64 `[t, h, w]`.
        low: first token bit of the layer.
        high: one past its last token bit.
    """
    grid = check_ids(ids)
    tokens = grid.reshape(-1)
    packed, left = bytearray(), np.zeros(0, np.uint8)
    for bit in range(low, high):
        for start in range(0, tokens.size, _PIECE_TOKENS):
            bits = (tokens[start : start + _PIECE_TOKENS] >> bit & 1).astype(np.uint8)
            bits = np.concatenate([left, bits])
            num_whole = bits.size & ~7
            packed += np.packbits(bits[:num_whole]).tobytes()
            left = bits[num_whole:]
    return bytes(packed) + np.packbits(left).tobytes()


def unpack_layer(data: bytes, shape: tuple[int, int, int], low: int, high: int) -> NDArray[np.int64]:
    """Read what `pack_layer` made.

    Args:
        data: the packed bits, exactly as many bytes as they need.
        shape: of the token grid, (t, h, w).
        low: first token bit of the layer.
        high: one past its last token bit.

    Returns:
        int64 `[t, h, w]` with the layer's bits in place and all others 0.

    Raises:
        CorruptError: too few or too many bytes, or padding that is not zero.
    """
    num_tokens = prod(shape)
    num_bits = num_tokens * (high - low)
    expected = (num_bits + 7) // 8
    if len(data) != expected:
        raise CorruptError(f"a layer of {num_bits} packed bits has {len(data)} bytes, expected {expected}")
    if num_bits % 8 and data[-1] & (0xFF >> num_bits % 8):
        raise CorruptError(f"the padding after a layer of {num_bits} packed bits is not zero")
    packed = np.frombuffer(data, np.uint8)
    ids = np.zeros(num_tokens, np.int64)
    for bit in range(low, high):
        for start in range(0, num_tokens, _PIECE_TOKENS):
            tokens = ids[start : start + _PIECE_TOKENS]
            first = (bit - low) * num_tokens + start
            bits = np.unpackbits(packed[first >> 3 : (first + tokens.size + 7) >> 3])[first & 7 :]
            tokens |= bits[: tokens.size].astype(np.int64) << bit
    return ids.reshape(shape)


def layer_crc(ids: NDArray[np.int64], low: int, high: int) -> int:
    """Compute the CRC-32 of a layer's packed bits, as a segment's layer table holds it."""
    return zlib.crc32(pack_layer(ids, low, high))
