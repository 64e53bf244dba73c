"""The arithmetic of the prior coder's networks: a latent frame, row after row, so that all of it stays in the cache.

Inputs, hidden values and weights are int16, sums int32, none of which overflows (`LayerNetwork.check`).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled, index, inlined
from .vectors import TILE_COLUMNS, TILE_ROWS, add_products

KERNEL = 3
WEIGHT_SHIFT = 10
"""Weights are in units of 2**-10, inputs in half quantization steps, hidden values in the same."""
MAX_HIDDEN = 255
PLACE_SHIFT = 6
"""Of the output sums to places, in units of 1/16 half step."""
SPREAD_SHIFT = 11
"""Of the output sums to spread numbers, each an eighth of a power of e."""
MIN_SPREAD, MAX_SPREAD = -24, 40
MAX_PLACE = 1 << 16


class Seen(NamedTuple):
    """Dimensions of a latent frame that a network sees, and how their centres become half steps from the middle."""

    dimensions: NDArray[np.uint64]
    """uint64 `[n]`."""
    shifts: NDArray[np.int32]
    """int32 `[n]`: how far a centre, in 1/65536 of the range, is shifted down to half steps."""
    middles: NDArray[np.int32]
    """int32 `[n]`: the middle in half steps."""


class Products(NamedTuple):
    """Parameters of one layer's network, outputs padded with zeros to whole tiles: C hidden ones, O at the end.

    Weights stand in pairs, as `add_products` takes them: those of two inputs in a row for each output.
    """

    first: NDArray[np.int16]
    """int16 `[num_inputs / 2, C, 2]`."""
    first_bias: NDArray[np.int32]
    """int32 `[C]`."""
    second: NDArray[np.int16]
    """int16 `[3 * 3 * C / 2, C, 2]`: by kernel row, kernel column and channel."""
    second_bias: NDArray[np.int32]
    """int32 `[C]`."""
    last: NDArray[np.int16]
    """int16 `[(C + num_inputs) / 2, O, 2]`."""
    last_bias: NDArray[np.int32]
    """int32 `[O]`."""


class Room(NamedTuple):
    """Where rows of positions are worked on, `columns` of them each, rounded up to whole tiles."""

    inputs: NDArray[np.int16]
    """int16 `[2 * columns, num_inputs]`: of the last two rows."""
    hidden: NDArray[np.int16]
    """int16 `[3 * (columns + 2), C]`: of the last three rows, each with the nearest position beyond both its ends."""
    deeper: NDArray[np.int16]
    """int16 `[columns, C]`: after the convolution, of one row."""
    hidden_sums: NDArray[np.int32]
    """int32 `[columns, C]`: of what becomes hidden values of a row."""
    sums: NDArray[np.int32]
    """int32 `[columns, O]`: of what comes out for a row."""


@compiled
def predict_frame(centres, frame, seen, products, room, places, spreads):  # type: ignore[no-untyped-def]
    """Run the network of one layer over one latent frame.

    Args:
        centres: uint16 `[t, h, w, D]`.
        frame: latent frame.
        seen: `Seen` of the two latent frames before, and of this one and the next.
        products: `Products` of the layer.
        room: `Room` for a row of positions.
        places: int32 `[h * w, n]`, to be written.
        spreads: int32 `[h * w, n]`, to be written.
    """
    t, h, w, _ = centres.shape
    past, known = seen
    columns = room.deeper.shape[0]
    wide, num_inputs, width = columns + 2, room.inputs.shape[1], room.deeper.shape[1]
    for step in range(h + 1):
        if step < h:
            at, start = step % 2 * columns, 0
            for number in range(2):
                if frame > 0:
                    _gather(centres[max(frame - 1 - number, 0), step], past, room.inputs, at, start)
                start += past.dimensions.size
            for number in range(2):
                _gather(centres[min(frame + number, t - 1), step], known, room.inputs, at, start)
                start += known.dimensions.size
            for column in range(w):
                room.inputs[at + column, start] = 1 if frame == 0 else 0
                room.inputs[at + column, start + 1] = 1 if frame == t - 1 else 0
            row = step % 3 * wide
            _start(room.hidden_sums, products.first_bias, room.inputs, at, products.first, num_inputs)
            _hide(room.hidden_sums, room.hidden, row + 1)
            for channel in range(width):
                room.hidden[row, channel] = room.hidden[row + 1, channel]
                room.hidden[row + w + 1, channel] = room.hidden[row + w, channel]
        if step > 0:
            y = step - 1
            depth = KERNEL * width
            row = max(y - 1, 0) % 3 * wide
            _start(room.hidden_sums, products.second_bias, room.hidden, row, products.second, depth)
            for number in range(1, KERNEL):
                row = min(y + number - 1, h - 1) % 3 * wide
                _add(room.hidden_sums, room.hidden, row, products.second, (number * depth, depth))
            _hide(room.hidden_sums, room.deeper, 0)
            _start(room.sums, products.last_bias, room.deeper, 0, products.last, width)
            _add(room.sums, room.inputs, y % 2 * columns, products.last, (width, num_inputs))
            _conclude(room.sums, w, y * w, places, spreads)


@inlined
def _gather(cells, seen, inputs, at, start):  # type: ignore[no-untyped-def]
    """Write what is seen of a row of cells among the inputs, from position `at` and input `start` on."""
    for number in range(seen.dimensions.size):
        dimension, shift, middle = seen.dimensions[number], seen.shifts[number], seen.middles[number]
        for column in range(cells.shape[0]):
            value = (np.int32(cells[index(column), index(dimension)]) >> shift) - middle
            inputs[index(at + column), index(start + number)] = value


@inlined
def _start(sums, bias, x, x_at, weights, number):  # type: ignore[no-untyped-def]
    """Write to rows of sums the bias and what so many numbers of x give with the first rows of weights; see `_add`."""
    width, stride = sums.shape[1], x.shape[1]
    for place in range(0, sums.shape[0], TILE_ROWS):
        for column in range(0, width, TILE_COLUMNS):
            starts = place * width + column, (x_at + place) * stride, 2 * column
            add_products(bias, (column, 0), sums, x, weights, (*starts, stride, width, number))


@inlined
def _add(sums, x, x_at, weights, rows):  # type: ignore[no-untyped-def]
    """Add to rows of sums what as many numbers of x give with rows `rows` (first, number) of weights, both even.

    The numbers start with a row of x each, from `x_at` on, and may reach into the rows after it.
    """
    width, stride = sums.shape[1], x.shape[1]
    for place in range(0, sums.shape[0], TILE_ROWS):
        for column in range(0, width, TILE_COLUMNS):
            starts = place * width + column, (x_at + place) * stride, rows[0] * width + 2 * column
            add_products(sums, (starts[0], width), sums, x, weights, (*starts, stride, width, rows[1]))


@inlined
def _hide(sums, hidden, at):  # type: ignore[no-untyped-def]
    """Make hidden values, from row `at` on, of sums: clamp, and drop the weights' unit, rounding down."""
    for place in range(sums.shape[0]):
        for column in range(sums.shape[1]):
            value = min(max(sums[place, column], 0), MAX_HIDDEN << WEIGHT_SHIFT)
            hidden[at + place, column] = value >> WEIGHT_SHIFT


@inlined
def _conclude(sums, count, first, places, spreads):  # type: ignore[no-untyped-def]
    """Make places and spreads of the sums of a row."""
    n = places.shape[1]
    for position in range(count):
        for number in range(n):
            place = sums[position, number] >> PLACE_SHIFT
            places[first + position, number] = min(max(place, -MAX_PLACE), MAX_PLACE)
            spread = sums[position, n + number] >> SPREAD_SHIFT
            spreads[first + position, number] = min(max(spread, MIN_SPREAD), MAX_SPREAD) - MIN_SPREAD
