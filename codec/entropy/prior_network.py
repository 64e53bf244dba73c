"""The network of the `prior` coder in integers: from what is known of a segment to the place and spread of its values.

One small network a layer looks at the latent frames around one of them and says, for each dimension that the layer
refines, where its value lies and how surely. FORMAT.md states the arithmetic. Every product and sum is an integer below
2**24 in magnitude (checked when parameters load), so float32 matrix products are exact in any order, on any machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled
from .layers import Planes

Floats = NDArray[np.floating[Any]]

KERNEL = 3
MARGIN = 1
"""Positions beyond its own that a prediction looks at on each side."""

WEIGHT_SHIFT = 10
"""Weights are in units of 2**-10, inputs in half quantization steps, hidden values in the same."""
MAX_HIDDEN = 255
PLACE_SHIFT = 6
"""Of the output sums to places, in units of 1/16 half step."""
SPREAD_SHIFT = 11
"""Of the output sums to spread numbers, each an eighth of a power of e."""
MIN_SPREAD, MAX_SPREAD = -24, 40
MAX_PLACE = 1 << 16
BAND_POSITIONS = 1 << 15
"""Positions that are predicted at a time, in whole rows: what bounds the memory, some 2 kB a position."""
EXACT = 1 << 24
"""Float32 holds every integer up to this."""


@dataclass(frozen=True)
class LayerView:
    """Which dimensions the network of one layer sees and predicts."""

    past: NDArray[np.int64]
    """Dimensions known of the latent frames before, this layer included."""
    known: NDArray[np.int64]
    """Dimensions known of this latent frame and the next, from coarser layers."""
    refined: NDArray[np.int64]
    """Dimensions of which the layer carries bits."""

    @property
    def num_inputs(self) -> int:
        """Channels: two frames before, this one, the next, and two flags."""
        return 2 * len(self.past) + 2 * len(self.known) + 2


def layer_views(planes: Planes, bit_depths: Sequence[int]) -> list[LayerView]:
    """List for each layer what its network sees and predicts; dimensions are numbered from 0 without gaps."""
    numbers = {dimension: index for index, dimension in enumerate(sorted({d for d, _ in planes}))}
    views = []
    for low, high in zip((0, *bit_depths), bit_depths, strict=False):
        known = {numbers[d] for d, _ in planes[:low]}
        refined = {numbers[d] for d, _ in planes[low:high]}
        views.append(
            LayerView(*(np.array(sorted(group), np.int64) for group in (known | refined, known, refined)))
        )
    return views


@dataclass(frozen=True)
class LayerNetwork:
    """Parameters of the network of one layer."""

    first: NDArray[np.int16]
    """int16 `[num_inputs, C]`: at each position alone, then clamped to 0..255."""
    first_bias: NDArray[np.int32]
    """int32 `[C]`, in units of 2**-10."""
    second: NDArray[np.int16]
    """int16 `[3, 3, C, C]`: convolution over rows and columns, then clamped to 0..255."""
    second_bias: NDArray[np.int32]
    """int32 `[C]`."""
    last: NDArray[np.int16]
    """int16 `[C + num_inputs, 2 * len(refined)]`: places, then spreads, from hidden values and inputs."""
    last_bias: NDArray[np.int32]
    """int32 `[2 * len(refined)]`."""

    def check(self, view: LayerView, input_limits: NDArray[np.int64]) -> None:
        """Check shapes, and that no sum can reach 2**24.

        Args:
            view: what the network sees.
            input_limits: int64 `[num_inputs]`, greatest magnitude of each input.

        Raises:
            ValueError: a shape is wrong, or a sum could.
        """
        width = self.first.shape[-1] if self.first.ndim else 0
        expected = {
            "first": (view.num_inputs, width),
            "first_bias": (width,),
            "second": (KERNEL, KERNEL, width, width),
            "second_bias": (width,),
            "last": (width + view.num_inputs, 2 * len(view.refined)),
            "last_bias": (2 * len(view.refined),),
        }
        for name in expected:
            array, dtype = getattr(self, name), np.dtype(np.int32 if name.endswith("bias") else np.int16)
            if array.dtype != dtype:
                raise ValueError(f"prior's {name} is {array.dtype}, expected {dtype}")
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(
                    f"prior's {name} is {list(getattr(self, name).shape)}, expected {list(shape)}"
                )
        hidden = np.full(width, MAX_HIDDEN)
        for name, limits in (
            ("first", input_limits),
            ("second", hidden),
            ("last", np.concatenate([hidden, input_limits])),
        ):
            weights = np.abs(getattr(self, name).astype(np.int64)).reshape(
                -1, len(limits), getattr(self, name).shape[-1]
            )
            reach = np.einsum("kio,i->o", weights, limits) + np.abs(
                getattr(self, f"{name}_bias").astype(np.int64)
            )
            if int(reach.max()) >= EXACT:
                raise ValueError(
                    f"a sum of the prior's {name} can reach {int(reach.max())}, expected below {EXACT}"
                )


def input_limits(view: LayerView, dimension_bits: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the greatest magnitude of each input of a network: half steps from the middle, and flags."""
    limits = (1 << dimension_bits) + 1
    return np.concatenate([limits[view.past]] * 2 + [limits[view.known]] * 2 + [np.ones(2, np.int64)])


