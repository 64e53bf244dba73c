"""The adaptive coder's model: contexts from the token grid, counters, mixing, and the loops that code a layer with it.

Integers only, each from integers; FORMAT.md states the same in words. Encoder and decoder run the same `_predict` and
`update`, so they can't drift apart. Everything a context looks at is known to the decoder: in the layer being coded,
what precedes the bit in raster order; elsewhere in the segment, lower layers only, because the grid holds no more yet.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled, inlined
from .logistic import LIMIT, rate_table, squash_table, stretch_table
from .range_coder import decode_bit, encode_bit

NUM_CONTEXTS = 8
NUM_LINEAR = 15
NUM_INPUTS = NUM_CONTEXTS + 1 + NUM_LINEAR
"""Mixer inputs: one a context, a constant, and one for each of some neighbours."""

SLOT_BITS = (13, 15, 15, 16, 15, 15, 15, 16)
"""For each context, the binary logarithm of its number of counters."""

NUM_MIXERS = 3
_SET_STARTS = (0, 62 * 8, 62 * 8 + 62 * 13)
NUM_SETS = 62 * 8 + 62 * 13 + 7**3
"""Weight sets of the mixers: by token bit, surprise and first frame; by token bit and P; by N, P and W."""

START_WEIGHT = 13107
"""0.2 in units of 2**-16: the weight of each context where none was trained."""

BIAS = 256
MIRRORED = 0
"""The context whose counters give the probability that the bit goes where P is."""
_RATE = 5
HASH = np.uint64(0x9E3779B97F4A7C15)
_OFFSETS = np.concatenate([[0], np.cumsum(1 << np.array(SLOT_BITS))]).astype(np.int64)
_SHIFTS = np.array([64 - bits for bits in SLOT_BITS], np.uint64)
NUM_SLOTS = int(_OFFSETS[-1])

P, PP, F, W, N, NW, NE, WW, NN, E, S, PW, PN, PE, PS = range(15)
"""Neighbours: P and PP one and two latent frames back, F one ahead; W N E S in this frame; PW PN PE PS beside P."""

CONTEXT_NEIGHBOURS = (P, F, W, N, NE, E, S)
"""Those whose differences, quantised, are part of contexts."""

_STEPS = np.array(
    [
        (-1, 0, 0), (-2, 0, 0), (1, 0, 0), (0, 0, -1), (0, -1, 0), (0, -1, -1), (0, -1, 1), (0, 0, -2),
        (0, -2, 0), (0, 0, 1), (0, 1, 0), (-1, 0, -1), (-1, -1, 0), (-1, 0, 1), (-1, 1, 0),
    ],
    np.int64,
)  # fmt: skip
"""int64 `[15, 3]`: the neighbours' places, in latent frames, rows and columns from the token."""


def _symmetric(edges: tuple[int, ...], reach: int) -> NDArray[np.int64]:
    """Tabulate, for -reach..reach, how many edges the magnitude has reached, signed, from 0 up."""
    levels = np.searchsorted(np.array(edges), np.arange(reach + 1), side="right")
    return np.concatenate([-levels[:0:-1], levels]) + len(edges)


COARSE = _symmetric((1, 2, 3, 5, 7, 11), 16)
FINE = _symmetric((1, 2, 3, 4, 6, 8, 11, 14, 18, 24, 40), 64)
COUNT = np.array([0, 1, 2, *[3] * 2, *[4] * 3, *[5] * 4, *[6] * 8, *[7] * 44])
SIDE = np.array([0, 1, 1, 2, 2, 2, 3, 4, 4, 4, 5, 5, 6])
SQUASH, STRETCH, RATES = squash_table(), stretch_table().astype(np.int16), rate_table()


class Model(NamedTuple):
    """What adapts while a layer is coded, and room to work in."""

    counters: NDArray[np.uint32]
    """uint32 `[NUM_SLOTS]`: probability of a 1 in units of 2**-24, shifted left by 8, plus bits seen (at most 255)."""
    weights: NDArray[np.int32]
    """int32 `[NUM_SETS, NUM_INPUTS]` in units of 2**-16."""
    slots: NDArray[np.int64]
    """int64 `[NUM_CONTEXTS]`: the counters of the bit in hand."""
    inputs: NDArray[np.int32]
    """int32 `[NUM_INPUTS]`: log-odds in units of 1/256."""
    sets: NDArray[np.int64]
    """int64 `[NUM_MIXERS]`: weight sets of the bit in hand."""
    mixed: NDArray[np.int64]
    """int64 `[NUM_MIXERS]`: what each mixer takes for the probability of a 1."""


