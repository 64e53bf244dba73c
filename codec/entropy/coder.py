"""What an entropy coder is, and how to get one by its name or by its number in a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .layers import Planes
from .plain import RawCoder, ZstdCoder

CODER_NAMES = ("raw", "zstd", "adaptive", "prior")
"""Names by id."""


class LayerCoder(Protocol):
    """Turns a segment's tokens into one payload a layer, and back."""

    id: int
    """Number of the coder in a file's header."""
    name: str
    parameters_sha256: bytes
    """SHA-256 of the coder's parameters, 32 zeros where it has none."""

    def encode(self, ids: NDArray[np.int64], bit_depths: Sequence[int]) -> list[bytes]:
        """Code int64 `[t, h, w]`, one payload for each bit depth; inverse: `decode`."""

    def decode(
        self, payloads: Sequence[bytes], shape: tuple[int, int, int], bit_depths: Sequence[int]
    ) -> NDArray[np.int64]:
        """Decode the first layers to int64 `[t, h, w]`; bits of layers not given are 0."""


def get_coder(name_or_id: str | int, planes: Planes, parameters: Path | None = None) -> LayerCoder:
    """Make a coder.

    Args:
        name_or_id: one of `CODER_NAMES`, or its place there.
        planes: for each token bit the pair (dimension, plane).
        parameters: the coder's parameter file; None for its default state.

    Raises:
        ValueError: no such coder, illegal planes, or the parameter file can't be read.
    """
    names = dict(enumerate(CODER_NAMES))
    name = names.get(name_or_id, str(name_or_id)) if isinstance(name_or_id, int) else name_or_id
    if name == "raw":
        return RawCoder(planes, parameters)
    if name == "zstd":
        return ZstdCoder(planes, parameters)
    if name == "adaptive":
        from .adaptive import AdaptiveCoder  # numba: two seconds to import

        return AdaptiveCoder(planes, parameters)
    if name == "prior":
        from .prior import PriorCoder

        return PriorCoder(planes, parameters)
    known = ", ".join(f"{index} {name}" for index, name in names.items())
    raise ValueError(f"no entropy coder {name_or_id!r}; there are {known}")
