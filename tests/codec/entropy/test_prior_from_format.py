"""A slow decoder of coder 3 made from FORMAT.md 5.3 to 5.5 alone reads what the coder writes."""

import itertools
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import zstandard
from conformance.independent_adaptive import NUM_SETS, RATE, SQUASH, STRETCH, decode_slowly
from conformance.independent_prior import (
    BEND,
    INVERSES,
    NUM_COUNTERS,
    NUM_INPUTS,
    SlowPriorDecoder,
    bits_of,
    make_hint,
    read_prior_start,
    roles_of,
)
from conformance.independent_reader import read
from safetensors.numpy import save_file

from mgv.codec.entropy.prior import PriorCoder

CONFORMANCE = Path(__file__).parents[2] / "conformance"
GOLDEN = CONFORMANCE / "golden"
SCENES = sorted(path.stem.removesuffix("-prior") for path in GOLDEN.glob("*-prior.mgv"))


@pytest.fixture(scope="module")
def planes():
    model = json.loads((CONFORMANCE / "model" / "model.json").read_text("utf-8"))
    dimensions = model["tokenizer"]["plane_dimensions"]
    return tuple((d, dimensions[:k].count(d)) for k, d in enumerate(dimensions))


@pytest.fixture(scope="module")
def start(planes):
    packed = (CONFORMANCE / "model" / "prior.safetensors.zst").read_bytes()
    return read_prior_start(zstandard.ZstdDecompressor().decompress(packed), planes)


def segments_of(name):
    head, *chunks = read((GOLDEN / f"{name}.mgv").read_bytes())
    return head, [chunk for chunk in chunks if chunk["type"] == "SEGM"]


def payloads_of(segment):
    ends = itertools.accumulate((row["coded_bytes"] for row in segment["layers"]), initial=0)
    return [segment["layer_payloads"][a:b] for a, b in itertools.pairwise(ends)]


@pytest.mark.parametrize("scene", SCENES)
def test_golden_files(scene, planes, start):
    head, segments = segments_of(f"{scene}-prior")
    _, raw_segments = segments_of(f"{scene}-raw")
    assert (head["coder"], head["coder_sha256"]) == (3, start.sha256)
    small = [pair for pair in zip(segments, raw_segments, strict=True) if pair[1]["tokens"].size < 400]
    assert small  # the others take seconds
    for segment, raw in small:
        decoder = SlowPriorDecoder(raw["tokens"].shape, planes, start)
        ids = decode_slowly(decoder, payloads_of(segment), head["bit_depths"])
        np.testing.assert_array_equal(ids, raw["tokens"])


def test_tables_have_the_check_values_of_the_text():
    squash = np.array([SQUASH[x] for x in range(-2816, 2817)], "<u2")
    others = ((STRETCH, "<i2"), (RATE, "<u2"), (BEND, "<u8"), (INVERSES, "<u8"))
    tables = (squash, *(np.array(table, dtype) for table, dtype in others))
    crcs = [zlib.crc32(table.tobytes()) for table in tables]
    assert crcs == [0xD1934BA6, 0x707654AA, 0xDCF71D69, 0x4CBE89F5, 0x13487361]


def test_the_hints_of_the_text():
    table = (
        *((2, 0, 32768, 5, 24, 320), (6, 2, 40960, 250, 24, 160), (6, 2, 40960, 300, 10, 2816)),
        *((6, 5, 33280, 700, 30, 241), (6, 5, 512, 640, 20, 844), (4, 3, 36864, -1000, 20, -844)),
    )
    for b, p, c, place, spread, hint in table:
        assert make_hint(c, b, p, place, INVERSES[spread]) == hint


SHARED = ((7, 0), (2, 0), (7, 1), (9, 0), (7, 2), (2, 1), (7, 3), *((7, plane) for plane in range(4, 12)))
SINGLE = tuple((dimension, 0) for dimension in range(62))
CASES = {
    "planes of one dimension in several layers": (SHARED, (2, 5, 15), (3, 5, 4)),
    "one token": (SHARED, (2, 5, 15), (1, 1, 1)),
    "one latent frame": (SHARED, (3, 15), (1, 3, 6)),
    "many latent frames": (SHARED, (1, 7, 12), (6, 2, 3)),
    "more steps than bits": (SHARED, (15,), (3, 4, 4)),
    "a token of 62 bits": (SINGLE, (40, 62), (3, 2, 2)),
}


def wild_tensors(rng, planes, bit_depths):
    """Legal parameters whose places, spreads, hidden values and weights go to their limits."""
    counters = rng.integers(0, 1 << 16, NUM_COUNTERS).astype(np.uint16)
    weights = rng.integers(-20000, 30000, (NUM_SETS, NUM_INPUTS)).astype(np.int32)
    weights[::5, 1:6] = 2**31 - 1  # some wrap round
    tensors = {"bit_depths": np.array(bit_depths, np.uint8), "counters": counters, "weights": weights}
    bits, width = bits_of(planes), 3
    for layer, (low, high) in enumerate(itertools.pairwise((0, *bit_depths))):
        roles = roles_of(planes, low, high)
        limits = [2 ** bits[d] + 1 for d in roles.past * 2 + roles.known * 2] + [1, 1]
        reach = np.minimum((1 << 18) // np.array(limits)[:, None] // len(limits), 32767)  # all sums are legal
        places = [rng.integers(-(24 << bits[d]), 24 << bits[d]) << 6 for d in roles.refined]
        spreads = [rng.integers(-30, 46) << 11 for _ in roles.refined]
        hidden = rng.integers(-40, 41, (width, 2 * len(roles.refined)))
        arrays = {
            "first": rng.integers(-reach, reach + 1, (len(limits), width)).astype(np.int16),
            "first_bias": rng.integers(-(1 << 17), 1 << 18, width).astype(np.int32),
            "second": rng.integers(-400, 401, (3, 3, width, width)).astype(np.int16),
            "second_bias": rng.integers(-(1 << 17), 1 << 18, width).astype(np.int32),
            "last": np.concatenate(
                [hidden, rng.integers(-reach, reach + 1, (len(limits), 2 * len(roles.refined)))]
            ).astype(np.int16),
            "last_bias": np.array(places + spreads, np.int32),
        }
        tensors |= {f"layers.{layer:02}.{name}": array for name, array in arrays.items()}
    return tensors | {"note": np.arange(3)}  # has no meaning


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", range(2))
def test_a_decoder_made_of_the_text_reads_what_the_coder_writes(case, seed, tmp_path):
    planes, bit_depths, shape = CASES[case]
    rng = np.random.default_rng(seed)
    path = tmp_path / "prior.safetensors"
    save_file(wild_tensors(rng, planes, bit_depths), path)
    ids = rng.integers(0, 1 << len(planes), shape)
    ids[1:] = np.where(rng.random(ids[1:].shape) < 0.5, ids[:-1], ids[1:])
    coder, start = PriorCoder(planes, path), read_prior_start(path.read_bytes(), planes)

    payloads = coder.encode(ids, bit_depths)

    assert coder.parameters_sha256 == start.sha256
    decoded = decode_slowly(SlowPriorDecoder(shape, planes, start), payloads, bit_depths)
    np.testing.assert_array_equal(decoded, ids & (1 << bit_depths[-1]) - 1)
