"""What the mixing coders know of a segment: the token grid, layer after layer, and the neighbours of a token.

Everything that is looked at is known to the decoder: in the layer being coded, what precedes the bit in raster order;
elsewhere in the segment, lower layers only, because the grid holds no more yet.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .compiled import index, inlined
from .vectors import NUM_NEIGHBOURS, add_and_scale

P, PP, F, W, N, NW, NE, WW, NN, E, S, PW, PN, PE, PS = range(NUM_NEIGHBOURS)
"""Neighbours: P and PP one and two latent frames back, F one ahead; W N E S in this frame; PW PN PE PS beside P."""

_STEPS = np.array(
    [
        (-1, 0, 0), (-2, 0, 0), (1, 0, 0), (0, 0, -1), (0, -1, 0), (0, -1, -1), (0, -1, 1), (0, 0, -2),
        (0, -2, 0), (0, 0, 1), (0, 1, 0), (-1, 0, -1), (-1, -1, 0), (-1, 0, 1), (-1, 1, 0),
    ],
    np.int64,
)  # fmt: skip
"""int64 `[15, 3]`: the neighbours' places, in latent frames, rows and columns from the token."""


def _symmetric(edges: tuple[int, ...], reach: int) -> NDArray[np.uint8]:
    """Tabulate, for -reach..reach, how many edges the magnitude has reached, signed, from 0 up."""
    levels = np.searchsorted(np.array(edges), np.arange(reach + 1), side="right")
    return (np.concatenate([-levels[:0:-1], levels]) + len(edges)).astype(np.uint8)


def reach_of(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Work out `Grid.reach` for a grid of shape (t, h, w)."""
    _, h, w = shape
    return np.append(_STEPS @ np.array([h * w, w, 1]), 0)


COARSE = _symmetric((1, 2, 3, 5, 7, 11), 16)
FINE = _symmetric((1, 2, 3, 4, 6, 8, 11, 14, 18, 24, 40), 64)
COUNT = np.array([0, 1, 2, *[3] * 2, *[4] * 3, *[5] * 4, *[6] * 8, *[7] * 44], np.uint8)
SIDE = np.array([0, 1, 1, 2, 2, 2, 3, 4, 4, 4, 5, 5, 6], np.uint8)


class Grid(NamedTuple):
    """A segment's tokens as far as they are known; layers are coded one after another on the same grid."""

    shape: NDArray[np.int64]
    """int64 `[4]`: t, h, w, D."""
    centres: NDArray[np.uint16]
    """uint16 `[t * h * w, D]`: middle of what is known of each dimension, in units of 1/65536 of its range."""
    surprises: NDArray[np.uint8]
    """uint8 `[t * h * w]`: bits of each token so far that the latent frame before had led away from, at most 255."""
    ids: NDArray[np.int64]
    """int64 `[t * h * w]`: the token bits known so far (an encoder's: all)."""
    dimensions: NDArray[np.int64]
    """int64 `[bits per token]`: dimension of each token bit, numbered from 0 without gaps."""
    planes: NDArray[np.int64]
    """int64 `[bits per token]`: plane of each token bit."""
    reach: NDArray[np.int64]
    """int64 `[16]`: by how many cells the neighbours of a token are away, where none is outside the grid. Here and in
    the three below, the last number is of no use: 16 are worked on at once."""
    near: NDArray[np.int64]
    """int64 `[16]`: where in the centres those of the neighbours of the token in hand begin, row after row."""
    ahead: NDArray[np.int32]
    """int32 `[16]`: by how much those are ahead of the token's, in the dimension in hand, shifted left by the plane in
    hand."""
    levels: NDArray[np.int32]
    """int32 `[16]`: the same in eighths of the range, rounded down, within -16..16, as places in `COARSE`."""


@inlined
def enter(grid, cell):  # type: ignore[no-untyped-def]
    """Find the neighbours of a token, one outside the grid replaced by the nearest inside, and look at them.

    Returns:
        (1 in the first latent frame, surprises of the neighbours one by one, those in sum).
    """
    t, h, w, size = grid.shape[0], grid.shape[1], grid.shape[2], grid.shape[3]
    line, column = cell // w, cell % w
    frame, row = line // h, line % h
    near, surprises = grid.near, grid.surprises
    if 2 <= frame < t - 1 and 2 <= row < h - 1 and 2 <= column < w - 1:
        add_and_scale(near, grid.reach, cell, 1)
    else:
        for number in range(NUM_NEIGHBOURS):
            z = min(max(frame + _STEPS[number, 0], 0), t - 1)
            y = min(max(row + _STEPS[number, 1], 0), h - 1)
            x = min(max(column + _STEPS[number, 2], 0), w - 1)
            near[number] = (z * h + y) * w + x
    west, north = np.int64(surprises[index(near[W])]), np.int64(surprises[index(near[N])])
    corner_e, corner_w = np.int64(surprises[index(near[NE])]), np.int64(surprises[index(near[NW])])
    east, south = np.int64(surprises[index(near[E])]), np.int64(surprises[index(near[S])])
    past = np.int64(surprises[index(near[P])])
    static = ((min(west, 2) * 3 + min(north, 2)) * 3 + min(corner_e, 2)) * 3 + min(east, 2)
    static = (static * 3 + min(south, 2)) * 4 + min(past, 3)
    unrest = np.int64(COUNT[index(min((west + north + corner_e + corner_w + east + south) >> 1, 63))])
    add_and_scale(near, near, 0, size)
    return 1 if frame == 0 else 0, static, unrest


@inlined
def coarse(grid, neighbour):  # type: ignore[no-untyped-def]
    """Quantise how far a neighbour's centre is ahead to 0..12."""
    return np.int64(COARSE[index(grid.levels[neighbour])])


@inlined
def fine(ahead):  # type: ignore[no-untyped-def]
    """Quantise how far a centre is ahead to 0..22."""
    return np.int64(FINE[index(min(max(ahead >> 11, -64), 64) + 64)])


@inlined
def side(level):  # type: ignore[no-untyped-def]
    """Quantise what `coarse` returns to 0..6."""
    return np.int64(SIDE[index(level)])


@inlined
def is_surprise(ahead, value):  # type: ignore[no-untyped-def]
    """Return 1 for a bit that leads away from where P is, else 0."""
    return 1 if ahead * (1 - 2 * value) > 0 else 0


@inlined
def refined(centre, plane, value):  # type: ignore[no-untyped-def]
    """Return the middle of what is known of a dimension after one more plane of it."""
    return centre + ((2 * value - 1) << (14 - plane))
