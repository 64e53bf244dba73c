"""What the mixing coders start a layer from: counters and mixer weights, untrained or trained, and their file."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .adaptive_model import NUM_CONTEXTS, NUM_INPUTS, NUM_SETS, NUM_SLOTS, START_WEIGHT
from .logistic import LIMIT, squash_table, stretch_table
from .mixing import MAX_INPUTS, Model
from .vectors import NUM_NEIGHBOURS

SEEN_LEVELS = np.array([0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 28, 40, 80, 255])
"""How many bits a stored counter counts as having seen, for each of its 16 levels of trust."""

MAX_TRUST = 7
"""Highest level given to a trained counter, so that it still moves to what a segment has to say."""


@dataclass(frozen=True)
class TableShape:
    """How much a coder's model holds."""

    num_slots: int
    num_sets: int
    num_contexts: int
    start_weights: tuple[int, ...]
    """Of each mixer input where none was trained, in units of 2**-16."""


ADAPTIVE = TableShape(
    NUM_SLOTS,
    NUM_SETS,
    NUM_CONTEXTS,
    (START_WEIGHT,) * NUM_CONTEXTS + (0,) * (NUM_INPUTS - NUM_CONTEXTS),
)


@dataclass(frozen=True)
class Tables:
    """Start state of a mixing coder, the same for every layer of every segment."""

    counters: NDArray[np.uint16]
    """uint16 `[num_slots]`: log-odds in 12 bits, (entry >> 4) - 2048 in units of 11/2048 nat; trust in the low 4."""
    weights: NDArray[np.int32]
    """int32 `[num_sets, num_inputs]` in units of 2**-16."""
    shape: TableShape = ADAPTIVE

    def __post_init__(self) -> None:
        """Check dtypes and shapes.

        Raises:
            ValueError: one is wrong.
        """
        wanted = self.shape
        for name, array, dtype, shape in (
            ("counters", self.counters, np.uint16, (wanted.num_slots,)),
            ("weights", self.weights, np.int32, (wanted.num_sets, len(wanted.start_weights))),
        ):
            if array.dtype != dtype or array.shape != shape:
                raise ValueError(
                    f"the coder's {name} are {array.dtype} {list(array.shape)}, "
                    f"expected {np.dtype(dtype)} {list(shape)}"
                )

    def sha256(self) -> bytes:
        """Hash the counters, then the weights, each as little-endian bytes in order."""
        digest = hashlib.sha256(self.counters.astype("<u2").tobytes())
        digest.update(self.weights.astype("<i4").tobytes())
        return digest.digest()


def default_tables(shape: TableShape = ADAPTIVE) -> Tables:
    """Make the start state that knows nothing: even odds without trust, the same weights everywhere."""
    weights = np.tile(np.array(shape.start_weights, np.int32), (shape.num_sets, 1))
    return Tables(np.full(shape.num_slots, 2048 << 4, np.uint16), weights, shape)


def save_tables(tables: Tables, path: Path) -> None:
    """Write a safetensors file; inverse: `load_tables`."""
    from safetensors.numpy import save_file

    save_file({"counters": tables.counters, "weights": tables.weights}, path)


def load_tables(path: Path) -> Tables:
    """Read what `save_tables` wrote.

    Raises:
        ValueError: the file can't be read as such.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(path)
        return Tables(tensors["counters"], tensors["weights"])
    except (SafetensorError, KeyError, OSError) as error:
        raise ValueError(f"{path} holds no start state of the adaptive coder: {error}") from error


def working_places(shape: TableShape) -> NDArray[np.int64]:
    """Tell where a working state has each input of a file: neighbours first, and beside them the last of the others."""
    others = len(shape.start_weights) - NUM_NEIGHBOURS
    return np.concatenate(
        [np.arange(others - 1) + NUM_NEIGHBOURS + 1, [NUM_NEIGHBOURS], np.arange(NUM_NEIGHBOURS)]
    )


def unfold(tables: Tables) -> Model:
    """Make the working state that a layer starts from; inverse up to rounding: `fold`."""
    entries = tables.counters.astype(np.int64)
    log_odds = np.clip(((entries >> 4) - 2048) * 11 >> 3, -LIMIT, LIMIT)
    probabilities = squash_table()[log_odds + LIMIT] << 8
    counters = (probabilities << 8 | SEEN_LEVELS[entries & 15]).astype(np.uint32)
    weights = np.zeros((tables.shape.num_sets, MAX_INPUTS), np.int32)
    weights[:, working_places(tables.shape)] = tables.weights
    return Model(
        counters, weights, np.zeros(tables.shape.num_contexts, np.int64), np.zeros(MAX_INPUTS, np.int32)
    )


def fold(model: Model, shape: TableShape = ADAPTIVE, max_trust: int = MAX_TRUST) -> Tables:
    """Round a working state to a start state; inverse up to rounding: `unfold`."""
    log_odds = stretch_table()[model.counters >> 16]
    entries = np.clip((log_odds * 8 + 5) // 11 + 2048, 0, 4095)
    trust = np.searchsorted(SEEN_LEVELS, model.counters & 255, side="right") - 1
    counters = entries << 4 | np.minimum(trust, max_trust)
    weights = np.ascontiguousarray(model.weights[:, working_places(shape)])
    return Tables(counters.astype(np.uint16), weights, shape)
