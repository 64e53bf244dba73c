"""Coder 3, `prior`: a learned causal network and context mixing together, one range-coded payload a layer."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .adaptive import copy_model, new_grid
from .adaptive_tables import Tables, default_tables, fold, unfold
from .grid import Grid
from .layers import Planes, check_bit_depths, check_ids, check_planes, layer_bounds
from .prior_model import Hints, decode_frame, encode_frame
from .prior_network import PriorNetwork
from .prior_parameters import PRIOR, load_prior
from .range_coder import (
    MAX_BYTES_PER_BIT,
    NUM_TAIL_BYTES,
    finish_decoder,
    finish_encoder,
    new_decoder_state,
    new_encoder_state,
)


class PriorCoder:
    """Codes each bit under a probability that a network and counters give from what is already known around it.

    The same tokens, planes, bit depths and parameters give the same bytes everywhere: all arithmetic is on integers.
    """

    id = 3
    name = "prior"

    def __init__(self, planes: Planes, parameters: Path | None = None) -> None:
        """Prepare to code tokens of the given planes.

        Args:
            planes: of each token bit, see `layers.Planes`.
            parameters: file of `save_prior`.

        Raises:
            ValueError: there is no file, it can't be read, or it is for other planes.
        """
        if parameters is None:
            raise ValueError(
                "there is no prior.safetensors beside this tokenizer; train one with `mgv train prior`"
            )
        self._planes = check_planes(planes)
        prior = load_prior(parameters)
        self._network = prior.network(self._planes)
        self._start = unfold(prior.tables)
        self.parameters_sha256 = prior.sha256()

    def encode(self, ids: NDArray[np.int64], bit_depths: Sequence[int]) -> list[bytes]:
        """Code a segment's tokens, one payload a layer; inverse: `decode`.

        Args:
            ids: int64 `[t, h, w]`, each at least 0.
            bit_depths: token bits kept after each layer: the first of those that the coder was trained for.

        Raises:
            ValueError: illegal ids, or other bit depths.
        """
        grid = new_grid(check_ids(ids), self._planes)
        payloads = []
        for layer, (low, high) in enumerate(self._bounds(bit_depths, len(bit_depths))):
            model, state = copy_model(self._start), new_encoder_state()
            out = np.zeros(grid.ids.size * (high - low) * MAX_BYTES_PER_BIT + NUM_TAIL_BYTES, np.uint8)
            for hints in _look_ahead(self._network, grid, layer):
                encode_frame(model, grid, hints, low, high, state, out)
            payloads.append(finish_encoder(state, out))
        return payloads

    def decode(
        self, payloads: Sequence[bytes], shape: tuple[int, int, int], bit_depths: Sequence[int]
    ) -> NDArray[np.int64]:
        """Decode the layers that are there; inverse: `encode`.

        Args:
            payloads: of the first layers, at least one.
            shape: of the token grid, (t, h, w).
            bit_depths: as given to `encode`.

        Returns:
            int64 `[t, h, w]`; bits of absent layers are 0. Damaged payloads give some ids, never an error but the one
            below: the caller compares `layer_crc`.

        Raises:
            CorruptError: a payload is longer than its bits need.
            ValueError: illegal shape, or other bit depths.
        """
        grid = new_grid(check_ids(np.zeros(shape, np.int64)), self._planes)
        bounds = self._bounds(bit_depths, len(payloads))
        for layer, ((low, high), payload) in enumerate(zip(bounds, payloads, strict=True)):
            data = np.frombuffer(payload, np.uint8).copy()
            model, state = copy_model(self._start), new_decoder_state(data)
            for hints in _look_ahead(self._network, grid, layer):
                decode_frame(model, grid, hints, low, high, state, data)
            finish_decoder(state, data)
        return grid.ids.reshape(shape)

    def _bounds(self, bit_depths: Sequence[int], num_layers: int) -> list[tuple[int, int]]:
        depths, trained = check_bit_depths(bit_depths), self._network.bit_depths
        if depths != trained[: len(depths)]:
            raise ValueError(f"bit depths are {depths}, the prior was trained for {trained}")
        return layer_bounds(depths, num_layers)


def train_start_tables(
    network: PriorNetwork,
    segments: Iterable[NDArray[np.int64]],
    planes: Planes,
    on_segment: Callable[[int], None] = lambda done: None,
) -> Tables:
    """Code segments one after another without starting afresh, and keep where the coder ends up.

    Args:
        network: of all layers.
        segments: int64 `[t, h, w]` each, in an order that mixes sources.
        planes: of each token bit.
        on_segment: told of the number of segments that are done.
    """
    model = unfold(default_tables(PRIOR))
    for number, ids in enumerate(segments):
        grid = new_grid(check_ids(ids), planes)
        for layer, (low, high) in enumerate(layer_bounds(network.bit_depths, len(network.bit_depths))):
            state = new_encoder_state()
            out = np.zeros(grid.ids.size * (high - low) * MAX_BYTES_PER_BIT + NUM_TAIL_BYTES, np.uint8)
            for hints in _look_ahead(network, grid, layer):
                encode_frame(model, grid, hints, low, high, state, out)
        on_segment(number + 1)
    return fold(model, PRIOR)


def _look_ahead(network: PriorNetwork, grid: Grid, layer: int) -> Iterator[Hints]:
    """Predict latent frame after latent frame of a layer; each must be coded before the next is asked for."""
    t, h, w = (int(size) for size in grid.shape[:3])
    refined = network.views[layer].refined
    columns = np.full(len(network.dimension_bits), -1, np.int64)
    columns[refined] = np.arange(len(refined))
    for frame in range(t):
        places, spreads = network.predict(grid.centres, (t, h, w), layer, frame)
        yield Hints(
            np.array([frame * h * w], np.int64),
            np.ascontiguousarray(places),
            np.ascontiguousarray(spreads),
            columns[grid.dimensions],
            network.dimension_bits[grid.dimensions],
        )