class Grid(NamedTuple):
    """A segment's tokens as far as they are known; layers are coded one after another on the same grid."""

    shape: NDArray[np.int64]
    """int64 `[4]`: t, h, w, D."""
    centres: NDArray[np.uint16]
    """uint16 `[t * h * w, D]`: middle of what is known of each dimension, in units of 1/65536 of its range."""
    surprises: NDArray[np.uint8]
    """uint8 `[t * h * w]`: bits of each token so far that the latent frame before had led away from, at most 255."""
    ids: NDArray[np.int64]
    """int64 `[t * h * w]`: the token bits known so far (an encoder's: all)."""
    dimensions: NDArray[np.int64]
    """int64 `[bits per token]`: dimension of each token bit, numbered from 0 without gaps."""
    planes: NDArray[np.int64]
    """int64 `[bits per token]`: plane of each token bit."""
    near: NDArray[np.int64]
    """int64 `[15]`: cells of the token's neighbours."""
    values: NDArray[np.int64]
    """int64 `[15]`: their centres in the dimension at hand, less the token's own."""
    levels: NDArray[np.int64]
    """int64 `[15]`: those, quantised to 0..12."""
    token: NDArray[np.int64]
    """int64 `[4]`: what is the same for all bits of the token, at the places below."""


FIRST, STATIC, UNREST, ENERGY = range(4)
"""1 in the first latent frame; surprises of the neighbours, one by one and in sum; distance from middle, summed."""


@inlined
def enter(grid, cell):  # type: ignore[no-untyped-def]
    """Find the neighbours of a token, one outside the grid replaced by the nearest inside, and look at them."""
    t, h, w = grid.shape[0], grid.shape[1], grid.shape[2]
    frame, row, column = cell // (h * w), cell // w % h, cell % w
    near, surprises, token = grid.near, grid.surprises, grid.token
    if 2 <= frame < t - 1 and 2 <= row < h - 1 and 2 <= column < w - 1:
        for index in range(_STEPS.shape[0]):
            near[index] = cell + (_STEPS[index, 0] * h + _STEPS[index, 1]) * w + _STEPS[index, 2]
    else:
        for index in range(_STEPS.shape[0]):
            z = min(max(frame + _STEPS[index, 0], 0), t - 1)
            y = min(max(row + _STEPS[index, 1], 0), h - 1)
            x = min(max(column + _STEPS[index, 2], 0), w - 1)
            near[index] = (z * h + y) * w + x
    token[FIRST] = 1 if frame == 0 else 0
    west, north = np.int64(surprises[near[W]]), np.int64(surprises[near[N]])
    corner_e, corner_w = np.int64(surprises[near[NE]]), np.int64(surprises[near[NW]])
    east, south, past = (
        np.int64(surprises[near[E]]),
        np.int64(surprises[near[S]]),
        np.int64(surprises[near[P]]),
    )
    static = ((min(west, 2) * 3 + min(north, 2)) * 3 + min(corner_e, 2)) * 3 + min(east, 2)
    token[STATIC] = (static * 3 + min(south, 2)) * 4 + min(past, 3)
    token[UNREST] = COUNT[min((west + north + corner_e + corner_w + east + south) >> 1, 63)]
    token[ENERGY] = 0
    for dimension in range(grid.shape[3]):
        token[ENERGY] += abs(np.int64(grid.centres[cell, dimension]) - 32768)


@inlined
def coarse(value, shift):  # type: ignore[no-untyped-def]
    """Quantise a difference of centres to 0..12."""
    return COARSE[min(max(value >> shift, -16), 16) + 16]


@inlined
def fine(value, shift):  # type: ignore[no-untyped-def]
    """Quantise a difference of centres to 0..22."""
    return FINE[min(max(value >> shift, -64), 64) + 64]


@inlined
def _choose_slots(model, grid, cell, bit):  # type: ignore[no-untyped-def]
    """Compute the contexts of a token bit, hash them to counters, and choose the weight sets."""
    dimension, plane = grid.dimensions[bit], grid.planes[bit]
    centre = np.int64(grid.centres[cell, dimension])
    near, v, q, token = grid.near, grid.values, grid.levels, grid.token
    for index in range(near.size):
        v[index] = np.int64(grid.centres[near[index], dimension]) - centre
    for index in CONTEXT_NEIGHBOURS:
        q[index] = coarse(v[index], 13 - plane)
    shift = max(11 - plane, 0)
    node = ((bit << 12 | 1 << plane | centre >> (16 - plane)) << 1) | token[FIRST]
    surprise = min(np.int64(grid.surprises[cell]), 63)
    own, doubt = min(surprise, 3), COUNT[surprise] * 8 + token[UNREST]
    known = 1 if v[P] != 0 else 0
    energy = token[ENERGY] - abs(centre - 32768)
    size = abs(v[W] + centre - 32768) + abs(v[N] + centre - 32768)
    size += abs(v[NE] + centre - 32768) + abs(v[P] + centre - 32768)
    recent = grid.ids[cell] >> max(bit - 3, 0) & ((1 << min(bit, 3)) - 1)
    plain = v[W] + v[N] - v[NW]

    c = model.slots
    c[0] = (token[STATIC] * 4 + own) * 2 + known
    c[1] = ((bit * 2 + token[FIRST]) * 64 + doubt) * 13 + q[P]
    c[2] = ((node * 13 + q[P]) * 13 + q[F]) * 4 + own
    c[3] = (((node * 13 + q[E]) * 13 + q[S]) * 13 + q[W]) * 13 + q[N]
    c[4] = (node * 23 + fine(plain, shift)) * 13 + q[NE]
    c[5] = (node << 3 | recent) * 13 + coarse(np.int64(grid.centres[cell, 0]) - 32768, 10)
    c[6] = (node * 16 + min(size >> 13, 15)) * 16 + min(energy >> 14, 15)
    c[7] = node << 10 | grid.ids[cell] >> max(bit - 10, 0) & (1 << min(bit, 10)) - 1
    for index in range(NUM_CONTEXTS):
        c[index] = _OFFSETS[index] + np.int64((np.uint64(c[index]) * HASH) >> _SHIFTS[index])

    model.sets[0] = _SET_STARTS[0] + (bit * 4 + own) * 2 + token[FIRST]
    model.sets[1] = _SET_STARTS[1] + bit * 13 + q[P]
    model.sets[2] = _SET_STARTS[2] + (SIDE[q[N]] * 7 + SIDE[q[P]]) * 7 + SIDE[q[W]]


