"""A slow decoder of coder 2 made from FORMAT.md 5.3 and 5.4 alone reads what the coder writes."""

import zlib

import numpy as np
import pytest
from conformance.independent_adaptive import (
    RATE,
    SQUASH,
    STRETCH,
    SlowDecoder,
    SlowRangeDecoder,
    decode_slowly,
    read_start,
)

from mgv.codec.entropy.adaptive import AdaptiveCoder, train_tables
from mgv.codec.entropy.adaptive_tables import Tables, save_tables
from mgv.codec.entropy.range_coder import RangeEncoder


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

    assert coder.parameters_sha256 == start.sha256
    np.testing.assert_array_equal(decode_slowly(SlowDecoder(shape, PLANES, start), payloads, BIT_DEPTHS), ids)


def test_a_token_of_62_bits():
    planes = tuple((dimension, 0) for dimension in range(62))
    ids = np.random.default_rng(3).integers(0, 1 << 62, (4, 2, 3))
    payloads = AdaptiveCoder(planes).encode(ids, (40, 62))
    np.testing.assert_array_equal(
        decode_slowly(SlowDecoder(ids.shape, planes, read_start()), payloads, (40, 62)), ids
    )


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
    np.testing.assert_array_equal(
        decode_slowly(SlowDecoder(ids.shape, planes, read_start()), payloads, (1, 3)), ids
    )
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
