"""A slow decoder of the coder `prior`; written from FORMAT.md 5.3 to 5.5 alone."""

import itertools
from collections import Counter
from typing import NamedTuple

import numpy as np
from conformance.independent_adaptive import (
    SQUASH,
    SlowDecoder,
    as_array,
    clamp,
    read_tensors,
    start_from,
)

NUM_COUNTERS, NUM_INPUTS = 241536, 22


def make_bend():
    rest = [65536 - SQUASH[x] for x in range(2817)]
    return [(rest[x] + 2 * sum(rest[x + 1 :]) + 2**16) >> 17 for x in range(2817)]


def make_inverses():
    inverses = [21061210]
    while len(inverses) < 65:
        inverses.append(inverses[-1] * 3790295335 >> 32)
    return inverses


BEND = make_bend()
INVERSES = make_inverses()


class Network(NamedTuple):
    first: np.ndarray
    first_bias: np.ndarray
    second: np.ndarray
    second_bias: np.ndarray
    last: np.ndarray
    last_bias: np.ndarray


class Roles(NamedTuple):
    """Dimensions that the network of a layer sees and predicts, see 5.5.2."""

    known: list
    past: list
    refined: list


def bits_of(planes):
    return Counter(dimension for dimension, _ in planes)


def roles_of(planes, low, high):
    known, past, refined = ({d for d, _ in planes[a:b]} for a, b in ((0, low), (0, high), (low, high)))
    return Roles(sorted(known), sorted(past), sorted(refined))


def read_prior_start(data, planes):
    """Give the start state of `prior`, with `bit_depths` and a Network for each layer among the tensors."""
    raw = read_tensors(data)
    dtype, shape, content = raw["bit_depths"]
    assert (dtype, shape) == ("U8", [len(content)])
    networks, names = [], {"bit_depths", "counters", "weights"}
    for layer, (low, high) in enumerate(itertools.pairwise((0, *content))):
        roles = roles_of(planes, low, high)
        width = raw[f"layers.{layer:02}.first"][1][-1]
        num_inputs, num_sums = 2 * len(roles.past) + 2 * len(roles.known) + 2, 2 * len(roles.refined)
        shapes = {
            "first": ("I16", [num_inputs, width]),
            "first_bias": ("I32", [width]),
            "second": ("I16", [3, 3, width, width]),
            "second_bias": ("I32", [width]),
            "last": ("I16", [width + num_inputs, num_sums]),
            "last_bias": ("I32", [num_sums]),
        }
        arrays = {
            name: as_array(raw[f"layers.{layer:02}.{name}"], *shape).astype(np.int64)
            for name, shape in shapes.items()
        }
        names |= {f"layers.{layer:02}.{name}" for name in shapes}
        networks.append(Network(**arrays))
        magnitudes = [2 ** bits_of(planes)[d] + 1 for d in roles.past * 2 + roles.known * 2] + [1, 1]
        assert greatest_sum(networks[-1], np.array(magnitudes)) < 1 << 24
    tensors = {"bit_depths": tuple(content), "networks": networks}
    return start_from(raw, NUM_COUNTERS, NUM_INPUTS, sorted(names), tensors)


def greatest_sum(network, magnitudes):
    hidden = np.full(network.first_bias.size, 255)
    sums = (
        magnitudes @ abs(network.first) + abs(network.first_bias),
        np.einsum("ijco,c->o", abs(network.second), hidden) + abs(network.second_bias),
        np.concatenate([hidden, magnitudes]) @ abs(network.last) + abs(network.last_bias),
    )
    return max(map(np.max, sums))


def convolve(inputs, weights, bias):
    """Give a convolution, smaller than its inputs by one position on each side, as hidden values."""
    rows, columns = inputs.shape[0] - 2, inputs.shape[1] - 2
    sums = sum(inputs[i : i + rows, j : j + columns] @ weights[i, j] for i in range(3) for j in range(3))
    return np.clip((bias + sums) >> 10, 0, 255)


def run_network(network, inputs):
    wide = np.pad(inputs, ((1, 1), (1, 1), (0, 0)), "edge")
    hidden = np.clip((network.first_bias + wide @ network.first) >> 10, 0, 255)
    hidden = convolve(hidden, network.second, network.second_bias)
    return np.concatenate([hidden, inputs], axis=2) @ network.last + network.last_bias


def softplus(x):
    return max(x, 0) + BEND[min(abs(x), 2816)]


def make_hint(c, b, p, place, inverse):
    inside = (((c >> (15 - b)) - 2**b - 1) * 16 - place) * inverse >> 16
    half = 16 * 2 ** (b - p) * inverse >> 16
    return clamp(half + softplus(inside - half) - softplus(inside + half), -2816, 2816)


class SlowPriorDecoder(SlowDecoder):
    """Decodes the coder `prior` (5.5)."""

    counters = ((13, 0), (16, 8192), (15, 73728), (16, 106496), (16, 172032))

    def __init__(self, shape, planes, start):
        super().__init__(shape, planes, start)
        self.num_bits = bits_of(planes)

    def decode_layer(self, data, low, high):
        layer = (0, *self.start.tensors["bit_depths"]).index(low)
        assert self.start.tensors["bit_depths"][layer] == high
        self.network, self.roles = self.start.tensors["networks"][layer], roles_of(self.planes, low, high)
        super().decode_layer(data, low, high)

    def enter(self, place):
        super().enter(place)
        if place[1:] == (0, 0):
            self.sums = run_network(self.network, self.inputs(place[0]))

    def inputs(self, z):
        t, h, w = self.shape
        known, past, _ = self.roles
        parts = [
            *(self.values(d, z - 1) if z else np.zeros((h, w), np.int64) for d in past),
            *(self.values(d, max(z - 2, 0)) if z else np.zeros((h, w), np.int64) for d in past),
            *(self.values(d, z) for d in known),
            *(self.values(d, min(z + 1, t - 1)) for d in known),
            *(np.full((h, w), int(flag)) for flag in (z == 0, z == t - 1)),
        ]
        return np.stack(parts, axis=2)

    def values(self, d, z):
        _, h, w = self.shape
        b = self.num_bits[d]
        return np.array(
            [[(self.centres[z, y, x][d] >> (15 - b)) - 2**b - 1 for x in range(w)] for y in range(h)]
        )

    def hint(self, place, k):
        d, p = self.planes[k]
        refined = self.roles.refined
        sums, j = self.sums[place[1:]].tolist(), refined.index(d)
        spread = clamp(sums[len(refined) + j] >> 11, -24, 40) + 24
        centre = clamp(sums[j] >> 6, -65536, 65536)
        return make_hint(self.centres[place][d], self.num_bits[d], p, centre, INVERSES[spread])

    def decode_bit(self, place, k):
        hint = self.hint(place, k)
        if abs(hint) >= 1792:
            number = ((2 * k + (hint > 0)) * 4 + min((abs(hint) - 1792) >> 8, 3)) * 8 + self.unrest + 237568
            bit = self.coder.pull(clamp(self.probabilities[number] >> 8, 1, 65535))
            self.count(number, bit)
            return bit
        contexts = (
            *(self.contexts[i] for i in (0, 3, 4, 7)),
            ((k * 28 + ((hint + 1792) >> 7)) * 8 + self.last[3]) * 4 + self.own,
        )
        return self.mix(self.numbers(contexts), [256, hint])
