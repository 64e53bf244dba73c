"""The network of the `prior` coder in integers: from what is known of a segment to the place and spread of its values.

One small network a layer looks at the latent frames around one of them and says, for each dimension that the layer
refines, where its value lies and how surely. FORMAT.md states the arithmetic. Every product and sum is an integer below
2**24 in magnitude (checked when parameters load), so that no int32 overflows, and float32 would be exact as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .layers import Planes
from .prior_kernel import KERNEL, MAX_HIDDEN, Products, Room, Seen, predict_frame
from .vectors import TILE_COLUMNS, TILE_ROWS

MARGIN = 1
"""Positions beyond its own that a prediction looks at on each side."""
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
    ) -> None:
        """Check the parameters and lay them out for products.

        Raises:
            ValueError: they do not fit planes and bit depths, or a sum could be too large.
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
        self._products = []
        for layer, view in zip(layers, self.views, strict=True):
            layer.check(view, input_limits(view, self.dimension_bits))
            self._products.append(_products(layer))

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
        view, products = self.views[layer], self._products[layer]
        places, spreads = (np.empty((h * w, len(view.refined)), np.int32) for _ in range(2))
        predict_frame(
            centres.reshape(*shape, -1),
            frame,
            (self._seen(view.past), self._seen(view.known)),
            products,
            _room(w, view.num_inputs, products),
            places,
            spreads,
        )
        return places, spreads

    def _seen(self, dimensions: NDArray[np.int64]) -> Seen:
        bits = self.dimension_bits[dimensions]
        return Seen(
            dimensions.astype(np.uint64), (15 - bits).astype(np.int32), ((1 << bits) + 1).astype(np.int32)
        )


def _products(layer: LayerNetwork) -> Products:
    """Lay out the parameters of a network for `add_products`."""
    width = len(layer.first_bias)
    hidden, outputs = -width % TILE_COLUMNS, -len(layer.last_bias) % TILE_COLUMNS
    second = np.pad(layer.second, ((0, 0), (0, 0), (0, hidden), (0, hidden)))
    last = np.insert(layer.last, [width] * hidden, 0, axis=0)
    return Products(
        _paired(np.pad(layer.first, ((0, 0), (0, hidden)))),
        np.pad(layer.first_bias, (0, hidden)),
        _paired(second.reshape(-1, second.shape[-1])),
        np.pad(layer.second_bias, (0, hidden)),
        _paired(np.pad(last, ((0, 0), (0, outputs)))),
        np.pad(layer.last_bias, (0, outputs)),
    )


def _paired(weights: NDArray[np.int16]) -> NDArray[np.int16]:
    """Put the weights of two inputs beside each other: `[2n, O]` becomes `[n, O, 2]`."""
    return np.ascontiguousarray(weights.reshape(-1, 2, weights.shape[1]).transpose(0, 2, 1))


def _room(w: int, num_inputs: int, products: Products) -> Room:
    """Make room for rows of `w` positions."""
    columns = -(-w // TILE_ROWS) * TILE_ROWS
    width, outputs = len(products.first_bias), len(products.last_bias)
    return Room(
        np.zeros((2 * columns, num_inputs), np.int16),
        np.zeros((3 * (columns + 2), width), np.int16),
        np.zeros((columns, width), np.int16),
        np.zeros((columns, width), np.int32),
        np.zeros((columns, outputs), np.int32),
    )
