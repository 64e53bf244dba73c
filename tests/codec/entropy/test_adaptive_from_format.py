"""A slow decoder of coder 2 made from FORMAT.md 5.3 and 5.4 alone reads what the coder writes."""

import hashlib
import itertools
import json
import zlib

import numpy as np
import pytest

from mgv.codec.entropy.adaptive import AdaptiveCoder, train_tables
from mgv.codec.entropy.adaptive_tables import Tables, save_tables
from mgv.codec.entropy.range_coder import RangeEncoder

NUM_COUNTERS, NUM_SETS, NUM_INPUTS = 303104, 1645, 24
STEPS = (
    *((-1, 0, 0), (-2, 0, 0), (1, 0, 0), (0, 0, -1), (0, -1, 0), (0, -1, -1), (0, -1, 1), (0, 0, -2)),
    *((0, -2, 0), (0, 0, 1), (0, 1, 0), (-1, 0, -1), (-1, -1, 0), (-1, 0, 1), (-1, 1, 0)),
)
P, PP, F, W, N, NW, NE, WW, NN, E, S, PW, PN, PE, PS = range(15)
COUNTERS = (
    (13, 0),
    (15, 8192),
    (15, 40960),
    (16, 73728),
    (15, 139264),
    (15, 172032),
    (15, 204800),
    (16, 237568),
)
SEEN = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 28, 40, 80, 255)
SIDE = (0, 1, 1, 2, 2, 2, 3, 4, 4, 4, 5, 5, 6)


def clamp(x, low, high):
    return low if x < low else high if x > high else x


