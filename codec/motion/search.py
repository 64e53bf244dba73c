"""Finding how what is seen in a group of frames moves through it, by dense optical flow."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ...container.limits import MAX_MOTION_BYTES
from ..camera import UNSEEN, Luma, Size
from .mesh import MOTION_UNIT, NOTHING, Field, look_up, mesh_size, spread

Vectors = NDArray[np.float32]
"""`[rows, columns, 2]`, whole numbers of 1 / `MOTION_UNIT` source pixels a frame."""

Cells = NDArray[np.float32]
"""One number a cell, `[rows, columns]`."""

LEAST_SIDE, MOST_SIDE = 320, 960
"""Pixels of the long side of the pictures that are searched: half as many as there are, within these."""

NARROWEST = 32
"""Pixels of the short side below which flow can't be told."""

MOST_STEPS = 1023
"""Of a vector, in 1 / `MOTION_UNIT` source pixels."""

SMOOTHING = 0.8
"""Standard deviation in pixels of what the pictures that are searched are smoothed by."""

MOST_BYTES_A_NUMBER = 3
"""That a number takes in what is no noise; where a segment's vectors could take too many, the rest of it is still."""

GAIN_BITS = 24.0
"""What it is worth in a cell that squared differences of frames from their mean are half as large."""

TOKEN_SIDE = 8
"""Source pixels of a square over which they are added up first, so that what is bent does not drown in what moves."""

FEWEST_BITS = 4.0
"""Of a cell that moves: a group where no cell can gain that much is still."""

FEWEST_GAINED = 48.0
"""Bits, of a group that moves: vectors take some bytes before the first."""

CHANGE_BITS, DOUBLING_BITS = 2.5, 2.0
"""What a number takes that is not the one expected, and the more for each doubling of the difference."""

FLAT = 30.0
"""Of squared gradients: what a flat cell's flow is weighed by."""

SPREAD = 3.0
"""Standard deviation in pixels of the weight of a gradient."""

SEEN_AROUND = 1.5
"""Cells, in width, over which a cell's vector is judged."""


def search_size(size: Size) -> Size:
    """Give the size of the pictures that are searched for frames of a size."""
    side = min(max(max(size) / 2, LEAST_SIDE), MOST_SIDE, max(size))
    return max(1, round(size[0] * side / max(size))), max(1, round(size[1] * side / max(size)))


