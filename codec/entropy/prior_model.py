"""The prior coder's model of a bit: what the network says, mixed with what counters have seen.

Integers only, each from integers; FORMAT.md states the same in words. The mixing, its counters and the grid are those
of `adaptive_model`; what differs is the choice of contexts, and that the network's odds are an input and a context.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .adaptive_model import (
    BIAS,
    FIRST,
    HASH,
    MIRRORED,
    NE,
    NUM_LINEAR,
    NW,
    SIDE,
    STATIC,
    UNREST,
    E,
    N,
    P,
    S,
    W,
    coarse,
    count,
    enter,
    fine,
    mix,
    probability_of,
    refine,
    update,
)
from .compiled import compiled, inlined
from .logistic import LIMIT, bend_table, stretch_table
from .prior_network import MAX_SPREAD, MIN_SPREAD
from .range_coder import decode_bit, encode_bit

SLOT_BITS = (13, 16, 15, 16, 16)
"""For each context, the binary logarithm of its number of counters."""
NUM_CONTEXTS = len(SLOT_BITS)
NUM_INPUTS = NUM_CONTEXTS + 2 + NUM_LINEAR
"""Mixer inputs: one a context, a constant, the network's odds, and one for each of some neighbours."""
HINT = NUM_CONTEXTS + 1
"""Place of the network's odds among the inputs."""

SURE = 1792
"""From these odds on, 7 nats, a bit is coded under one counter, without mixing: more than a third of all bits."""
NUM_LEVELS = 28
"""Levels of odds below that, as a context."""
NUM_SURE_LEVELS = 4
CONTEXT_NEIGHBOURS = (P, W, N, NE, E, S)
"""Those whose differences, quantised, are part of contexts."""
_OFFSETS = np.concatenate([[0], np.cumsum(1 << np.array(SLOT_BITS))]).astype(np.int64)
_SHIFTS = np.array([64 - bits for bits in SLOT_BITS], np.uint64)
_SURE_START = int(_OFFSETS[-1])
NUM_SLOTS = _SURE_START + 62 * 2 * NUM_SURE_LEVELS * 8
_SET_STARTS = (0, 62 * 8, 62 * 8 + 62 * 13)
NUM_SETS = 62 * 8 + 62 * 13 + 7**3


def _inverse_spreads() -> NDArray[np.int64]:
    """Tabulate 2**20 e**(-n/8) for spread numbers n from MIN_SPREAD up, each from the one before."""
    table = [21_061_210]
    for _ in range(MIN_SPREAD, MAX_SPREAD):
        table.append(table[-1] * 3_790_295_335 >> 32)
    return np.array(table, np.int64)


INVERSE_SPREADS, BENDS, STRETCH = _inverse_spreads(), bend_table(), stretch_table().astype(np.int16)


class Hints(NamedTuple):
    """What the network says of one latent frame."""

    first_cell: NDArray[np.int64]
    """int64 `[1]`: the frame's first cell in the grid."""
    places: NDArray[np.int32]
    """int32 `[h * w, n]` in units of 1/16 half step."""
    spreads: NDArray[np.int32]
    """int32 `[h * w, n]`, numbers of spreads from 0."""
    columns: NDArray[np.int64]
    """int64 `[D]`: where each dimension stands in those; -1 if it does not."""
    bits: NDArray[np.int64]
    """int64 `[D]`: planes of each dimension."""


@inlined
def _softplus(x):  # type: ignore[no-untyped-def]
    """Return ln(1 + e**x), both in units of 1/256."""
    return max(x, 0) + BENDS[min(abs(x), LIMIT)]


@inlined
def _hint(grid, hints, cell, bit):  # type: ignore[no-untyped-def]
    """Return the log-odds, in units of 1/256, that the network gives for the upper half of what is known.

    With a logistic distribution F around the place, the odds of the halves of a cell from c - d to c + d are
    (F(c + d) - F(c)) / (F(c) - F(c - d)), and their logarithm is d + softplus(c - d) - softplus(c + d), in spreads.
    """
    dimension, plane = grid.dimensions[bit], grid.planes[bit]
    centre = np.int64(grid.centres[cell, dimension])
    bits, column, place_of = hints.bits[dimension], hints.columns[dimension], cell - hints.first_cell[0]
    middle = ((centre >> (15 - bits)) - (1 << bits) - 1) * 16 - np.int64(hints.places[place_of, column])
    scale = INVERSE_SPREADS[hints.spreads[place_of, column]]
    inside, half = middle * scale >> 16, (16 << (bits - plane)) * scale >> 16
    return min(max(half + _softplus(inside - half) - _softplus(inside + half), -LIMIT), LIMIT)


@inlined
def _sure_slot(grid, bit, hint):  # type: ignore[no-untyped-def]
    """Choose the one counter of a bit that the network is sure of."""
    sign = 1 if hint > 0 else 0
    level = min((abs(hint) - SURE) >> 8, NUM_SURE_LEVELS - 1)
    return _SURE_START + (((bit * 2 + sign) * NUM_SURE_LEVELS + level) * 8 + grid.token[UNREST])