class PriorNetwork:
    """The networks of all layers, ready to predict."""

    def __init__(
        self,
        planes: Planes,
        bit_depths: Sequence[int],
        layers: Sequence[LayerNetwork],
        *,
        dtype: type[np.floating[Any]] = np.float32,
    ) -> None:
        """Check the parameters and lay them out for matrix products in `dtype`, which changes no result.

        Raises:
            ValueError: they do not fit planes and bit depths, or are not exact.
        """
        self.bit_depths = tuple(bit_depths)
        if self.bit_depths[-1] > len(planes):
            raise ValueError(
                f"the prior is for {self.bit_depths[-1]} bits a token, these tokens have {len(planes)}"
            )
        self.views = layer_views(planes, bit_depths)
        if len(layers) != len(self.views):
            raise ValueError(f"got networks of {len(layers)} layers, expected {len(self.views)}")
        dimensions = sorted({dimension for dimension, _ in planes})
        self.dimension_bits = np.array(
            [sum(d == dimension for d, _ in planes) for dimension in dimensions], np.int64
        )
        self._products: list[list[tuple[Floats, Floats]]] = []
        for layer, view in zip(layers, self.views, strict=True):
            layer.check(view, input_limits(view, self.dimension_bits))
            # The kernel as one matrix a row of it, [3, 3 * C, C].
            kernels = layer.first, layer.second.reshape(KERNEL, -1, layer.second.shape[-1]), layer.last
            biases = layer.first_bias, layer.second_bias, layer.last_bias
            self._products.append(
                [
                    (kernel.astype(dtype), bias.astype(dtype))
                    for kernel, bias in zip(kernels, biases, strict=True)
                ]
            )

    def predict(
        self, centres: NDArray[np.uint16], shape: tuple[int, int, int], layer: int, frame: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Predict the dimensions that a layer refines, for all positions of one latent frame.

        Args:
            centres: uint16 `[t * h * w, D]`, middle of what is known of each dimension, in 1/65536 of its range.
            shape: of the token grid, (t, h, w).
            layer: whose bits come next.
            frame: latent frame whose bits come next; frames before it have the layer's bits already.

        Returns:
            (int32 `[h * w, n]` places in 1/16 half steps, int32 `[h * w, n]` numbers of spreads, from 0 to 64), for the
            n refined dimensions.
        """
        _, h, w = shape
        band = max(1, BAND_POSITIONS // w)
        grid = centres.reshape(*shape, -1)
        parts = [
            self._predict_rows(self.inputs(grid, layer, frame, top, min(top + band, h)), layer)
            for top in range(0, h, band)
        ]
        places, spreads = (np.concatenate(part) for part in zip(*parts, strict=True))
        return places, spreads

    def _predict_rows(
        self, inputs: NDArray[np.float32], layer: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        first, second, (last, last_bias) = self._products[layer]
        hidden = _convolve(_hide(inputs @ first[0], first[1]), *second)
        inner = inputs[MARGIN:-MARGIN, MARGIN:-MARGIN]
        joined = np.concatenate([hidden, inner], axis=2).reshape(-1, last.shape[0])
        sums = (joined @ last + last_bias).astype(np.int32)
        n = sums.shape[1] // 2
        places = np.clip(sums[:, :n] >> PLACE_SHIFT, -MAX_PLACE, MAX_PLACE)
        spreads = np.clip(sums[:, n:] >> SPREAD_SHIFT, MIN_SPREAD, MAX_SPREAD) - MIN_SPREAD
        return places, spreads

    def inputs(
        self, centres: NDArray[np.uint16], layer: int, frame: int, top: int, bottom: int
    ) -> NDArray[np.float32]:
        """Gather a network's inputs for the latent rows from `top` to, but without, `bottom`.

        Args:
            centres: uint16 `[t, h, w, D]`.
            layer: whose bits come next.
            frame: latent frame whose bits come next.
            top: first row that is to be predicted.
            bottom: one past the last.

        Returns:
            float32 `[bottom - top + 2, w + 2, num_inputs]`, what lies outside the picture being the nearest inside.
        """
        view, bits = self.views[layer], self.dimension_bits
        t, _, w, _ = centres.shape
        inputs = np.zeros((bottom - top + 2 * MARGIN, w + 2 * MARGIN, view.num_inputs), np.float32)
        start = 0
        for at, dimensions, is_there in (
            (frame - 1, view.past, frame > 0),
            (max(frame - 2, 0), view.past, frame > 0),
            (frame, view.known, True),
            (min(frame + 1, t - 1), view.known, True),
        ):
            if is_there:
                _gather(centres[at], dimensions, bits, top, inputs, start)
            start += len(dimensions)
        inputs[..., start], inputs[..., start + 1] = frame == 0, frame == t - 1
        return inputs


@compiled
def _gather(frame, dimensions, bits, top, inputs, start):  # type: ignore[no-untyped-def]
    """Write the values of some dimensions, in half steps, around the rows from `top` on, into inputs from `start`."""
    for row in range(inputs.shape[0]):
        y = min(max(top - MARGIN + row, 0), frame.shape[0] - 1)
        for column in range(inputs.shape[1]):
            x = min(max(column - MARGIN, 0), frame.shape[1] - 1)
            for index in range(dimensions.size):
                planes = bits[dimensions[index]]
                value = (np.int64(frame[y, x, dimensions[index]]) >> (15 - planes)) - (1 << planes) - 1
                inputs[row, column, start + index] = value


def _convolve(x: Floats, kernel: Floats, bias: Floats) -> Floats:
    """Convolve `[H, W, I]` without padding and hide the sums: `[H - 2, W - 2, O]`.

    Rows of the picture stand one after another, so that each row of the kernel is one matrix product.
    """
    rows, columns, _ = x.shape
    wide = np.concatenate([x[:, 0 : columns - 2], x[:, 1 : columns - 1], x[:, 2:columns]], axis=2)
    flat = wide.reshape(rows * (columns - 2), -1)
    count = (rows - 2) * (columns - 2)
    sums: Floats = flat[:count] @ kernel[0]
    for row in (1, 2):
        sums += flat[row * (columns - 2) : row * (columns - 2) + count] @ kernel[row]
    return _hide(sums, bias).reshape(rows - 2, columns - 2, -1)


def _hide(sums: Floats, bias: Floats) -> Floats:
    """Make hidden values of sums, in place: add the bias, clamp, and floor what is left of the weights' unit."""
    sums += bias
    np.clip(sums, 0, MAX_HIDDEN << WEIGHT_SHIFT, out=sums)
    sums *= sums.dtype.type(2.0**-WEIGHT_SHIFT)
    return np.floor(sums, out=sums)