@inlined
def _predict(model, grid, cell, bit):  # type: ignore[no-untyped-def]
    """Return the probability of a 1, in [1, 65535] of 65536, for a bit of the token at `cell`."""
    _choose_slots(model, grid, cell, bit)
    inputs, v = model.inputs, grid.values
    for index in range(NUM_CONTEXTS):
        inputs[index] = STRETCH[model.counters[model.slots[index]] >> 16]
    if v[P] < 0:
        inputs[MIRRORED] = -inputs[MIRRORED]
    inputs[NUM_CONTEXTS] = BIAS
    shift = 5 - grid.planes[bit]
    for index in range(NUM_LINEAR):
        value = v[index] >> shift if shift > 0 else v[index] << -shift
        inputs[NUM_CONTEXTS + 1 + index] = min(max(value, -512), 512)
    return mix(model)


@inlined
def mix(model):  # type: ignore[no-untyped-def]
    """Return the probability of a 1 that the mixers make of the inputs."""
    together = 0
    for mixer in range(NUM_MIXERS):
        weights = model.weights[model.sets[mixer]]
        total = 0
        for index in range(model.inputs.size):
            total += weights[index] * model.inputs[index]
        total = min(max(total >> 16, -LIMIT), LIMIT)
        model.mixed[mixer] = SQUASH[total + LIMIT]
        together += total
    return SQUASH[together // NUM_MIXERS + LIMIT]


@inlined
def update(model, grid, cell, bit, value):  # type: ignore[no-untyped-def]
    """Learn from a bit, and refine what the grid knows of the token."""
    inputs, counters = model.inputs, model.counters
    for mixer in range(NUM_MIXERS):
        weights = model.weights[model.sets[mixer]]
        error = ((value << 16) - model.mixed[mixer]) * _RATE
        for index in range(inputs.size):
            weights[index] += (inputs[index] * error + (1 << 17)) >> 18
    for index in range(model.slots.size):
        count(counters, model.slots[index], 1 - value if index == MIRRORED and grid.values[P] < 0 else value)
    refine(grid, cell, bit, value)


@inlined
def probability_of(counters, slot):  # type: ignore[no-untyped-def]
    """Return what a counter alone says, in [1, 65535] of 65536."""
    return min(max(np.int64(counters[slot] >> 16), 1), 65535)


@inlined
def count(counters, slot, value):  # type: ignore[no-untyped-def]
    """Move a counter towards a bit."""
    seen = np.int64(counters[slot] & 255)
    probability = np.int64(counters[slot] >> 8)
    probability += (value * 0xFFFFFF - probability) * RATES[seen] >> 16
    counters[slot] = probability << 8 | min(seen + 1, 255)


@inlined
def refine(grid, cell, bit, value):  # type: ignore[no-untyped-def]
    """Let the grid know a bit of a token; the value of P in its dimension is at hand."""
    dimension, plane = grid.dimensions[bit], grid.planes[bit]
    expected = grid.values[P]
    if (expected < 0 and value) or (expected > 0 and not value):
        grid.surprises[cell] = min(np.int64(grid.surprises[cell]) + 1, 255)
    step = 1 << (14 - plane)
    before = np.int64(grid.centres[cell, dimension])
    after = before + (step if value else -step)
    grid.centres[cell, dimension] = after
    grid.token[ENERGY] += abs(after - 32768) - abs(before - 32768)


@compiled
def encode_tokens(model, grid, low, high, state, out):  # type: ignore[no-untyped-def]
    """Push token bits low..high-1 of every token of the grid; inverse: `decode_tokens`."""
    for cell in range(grid.ids.size):
        enter(grid, cell)
        for bit in range(low, high):
            probability = _predict(model, grid, cell, bit)
            value = grid.ids[cell] >> bit & 1
            encode_bit(state, out, value, probability)
            update(model, grid, cell, bit, value)


@compiled
def decode_tokens(model, grid, low, high, state, data):  # type: ignore[no-untyped-def]
    """Pull token bits low..high-1 of every token of the grid into it; inverse: `encode_tokens`."""
    for cell in range(grid.ids.size):
        enter(grid, cell)
        for bit in range(low, high):
            value = decode_bit(state, data, _predict(model, grid, cell, bit))
            grid.ids[cell] |= value << bit
            update(model, grid, cell, bit, value)
