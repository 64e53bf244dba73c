"""Packed layers and the meaning of token bits."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgv.codec.entropy import check_planes, layer_bounds, layer_crc, pack_layer, unpack_layer
from mgv.container import CorruptError


def test_packed_order_is_bit_then_frame_row_column_from_the_top_of_each_byte():
    ids = np.array([[[0b01, 0b11, 0b00]], [[0b10, 0b00, 0b11]]])

    # bit 0 of the six tokens is 1 1 0 0 0 1, bit 1 is 0 1 0 1 0 1, then four zeros of padding
    assert pack_layer(ids, 0, 2) == bytes([0b11000101, 0b01010000])
    assert pack_layer(ids, 1, 2) == bytes([0b01010100])


def test_layer_crc_is_of_the_packed_bits():
    ids = np.arange(24).reshape(2, 3, 4)

    assert layer_crc(ids, 1, 4) == zlib.crc32(pack_layer(ids, 1, 4))


@given(st.data())
def test_unpack_gives_back_the_bits_of_the_layer(data):
    shape = data.draw(st.tuples(*[st.integers(1, 5)] * 3))
    low = data.draw(st.integers(0, 60))
    high = data.draw(st.integers(low + 1, 62))
    ids = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, 1 << 62, shape)

    unpacked = unpack_layer(pack_layer(ids, low, high), shape, low, high)

    np.testing.assert_array_equal(unpacked, ids & ((1 << high) - (1 << low)))


@pytest.mark.parametrize("change", [-1, 1])
def test_unpack_refuses_another_number_of_bytes(change):
    data = bytes(3 + change)

    with pytest.raises(CorruptError, match="expected 3"):
        unpack_layer(data, (1, 2, 10), 0, 1)


def test_unpack_refuses_padding_that_is_not_zero():
    with pytest.raises(CorruptError, match="padding"):
        unpack_layer(bytes([0, 0, 1]), (1, 2, 10), 0, 1)


@pytest.mark.parametrize(
    "ids",
    [np.zeros((2, 2), int), np.zeros((1, 0, 3), int), np.full((1, 1, 1), -1)],
    ids=["two axes", "empty", "negative"],
)
def test_pack_refuses_what_is_no_token_grid(ids):
    with pytest.raises(ValueError, match="token"):
        pack_layer(ids, 0, 1)


@pytest.mark.parametrize(
    "planes",
    [
        (),
        ((0, 0),) * 2,
        ((0, 1),),
        ((0, 0), (0, 2)),
        ((-1, 0),),
        tuple((0, plane) for plane in range(13)),
        tuple((dimension, 0) for dimension in range(63)),
    ],
    ids=["none", "twice", "late start", "gap", "negative", "too many of one", "too many"],
)
def test_planes_out_of_order_are_refused(planes):
    with pytest.raises(ValueError, match="plane"):
        check_planes(planes)


def test_planes_may_alternate_between_dimensions():
    planes = ((0, 0), (7, 0), (0, 1), (2, 0), (7, 1))

    assert check_planes([list(pair) for pair in planes]) == planes


def test_layer_bounds_follow_the_bit_depths():
    assert layer_bounds((3, 4, 9), 3) == [(0, 3), (3, 4), (4, 9)]
    assert layer_bounds((3, 4, 9), 1) == [(0, 3)]


@pytest.mark.parametrize("bit_depths", [(), (0, 2), (2, 2), (3, 1), (1, 63)])
def test_bit_depths_that_do_not_rise_are_refused(bit_depths):
    with pytest.raises(ValueError, match="bit depths"):
        layer_bounds(bit_depths, 1)


@pytest.mark.parametrize("num_layers", [0, 3])
def test_there_are_as_many_layers_as_bit_depths_at_most(num_layers):
    with pytest.raises(ValueError, match="expected 1 to 2"):
        layer_bounds((1, 2), num_layers)
