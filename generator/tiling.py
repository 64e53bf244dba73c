"""Grids of any size and length, filled window by window, from what is known outward."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .window import Condition, GridShape, TokenWindow

Mask = NDArray[np.bool_]
"""`[t, h, w]`."""

Window = tuple[slice, slice, slice]
"""Latent frames, rows and columns of a grid."""

FillWindow = Callable[[TokenWindow, Condition], NDArray[np.int64]]
"""Makes the tokens of a window that are not kept; gives all of its tokens."""

OVERLAP_SHARE = 8
"""Windows overlap by a token for so many of their length, at least by one; at 12 that costs a quarter more work."""


@dataclass(frozen=True)
class Grid:
    """Tokens to complete; the part that is wanted may be less than what is not known."""

    window: TokenWindow
    """All of it, of any shape."""

    condition: Condition
    """What is known and what is hinted at, of the same shape."""

    wanted: Mask
    """Tokens to be made; none of them is known."""


def fill_grid(
    grid: Grid, window_shape: GridShape, fill: FillWindow, on_made: Callable[[int], None] = lambda made: None
) -> NDArray[np.int64]:
    """Make the tokens that are wanted, window by window.

    Each time the window is next that has the most known tokens, whether they were known from the start or made
    before; of equal ones the first in order of time, rows and columns.

    Args:
        grid: of any size.
        window_shape: of the largest window that `fill` takes.
        fill: makes one window.
        on_made: told the number of new tokens after each window.

    Returns:
        int64 `[t, h, w]`: the grid's tokens where they were known, new ones where they were wanted.
    """
    ids, condition = grid.window.ids.copy(), grid.condition
    known, wanted = condition.kept.copy(), grid.wanted.copy()
    windows = plan_windows(wanted, window_shape)
    num_known = np.array([known[window].sum() for window in windows])
    for _ in windows:
        index = int(num_known.argmax())
        window = windows[index]
        num_known[index] = -1
        new = wanted[window]
        if not new.any():
            continue
        kept = known[window]
        part = Condition(kept.copy(), condition.hinted[window] & ~kept, condition.hints[window])
        seen = TokenWindow(ids[window].copy(), grid.window.is_image[window[0]], grid.window.bit_depth)
        ids[window] = np.where(new, fill(seen, part), ids[window])
        num_new = int(new.sum())
        known[window] |= new
        wanted[window] = False
        for other in np.flatnonzero(num_known >= 0):
            if _overlap(windows[other], window):
                num_known[other] = known[windows[other]].sum()
        on_made(num_new)
    return ids


def plan_windows(wanted: Mask, window_shape: GridShape) -> list[Window]:
    """Cover what is wanted with windows that overlap a little and see a little of what is around.

    Args:
        wanted: any tokens of a grid.
        window_shape: of a window; along an axis where the grid is smaller, windows are as long as the grid.

    Returns:
        Windows of one shape, each with something wanted in it, in order of time, rows and columns.
    """
    return [
        (frames, rows, columns)
        for frames in place_spans(wanted, 0, window_shape[0])
        for rows in place_spans(wanted[frames], 1, window_shape[1])
        for columns in place_spans(wanted[frames, rows], 2, window_shape[2])
    ]


def place_spans(wanted: Mask, axis: int, size: int) -> Iterator[slice]:
    """Cover what is wanted along one axis with spans of one length, at even distances.

    The first and the last see a little of what is around, where there is something.

    Args:
        wanted: bool `[t, h, w]`.
        axis: 0 to 2.
        size: of a span; the length of the axis where that is less.
    """
    along: NDArray[np.bool_] = np.moveaxis(wanted, axis, 0).reshape(wanted.shape[axis], -1).max(1)
    places = np.flatnonzero(along)
    if not len(places):
        return
    length = len(along)
    size = min(size, length)
    overlap = min(size - 1, max(1, size // OVERLAP_SHARE))
    low, high = max(0, int(places[0]) - overlap), min(length, int(places[-1]) + 1 + overlap)
    if high - low <= size:
        start = min(max(0, low - (size - (high - low)) // 2), length - size)
        yield slice(start, start + size)
        return
    count = -(-(high - low - overlap) // (size - overlap))
    for index in range(count):
        start = low + round(index * (high - low - size) / (count - 1))
        if along[start : start + size].any():
            yield slice(start, start + size)


def _overlap(one: Window, other: Window) -> bool:
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))
