"""The vectors of a segment as bytes: FORMAT.md 3.4.2. Integers only; encoder and decoder run the same loop."""

import numpy as np
from numpy.typing import NDArray

from ...container import CorruptError
from ...container.limits import MAX_SEGMENT_FRAMES
from ..entropy.compiled import compiled, inlined
from ..entropy.mixing import count, probability_of
from ..entropy.range_coder import (
    LOW,
    NUM_TAIL_BYTES,
    POSITION,
    RANGE,
    finish_decoder,
    finish_encoder,
    new_decoder_state,
    new_encoder_state,
    pull_bit,
    push_bit,
)
from .mesh import Motion
from .search import MOST_STEPS

MOST_VECTORS, MOST_ALONG = 1024, 255
"""Of a mesh, and along a side of it."""

_HEAD_BYTES = 4

_FIRST_CHANGE, _FIRST_SIGN, _FIRST_STEP = 2, 17, 19
"""Counters of whether a number is another than expected, of its sign, and of its size; 0 and 1 are of whole groups."""

_NUM_STEPS = 8
_NUM_COUNTERS = _FIRST_STEP + 2 * 3 * _NUM_STEPS
_START = 0x800000 << 8
"""A counter that knows nothing."""

_MOST_GAMMA_BITS = 12
_MOST_BYTES = 24
"""That a number takes: ten bits under counters, of two bytes at most, and its gamma code."""


def pack_motion(motion: Motion) -> bytes:
    """Code the vectors of a segment; inverse: `unpack_motion`.

    Returns:
        Nothing where all are 0; groups that are still at the end are left out.

    Raises:
        ValueError: a vector is longer than `MOST_STEPS`, a mesh is larger than `MOST_VECTORS` and `MOST_ALONG` say, or
            there are more groups than a segment can have.
    """
    moving = np.flatnonzero(motion.any(axis=(1, 2, 3)))
    if not moving.size:
        return b""
    groups, (rows, columns) = int(moving[-1]) + 1, motion.shape[1:3]
    if max(int(motion.max()), -int(motion.min())) > MOST_STEPS:
        raise ValueError(f"a vector is too long, expected at most {MOST_STEPS} steps")
    if rows * columns > MOST_VECTORS or max(rows, columns) > MOST_ALONG or groups > MAX_SEGMENT_FRAMES:
        raise ValueError(
            f"{groups} groups of {rows} x {columns} vectors are too many, expected at most {MAX_SEGMENT_FRAMES} of "
            f"{MOST_VECTORS}, {MOST_ALONG} to a side"
        )
    vectors = _with_border(groups, rows, columns)
    vectors[1:, 1:, 1:-1] = motion[:groups]
    out = np.zeros(_MOST_BYTES * vectors.size + NUM_TAIL_BYTES, np.uint8)
    state = new_encoder_state()
    _code(vectors, _new_counters(), state, out, 0)
    head = bytes((columns, rows)) + groups.to_bytes(2, "little")
    return head + finish_encoder(state, out)


def unpack_motion(data: bytes, most_groups: int) -> Motion:
    """Decode the vectors of a segment; inverse: `pack_motion`.

    Args:
        data: of TIME; may be empty.
        most_groups: that the segment has.

    Returns:
        int16 `[groups, rows, columns, 2]`; of no group where nothing moves.

    Raises:
        CorruptError: it is not what `pack_motion` could have made.
    """
    if not data:
        return np.zeros((0, 1, 1, 2), np.int16)
    if not most_groups:
        raise CorruptError("a segment of one frame has motion", field="motion")
    head, payload = data[:_HEAD_BYTES], np.frombuffer(data, np.uint8)[_HEAD_BYTES:].copy()
    groups = int.from_bytes(head[2:], "little")
    if (
        len(head) < _HEAD_BYTES
        or not 1 <= head[0] * head[1] <= MOST_VECTORS
        or not 1 <= groups <= most_groups
    ):
        raise CorruptError(
            f"the motion of a segment begins with {head.hex(' ')}: expected columns, rows, of which at most "
            f"{MOST_VECTORS} cells, and 1 to {most_groups} groups",
            field="motion",
        )
    vectors = _with_border(groups, head[1], head[0])
    state = new_decoder_state(payload)
    if not _code(vectors, _new_counters(), state, payload, 1):
        raise CorruptError(f"a motion vector is longer than {MOST_STEPS} steps", field="motion")
    try:
        finish_decoder(state, payload)
    except CorruptError as error:
        raise CorruptError(f"the motion of a segment: {error.message}", field="motion") from None
    return np.ascontiguousarray(vectors[1:, 1:, 1:-1])


def _with_border(groups: int, rows: int, columns: int) -> Motion:
    """Make room for vectors: a still group before them, a row above, a column at each side."""
    return np.zeros((groups + 1, rows + 1, columns + 2, 2), np.int16)


