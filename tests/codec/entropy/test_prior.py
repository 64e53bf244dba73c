"""The prior coder: exact networks, round trips, layers, damage, and what training is worth."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conformance import plain_networks
from fuzz.networks import random_networks
from hypothesis import given, settings
from hypothesis import strategies as st

from mgv.codec.entropy import get_coder, layer_crc
from mgv.codec.entropy.adaptive_tables import default_tables
from mgv.codec.entropy.prior import PriorCoder
from mgv.codec.entropy.prior_network import EXACT, PriorNetwork, layer_views
from mgv.codec.entropy.prior_parameters import PRIOR, PriorParameters, load_prior, save_prior
from mgv.container import CorruptError

PLANES = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
DEPTHS = (2, 4, 6)


@pytest.fixture(scope="module")
def parameters() -> PriorParameters:
    return PriorParameters(DEPTHS, random_networks(PLANES, DEPTHS), default_tables(PRIOR))


@pytest.fixture(scope="module")
def path(parameters: PriorParameters, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prior") / "prior.safetensors"
    save_prior(parameters, path)
    return path


@pytest.fixture(scope="module")
def coder(path: Path) -> PriorCoder:
    return PriorCoder(PLANES, path)


def tokens(seed: int, t: int, h: int, w: int) -> np.ndarray:
    """Noise on something still: some tokens of the latent frame before are drawn anew."""
    rng = np.random.default_rng(seed)
    frames = [rng.integers(0, 64, (h, w))]
    for _ in range(t - 1):
        frames.append(np.where(rng.random((h, w)) < 0.3, rng.integers(0, 64, (h, w)), frames[-1]))
    return np.stack(frames).astype(np.int64)


@settings(max_examples=40)
@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 6), st.integers(1, 6))
def test_tokens_survive(coder: PriorCoder, seed: int, t: int, h: int, w: int) -> None:
    ids = tokens(seed, t, h, w)
    payloads = coder.encode(ids, DEPTHS)
    for count, depth in enumerate(DEPTHS, 1):
        decoded = coder.decode(payloads[:count], ids.shape, DEPTHS)
        assert np.array_equal(decoded, ids & (1 << depth) - 1)


def test_a_layer_depends_on_no_finer_one(coder: PriorCoder) -> None:
    ids = tokens(1, 3, 4, 5)
    assert coder.encode(ids, DEPTHS)[:2] == coder.encode(ids & 15, DEPTHS[:2])


def test_it_is_made_by_name_and_number(path: Path, parameters: PriorParameters) -> None:
    for name in ("prior", 3):
        coder = get_coder(name, PLANES, path)
        assert (coder.id, coder.name, coder.parameters_sha256) == (3, "prior", parameters.sha256())


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 1, 1), (2, 7, 13)])
def test_products_are_exact(parameters: PriorParameters, shape: tuple[int, int, int]) -> None:
    network = PriorNetwork(PLANES, DEPTHS, parameters.networks)
    centres = (np.random.default_rng(3).integers(0, 8, (*shape, 3)) * 8192 + 4096).astype(np.uint16)
    for layer in range(3):
        for frame in range(shape[0]):
            expected = plain_networks.predict(
                parameters.networks[layer], network.views[layer], network.dimension_bits, centres, frame
            )
            places, spreads = network.predict(centres.reshape(-1, 3), shape, layer, frame)
            assert np.array_equal(places, expected[0])
            assert np.array_equal(spreads, expected[1])


def test_networks_say_the_same_of_tokens_that_were_widened(parameters: PriorParameters) -> None:
    """More bits at the ends of a range change nothing inside: everything is counted from its middle."""
    wide_planes = ((0, 0), (1, 0), (1, 1), (0, 1), (2, 0), (1, 2), (0, 2))
    networks = (
        PriorNetwork(PLANES, DEPTHS, parameters.networks),
        PriorNetwork(wide_planes, tuple(depth + 1 for depth in DEPTHS), parameters.networks),
    )
    numbers = np.random.default_rng(4).integers(0, 4, (3 * 4 * 5, 3)) % (8, 4, 2)
    said = []
    for network in networks:
        bits = network.dimension_bits
        whole = numbers + (2 ** (bits - 1) - 2 ** (networks[0].dimension_bits - 1))
        centres = ((2 * whole + 1) << (15 - bits)).astype(np.uint16)
        said.append([network.predict(centres, (3, 4, 5), layer, 1) for layer in range(len(DEPTHS))])
    for narrow, wide in zip(*said, strict=True):
        assert np.array_equal(narrow[0], wide[0])
        assert np.array_equal(narrow[1], wide[1])


def test_weights_whose_sums_are_not_exact_are_refused(parameters: PriorParameters, tmp_path: Path) -> None:
    heavy = replace(parameters.networks[1], second=np.full((3, 3, 5, 5), 32767, np.int16))
    path = tmp_path / "prior.safetensors"
    save_prior(replace(parameters, networks=(parameters.networks[0], heavy, parameters.networks[2])), path)
    with pytest.raises(ValueError, match=f"expected below {EXACT}"):
        PriorCoder(PLANES, path)


def test_what_does_not_fit_is_refused(parameters: PriorParameters, coder: PriorCoder, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"mgv train prior"):
        PriorCoder(PLANES, None)
    with pytest.raises(ValueError, match="holds no parameters"):
        load_prior(tmp_path / "none.safetensors")
    path = tmp_path / "prior.safetensors"
    save_prior(parameters, path)
    with pytest.raises(ValueError, match="prior's first is"):
        PriorCoder(((0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2)), path)
    with pytest.raises(ValueError, match="these tokens have 5"):
        PriorCoder(PLANES[:5], path)
    other = replace(parameters.networks[0], first=parameters.networks[0].first.view(np.uint16))
    save_prior(
        replace(parameters, networks=(other, *parameters.networks[1:])), tmp_path / "other.safetensors"
    )
    with pytest.raises(ValueError, match="prior's first is uint16, expected int16"):
        PriorCoder(PLANES, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="was trained for"):
        coder.encode(np.zeros((1, 2, 2), np.int64), (3, 6))


def test_a_doctored_entry_is_caught_by_the_crc(
    parameters: PriorParameters, path: Path, tmp_path: Path
) -> None:
    """Another probability somewhere decodes to other bits, which the layer table's CRC of decoded bits shows."""
    ids = tokens(5, 5, 8, 9)
    payloads = PriorCoder(PLANES, path).encode(ids, DEPTHS)
    expected = [layer_crc(ids, low, high) for low, high in ((0, 2), (2, 4), (4, 6))]
    networks = list(parameters.networks)
    last_bias = networks[0].last_bias.copy()
    last_bias[0] += 1 << 12  # one step of the place of one dimension
    networks[0] = replace(networks[0], last_bias=last_bias)
    counters = parameters.tables.counters.copy()
    counters[:] = np.where(np.arange(len(counters)) % 2, counters, counters + (40 << 4))
    for doctored in (
        replace(parameters, networks=tuple(networks)),
        replace(parameters, tables=replace(parameters.tables, counters=counters)),
    ):
        other = tmp_path / "doctored.safetensors"
        save_prior(doctored, other)
        try:
            decoded = PriorCoder(PLANES, other).decode(payloads, ids.shape, DEPTHS)
        except CorruptError:
            continue  # bytes were left over: caught earlier
        assert [layer_crc(decoded, low, high) for low, high in ((0, 2), (2, 4), (4, 6))] != expected


