"""The adaptive coder's model: contexts from the token grid, and the loops that code a layer by mixing them.

Integers only, each from integers; FORMAT.md states the same in words. Encoder and decoder run the same `_look`
and `learn`, so they can't drift apart.
"""

import numpy as np

from .compiled import compiled, index, inlined
from .grid import (
    COARSE,
    COUNT,
    NE,
    NW,
    E,
    F,
    N,
    P,
    S,
    W,
    coarse,
    enter,
    fine,
    is_surprise,
    refined,
    side,
)
from .mixing import BIAS, count, learn, mix, slot_of, stretched
from .range_coder import LOW, POSITION, RANGE, pull_bit, push_bit
from .vectors import NUM_NEIGHBOURS, compare_neighbours, write_vector

NUM_CONTEXTS = 8
NUM_INPUTS = NUM_CONTEXTS + 1 + NUM_NEIGHBOURS
"""Mixer inputs: one a context, a constant, and one for each of some neighbours."""

SLOT_BITS = (13, 15, 15, 16, 15, 15, 15, 16)
"""For each context, the binary logarithm of its number of counters."""

_SET_STARTS = (0, 62 * 8, 62 * 8 + 62 * 13)
NUM_SETS = 62 * 8 + 62 * 13 + 7**3
"""Weight sets of the mixers: by token bit, surprise and first frame; by token bit and P; by N, P and W."""

START_WEIGHT = 13107
"""0.2 in units of 2**-16: the weight of each context where none was trained."""

MIRRORED = 0
"""The context whose counters give the probability that the bit goes where P is."""
_OFFSETS = np.concatenate([[0], np.cumsum(1 << np.array(SLOT_BITS))]).astype(np.int64)
_SHIFTS = np.array([64 - bits for bits in SLOT_BITS], np.uint64)
NUM_SLOTS = int(_OFFSETS[-1])


@inlined
def _look(model, grid, token, bit, energy):  # type: ignore[no-untyped-def]
    """Choose counters and mixers of a bit, and make the mixers' inputs.

    Args:
        model: of which slots and inputs are set.
        grid: of which `ahead` and `levels` are set.
        token: (its cell, its bits so far, its surprises, and what `enter` returned).
        bit: number of the token bit.
        energy: distance of its centres from the middle, in sum.

    Returns:
        The numbers of the three mixers.
    """
    cell, known, surprise, first, static, unrest = token
    dimension, plane = grid.dimensions[index(bit)], grid.planes[index(bit)]
    centre = np.int64(grid.centres[index(cell), index(dimension)])
    into = grid.ahead, grid.levels
    compare_neighbours(grid.centres, grid.near, (dimension, centre, plane, BIAS), into, model.inputs)
    ahead, near, centres = grid.ahead, grid.near, grid.centres
    past, west, north = coarse(grid, P), coarse(grid, W), coarse(grid, N)
    node = ((bit << 12 | 1 << plane | centre >> (16 - plane)) << 1) | first
    own, doubt = min(surprise, 3), np.int64(COUNT[index(min(surprise, 63))]) * 8 + unrest
    moved = 1 if ahead[P] != 0 else 0
    others = energy - abs(centre - 32768)
    size = 0
    for neighbour in (W, N, NE, P):
        size += abs(np.int64(centres.reshape(-1)[index(near[neighbour] + dimension)]) - 32768)
    recent = known >> max(bit - 3, 0) & ((1 << min(bit, 3)) - 1)

    slots, counters = model.slots, model.counters
    slots[0] = (static * 4 + own) * 2 + moved
    slots[1] = ((bit * 2 + first) * 64 + doubt) * 13 + past
    slots[2] = ((node * 13 + past) * 13 + coarse(grid, F)) * 4 + own
    slots[3] = (((node * 13 + coarse(grid, E)) * 13 + coarse(grid, S)) * 13 + west) * 13 + north
    slots[4] = (node * 23 + fine(ahead[W] + ahead[N] - ahead[NW])) * 13 + coarse(grid, NE)
    lowest = np.int64(
        COARSE[index(min(max((np.int64(centres[index(cell), 0]) - 32768) >> 10, -16), 16) + 16)]
    )
    slots[5] = (node << 3 | recent) * 13 + lowest
    slots[6] = (node * 16 + min(size >> 13, 15)) * 16 + min(others >> 14, 15)
    slots[7] = node << 10 | known >> max(bit - 10, 0) & (1 << min(bit, 10)) - 1
    for number in range(NUM_CONTEXTS):
        slots[number] = slot_of(slots[number], _OFFSETS[number], _SHIFTS[number])
    toward = stretched(counters, slots[0])
    others = (
        -toward if ahead[P] < 0 else toward,
        stretched(counters, slots[1]),
        stretched(counters, slots[2]),
        stretched(counters, slots[3]),
        stretched(counters, slots[4]),
        stretched(counters, slots[5]),
        stretched(counters, slots[6]),
        stretched(counters, slots[7]),
    )
    write_vector(model.inputs, NUM_NEIGHBOURS + 1, others)
    return (
        _SET_STARTS[0] + (bit * 4 + own) * 2 + first,
        _SET_STARTS[1] + bit * 13 + past,
        _SET_STARTS[2] + (side(north) * 7 + side(past)) * 7 + side(west),
    )


