"""Coder 2, `adaptive`: binary context mixing over the token grid, one range-coded payload a layer."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .adaptive_model import decode_tokens, encode_tokens
from .adaptive_tables import Tables, default_tables, fold, load_tables, unfold
from .grid import Grid, reach_of
from .layers import Planes, check_bit_depths, check_ids, check_planes, layer_bounds
from .mixing import Model
from .range_coder import (
    MAX_BYTES_PER_BIT,
    NUM_TAIL_BYTES,
    finish_decoder,
    finish_encoder,
    new_decoder_state,
    new_encoder_state,
)
from .vectors import NUM_NEIGHBOURS


class AdaptiveCoder:
    """Codes each bit under a probability mixed from what is already known around it.

    The same tokens, planes, bit depths and tables give the same bytes everywhere.
    """

    id = 2
    name = "adaptive"

    def __init__(self, planes: Planes, parameters: Path | None = None) -> None:
        """Prepare to code tokens of the given planes.

        Args:
            planes: of each token bit, see `layers.Planes`.
            parameters: file of `save_tables`; None for the start state that knows nothing.

        Raises:
            ValueError: illegal planes, or the file can't be read.
        """
        self._planes = check_planes(planes)
        tables = default_tables() if parameters is None else load_tables(parameters)
        self._start = unfold(tables)
        self.parameters_sha256 = bytes(32) if parameters is None else tables.sha256()

    def encode(self, ids: NDArray[np.int64], bit_depths: Sequence[int]) -> list[bytes]:
        """Code a segment's tokens, one payload a layer; inverse: `decode`.

        Args:
            ids: int64 `[t, h, w]`, each at least 0.
            bit_depths: token bits kept after each layer.

        Raises:
            ValueError: illegal ids or bit depths, or more bits than there are planes.
        """
        grid = new_grid(check_ids(ids), self._planes)
        return [
            _encode_layer(copy_model(self._start), grid, low, high)
            for low, high in _bounds(self._planes, bit_depths, len(bit_depths))
        ]

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
            ValueError: illegal shape or bit depths, or more bits than there are planes.
        """
        grid = new_grid(check_ids(np.zeros(shape, np.int64)), self._planes)
        for (low, high), payload in zip(
            _bounds(self._planes, bit_depths, len(payloads)), payloads, strict=True
        ):
            data = np.frombuffer(payload, np.uint8).copy()
            state = new_decoder_state(data)
            decode_tokens(copy_model(self._start), grid, low, high, state, data)
            finish_decoder(state, data)
        return grid.ids.reshape(shape)


def train_tables(segments: Iterable[NDArray[np.int64]], planes: Planes, bit_depths: Sequence[int]) -> Tables:
    """Code segments one after another without starting afresh, and keep where the coder ends up.

    Args:
        segments: int64 `[t, h, w]` each, in an order that mixes sources.
        planes: of each token bit.
        bit_depths: token bits kept after each layer.

    Raises:
        ValueError: illegal planes, bit depths or ids, or more bits than there are planes.
    """
    planes = check_planes(planes)
    model = unfold(default_tables())
    bounds = _bounds(planes, bit_depths, len(bit_depths))
    for ids in segments:
        grid = new_grid(check_ids(ids), planes)
        for low, high in bounds:
            _encode_layer(model, grid, low, high)
    return fold(model)


def new_grid(ids: NDArray[np.int64], planes: Planes) -> Grid:
    """Make a grid of which nothing is known but, for an encoder, the ids."""
    numbers = {
        dimension: index for index, dimension in enumerate(sorted({dimension for dimension, _ in planes}))
    }
    return Grid(
        np.array([*ids.shape, len(numbers)], np.int64),
        np.full((ids.size, len(numbers)), 1 << 15, np.uint16),
        np.zeros(ids.size, np.uint8),
        ids.reshape(-1),
        np.array([numbers[dimension] for dimension, _ in planes], np.int64),
        np.array([plane for _, plane in planes], np.int64),
        reach_of(ids.shape),
        np.zeros(NUM_NEIGHBOURS + 1, np.int64),
        np.zeros(NUM_NEIGHBOURS + 1, np.int32),
        np.zeros(NUM_NEIGHBOURS + 1, np.int32),
    )


def copy_model(model: Model) -> Model:
    """Copy a model, so that it can adapt without changing the one it starts from."""
    return Model._make(array.copy() for array in model)


def _bounds(planes: Planes, bit_depths: Sequence[int], num_layers: int) -> list[tuple[int, int]]:
    depths = check_bit_depths(bit_depths)
    if depths[-1] > len(planes):
        raise ValueError(f"bit depth {depths[-1]} is more than the {len(planes)} planes of a token")
    return layer_bounds(depths, num_layers)


def _encode_layer(model: Model, grid: Grid, low: int, high: int) -> bytes:
    state = new_encoder_state()
    out = np.zeros(grid.ids.size * (high - low) * MAX_BYTES_PER_BIT + NUM_TAIL_BYTES, np.uint8)
    encode_tokens(model, grid, low, high, state, out)
    return finish_encoder(state, out)
