"""The prior coder's model of a bit: what the network says, mixed with what counters have seen.

Integers only, each from integers; FORMAT.md states the same in words. What differs from `adaptive_model` is the choice
of contexts, and that the network's odds are an input and a context.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled, index, inlined
from .grid import (
    NE,
    NW,
    E,
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
from .logistic import LIMIT, bend_table
from .mixing import BIAS, count, learn, mix, probability_of, slot_of, stretched
from .prior_kernel import MAX_SPREAD, MIN_SPREAD
from .range_coder import LOW, POSITION, RANGE, pull_bit, push_bit
from .vectors import NUM_NEIGHBOURS, compare_neighbours, write_vector

SLOT_BITS = (13, 16, 15, 16, 16)
"""For each context, the binary logarithm of its number of counters."""
NUM_CONTEXTS = len(SLOT_BITS)
NUM_INPUTS = NUM_CONTEXTS + 2 + NUM_NEIGHBOURS
"""Mixer inputs: one a context, a constant, the network's odds, and one for each of some neighbours."""
HINT = NUM_CONTEXTS + 1
"""Place of the network's odds among the inputs."""

MIRRORED = 0
"""The context whose counters give the probability that the bit goes where P is."""

SURE = 1792
"""From these odds on, 7 nats, a bit is coded under one counter, without mixing: more than a third of all bits."""
NUM_LEVELS = 28
"""Levels of odds below that, as a context."""
NUM_SURE_LEVELS = 4
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


INVERSE_SPREADS, BENDS = _inverse_spreads(), bend_table().astype(np.uint8)


class Hints(NamedTuple):
    """What the network says of one latent frame."""

    first_cell: NDArray[np.int64]
    """int64 `[1]`: the frame's first cell in the grid."""
    places: NDArray[np.int32]
    """int32 `[h * w, n]` in units of 1/16 half step."""
    spreads: NDArray[np.int32]
    """int32 `[h * w, n]`, numbers of spreads from 0."""
    columns: NDArray[np.int64]
    """int64 `[bits per token]`: where the dimension of each token bit stands in those. For bits of other layers,
    which are not looked up, -1."""
    bits: NDArray[np.int64]
    """int64 `[bits per token]`: planes of the dimension of each token bit."""


@inlined
def _softplus(x):  # type: ignore[no-untyped-def]
    """Return ln(1 + e**x), both in units of 1/256."""
    return max(x, 0) + np.int64(BENDS[index(min(abs(x), LIMIT))])


@inlined
def _hint(hints, position, bit, centre, plane):  # type: ignore[no-untyped-def]
    """Return the log-odds, in units of 1/256, that the network gives for the upper half of what is known.

    With a logistic distribution F around the place, the odds of the halves of a cell from c - d to c + d are
    (F(c + d) - F(c)) / (F(c) - F(c - d)), and their logarithm is d + softplus(c - d) - softplus(c + d), in spreads.
    """
    bits, column = hints.bits[index(bit)], hints.columns[index(bit)]
    middle = ((centre >> (15 - bits)) - (1 << bits) - 1) * 16 - np.int64(
        hints.places[index(position), index(column)]
    )
    scale = INVERSE_SPREADS[index(hints.spreads[index(position), index(column)])]
    inside, half = middle * scale >> 16, (scale << (bits - plane)) >> 12
    return min(max(half + _softplus(inside - half) - _softplus(inside + half), -LIMIT), LIMIT)


@inlined
def _sure_slot(bit, hint, unrest):  # type: ignore[no-untyped-def]
    """Choose the one counter of a bit that the network is sure of."""
    sign = 1 if hint > 0 else 0
    level = min((abs(hint) - SURE) >> 8, NUM_SURE_LEVELS - 1)
    return _SURE_START + (((bit * 2 + sign) * NUM_SURE_LEVELS + level) * 8 + unrest)


@inlined
def _look(model, grid, token, bit, centre, hint):  # type: ignore[no-untyped-def]
    """Choose counters and mixers of a bit that the network is not sure of, and make the mixers' inputs.

    Args:
        model: of which slots and inputs are set.
        grid: of which `ahead` and `levels` are set.
        token: (the token's bits so far, its surprises, and what `enter` returned).
        bit: number of the token bit.
        centre: of its dimension.
        hint: the network's odds.

    Returns:
        The numbers of the three mixers.
    """
    known, surprise, first, static = token
    dimension, plane = grid.dimensions[index(bit)], grid.planes[index(bit)]
    into = grid.ahead, grid.levels
    compare_neighbours(grid.centres, grid.near, (dimension, centre, plane, hint), into, model.inputs)
    ahead = grid.ahead
    past, west, north = coarse(grid, P), coarse(grid, W), coarse(grid, N)
    level = (hint + SURE) >> 7
    node = ((bit << 12 | 1 << plane | centre >> (16 - plane)) << 1) | first
    own = min(surprise, 3)
    moved = 1 if ahead[P] != 0 else 0
    recent = known >> max(bit - 3, 0) & ((1 << min(bit, 3)) - 1)

    slots, counters = model.slots, model.counters
    slots[0] = (static * 4 + own) * 2 + moved
    slots[1] = (((node * 13 + coarse(grid, E)) * 13 + coarse(grid, S)) * 13 + west) * 13 + north
    slots[2] = (node * 23 + fine(ahead[W] + ahead[N] - ahead[NW])) * 13 + coarse(grid, NE)
    slots[3] = node << 10 | known >> max(bit - 10, 0) & (1 << min(bit, 10)) - 1
    slots[4] = ((bit * NUM_LEVELS + level) * 8 + recent) * 4 + own
    for number in range(NUM_CONTEXTS):
        slots[number] = slot_of(slots[number], _OFFSETS[number], _SHIFTS[number])
    toward = stretched(counters, slots[0])
    others = (
        -toward if ahead[P] < 0 else toward,
        stretched(counters, slots[1]),
        stretched(counters, slots[2]),
        stretched(counters, slots[3]),
        stretched(counters, slots[4]),
        BIAS,
        0,
        0,
    )
    write_vector(model.inputs, NUM_NEIGHBOURS + 1, others)
    return (
        _SET_STARTS[0] + (bit * 4 + own) * 2 + first,
        _SET_STARTS[1] + bit * 13 + past,
        _SET_STARTS[2] + (side(north) * 7 + side(past)) * 7 + side(west),
    )


