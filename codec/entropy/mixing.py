"""Context mixing: counters, mixers that weigh them, and what a bit teaches both. Integers only, each from integers."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .compiled import index, inlined
from .logistic import LIMIT, rate_table, squash_table, stretch_table
from .vectors import LANES, NUM_VECTORS, move_weights, weighed_sum

NUM_MIXERS = 3
"""Weight sets at work for each bit; the mean of their odds is what it is coded under."""
MAX_INPUTS = NUM_VECTORS * LANES
"""Mixer inputs that there is room for: one of each neighbour, then the others; those that a coder has not are 0."""
BIAS = 256
"""The input that is always the same."""
_RATE = 5
HASH = np.uint64(0x9E3779B97F4A7C15)

SQUASH, STRETCH = squash_table().astype(np.uint16), stretch_table().astype(np.int16)
RATES = rate_table().astype(np.int32)
"""Tables in the smallest types that hold them: they share the cache with the counters."""


class Model(NamedTuple):
    """What adapts while a layer is coded, and room to work in."""

    counters: NDArray[np.uint32]
    """uint32 `[num_slots]`: in the low 8 bits how many bits were seen (at most 255), above them the probability of a 1
    in units of 2**-24. Four bytes each, for they hardly fit the cache."""
    weights: NDArray[np.int32]
    """int32 `[num_sets, MAX_INPUTS]` in units of 2**-16."""
    slots: NDArray[np.int64]
    """int64 `[num_contexts]`: the counters of the bit in hand."""
    inputs: NDArray[np.int32]
    """int32 `[MAX_INPUTS]`: log-odds in units of 1/256."""


@inlined
def slot_of(context, start, shift):  # type: ignore[no-untyped-def]
    """Hash a context to one of the counters from `start` on."""
    return start + np.int64((np.uint64(context) * HASH) >> shift)


@inlined
def squash(odds):  # type: ignore[no-untyped-def]
    """Return the probability of a 1, in [1, 65535] of 65536."""
    return np.int64(SQUASH[index(odds + LIMIT)])


@inlined
def weigh(model, mixer):  # type: ignore[no-untyped-def]
    """Return the log-odds of a 1, in units of 1/256, that one mixer makes of the inputs."""
    total = weighed_sum(model.weights, mixer * MAX_INPUTS, model.inputs)
    return min(max(total >> 16, -LIMIT), LIMIT)


@inlined
def mix(model, mixers):  # type: ignore[no-untyped-def]
    """Weigh the inputs with three mixers.

    Returns:
        (probability of a 1 in [1, 65535] of 65536, log-odds of each mixer).
    """
    odds = weigh(model, mixers[0]), weigh(model, mixers[1]), weigh(model, mixers[2])
    # Raised above 0: dividing without sign is cheaper, and rounds down as well.
    total = np.uint64(odds[0] + odds[1] + odds[2] + NUM_MIXERS * LIMIT)
    return np.int64(SQUASH[total // np.uint64(NUM_MIXERS)]), odds


@inlined
def correct(model, mixer, odds, value):  # type: ignore[no-untyped-def]
    """Move the weights of a mixer towards what would have made better odds of a bit.

    All fits int32: inputs are within LIMIT, so that products stay below 2**30.
    """
    error = np.int32(((value << 16) - squash(odds)) * _RATE)
    move_weights(model.weights, mixer * MAX_INPUTS, model.inputs, error)


@inlined
def learn(model, mixers, odds, value):  # type: ignore[no-untyped-def]
    """Teach three mixers a bit."""
    correct(model, mixers[0], odds[0], value)
    correct(model, mixers[1], odds[1], value)
    correct(model, mixers[2], odds[2], value)


@inlined
def stretched(counters, slot):  # type: ignore[no-untyped-def]
    """Return what a counter says as log-odds, in units of 1/256."""
    return np.int64(STRETCH[counters[index(slot)] >> 16])


@inlined
def probability_of(counters, slot):  # type: ignore[no-untyped-def]
    """Return what a counter alone says, in [1, 65535] of 65536."""
    return max(np.int64(counters[index(slot)] >> 16), 1)


@inlined
def count(counters, slot, value):  # type: ignore[no-untyped-def]
    """Move a counter towards a bit."""
    place = index(slot)
    counter = np.int64(counters[place])
    seen = counter & 255
    step = (value * 0xFFFFFF - (counter >> 8)) * RATES[index(seen)] >> 16
    counters[place] = counter + (step << 8) + (1 if seen < 255 else 0)
