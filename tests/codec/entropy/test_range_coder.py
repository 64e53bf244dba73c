"""The range coder: exact bytes, round trips, efficiency against the ideal and against `constriction`, bad payloads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgv.codec.entropy.range_coder import RangeDecoder, RangeEncoder
from mgv.container import CorruptError


def code(bits, probabilities) -> bytes:
    encoder = RangeEncoder()
    encoder.push(np.array(bits, np.uint8), np.array(probabilities, np.uint16))
    return encoder.finish()


def ideal_bits(bits, probabilities) -> float:
    chosen = np.where(bits, probabilities, 65536 - probabilities.astype(np.int64)) / 65536
    return float(-np.log2(chosen).sum())


def draw_bits(seed, num_bits, spread):
    """Probabilities whose log-odds are normal with the given spread, and bits drawn from them."""
    rng = np.random.default_rng(seed)
    odds = np.exp(rng.normal(0, spread, num_bits))
    probabilities = np.clip(np.round(65536 * odds / (1 + odds)), 1, 65535).astype(np.uint16)
    return (rng.integers(0, 65536, num_bits) < probabilities).astype(np.uint8), probabilities


@pytest.mark.parametrize(
    ("bits", "probabilities", "payload"),
    [
        ([], [], ""),
        ([1] * 40, [32768] * 40, ""),
        ([0], [32768], "80"),
        ([1, 0, 1, 1, 0, 0, 1, 0], [32768] * 8, "4d"),
        ([0] * 3, [65535] * 3, "fffffffeffff"),
        ([0, 1, 0, 0, 1, 1, 0], [100, 60000, 30000, 5, 65000, 1, 40000], "6b86b1"),
    ],
)
def test_payloads_are_exactly_these(bits, probabilities, payload):
    assert code(bits, probabilities).hex() == payload


def test_a_carry_runs_through_the_bytes_before():
    """Rare zeros at the top of the range leave bytes of 255 behind; one more of them carries into those."""
    bits, probabilities = [0] * 8 + [1, 0] * 4, [65535] * 6 + [40000, 65000] + [3, 65535] * 4
    payload = code(bits, probabilities)

    pulled = RangeDecoder(payload).pull(np.array(probabilities, np.uint16))

    assert pulled.tolist() == bits


@given(
    st.integers(0, 1000), st.integers(0, 400), st.sampled_from([0.0, 0.3, 2.0, 6.0, 30.0]), st.integers(1, 5)
)
def test_pull_gives_back_what_was_pushed_in_any_pieces(seed, num_bits, spread, num_pieces):
    bits, probabilities = draw_bits(seed, num_bits, spread)
    bits[::7] ^= 1  # unlikely ones too
    encoder = RangeEncoder()
    for piece in np.array_split(np.arange(num_bits), num_pieces):
        encoder.push(bits[piece], probabilities[piece])

    payload = encoder.finish()
    decoder = RangeDecoder(payload)

    assert payload == code(bits, probabilities)
    np.testing.assert_array_equal(decoder.pull(probabilities[:100]), bits[:100])
    np.testing.assert_array_equal(decoder.pull(probabilities[100:]), bits[100:])
    decoder.finish()


@pytest.mark.parametrize("spread", [0.5, 3.0, 8.0])
def test_length_is_within_a_thousandth_of_the_entropy(spread):
    bits, probabilities = draw_bits(1, 200_000, spread)

    assert 8 * len(code(bits, probabilities)) <= 1.001 * ideal_bits(bits, probabilities) + 8


def test_a_sure_bit_costs_next_to_nothing():
    num_bits = 1_000_000

    assert len(code(np.ones(num_bits), np.full(num_bits, 65535))) <= 3


def test_length_agrees_with_constriction():
    constriction = pytest.importorskip("constriction", reason="install the dev extra to cross-check")
    bits, probabilities = draw_bits(2, 50_000, 2.0)
    encoder = constriction.stream.queue.RangeEncoder()
    encoder.encode(
        bits.astype(np.int32), constriction.stream.model.Bernoulli(perfect=False), probabilities / 65536.0
    )
    theirs = 32 * len(encoder.get_compressed())

    assert 8 * len(code(bits, probabilities)) == pytest.approx(theirs, rel=0.001, abs=64)


@given(st.binary(max_size=40), st.integers(0, 99))
def test_any_bytes_decode_to_some_bits(payload, seed):
    _, probabilities = draw_bits(seed, 500, 4.0)

    bits = RangeDecoder(payload).pull(probabilities)

    assert bits.shape == (500,)
    assert set(bits.tolist()) <= {0, 1}


def test_bytes_that_no_bit_needs_are_refused():
    bits, probabilities = draw_bits(3, 100, 1.0)
    decoder = RangeDecoder(code(bits, probabilities) + bytes(5))
    decoder.pull(probabilities)

    with pytest.raises(CorruptError, match="range-coded payload"):
        decoder.finish()


def test_impossible_probabilities_are_refused():
    with pytest.raises(ValueError, match="probabilities"):
        code([1], [0])
    with pytest.raises(ValueError, match="expected as many"):
        code([1, 0], [5])