THREADS = """
import hashlib, sys, numpy as np
from pathlib import Path
from mgv.codec.entropy import prior
planes = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
ids = np.random.default_rng(0).integers(0, 64, (3, 24, 40))
payloads = prior.PriorCoder(planes, Path(sys.argv[1])).encode(ids, (2, 4, 6))
print(hashlib.sha256(b"".join(payloads)).hexdigest())
"""


def test_threads_change_nothing(path: Path) -> None:
    import os

    found = {
        subprocess.run(
            [sys.executable, "-c", THREADS, str(path)],
            env={**os.environ, "OPENBLAS_NUM_THREADS": str(count), "OMP_NUM_THREADS": str(count)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for count in (1, 2)
    }
    assert len(found) == 1
    assert len(found.pop().strip()) == 64


@pytest.mark.usefixtures("one_thread")
def test_training_pays_and_survives_rounding(tmp_path: Path) -> None:
    """On a dimension that rises from one latent frame to the next, which counters have to find out again and again."""
    from mgv.codec.entropy.train_prior import PriorTraining, measure_gap, train_networks, train_prior

    def rising(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        first, second, third = (rng.integers(0, 4, (12, 12)) for _ in range(3))
        numbers = [(first + z, second, third >> 1) for z in range(5)]
        bits = [3, 2, 1]  # of each dimension
        return np.stack(
            [
                sum((frame[d] >> bits[d] - 1 - plane & 1) << k for k, (d, plane) in enumerate(PLANES))
                for frame in numbers
            ]
        )

    depths, segments = (6,), [rising(seed) for seed in range(6)]
    training = PriorTraining(steps=150, batch_size=4, crop=12, width=16, learning_rate=3e-2)
    reports: list[float] = []
    prior, networks = train_prior(
        segments[:5], PLANES, depths, training, lambda step, steps, bits: reports.append(bits)
    )
    path = tmp_path / "prior.safetensors"
    save_prior(prior, path)
    coder = PriorCoder(PLANES, path)
    payloads = coder.encode(segments[5], depths)
    assert np.array_equal(coder.decode(payloads, segments[5].shape, depths), segments[5])
    plain = get_coder("adaptive", PLANES).encode(segments[5], depths)
    assert sum(map(len, payloads)) < 0.9 * sum(map(len, plain))
    assert len(reports) == 3
    whole, rounded = measure_gap(networks, segments[5:], PLANES, depths)
    assert rounded < 1.05 * whole
    fresh = train_networks(segments[:5], PLANES, depths, replace(training, steps=1))
    assert whole < 0.7 * measure_gap(fresh, segments[5:], PLANES, depths)[0]


def test_float_networks_move_like_other_modules() -> None:
    """A method of theirs once hid the one by which torch moves and converts a module's parameters."""
    from mgv.codec.entropy.train_prior import FloatNetwork

    network = FloatNetwork(layer_views(PLANES, DEPTHS)[0], 4)
    assert {parameter.dtype for parameter in network.double().parameters()} == {torch.float64}


def test_networks_that_grew_too_large_are_shrunk_until_their_sums_are_exact() -> None:
    from mgv.codec.entropy.prior_network import input_limits
    from mgv.codec.entropy.train_prior import FloatNetwork

    view = layer_views(PLANES, DEPTHS)[0]
    network = FloatNetwork(view, 32)
    small = network.first.weight.clone()
    with torch.no_grad():
        network.second.weight.copy_(torch.rand_like(network.second.weight))  # 288 inputs of up to 255
        network.last.bias.fill_(2000.0)
    limits = input_limits(view, np.array([3, 2, 1]))
    with pytest.raises(ValueError, match="second can reach"):
        network.export().check(view, limits)
    network.keep_exact(torch.from_numpy(limits).float())
    network.export().check(view, limits)
    assert torch.equal(network.first.weight, small)
