"""Random damage to a file: bits, bytes, integers, cuts, and whole chunks; alike for the tests and the fuzz target."""

from collections.abc import Callable

import numpy as np
from fuzz import framing

EXTREMES = tuple(
    value % (1 << 64)
    for value in (0, 1, 2, -1, -2, 127, 128, 255, 256, *((1 << bits) + step for bits in
    (15, 16, 24, 25, 26, 27, 28, 29, 31, 32, 62, 63) for step in (-1, 0, 1)))
)  # fmt: skip
"""Values at which integers wrap, and limits of the format."""

Bytes = Callable[[bytes, np.random.Generator], bytes]


def flip_bits(data: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(data)
    for place in rng.integers(0, 8 * len(out), 1 + rng.integers(4)) if out else ():
        out[place >> 3] ^= 1 << (place & 7)
    return bytes(out)


def set_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(data)
    for place in rng.integers(0, len(out), 1 + rng.integers(8)) if out else ():
        out[place] = rng.integers(256)
    return bytes(out)


def set_integer(data: bytes, rng: np.random.Generator) -> bytes:
    num_bytes = 1 << int(rng.integers(4))
    value = EXTREMES[rng.integers(len(EXTREMES))] % (1 << 8 * num_bytes)
    place = int(rng.integers(len(data) + 1))
    return data[:place] + value.to_bytes(num_bytes, "little") + data[place + num_bytes :]


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: rng.integers(len(data) + 1)]


def remove(data: bytes, rng: np.random.Generator) -> bytes:
    place = int(rng.integers(len(data) + 1))
    return data[:place] + data[place + 1 + rng.integers(40) :]


def insert(data: bytes, rng: np.random.Generator) -> bytes:
    place = int(rng.integers(len(data) + 1))
    return data[:place] + rng.bytes(1 + int(rng.integers(20))) + data[place:]


BYTE_EDITS: tuple[Bytes, ...] = (flip_bits, set_bytes, set_integer, cut, remove, insert)


def shuffle_chunks(parts: list[bytes], rng: np.random.Generator) -> list[bytes]:
    """Swap two chunks, say one twice, or leave one out."""
    one, other = (int(place) for place in rng.integers(0, len(parts), 2))
    parts = list(parts)
    match rng.integers(3):
        case 0:
            parts[one], parts[other] = parts[other], parts[one]
        case 1:
            parts.insert(other, parts[one])
        case _:
            del parts[one]
    return parts


def damage(data: bytes, rng: np.random.Generator) -> bytes:
    """Change a few things, and leave the CRCs to tell of it."""
    for _ in range(1 + rng.integers(3)):
        if rng.integers(4) == 0:
            data = b"".join(shuffle_chunks(framing.split(data), rng))
        else:
            data = BYTE_EDITS[rng.integers(len(BYTE_EDITS))](data, rng)
    return data


def forge(data: bytes, rng: np.random.Generator, edit: Bytes | None = None) -> bytes:
    """Change a few payloads, or the order of chunks, and make all lengths and CRCs of chunks fit.

    Args:
        data: the file.
        rng: decides what is changed.
        edit: changes the bytes of a payload; None for one of `BYTE_EDITS`.
    """
    for _ in range(1 + rng.integers(3)):
        parts = framing.split(data)
        if rng.integers(6) == 0 or len(parts) < 3:
            parts = shuffle_chunks(parts, rng)
        else:
            place = int(rng.integers(1, len(parts) - 1))
            parts[place] = _forge_chunk(parts[place], rng, edit)
        data = b"".join(parts)
    return framing.refit(data)


def _forge_chunk(chunk: bytes, rng: np.random.Generator, edit: Bytes | None) -> bytes:
    kind, payload = chunk[:4], framing.payload_of(chunk)
    edit = edit or BYTE_EDITS[rng.integers(len(BYTE_EDITS))]
    if rng.integers(12) == 0:
        return set_bytes(chunk[:5], rng) + chunk[5:]
    unpacked = framing.unpack(kind, payload) if rng.integers(4) else None
    if unpacked is None:
        return framing.with_payload(chunk, edit(payload, rng))
    content, rest = unpacked
    return framing.with_payload(chunk, framing.repack(kind, edit(content, rng), rest))
