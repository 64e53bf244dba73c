"""Coders 0 and 1, `raw` and `zstd`: packed bits as they are, and through zstd; neither knows what a bit means."""

from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...container import CorruptError
from ...container.compression import decompress
from .layers import Planes, check_ids, layer_bounds, num_packed_bytes, pack_layer, unpack_layer

ZSTD_LEVEL = 19


class RawCoder:
    """Packed bits as they are: the reference, and for incompressible content."""

    id = 0
    name = "raw"
    parameters_sha256 = bytes(32)

    def __init__(self, planes: Planes = (), parameters: Path | None = None) -> None:
        """Take what every coder takes; planes mean nothing to this one.

        Raises:
            ValueError: a parameter file is given.
        """
        if parameters is not None:
            raise ValueError(f"coder {self.name} has no parameters, got {parameters}")

    def encode(self, ids: NDArray[np.int64], bit_depths: Sequence[int]) -> list[bytes]:
        """Code a segment's tokens int64 `[t, h, w]`, one payload a layer; inverse: `decode`.

        Raises:
            ValueError: illegal ids or bit depths.
        """
        grid = check_ids(ids)
        return [
            self._push(pack_layer(grid, low, high)) for low, high in layer_bounds(bit_depths, len(bit_depths))
        ]

    def decode(
        self, payloads: Sequence[bytes], shape: tuple[int, int, int], bit_depths: Sequence[int]
    ) -> NDArray[np.int64]:
        """Decode the layers that are there to int64 `[t, h, w]`, absent bits 0; inverse: `encode`.

        Raises:
            CorruptError: a payload is not what `encode` could have made.
            ValueError: illegal shape or bit depths.
        """
        num_tokens = prod(shape)
        # Memory for a grid is taken only where the bytes for it are there.
        layers = (
            unpack_layer(self._pull(payload, num_packed_bytes(num_tokens, low, high)), shape, low, high)
            for (low, high), payload in zip(layer_bounds(bit_depths, len(payloads)), payloads, strict=True)
        )
        ids = next(layers)
        for layer in layers:
            ids |= layer
        return check_ids(ids)

    def _push(self, packed: bytes) -> bytes:
        return packed

    def _pull(self, payload: bytes, num_bytes: int) -> bytes:
        return payload


class ZstdCoder(RawCoder):
    """Packed bit planes through zstd: the baseline that every other coder must beat."""

    id = 1
    name = "zstd"

    def _push(self, packed: bytes) -> bytes:
        import zstandard

        return zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_checksum=False).compress(packed)

    def _pull(self, payload: bytes, num_bytes: int) -> bytes:
        import zstandard

        try:
            size = zstandard.frame_content_size(payload)
        except zstandard.ZstdError as error:
            raise CorruptError(f"a zstd layer can't be unpacked: {error}") from error
        if size != num_bytes:
            raise CorruptError(f"a zstd layer declares {size} bytes, expected {num_bytes}")
        return decompress(payload, "a zstd layer", num_bytes)