def _new_counters() -> NDArray[np.uint32]:
    return np.full(_NUM_COUNTERS, _START, np.uint32)


@compiled
def _code(vectors, counters, state, data, is_decoding):  # type: ignore[no-untyped-def]
    """Push the vectors, or pull them; False where one that is pulled is too long."""
    was_moving = 0
    for group in range(1, vectors.shape[0]):
        is_moving = 0 if is_decoding else _moves(vectors, group)
        is_moving = _bit(is_moving, was_moving, counters, state, data, is_decoding)
        was_moving = is_moving
        if is_moving == 0:
            continue
        for row in range(1, vectors.shape[1]):
            for column in range(1, vectors.shape[2] - 1):
                is_other = 0
                for axis in range(2):
                    expected, unrest = _look(vectors, group, row, column, axis)
                    off = np.int64(vectors[group, row, column, axis]) - expected
                    slot = _FIRST_CHANGE + (unrest if axis == 0 else 5 + 2 * unrest + is_other)
                    is_other = _bit(1 if off != 0 else 0, slot, counters, state, data, is_decoding)
                    if is_other == 1:
                        off = _number(off, axis, unrest, counters, state, data, is_decoding)
                    else:
                        off = np.int64(0)
                    if abs(expected + off) > MOST_STEPS:
                        return False
                    vectors[group, row, column, axis] = expected + off
    return True


@inlined
def _moves(vectors, group):  # type: ignore[no-untyped-def]
    moving = 0
    for row in range(vectors.shape[1]):
        for column in range(vectors.shape[2]):
            for axis in range(2):
                moving |= 1 if vectors[group, row, column, axis] != 0 else 0
    return moving


@inlined
def _look(vectors, group, row, column, axis):  # type: ignore[no-untyped-def]
    """Look around; give what is expected of a number, and how far what it is expected from differs, 0 to 4."""
    west = np.int64(vectors[group, row, column - 1, axis])
    north = np.int64(vectors[group, row - 1, column, axis]) if row > 1 else west
    if column == 1:
        west = north
    east = north
    if row > 1 and column < vectors.shape[2] - 2:
        east = np.int64(vectors[group, row - 1, column + 1, axis])
    past = np.int64(vectors[group - 1, row, column, axis])
    expected = max(min(west, north), min(max(west, north), past))
    apart = abs(west - north) + abs(east - north) + abs(past - expected)
    unrest = np.int64(0)
    for bound in (0, 1, 4, 10):
        unrest += 1 if apart > bound else 0
    return expected, unrest


@inlined
def _number(off, axis, unrest, counters, state, data, is_decoding):  # type: ignore[no-untyped-def]
    """Code a number that is not 0: its sign, its size up to `_NUM_STEPS`, and what is left as Elias's gamma code."""
    is_negative = _bit(1 if off < 0 else 0, _FIRST_SIGN + axis, counters, state, data, is_decoding)
    size, found, is_more = abs(off), np.int64(1), 1
    first = _FIRST_STEP + (axis * 3 + min(unrest, 2)) * _NUM_STEPS
    while found <= _NUM_STEPS and is_more == 1:
        is_more = _bit(1 if size > found else 0, first + found - 1, counters, state, data, is_decoding)
        found += is_more
    if is_more == 1:
        rest, num_bits = size - _NUM_STEPS, 0
        while num_bits < _MOST_GAMMA_BITS and is_more == 1:
            is_more = _even_bit(1 if rest >> (num_bits + 1) != 0 else 0, state, data, is_decoding)
            num_bits += is_more
        number = np.int64(1)
        for place in range(num_bits):
            number = number << 1 | _even_bit(rest >> (num_bits - 1 - place) & 1, state, data, is_decoding)
        found += number - 1
    return -found if is_negative == 1 else found


@inlined
def _bit(bit, slot, counters, state, data, is_decoding):  # type: ignore[no-untyped-def]
    """Code a bit as its counter has it, and teach the counter."""
    found = _under(bit, probability_of(counters, slot), state, data, is_decoding)
    count(counters, slot, found)
    return found


@inlined
def _even_bit(bit, state, data, is_decoding):  # type: ignore[no-untyped-def]
    return _under(bit, 1 << 15, state, data, is_decoding)


@inlined
def _under(bit, probability, state, data, is_decoding):  # type: ignore[no-untyped-def]
    """Push a bit, or pull it."""
    found = np.int64(bit)
    if is_decoding:
        found, low, size, position = pull_bit(state[LOW], state[RANGE], state[POSITION], data, probability)
    else:
        low, size, position = push_bit(state[LOW], state[RANGE], state[POSITION], data, found, probability)
    state[LOW], state[RANGE], state[POSITION] = low, size, position
    return found