@inlined
def _learn(model, mixers, odds, value, is_ahead):  # type: ignore[no-untyped-def]
    """Learn from a bit that the network was not sure of."""
    learn(model, mixers, odds, value)
    count(model.counters, model.slots[MIRRORED], 1 - value if is_ahead else value)
    for number in range(MIRRORED + 1, NUM_CONTEXTS):
        count(model.counters, model.slots[number], value)


@compiled
def encode_frame(model, grid, hints, low, high, state, out):  # type: ignore[no-untyped-def]
    """Push token bits low..high-1 of every token of one latent frame; inverse: `decode_frame`."""
    start, size, byte = state[LOW], state[RANGE], state[POSITION]
    centres = grid.centres.reshape(-1)
    for position in range(hints.places.shape[0]):
        cell = hints.first_cell[0] + position
        first, static, unrest = enter(grid, cell)
        token, surprise = grid.ids[index(cell)], np.int64(grid.surprises[index(cell)])
        begin = cell * grid.shape[3]
        for bit in range(low, high):
            dimension, plane = grid.dimensions[index(bit)], grid.planes[index(bit)]
            place, value = begin + dimension, token >> bit & 1
            centre = np.int64(centres[index(place)])
            hint = _hint(hints, position, bit, centre, plane)
            if abs(hint) < SURE:
                mixers = _look(model, grid, (token, surprise, first, static), bit, centre, hint)
                ahead = np.int64(grid.ahead[P])
                chance, odds = mix(model, mixers)
                start, size, byte = push_bit(start, size, byte, out, value, chance)
                _learn(model, mixers, odds, value, ahead < 0)
            else:
                slot, ahead = (
                    _sure_slot(bit, hint, unrest),
                    np.int64(centres[index(grid.near[P] + dimension)]) - centre,
                )
                start, size, byte = push_bit(
                    start, size, byte, out, value, probability_of(model.counters, slot)
                )
                count(model.counters, slot, value)
            surprise += is_surprise(ahead, value)
            centres[index(place)] = refined(centre, plane, value)
        grid.surprises[cell] = min(surprise, 255)
    state[LOW], state[RANGE], state[POSITION] = start, size, byte


@compiled
def decode_frame(model, grid, hints, low, high, state, data):  # type: ignore[no-untyped-def]
    """Pull token bits low..high-1 of every token of one latent frame into the grid; inverse: `encode_frame`."""
    code, size, byte = state[LOW], state[RANGE], state[POSITION]
    centres = grid.centres.reshape(-1)
    for position in range(hints.places.shape[0]):
        cell = hints.first_cell[0] + position
        first, static, unrest = enter(grid, cell)
        token, surprise = grid.ids[index(cell)], np.int64(grid.surprises[index(cell)])
        begin = cell * grid.shape[3]
        for bit in range(low, high):
            dimension, plane = grid.dimensions[index(bit)], grid.planes[index(bit)]
            place = begin + dimension
            centre = np.int64(centres[index(place)])
            hint = _hint(hints, position, bit, centre, plane)
            if abs(hint) < SURE:
                mixers = _look(model, grid, (token, surprise, first, static), bit, centre, hint)
                ahead = np.int64(grid.ahead[P])
                chance, odds = mix(model, mixers)
                value, code, size, byte = pull_bit(code, size, byte, data, chance)
                _learn(model, mixers, odds, value, ahead < 0)
            else:
                slot, ahead = (
                    _sure_slot(bit, hint, unrest),
                    np.int64(centres[index(grid.near[P] + dimension)]) - centre,
                )
                value, code, size, byte = pull_bit(
                    code, size, byte, data, probability_of(model.counters, slot)
                )
                count(model.counters, slot, value)
            token |= value << bit
            surprise += is_surprise(ahead, value)
            centres[index(place)] = refined(centre, plane, value)
        grid.ids[cell] = token
        grid.surprises[cell] = min(surprise, 255)
    state[LOW], state[RANGE], state[POSITION] = code, size, byte
