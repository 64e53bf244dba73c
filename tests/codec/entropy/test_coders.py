"""Raw and zstd coders, and getting a coder by name or number."""

import subprocess
import sys

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from mgv.codec.entropy import CODER_NAMES, get_coder, pack_layer
from mgv.container import CorruptError

PLANES = tuple((dimension, 0) for dimension in range(9))
BIT_DEPTHS = (2, 5, 9)
SHAPE = (2, 3, 5)


def some_ids(seed=0):
    return np.random.default_rng(seed).integers(0, 1 << 9, SHAPE)


@pytest.mark.parametrize("name", ["raw", "zstd", "adaptive"])  # prior can't be without parameters
def test_a_coder_is_found_by_name_and_by_number(name):
    coder = get_coder(name, PLANES)

    assert coder.name == name
    assert CODER_NAMES[coder.id] == name
    assert type(get_coder(coder.id, PLANES)) is type(coder)
    assert coder.parameters_sha256 == bytes(32)


@pytest.mark.parametrize("name", ["brotli", 7, -1])
def test_an_unknown_coder_is_refused_with_a_list_of_the_known(name):
    with pytest.raises(ValueError, match="there are 0 raw, 1 zstd, 2 adaptive, 3 prior"):
        get_coder(name, PLANES)


@pytest.mark.parametrize("name", ["raw", "zstd"])
@given(seed=st.integers(0, 99), num_layers=st.integers(1, 3))
def test_decode_gives_back_the_bits_of_the_layers_given(name, seed, num_layers):
    ids = some_ids(seed)
    coder = get_coder(name, PLANES)

    payloads = coder.encode(ids, BIT_DEPTHS)
    decoded = coder.decode(payloads[:num_layers], SHAPE, BIT_DEPTHS)

    assert len(payloads) == 3
    np.testing.assert_array_equal(decoded, ids & ((1 << BIT_DEPTHS[num_layers - 1]) - 1))


def test_raw_payloads_are_packed_layers_and_zstd_unpacks_to_them():
    ids = some_ids()

    raw = get_coder("raw", PLANES).encode(ids, BIT_DEPTHS)
    zstd = get_coder("zstd", PLANES).encode(ids, BIT_DEPTHS)

    assert raw == [pack_layer(ids, low, high) for low, high in ((0, 2), (2, 5), (5, 9))]
    assert [zstandard.ZstdDecompressor().decompress(payload) for payload in zstd] == raw


@pytest.mark.parametrize("name", ["raw", "zstd"])
def test_every_shortened_or_lengthened_payload_is_refused(name):
    coder = get_coder(name, PLANES)
    payload = coder.encode(some_ids(), BIT_DEPTHS)[0]

    for wrong in [payload[:length] for length in range(len(payload))] + [payload + b"\0"]:
        with pytest.raises(CorruptError):
            coder.decode([wrong], SHAPE, BIT_DEPTHS)


def test_a_zstd_frame_that_would_unpack_to_more_is_refused_before_it_is_unpacked():
    bomb = zstandard.compress(bytes(1 << 24))

    with pytest.raises(CorruptError, match=f"declares {1 << 24} bytes, expected 8"):
        get_coder("zstd", PLANES).decode([bomb], SHAPE, BIT_DEPTHS)


@pytest.mark.parametrize("name", ["raw", "zstd"])
def test_parameters_are_refused_where_there_are_none(name, tmp_path):
    with pytest.raises(ValueError, match="has no parameters"):
        get_coder(name, PLANES, tmp_path / "tables.safetensors")


def test_raw_and_zstd_work_without_numba():
    code = (
        "import sys; from mgv.codec.entropy import get_coder; import numpy as np\n"
        "get_coder('zstd', ((0, 0),)).encode(np.zeros((1, 1, 1), int), (1,))\n"
        "assert 'numba' not in sys.modules and 'torch' not in sys.modules"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