class MotionSearch:
    """Searches the groups of a segment, one after the other."""

    def __init__(self, size: Size, weight: float = 1.0) -> None:
        """Begin a segment with frames of that size; `weight` as in `align_motion`."""
        self._gain_bits = weight * GAIN_BITS
        self._size = search_size(size)
        self._scale = max(self._size) / max(size)
        self._mesh = mesh_size(size)
        columns, rows = self._mesh
        self._before = self._zero = np.zeros((rows, columns, 2), np.float32)
        self._window = tuple(
            max(1, round(SEEN_AROUND * side / cells))
            for side, cells in zip(self._size, self._mesh, strict=True)
        )
        self._token = max(1, round(TOKEN_SIDE * self._scale))
        x, y = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in self._size))
        self._here: Field = np.dstack([x, y])
        self._bytes_left = MAX_MOTION_BYTES - MOST_BYTES_A_NUMBER * self._zero.size
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def find(self, frames: Sequence[NDArray[np.uint8]]) -> NDArray[np.int16]:
        """Give the vectors of the next group, int16 `[rows, columns, 2]`, all 0 where nothing is gained.

        Args:
            frames: uint8 `[H, W, 3]` each, two at least.
        """
        lumas = [self._luma(frame) for frame in frames]
        still = self._gain_bits * self._differences(lumas, self._zero)
        best = self._zero
        if (still - self._gain_bits * np.log2(UNSEEN) > FEWEST_BITS).any() and self._bytes_left > 0:
            best = self._choose(lumas, still)
        if best.any():
            self._bytes_left -= MOST_BYTES_A_NUMBER * best.size
        self._before = best
        return best.astype(np.int16)

    def _luma(self, frame: NDArray[np.uint8]) -> Luma:
        """Reduce a frame, and smooth it: else moving noise by parts of a pixel would make it seem less."""
        if frame.shape[1::-1] != self._size:
            frame = cv2.resize(frame, self._size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        return cv2.GaussianBlur(luma, (0, 0), SMOOTHING).astype(np.uint8, copy=False)

    def _choose(self, lumas: Sequence[Luma], still: Cells) -> Vectors:
        """Choose for each cell what is worth most: no motion, what flow says, what was before, or the median.

        Args:
            lumas: of the frames.
            still: what each cell takes without motion, but for vectors.
        """
        cost_of_none = still + self._bits(self._zero)
        best, cost = self._zero, cost_of_none

        def take(other: Vectors, cost_of_other: Cells) -> None:
            nonlocal best, cost
            is_better = cost_of_other < cost
            if is_better.any():
                best = np.where(is_better[..., None], other, best)
                cost = self._cost(lumas, best)

        if self._before.any():
            take(self._before, self._cost(lumas, self._before))
        for vectors in self._flows(lumas):
            take(vectors, self._cost(lumas, vectors))
        axes = [cv2.medianBlur(np.ascontiguousarray(best[..., axis]), 3) for axis in (0, 1)]
        median = np.dstack(axes).astype(np.float32, copy=False)
        take(median, self._cost(lumas, median))
        take(self._zero, cost_of_none)
        return best if cost.sum() < cost_of_none.sum() - FEWEST_GAINED else self._zero

    def _flows(self, lumas: Sequence[Luma]) -> list[Vectors]:
        """Give the flow between the two frames in the middle, and between the first and the last, cell by cell."""
        middle = len(lumas) // 2
        pairs = dict.fromkeys(((middle - 1, middle), (0, len(lumas) - 1)))
        slope_x, slope_y = (cv2.Sobel(lumas[middle - 1], cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
        slope = (slope_x**2 + slope_y**2).astype(np.float32)
        weight = cv2.GaussianBlur(slope, (0, 0), SPREAD).astype(np.float32, copy=False) + np.float32(FLAT)
        total = self._mean_of_cells(weight)[..., None]
        found = []
        for first, last in pairs:
            there = self._flow.calc(lumas[first], lumas[last], NOTHING)
            back = self._flow.calc(lumas[last], lumas[first], NOTHING)
            flow = (there - back) / (2 * (last - first))
            vectors = self._mean_of_cells(flow * weight[..., None]) / total
            steps = np.round(vectors * (MOTION_UNIT / self._scale))
            found.append(np.clip(steps, -MOST_STEPS, MOST_STEPS).astype(np.float32))
        return found

    def _cost(self, lumas: Sequence[Luma], vectors: Vectors) -> Cells:
        """Give what each cell takes under vectors, in bits."""
        cost: Cells = self._gain_bits * self._differences(lumas, vectors) + self._bits(vectors)
        return cost

    def _bits(self, vectors: Vectors) -> Cells:
        """Give about how many bits the vectors of each cell take."""
        around = np.pad(vectors, ((1, 0), (1, 0), (0, 0)), mode="edge")
        expected = np.median([around[1:, :-1], around[:-1, 1:], self._before], axis=0)
        off = np.abs(vectors - expected)
        bits: Cells = (np.minimum(off, 1) * CHANGE_BITS + DOUBLING_BITS * np.log2(1 + off)).sum(axis=-1)
        return bits

    def _differences(self, lumas: Sequence[Luma], vectors: Vectors) -> Cells:
        """Give the logarithm of squared differences of moved frames from their mean, in and around each cell."""
        moved = list(lumas)
        if vectors.any():
            field = spread(vectors * (self._scale / MOTION_UNIT), self._size)
            for place, luma in enumerate(lumas):
                at = field * np.float32(place - (len(lumas) - 1) / 2)
                at += self._here
                moved[place] = look_up(luma, at, cv2.INTER_LINEAR)
        total, squares = (np.zeros(moved[0].shape, np.float32) for _ in range(2))
        for luma in moved:
            cv2.accumulate(luma, total)
            cv2.accumulateSquare(luma, squares)
        squared = (squares - total * total / len(moved)) / len(moved)
        of_tokens = cv2.blur(squared, (self._token, self._token)).astype(np.float32, copy=False)
        seen = cv2.blur(np.log2(of_tokens + UNSEEN), self._window).astype(np.float32, copy=False)
        return self._mean_of_cells(seen)

    def _mean_of_cells(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        return cv2.resize(picture, self._mesh, interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
