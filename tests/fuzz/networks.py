"""Parameters of the prior coder that nobody trained: random integers, for any planes and layers."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from mgv.codec.entropy import Planes
from mgv.codec.entropy.adaptive_tables import default_tables
from mgv.codec.entropy.prior_network import LayerNetwork, layer_views
from mgv.codec.entropy.prior_parameters import PRIOR, PriorParameters, save_prior


def random_networks(
    planes: Planes, bit_depths: Sequence[int], *, width: int = 5, scale: int = 300
) -> tuple[LayerNetwork, ...]:
    """Make networks of random weights up to `scale` in magnitude."""
    rng = np.random.default_rng(0)

    def weights(*shape: int) -> NDArray[np.int16]:
        return rng.integers(-scale, scale + 1, shape).astype(np.int16)

    def biases(size: int) -> NDArray[np.int32]:
        return rng.integers(-(1 << 14), 1 << 14, size).astype(np.int32)

    layers = []
    for view in layer_views(planes, bit_depths):
        n = 2 * len(view.refined)
        first, second = weights(view.num_inputs, width), weights(3, 3, width, width)
        last = weights(width + view.num_inputs, n)
        layers.append(LayerNetwork(first, biases(width), second, biases(width), last, biases(n)))
    return tuple(layers)


def random_prior(planes: Planes, bit_depths: Sequence[int]) -> PriorParameters:
    """Make parameters with random networks and untrained tables."""
    return PriorParameters(tuple(bit_depths), random_networks(planes, bit_depths), default_tables(PRIOR))


_FOLDER = TemporaryDirectory(prefix="mgv-random-prior-")


@cache
def random_prior_file(planes: Planes, bit_depths: tuple[int, ...]) -> Path:
    """Write `random_prior` to a file that lasts as long as this process."""
    path = Path(_FOLDER.name) / "prior.safetensors"
    save_prior(random_prior(planes, bit_depths), path)
    return path