@inlined
def _energy(grid, cell):  # type: ignore[no-untyped-def]
    """Sum up how far the centres of a token are from the middle."""
    energy = 0
    for dimension in range(grid.shape[3]):
        energy += abs(np.int64(grid.centres[index(cell), index(dimension)]) - 32768)
    return energy


@inlined
def _learn(model, mixers, odds, value, is_ahead):  # type: ignore[no-untyped-def]
    """Learn from a bit."""
    learn(model, mixers, odds, value)
    count(model.counters, model.slots[MIRRORED], 1 - value if is_ahead else value)
    for number in range(MIRRORED + 1, NUM_CONTEXTS):
        count(model.counters, model.slots[number], value)


@inlined
def _refine(grid, cell, bit, value, energy):  # type: ignore[no-untyped-def]
    """Let the grid know a bit of a token, and return the token's new energy."""
    dimension, plane = grid.dimensions[index(bit)], grid.planes[index(bit)]
    before = np.int64(grid.centres[index(cell), index(dimension)])
    after = refined(before, plane, value)
    grid.centres[index(cell), index(dimension)] = after
    return energy + abs(after - 32768) - abs(before - 32768)


@compiled
def encode_tokens(model, grid, low, high, state, out):  # type: ignore[no-untyped-def]
    """Push token bits low..high-1 of every token of the grid; inverse: `decode_tokens`."""
    start, size, byte = state[LOW], state[RANGE], state[POSITION]
    for cell in range(grid.ids.size):
        first, static, unrest = enter(grid, cell)
        token, surprise, energy = grid.ids[cell], np.int64(grid.surprises[cell]), _energy(grid, cell)
        for bit in range(low, high):
            seen = cell, token, surprise, first, static, unrest
            mixers = _look(model, grid, seen, bit, energy)
            ahead, value = np.int64(grid.ahead[P]), token >> bit & 1
            chance, odds = mix(model, mixers)
            start, size, byte = push_bit(start, size, byte, out, value, chance)
            _learn(model, mixers, odds, value, ahead < 0)
            surprise += is_surprise(ahead, value)
            energy = _refine(grid, cell, bit, value, energy)
        grid.surprises[cell] = min(surprise, 255)
    state[LOW], state[RANGE], state[POSITION] = start, size, byte


@compiled
def decode_tokens(model, grid, low, high, state, data):  # type: ignore[no-untyped-def]
    """Pull token bits low..high-1 of every token of the grid into it; inverse: `encode_tokens`."""
    code, size, byte = state[LOW], state[RANGE], state[POSITION]
    for cell in range(grid.ids.size):
        first, static, unrest = enter(grid, cell)
        token, surprise, energy = grid.ids[cell], np.int64(grid.surprises[cell]), _energy(grid, cell)
        for bit in range(low, high):
            seen = cell, token, surprise, first, static, unrest
            mixers = _look(model, grid, seen, bit, energy)
            ahead = np.int64(grid.ahead[P])
            chance, odds = mix(model, mixers)
            value, code, size, byte = pull_bit(code, size, byte, data, chance)
            _learn(model, mixers, odds, value, ahead < 0)
            token |= value << bit
            surprise += is_surprise(ahead, value)
            energy = _refine(grid, cell, bit, value, energy)
        grid.ids[cell] = token
        grid.surprises[cell] = min(surprise, 255)
    state[LOW], state[RANGE], state[POSITION] = code, size, byte