def make_squash():
    table, power = {}, 1 << 32
    for x in range(2817):
        total = power + (1 << 32)
        table[x] = min((65536 * power + (total >> 1)) // total, 65535)
        table[-x] = 65536 - table[x]
        power = power * 4311777322 >> 32
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


def level(i, thresholds):
    reached = sum(threshold <= abs(i) for threshold in thresholds)
    return len(thresholds) + (reached if i > 0 else -reached)


def quantise_few(n):
    return sum(threshold <= n for threshold in (1, 2, 3, 5, 8, 12, 20))


def coarse(i):
    return level(i, (1, 2, 3, 5, 7, 11))


def fine(i):
    return level(i, (1, 2, 3, 4, 6, 8, 11, 14, 18, 24, 40))


class SlowRangeDecoder:
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


def carry(out):
    spelt = int.from_bytes(out, "big") + 1
    return bytearray(spelt.to_bytes(len(out), "big"))


def push_slowly(bits, probabilities):
    low, size, out = 0, (1 << 32) - 1, bytearray()
    for bit, p in zip(bits, probabilities, strict=True):
        bound = size * p >> 16
        low, size = (low, bound) if bit else (low + bound, size - bound)
        if low >= 1 << 32:
            low, out = low - (1 << 32), carry(out)
        while size < 1 << 24:
            out.append(low >> 24)
            low, size = (low << 8) % (1 << 32), size << 8
    for n in range(5):
        step = 1 << (32 - 8 * n)
        tail = (low + step - 1) // step * step
        if tail < low + size:
            break
    if tail == 1 << 32:
        tail, out = 0, carry(out)
    return bytes(out + tail.to_bytes(4, "big")[:n]).rstrip(b"\0")


def read_start(data=None):
    """Give probabilities, bits seen and weight sets of the start state, and its SHA-256, from a safetensors file."""
    if data is None:
        weights = [[13107] * 8 + [0] * 16 for _ in range(NUM_SETS)]
        return [1 << 23] * NUM_COUNTERS, [0] * NUM_COUNTERS, weights, bytes(32)
    size = int.from_bytes(data[:8], "little")
    tensors, raw = json.loads(data[8 : 8 + size]), {}
    for name, dtype, shape in (
        ("counters", "U16", [NUM_COUNTERS]),
        ("weights", "I32", [NUM_SETS, NUM_INPUTS]),
    ):
        assert (tensors[name]["dtype"], tensors[name]["shape"]) == (dtype, shape)
        begin, end = tensors[name]["data_offsets"]
        raw[name] = data[8 + size + begin : 8 + size + end]
    entries = np.frombuffer(raw["counters"], "<u2").tolist()
    probabilities = [SQUASH[((e >> 4) - 2048) * 11 >> 3] << 8 for e in entries]
    weights = np.frombuffer(raw["weights"], "<i4").reshape(NUM_SETS, NUM_INPUTS).tolist()
    digest = hashlib.sha256(raw["counters"] + raw["weights"]).digest()
    return probabilities, [SEEN[e % 16] for e in entries], weights, digest


class SlowDecoder:
    def __init__(self, shape, planes, start):
        self.shape, self.planes, self.start = shape, planes, start
        self.places = list(itertools.product(*map(range, shape)))
        dimensions = sorted({dimension for dimension, _ in planes})
        self.first_dimension = dimensions[0]
        self.centres = {place: dict.fromkeys(dimensions, 32768) for place in self.places}
        self.bits, self.surprises = dict.fromkeys(self.places, 0), dict.fromkeys(self.places, 0)

    def decode_layer(self, data, low, high):
        self.probabilities, self.seen = list(self.start[0]), list(self.start[1])
        self.weights = [list(row) for row in self.start[2]]
        coder = SlowRangeDecoder(data)
        for place in self.places:
            self.enter(place)
            for k in range(low, high):
                contexts, sets, v = self.look(place, k)
                inputs, mixed, p = self.predict(contexts, sets, v, self.planes[k][1])
                bit = coder.pull(p)
                self.learn(bit, contexts, sets, inputs, mixed, v[P] < 0)
                self.refine(place, k, bit, v[P])
        assert len(data) <= coder.position

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
        v = [self.centres[near][d] - c for near in self.near]
        q = [coarse(value >> (13 - p)) for value in v]
        own, doubt = min(s, 3), 8 * quantise_few(s) + self.unrest
        node = 2 * (4096 * k + 2**p + (c >> (16 - p))) + first
        size = sum(abs(v[x] + c - 32768) for x in (W, N, NE, P))
        energy = sum(abs(centre - 32768) for dimension, centre in centres.items() if dimension != d)
        last = {m: (b >> max(k - m, 0)) % 2 ** min(k, m) for m in (3, 10)}
        contexts = (
            (self.static * 4 + own) * 2 + (v[P] != 0),
            ((k * 2 + first) * 64 + doubt) * 13 + q[P],
            ((node * 13 + q[P]) * 13 + q[F]) * 4 + own,
            (((node * 13 + q[E]) * 13 + q[S]) * 13 + q[W]) * 13 + q[N],
            (node * 23 + fine((v[W] + v[N] - v[NW]) >> max(11 - p, 0))) * 13 + q[NE],
            (node * 8 + last[3]) * 13 + coarse((centres[self.first_dimension] - 32768) >> 10),
            (node * 16 + min(size >> 13, 15)) * 16 + min(energy >> 14, 15),
            node * 1024 + last[10],
        )
        side = (SIDE[q[N]] * 7 + SIDE[q[P]]) * 7 + SIDE[q[W]]
        numbers = [
            start + (context * 0x9E3779B97F4A7C15 % 2**64 >> (64 - bits))
            for context, (bits, start) in zip(contexts, COUNTERS, strict=True)
        ]
        return numbers, ((k * 4 + own) * 2 + first, 496 + k * 13 + q[P], 1302 + side), v

    def predict(self, numbers, sets, v, p):
        inputs = [STRETCH[self.probabilities[number] >> 8] for number in numbers]
        if v[P] < 0:
            inputs[0] = -inputs[0]
        scaled = [value >> (5 - p) if p <= 5 else value << (p - 5) for value in v]
        inputs += [256, *(clamp(value, -512, 512) for value in scaled)]
        sums = [sum(w * i for w, i in zip(self.weights[row], inputs, strict=True)) for row in sets]
        mixed = [clamp(total >> 16, -2816, 2816) for total in sums]
        return inputs, mixed, SQUASH[sum(mixed) // 3]

    def learn(self, bit, numbers, sets, inputs, mixed, mirrored):
        for row, m in zip(sets, mixed, strict=True):
            error = 5 * (65536 * bit - SQUASH[m])
            moved = [w + ((i * error + 2**17) >> 18) for w, i in zip(self.weights[row], inputs, strict=True)]
            self.weights[row] = [(w + 2**31) % 2**32 - 2**31 for w in moved]
        for i, number in enumerate(numbers):
            goal, n = (1 - bit if i == 0 and mirrored else bit), self.seen[number]
            self.probabilities[number] += (goal * 16777215 - self.probabilities[number]) * RATE[n] >> 16
            self.seen[number] = min(n + 1, 255)

    def refine(self, place, k, bit, ahead):
        d, p = self.planes[k]
        if (ahead < 0 and bit) or (ahead > 0 and not bit):
            self.surprises[place] += 1
        self.centres[place][d] += 2 ** (14 - p) if bit else -(2 ** (14 - p))
        self.bits[place] += bit << k


PLANES = ((7, 0), (2, 0), (7, 1), (9, 0), (7, 2), (2, 1), (7, 3), *((7, plane) for plane in range(4, 12)))
BIT_DEPTHS = (2, 5, 15)


def moving(seed, shape, num_bits):
    """Drifting, noisy waves cut into bits, so that counters, surprises and weights all move."""
    rng = np.random.default_rng(seed)
    z, y, x = np.indices(shape)
    ids = np.zeros(shape, np.int64)
    for bit in range(num_bits):
        wave = np.sin(0.5 * x + 0.4 * y + rng.uniform(0.1, 0.8) * z + bit) + rng.normal(0, 0.3, shape)
        ids |= (wave > 0).astype(np.int64) << bit
    return ids


def decode_slowly(payloads, shape, planes, bit_depths, start):
    decoder = SlowDecoder(shape, planes, start)
    for payload, low, high in zip(payloads, (0, *bit_depths), bit_depths, strict=False):
        decoder.decode_layer(payload, low, high)
    return np.array([decoder.bits[place] for place in decoder.places]).reshape(shape)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A trained start state, some of it set to extreme values that training gives rarely."""
    tables = train_tables([moving(seed, (3, 5, 4), len(PLANES)) for seed in range(3)], PLANES, BIT_DEPTHS)
    rng = np.random.default_rng(9)
    weights = tables.weights + rng.integers(-20000, 20000, tables.weights.shape, dtype=np.int32)
    weights[::5, 1:8] = 2**31 - 1  # some wrap round
    counters = tables.counters.copy()
    counters[::7] = rng.integers(0, 1 << 16, counters[::7].size)
    path = tmp_path_factory.mktemp("adaptive") / "adaptive.safetensors"
    save_tables(Tables(counters, weights), path)
    return path


SHAPES = [(3, 5, 4), (1, 1, 1), (1, 3, 6), (5, 6, 5), (2, 1, 3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("is_trained", [False, True])
def test_a_decoder_made_of_the_text_reads_what_the_coder_writes(shape, is_trained, trained):
    path = trained if is_trained else None
    start = read_start(path.read_bytes() if path else None)
    coder = AdaptiveCoder(PLANES, path)
    ids = moving(50, shape, len(PLANES))

    payloads = coder.encode(ids, BIT_DEPTHS)

    assert coder.parameters_sha256 == start[3]
    np.testing.assert_array_equal(decode_slowly(payloads, shape, PLANES, BIT_DEPTHS, start), ids)


def test_a_token_of_62_bits():
    planes = tuple((dimension, 0) for dimension in range(62))
    ids = np.random.default_rng(3).integers(0, 1 << 62, (4, 2, 3))
    payloads = AdaptiveCoder(planes).encode(ids, (40, 62))
    np.testing.assert_array_equal(decode_slowly(payloads, ids.shape, planes, (40, 62), read_start()), ids)


def test_tables_have_the_check_values_of_the_text():
    squash = np.array([SQUASH[x] for x in range(-2816, 2817)], "<u2")
    crcs = [zlib.crc32(a.tobytes()) for a in (squash, np.array(STRETCH, "<i2"), np.array(RATE, "<u2"))]
    assert crcs == [0xD1934BA6, 0x707654AA, 0xDCF71D69]
    assert [SQUASH[x] for x in (0, 1, 256, 1000, 2816)] == [32768, 32832, 47911, 64244, 65535]
    assert [STRETCH[p] for p in (0, 2, 1000, 32769, 60000)] == [-2736, -2605, -1067, 1, 611]
    assert [RATE[n] for n in (0, 1, 2, 255)] == [40960, 25206, 18204, 255]


def test_the_examples_of_the_text():
    probabilities, bits = [65535, 32768, 1000, 20000, 65535], [1, 0, 0, 1, 0]
    encoder = RangeEncoder()
    encoder.push(np.array(bits, np.uint8), np.array(probabilities, np.uint16))
    payload = encoder.finish()
    decoder = SlowRangeDecoder(payload)
    assert [decoder.pull(p) for p in probabilities] == bits
    assert payload.hex(" ") == "a8 6a 9b"

    ids = np.array([0, 1, 3, 4, 5, 7, 0, 1, 3, 4, 5, 6]).reshape(2, 2, 3)
    planes = ((0, 0), (1, 0), (0, 1))
    payloads = AdaptiveCoder(planes).encode(ids, (1, 3))
    np.testing.assert_array_equal(decode_slowly(payloads, ids.shape, planes, (1, 3), read_start()), ids)
    assert [payload.hex(" ") for payload in payloads] == ["87 9d", "d9 58 e4 13"]


@pytest.mark.parametrize("seed", range(60))
def test_range_coding_as_in_the_text(seed):
    rng = np.random.default_rng(seed)
    probabilities = rng.integers(1, 65536, rng.integers(1, 400))
    probabilities[rng.random(probabilities.size) < 0.5] = rng.choice([1, 255, 32768, 65535])
    bits = (rng.random(probabilities.size) * 65536 < probabilities).astype(np.uint8)
    bits ^= rng.random(bits.size) < rng.choice([0, 0.1, 1])
    encoder = RangeEncoder()
    encoder.push(bits, probabilities.astype(np.uint16))
    payload = encoder.finish()
    assert payload == push_slowly(bits.tolist(), probabilities.tolist())
    decoder = SlowRangeDecoder(payload)
    assert [decoder.pull(p) for p in probabilities.tolist()] == bits.tolist()
    assert len(payload) <= decoder.position
