"""The adaptive coder: round trips, early stops, what a layer may see, garbage, gains, determinism."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgv.codec.entropy import get_coder
from mgv.codec.entropy.adaptive import AdaptiveCoder, train_tables
from mgv.codec.entropy.adaptive_tables import (
    Tables,
    default_tables,
    fold,
    load_tables,
    save_tables,
    unfold,
)
from mgv.container import CorruptError

PLANES = ((0, 0), (0, 1), (3, 0), (1, 0), (0, 2), (3, 1), (1, 1), (0, 3))
BIT_DEPTHS = (3, 5, 8)


def moving_tokens(seed, shape=(4, 6, 9), speed=0.7):
    """Tokens of smooth values that drift over time, as bits of PLANES."""
    rng = np.random.default_rng(seed)
    t, h, w = (np.arange(n) for n in shape)
    ids = np.zeros(shape, np.int64)
    bits = {0: 4, 1: 2, 3: 2}
    for dimension, num_bits in bits.items():
        phase, slope = rng.uniform(0, 6, 3), rng.uniform(0.1, 0.6, 2)
        wave = np.sin(slope[0] * h[:, None] + slope[1] * w + speed * t[:, None, None] + phase[0])
        wave = wave + rng.normal(0, 0.05, shape)
        values = np.clip((wave + 1.1) / 2.2 * 2**num_bits, 0, 2**num_bits - 1).astype(np.int64)
        for bit, (owner, plane) in enumerate(PLANES):
            if owner == dimension:
                ids |= (values >> (num_bits - 1 - plane) & 1) << bit
    return ids


@pytest.fixture(scope="module")
def trained():
    return train_tables([moving_tokens(seed) for seed in range(20)], PLANES, BIT_DEPTHS)


@pytest.fixture(scope="module")
def parameters(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("adaptive") / "adaptive.safetensors"
    save_tables(trained, path)
    return path


@settings(max_examples=40)
@given(st.data())
def test_decode_gives_back_any_tokens_and_any_first_layers(data):
    shape = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6)))
    planes = data.draw(st.sampled_from([PLANES, ((5, 0),), tuple((d, 0) for d in range(62))]))
    depths = sorted(data.draw(st.sets(st.integers(1, len(planes)), min_size=1, max_size=4)))
    seed = data.draw(st.integers(0, 99))
    ids = np.random.default_rng(seed).integers(0, 1 << len(planes), shape)
    coder = AdaptiveCoder(planes)

    payloads = coder.encode(ids, depths)

    for num_layers, depth in enumerate(depths, start=1):
        decoded = coder.decode(payloads[:num_layers], shape, depths)
        np.testing.assert_array_equal(decoded, ids & ((1 << depth) - 1))


def test_no_more_bits_than_planes_train_tables():
    with pytest.raises(ValueError, match=f"more than the {len(PLANES)} planes"):
        train_tables([moving_tokens(0)], PLANES, [len(PLANES) + 1])


@pytest.mark.parametrize("num_planes", [1, 12])
def test_dimensions_of_any_number_of_bits_come_back(num_planes):
    planes = tuple((0, plane) for plane in range(num_planes))
    ids = np.random.default_rng(0).integers(0, 1 << num_planes, (3, 4, 5))
    coder = AdaptiveCoder(planes)

    payloads = coder.encode(ids, (1, num_planes) if num_planes > 1 else (1,))

    np.testing.assert_array_equal(coder.decode(payloads, ids.shape, (1, num_planes)[: len(payloads)]), ids)


def test_a_layer_does_not_depend_on_layers_above_it():
    ids = moving_tokens(1)
    noise = np.random.default_rng(0).integers(0, 1 << 8, ids.shape)
    changed = (ids & 0b11111) | (noise & ~0b11111)
    coder = AdaptiveCoder(PLANES)

    payloads, payloads_changed = coder.encode(ids, BIT_DEPTHS), coder.encode(changed, BIT_DEPTHS)

    assert payloads[:2] == payloads_changed[:2]
    assert payloads[2] != payloads_changed[2]


def test_payloads_are_exactly_these(parameters):
    """These bytes change only with FORMAT.md."""
    digest = hashlib.sha256()
    for payload in AdaptiveCoder(PLANES).encode(moving_tokens(0), BIT_DEPTHS):
        digest.update(payload)
    for payload in AdaptiveCoder(PLANES, parameters).encode(moving_tokens(50), BIT_DEPTHS):
        digest.update(payload)

    assert digest.hexdigest() == "7e3ee54b3033b98cc53d5b4bffda752a1dfb08f01d744dd2aeee9c8474a1b145"


def test_structured_tokens_cost_less_than_with_zstd_and_less_still_when_trained(parameters):
    ids = moving_tokens(77)
    sizes = [
        sum(map(len, coder.encode(ids, BIT_DEPTHS)))
        for coder in (get_coder("zstd", PLANES), AdaptiveCoder(PLANES), AdaptiveCoder(PLANES, parameters))
    ]

    assert sizes[1] < 0.9 * sizes[0]
    assert sizes[2] < 0.9 * sizes[1]


def test_a_still_scene_costs_next_to_nothing_after_its_second_latent_frame():
    frame = moving_tokens(5, (1, 20, 20))
    coder = AdaptiveCoder(PLANES)
    short = sum(map(len, coder.encode(np.repeat(frame, 2, axis=0), BIT_DEPTHS)))
    long = sum(map(len, coder.encode(np.repeat(frame, 22, axis=0), BIT_DEPTHS)))

    bits_per_token = 8 * (long - short) / (20 * frame.size)

    assert bits_per_token < 0.06


def test_coding_leaves_the_coder_as_it_was(parameters):
    coder = AdaptiveCoder(PLANES, parameters)
    first = coder.encode(moving_tokens(2), BIT_DEPTHS)
    coder.decode(first, (4, 6, 9), BIT_DEPTHS)

    assert coder.encode(moving_tokens(2), BIT_DEPTHS) == first
    assert coder.encode(np.asfortranarray(moving_tokens(2)), BIT_DEPTHS) == first


@settings(max_examples=60)
@given(st.binary(max_size=80), st.integers(0, 3))
def test_any_bytes_decode_to_some_tokens_or_are_refused_as_too_long(payload, num_cut):
    payloads = [payload, payload[num_cut:]]

    try:
        ids = AdaptiveCoder(PLANES).decode(payloads, (2, 3, 4), BIT_DEPTHS)
    except CorruptError:
        return
    assert ids.shape == (2, 3, 4)
    assert 0 <= ids.min() <= ids.max() < 1 << BIT_DEPTHS[1]


def test_bytes_after_a_payload_are_refused():
    coder = AdaptiveCoder(PLANES)
    payloads = coder.encode(moving_tokens(3), BIT_DEPTHS)

    with pytest.raises(CorruptError, match="all that its bits need"):
        coder.decode([payloads[0] + bytes(5)], (4, 6, 9), BIT_DEPTHS)


def test_more_bits_than_planes_are_refused():
    with pytest.raises(ValueError, match="more than the 8 planes"):
        AdaptiveCoder(PLANES).encode(moving_tokens(0), (3, 9))


def test_parameters_are_hashed_and_default_ones_are_not(parameters, trained):
    assert AdaptiveCoder(PLANES).parameters_sha256 == bytes(32)
    assert AdaptiveCoder(PLANES, parameters).parameters_sha256 == trained.sha256()
    assert trained.sha256() != default_tables().sha256()


def test_tables_survive_their_file_and_stay_within_a_megabyte(parameters, trained):
    loaded = load_tables(parameters)

    np.testing.assert_array_equal(loaded.counters, trained.counters)
    np.testing.assert_array_equal(loaded.weights, trained.weights)
    assert parameters.stat().st_size < 1_100_000


def test_tables_survive_unfolding(trained):
    again = fold(unfold(trained))

    np.testing.assert_array_equal(again.counters & 15, trained.counters & 15)
    assert np.abs((again.counters >> 4).astype(int) - (trained.counters >> 4)).max() <= 1


def test_a_file_that_is_no_start_state_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    path.write_bytes(b"not a tensor file")

    with pytest.raises(ValueError, match="no start state"):
        AdaptiveCoder(PLANES, path)
    with pytest.raises(ValueError, match="no start state"):
        AdaptiveCoder(PLANES, tmp_path / "missing.safetensors")


def test_tables_of_another_shape_are_refused(trained):
    with pytest.raises(ValueError, match="counters are uint16"):
        Tables(trained.counters[:-1], trained.weights)
