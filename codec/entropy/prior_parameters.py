"""What the `prior` coder is trained to know: its networks and its start tables, and the file that holds both."""

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .adaptive_model import START_WEIGHT
from .adaptive_tables import Tables, TableShape
from .layers import Planes, check_bit_depths
from .prior_model import HINT, NUM_CONTEXTS, NUM_INPUTS, NUM_SETS, NUM_SLOTS
from .prior_network import LayerNetwork, PriorNetwork

PRIOR = TableShape(
    NUM_SLOTS,
    NUM_SETS,
    NUM_CONTEXTS,
    tuple(START_WEIGHT if index < NUM_CONTEXTS or index == HINT else 0 for index in range(NUM_INPUTS)),
)


@dataclass(frozen=True)
class PriorParameters:
    """Everything that a file coded by `prior` names by its hash."""

    bit_depths: tuple[int, ...]
    """Token bits known after each layer that there is a network for."""
    networks: tuple[LayerNetwork, ...]
    """One a layer."""
    tables: Tables
    """Start state of counters and mixers."""

    def tensors(self) -> dict[str, NDArray[np.generic]]:
        """Name every array as it stands in a file."""
        arrays: dict[str, NDArray[np.generic]] = {
            "bit_depths": np.array(self.bit_depths, np.uint8),
            "counters": self.tables.counters,
            "weights": self.tables.weights,
        }
        for number, network in enumerate(self.networks):
            for field in fields(LayerNetwork):
                arrays[f"layers.{number:02d}.{field.name}"] = getattr(network, field.name)
        return arrays

    def sha256(self) -> bytes:
        """Hash the bytes of all tensors, little-endian, in the order of their names."""
        digest = hashlib.sha256()
        for _, array in sorted(self.tensors().items()):
            digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
        return digest.digest()

    def network(self, planes: Planes) -> PriorNetwork:
        """Make the networks ready for tokens of the given planes.

        Raises:
            ValueError: they are not for such tokens, or their sums may not be exact.
        """
        return PriorNetwork(planes, self.bit_depths, self.networks)


def save_prior(prior: PriorParameters, path: Path) -> None:
    """Write a safetensors file; inverse: `load_prior`."""
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(array) for name, array in prior.tensors().items()}, path)


def load_prior(path: Path) -> PriorParameters:
    """Read what `save_prior` wrote.

    Raises:
        ValueError: the file can't be read as such.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(path)
        depths = check_bit_depths(tensors["bit_depths"].tolist())
        networks = []
        for number in range(len(depths)):
            arrays = {
                field.name: tensors[f"layers.{number:02d}.{field.name}"] for field in fields(LayerNetwork)
            }
            networks.append(LayerNetwork(**arrays))
        return PriorParameters(
            depths, tuple(networks), Tables(tensors["counters"], tensors["weights"], PRIOR)
        )
    except (SafetensorError, KeyError, OSError, TypeError) as error:
        raise ValueError(f"{path} holds no parameters of the prior coder: {error}") from error
