"""A slow decoder of the coder `adaptive`; written from FORMAT.md 5.3 and 5.4 alone."""

import hashlib
import itertools
import json
from functools import cache
from typing import NamedTuple

import numpy as np

NUM_COUNTERS, NUM_SETS, NUM_INPUTS = 303104, 1645, 24
STEPS = (
    *((-1, 0, 0), (-2, 0, 0), (1, 0, 0), (0, 0, -1), (0, -1, 0), (0, -1, -1), (0, -1, 1), (0, 0, -2)),
    *((0, -2, 0), (0, 0, 1), (0, 1, 0), (-1, 0, -1), (-1, -1, 0), (-1, 0, 1), (-1, 1, 0)),
)
P, PP, F, W, N, NW, NE, WW, NN, E, S, PW, PN, PE, PS = range(15)
SEEN = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 28, 40, 80, 255)
SIDE = (0, 1, 1, 2, 2, 2, 3, 4, 4, 4, 5, 5, 6)


def clamp(x, low, high):
    return low if x < low else high if x > high else x


# 5.4.2: tables


def make_powers(count):
    powers = [1 << 32]
    while len(powers) < count:
        powers.append(powers[-1] * 4311777322 >> 32)
    return powers


def make_squash():
    table = {}
    for x, power in enumerate(make_powers(2817)):
        total = power + (1 << 32)
        table[x] = min((65536 * power + (total >> 1)) // total, 65535)
        table[-x] = 65536 - table[x]
    return table


def make_stretch(squash):
    table, x = [0] * 65536, 0
    for p in range(32768, 65536):
        while squash[x] < p:
            x += 1
        table[p] = x
    for p in range(1, 32768):
        table[p] = -table[65536 - p]
    table[0] = table[1]
    return table


SQUASH = make_squash()
STRETCH = make_stretch(SQUASH)
RATE = [655360 // (10 * n + 16) for n in range(256)]


# 5.4.6: functions that quantise


def level(i, thresholds):
    reached = sum(threshold <= abs(i) for threshold in thresholds)
    return len(thresholds) + (reached if i > 0 else -reached)


@cache
def quantise_few(n):
    return sum(threshold <= n for threshold in (1, 2, 3, 5, 8, 12, 20))


@cache
def coarse(i):
    return level(i, (1, 2, 3, 5, 7, 11))


@cache
def fine(i):
    return level(i, (1, 2, 3, 4, 6, 8, 11, 14, 18, 24, 40))


class SlowRangeDecoder:  # 5.3
    def __init__(self, data):
        self.data, self.position, self.code, self.range = data, 0, 0, (1 << 32) - 1
        for _ in range(4):
            self.shift()

    def shift(self):
        byte = self.data[self.position] if self.position < len(self.data) else 0
        self.code, self.position = (self.code << 8) % (1 << 32) + byte, self.position + 1

    def pull(self, p):
        bound = self.range * p >> 16
        bit = int(self.code < bound)
        if bit:
            self.range = bound
        else:
            self.code, self.range = self.code - bound, self.range - bound
        while self.range < 1 << 24:
            self.range <<= 8
            self.shift()
        return bit


# 5.4.4: start state


class Start(NamedTuple):
    """The start state of the model, the hash of the parameters, and of `prior` the other tensors."""

    probabilities: np.ndarray
    seen: np.ndarray
    weights: np.ndarray
    sha256: bytes
    tensors: dict


def read_tensors(data):
    """Give dtype, shape and bytes of each tensor of a safetensors file."""
    size = int.from_bytes(data[:8], "little")
    header, found = json.loads(data[8 : 8 + size]), {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            found[name] = entry["dtype"], entry["shape"], data[8 + size + begin : 8 + size + end]
    return found


def as_array(tensor, dtype, shape):
    assert tensor[:2] == (dtype, list(shape))
    numpy_dtype = {"U8": "u1", "I16": "<i2", "U16": "<u2", "I32": "<i4"}[dtype]
    return np.frombuffer(tensor[2], numpy_dtype).reshape(shape)


def start_from(raw, num_counters, num_inputs, names, tensors):
    entries = as_array(raw["counters"], "U16", [num_counters])
    probabilities = np.array([SQUASH[(odds - 2048) * 11 >> 3] << 8 for odds in range(4096)])[entries >> 4]
    weights = as_array(raw["weights"], "I32", [NUM_SETS, num_inputs])
    digest = hashlib.sha256(b"".join(raw[name][2] for name in names)).digest()
    return Start(probabilities, np.array(SEEN)[entries % 16], weights, digest, tensors)


def read_start(data=None):
    """Give the start state of `adaptive` from a safetensors file, or the untrained one."""
    if data is None:
        weights = np.tile([13107] * 8 + [0] * 16, (NUM_SETS, 1))
        return Start(np.full(NUM_COUNTERS, 1 << 23), np.zeros(NUM_COUNTERS, int), weights, bytes(32), {})
    return start_from(read_tensors(data), NUM_COUNTERS, NUM_INPUTS, ("counters", "weights"), {})


class Changed(dict):
    """What changed of an array, and for all else the array."""

    def __init__(self, array):
        self.array = array

    def __missing__(self, index):
        return self.array[index].tolist()


class SlowDecoder:
    """Decodes the coder `adaptive` (5.4)."""

    counters = (
        (13, 0),
        (15, 8192),
        (15, 40960),
        (16, 73728),
        (15, 139264),
        (15, 172032),
        (15, 204800),
        (16, 237568),
    )

    def __init__(self, shape, planes, start):
        self.shape, self.planes, self.start = shape, planes, start
        self.places = list(itertools.product(*map(range, shape)))
        self.dimensions = sorted({dimension for dimension, _ in planes})
        self.centres = {place: dict.fromkeys(self.dimensions, 32768) for place in self.places}
        self.bits, self.surprises = dict.fromkeys(self.places, 0), dict.fromkeys(self.places, 0)

    def decode_layer(self, data, low, high):
        self.probabilities, self.seen, self.weights = map(Changed, self.start[:3])
        self.coder = SlowRangeDecoder(data)
        for place in self.places:
            self.enter(place)
            for k in range(low, high):
                self.look(place, k)
                ahead = self.v[P]
                bit = self.decode_bit(place, k)
                self.refine(place, k, bit, ahead)
        assert len(data) <= self.coder.position

    def decode_bit(self, place, k):
        return self.mix(self.numbers(self.contexts), [256])

    def enter(self, place):
        self.near = [
            tuple(clamp(a + b, 0, size - 1) for a, b, size in zip(place, step, self.shape, strict=True))
            for step in STEPS
        ]
        u = [self.surprises[near] for near in self.near]
        self.first = int(place[0] == 0)
        a = ((min(u[W], 2) * 3 + min(u[N], 2)) * 3 + min(u[NE], 2)) * 3 + min(u[E], 2)
        self.static = (a * 3 + min(u[S], 2)) * 4 + min(u[P], 3)
        self.unrest = quantise_few((u[W] + u[N] + u[NE] + u[NW] + u[E] + u[S]) >> 1)

    def look(self, place, k):
        d, p = self.planes[k]
        centres, b, s, first = self.centres[place], self.bits[place], self.surprises[place], self.first
        c = centres[d]
        self.v = v = [self.centres[near][d] - c for near in self.near]
        self.q = q = [coarse(value >> (13 - p)) for value in v]
        self.own, self.doubt = own, doubt = min(s, 3), 8 * quantise_few(s) + self.unrest
        node = 2 * (4096 * k + 2**p + (c >> (16 - p))) + first
        size = sum(abs(v[x] + c - 32768) for x in (W, N, NE, P))
        energy = sum(abs(centre - 32768) for dimension, centre in centres.items() if dimension != d)
        self.last = last = {m: (b >> max(k - m, 0)) % 2 ** min(k, m) for m in (3, 10)}
        self.contexts = (
            (self.static * 4 + own) * 2 + (v[P] != 0),
            ((k * 2 + first) * 64 + doubt) * 13 + q[P],
            ((node * 13 + q[P]) * 13 + q[F]) * 4 + own,
            (((node * 13 + q[E]) * 13 + q[S]) * 13 + q[W]) * 13 + q[N],
            (node * 23 + fine((v[W] + v[N] - v[NW]) >> max(11 - p, 0))) * 13 + q[NE],
            (node * 8 + last[3]) * 13 + coarse((centres[self.dimensions[0]] - 32768) >> 10),
            (node * 16 + min(size >> 13, 15)) * 16 + min(energy >> 14, 15),
            node * 1024 + last[10],
        )
        side = (SIDE[q[N]] * 7 + SIDE[q[P]]) * 7 + SIDE[q[W]]
        self.sets = (k * 4 + own) * 2 + first, 496 + k * 13 + q[P], 1302 + side
        scaled = [value >> (5 - p) if p <= 5 else value << (p - 5) for value in v]
        self.steps = [clamp(value, -512, 512) for value in scaled]

    def numbers(self, contexts):
        return [
            start + (context * 0x9E3779B97F4A7C15 % 2**64 >> (64 - bits))
            for context, (bits, start) in zip(contexts, self.counters, strict=True)
        ]

    def mix(self, numbers, others):
        """Decode a bit under what is mixed from counters, other inputs and neighbours, and learn from it."""
        mirrored = self.v[P] < 0
        inputs = [STRETCH[self.probabilities[number] >> 8] for number in numbers]
        if mirrored:
            inputs[0] = -inputs[0]
        inputs += [*others, *self.steps]
        sums = [sum(w * i for w, i in zip(self.weights[row], inputs, strict=True)) for row in self.sets]
        mixed = [clamp(total >> 16, -2816, 2816) for total in sums]
        bit = self.coder.pull(SQUASH[sum(mixed) // 3])
        for row, m in zip(self.sets, mixed, strict=True):
            error = 5 * (65536 * bit - SQUASH[m])
            moved = [w + ((i * error + 2**17) >> 18) for w, i in zip(self.weights[row], inputs, strict=True)]
            self.weights[row] = [(w + 2**31) % 2**32 - 2**31 for w in moved]
        for i, number in enumerate(numbers):
            self.count(number, 1 - bit if i == 0 and mirrored else bit)
        return bit

    def count(self, number, goal):
        n = self.seen[number]
        self.probabilities[number] += (goal * 16777215 - self.probabilities[number]) * RATE[n] >> 16
        self.seen[number] = min(n + 1, 255)

    def refine(self, place, k, bit, ahead):
        d, p = self.planes[k]
        if (ahead < 0 and bit) or (ahead > 0 and not bit):
            self.surprises[place] += 1
        self.centres[place][d] += 2 ** (14 - p) if bit else -(2 ** (14 - p))
        self.bits[place] += bit << k

    def tokens(self):
        return np.array([self.bits[place] for place in self.places]).reshape(self.shape)


def decode_slowly(decoder, payloads, bit_depths):
    for payload, low, high in zip(payloads, (0, *bit_depths), bit_depths, strict=False):
        decoder.decode_layer(payload, low, high)
    return decoder.tokens()
