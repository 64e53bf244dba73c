"""Where training windows are taken from, and what of them is kept, drawn at random; for generators of all kinds."""

from collections.abc import Container

import numpy as np
from numpy.typing import NDArray

from .dataset import TokenFile, TokenFolders
from .errors import DataError
from .window import GridShape


class WindowPlaces:
    """All places of windows of one shape in some folders."""

    def __init__(
        self, folders: TokenFolders, shape: GridShape, numbers: Container[int] | None = None
    ) -> None:
        """Find the files that are large enough.

        Args:
            folders: of the files.
            shape: of the windows.
            numbers: of the files that may be used; all if None.

        Raises:
            DataError: no file is as large as a window, or no segment is as long.
        """
        self.folders, self.shape = folders, shape
        usable = [n for n in folders.usable(shape) if numbers is None or n in numbers]
        starting = [n for n in usable if folders.files[n].long_segments(shape[0])]
        if not starting:
            raise DataError(
                f"no file has a segment that holds a window of {shape} latent frames, rows and columns"
            )
        self._usable, self._starting = _Pool(folders.files, usable), _Pool(folders.files, starting)

    def draw(self, random: np.random.Generator, *, begins_segment: bool) -> tuple[int, int, int, int]:
        """Draw a file's number, and the latent frame, row and column that a window of it begins with.

        Args:
            random: where chance comes from.
            begins_segment: whether the window is to lie within a segment, from its beginning on.
        """
        length = self.shape[0]
        number = (self._starting if begins_segment else self._usable).draw(random)
        file = self.folders.files[number]
        if begins_segment:
            starts = file.long_segments(length)
            start = starts[random.integers(len(starts))]
        else:
            start = int(random.integers(file.num_latents - length + 1))
        top, left = (
            int(random.integers(size - extent + 1))
            for size, extent in zip(file.grid, self.shape[1:], strict=True)
        )
        return number, start, top, left


class _Pool:
    """Files, each drawn in proportion to the square root of its tokens."""

    def __init__(self, files: list[TokenFile], numbers: list[int]) -> None:
        self.numbers = numbers
        roots = np.sqrt([files[n].num_latents * files[n].grid[0] * files[n].grid[1] for n in numbers])
        self.shares = roots / roots.sum()

    def draw(self, random: np.random.Generator) -> int:
        return self.numbers[random.choice(len(self.numbers), p=self.shares)]


def varied_region(name: str, shape: GridShape, random: np.random.Generator) -> NDArray[np.bool_] | None:
    """Draw kept tokens in the manner of a task, with sizes and places of their own.

    Returns:
        bool `[t, h, w]`; None for a task that has only one way (a moving box, or nothing).
    """
    t, h, w = shape
    kept = np.zeros(shape, bool)
    top, bottom = _interval(h, random)
    left, right = _interval(w, random)
    if name in ("FP", "CFP") and t > 1:
        kept[: random.integers(1, t)] = True
        if random.random() < 0.3:  # a neighbouring window has been there before
            kept |= _strip(shape, random)
    elif name == "FI" and t > 2:
        first = random.integers(1, t - 1)
        last = random.integers(1, t - first)
        kept[:first] = True
        kept[t - last :] = True
        if random.random() < 0.3:
            kept |= _strip(shape, random)
    elif name == "OPC":
        kept[:, top:bottom, left:right] = True
    elif name == "OPV":
        kept[:, :, left:right] = True
    elif name == "OPH":
        kept[:, top:bottom] = True
    elif name == "IPC":
        kept[:] = True
        early, late = _interval(t, random) if random.random() < 0.5 else (0, t)
        kept[early:late, top:bottom, left:right] = False
    else:
        return None
    return kept if not kept.all() else None


def _interval(length: int, random: np.random.Generator) -> tuple[int, int]:
    """Draw a part of a line, at least a sixth of it long."""
    extent = int(random.integers(max(1, length // 6), length + 1))
    start = int(random.integers(length - extent + 1))
    return start, start + extent


def _strip(shape: GridShape, random: np.random.Generator) -> NDArray[np.bool_]:
    """Mark rows or columns along one edge of the window, less than half of it."""
    marked = np.zeros(shape, bool)
    axis = 1 + int(random.integers(2))
    extent = int(random.integers(1, max(2, shape[axis] // 2)))
    moved = np.moveaxis(marked, axis, 0)
    if random.random() < 0.5:
        moved[:extent] = True
    else:
        moved[-extent:] = True
    return marked