@inlined
def _learn_sure(model, grid, cell, bit, slot, value):  # type: ignore[no-untyped-def]
    """Learn from a bit that the network was sure of, and refine what the grid knows of the token."""
    past = np.int64(grid.centres[grid.near[P], grid.dimensions[bit]])
    grid.values[P] = past - np.int64(grid.centres[cell, grid.dimensions[bit]])
    count(model.counters, slot, value)
    refine(grid, cell, bit, value)


@inlined
def _predict(model, grid, cell, bit, hint):  # type: ignore[no-untyped-def]
    """Return the probability of a 1, in [1, 65535] of 65536, for a bit that the network is not sure of."""
    dimension, plane = grid.dimensions[bit], grid.planes[bit]
    centre = np.int64(grid.centres[cell, dimension])
    near, v, q, token = grid.near, grid.values, grid.levels, grid.token
    for index in range(near.size):
        v[index] = np.int64(grid.centres[near[index], dimension]) - centre
    for index in CONTEXT_NEIGHBOURS:
        q[index] = coarse(v[index], 13 - plane)
    level = (hint + SURE) >> 7
    node = ((bit << 12 | 1 << plane | centre >> (16 - plane)) << 1) | token[FIRST]
    own = min(np.int64(grid.surprises[cell]), 3)
    known = 1 if v[P] != 0 else 0
    recent = grid.ids[cell] >> max(bit - 3, 0) & ((1 << min(bit, 3)) - 1)
    plain = v[W] + v[N] - v[NW]

    c = model.slots
    c[0] = (token[STATIC] * 4 + own) * 2 + known
    c[1] = (((node * 13 + q[E]) * 13 + q[S]) * 13 + q[W]) * 13 + q[N]
    c[2] = (node * 23 + fine(plain, max(11 - plane, 0))) * 13 + q[NE]
    c[3] = node << 10 | grid.ids[cell] >> max(bit - 10, 0) & (1 << min(bit, 10)) - 1
    c[4] = ((bit * NUM_LEVELS + level) * 8 + recent) * 4 + own
    inputs = model.inputs
    for index in range(NUM_CONTEXTS):
        slot = _OFFSETS[index] + np.int64((np.uint64(c[index]) * HASH) >> _SHIFTS[index])
        c[index] = slot
        inputs[index] = STRETCH[model.counters[slot] >> 16]
    if v[P] < 0:
        inputs[MIRRORED] = -inputs[MIRRORED]
    inputs[NUM_CONTEXTS] = BIAS
    inputs[HINT] = hint
    shift = 5 - plane
    for index in range(NUM_LINEAR):
        value = v[index] >> shift if shift > 0 else v[index] << -shift
        inputs[HINT + 1 + index] = min(max(value, -512), 512)
    model.sets[0] = _SET_STARTS[0] + (bit * 4 + own) * 2 + token[FIRST]
    model.sets[1] = _SET_STARTS[1] + bit * 13 + q[P]
    model.sets[2] = _SET_STARTS[2] + (SIDE[q[N]] * 7 + SIDE[q[P]]) * 7 + SIDE[q[W]]
    return mix(model)


@compiled
def encode_frame(model, grid, hints, low, high, state, out):  # type: ignore[no-untyped-def]
    """Push token bits low..high-1 of every token of one latent frame; inverse: `decode_frame`."""
    for cell in range(hints.first_cell[0], hints.first_cell[0] + hints.places.shape[0]):
        enter(grid, cell)
        for bit in range(low, high):
            value = grid.ids[cell] >> bit & 1
            hint = _hint(grid, hints, cell, bit)
            if abs(hint) < SURE:
                encode_bit(state, out, value, _predict(model, grid, cell, bit, hint))
                update(model, grid, cell, bit, value)
            else:
                slot = _sure_slot(grid, bit, hint)
                encode_bit(state, out, value, probability_of(model.counters, slot))
                _learn_sure(model, grid, cell, bit, slot, value)


@compiled
def decode_frame(model, grid, hints, low, high, state, data):  # type: ignore[no-untyped-def]
    """Pull token bits low..high-1 of every token of one latent frame into the grid; inverse: `encode_frame`."""
    for cell in range(hints.first_cell[0], hints.first_cell[0] + hints.places.shape[0]):
        enter(grid, cell)
        for bit in range(low, high):
            hint = _hint(grid, hints, cell, bit)
            if abs(hint) < SURE:
                value = decode_bit(state, data, _predict(model, grid, cell, bit, hint))
                grid.ids[cell] |= value << bit
                update(model, grid, cell, bit, value)
            else:
                slot = _sure_slot(grid, bit, hint)
                value = decode_bit(state, data, probability_of(model.counters, slot))
                grid.ids[cell] |= value << bit
                _learn_sure(model, grid, cell, bit, slot, value)
