"""Where the camera went from frame to frame, by points that are seen again."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .similarity import Similarity, Size

Luma = NDArray[np.uint8]
"""`[H, W]`."""

Blocks = NDArray[np.float32]
"""One number for each block of a small picture, `[rows, columns]`."""

BLOCK_SIDE = 16
"""Pixels, about."""

MOST_ZOOM = 2.0
"""Times that a picture may have grown or shrunk since points were looked for."""

LONG_SIDE = 512
"""Pixels of the long side at which motion is looked for, at most."""

MOST_POINTS = 250
FEWEST_POINTS = 24
POINT_QUALITY = 0.005
POINT_DISTANCE = 7
SEARCH_WINDOW = (15, 15)
SEARCH_LEVELS = 4
SEARCH_END = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03)
"""After so many iterations, or one that moves a point by so few pixels."""

TOLERANCE = 1.0
"""Pixels, of those at which motion is looked for, that a point may be off and still agree with the camera."""

FEWEST_AGREEING = 0.4
"""Share of the points that were looked for, below which they are looked for anew."""


@dataclass(frozen=True)
class Step:
    """From the frame before to a frame."""

    motion: Similarity
    """Takes the frame to the one before, in source pixels."""

    still: Blocks
    """Mean squared difference of luma between the two, in each block that both show; 0 elsewhere."""

    followed: Blocks
    """The same after moving the one before by the motion."""


class Tracker:
    """Follows the camera through a segment.

    Points of one frame are followed until too few are left (Lucas and Kanade's method), and the similarity that
    most of them agree with is taken for the camera's motion (RANSAC).
    """

    def __init__(self, size: Size) -> None:
        """Begin a segment with frames of that size."""
        scale = min(1.0, LONG_SIDE / max(size))
        self._size: Size = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
        self._scale = complex(self._size[0] / size[0], self._size[1] / size[1])
        self._before: Luma | None = None
        self._origin: Luma | None = None
        """Where points were looked for."""
        self._points = np.empty((0, 1, 2), np.float32)
        self._from_origin = Similarity()
        """Takes the origin to the frame before, in pixels of the small pictures."""

    def push(self, rgb: NDArray[np.uint8]) -> Step:
        """Follow to the next frame, uint8 `[H, W, 3]`. The first is as if nothing had moved."""
        small = cv2.resize(rgb, self._size, interpolation=cv2.INTER_AREA) if self._scale != 1 + 1j else rgb
        luma = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
        before, self._before = self._before, luma
        if before is None:
            self._look_for_points(luma)
            return _compare(Similarity(), luma, luma, self._scale)
        found = self._find(luma)
        if found is None:
            self._look_for_points(before)
            found = self._find(luma)
        if found is None:
            return _compare(Similarity(), before, luma, self._scale)
        motion = self._from_origin @ found.inverse()
        self._from_origin = found
        return _compare(motion, before, luma, self._scale)

    def _look_for_points(self, luma: Luma) -> None:
        points = cv2.goodFeaturesToTrack(luma, MOST_POINTS, POINT_QUALITY, POINT_DISTANCE)
        self._origin, self._from_origin = luma, Similarity()
        self._points = np.empty((0, 1, 2), np.float32) if points is None else points.astype(np.float32)

    def _find(self, luma: Luma) -> Similarity | None:
        """Give what takes the origin to `luma`; None if too few points agree."""
        if len(self._points) < FEWEST_POINTS or self._origin is None:
            return None
        matrix = self._from_origin.matrix(self._size, self._size, self._size)
        guess = (self._points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
        places, is_seen, _ = cv2.calcOpticalFlowPyrLK(
            self._origin,
            luma,
            self._points,
            guess,
            winSize=SEARCH_WINDOW,
            maxLevel=SEARCH_LEVELS,
            criteria=SEARCH_END,
            flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )
        seen = is_seen[:, 0] == 1
        if seen.sum() < FEWEST_POINTS:
            return None
        middle = (np.array(self._size, np.float32) - 1) / 2
        found, agrees = cv2.estimateAffinePartial2D(
            self._points[seen] - middle,
            places[seen] - middle,
            method=cv2.RANSAC,
            ransacReprojThreshold=TOLERANCE,
        )
        if found is None or agrees.sum() < max(FEWEST_POINTS / 2, FEWEST_AGREEING * len(self._points)):
            return None
        turn = complex(found[0, 0], found[1, 0])
        if not 1 / MOST_ZOOM < abs(turn) < MOST_ZOOM:
            return None
        return Similarity(turn, complex(found[0, 2], found[1, 2]))


def _compare(motion: Similarity, before: Luma, luma: Luma, scale: complex) -> Step:
    """Measure what following a motion is worth; `scale` is that of the small pictures, in x and y."""
    size = luma.shape[1], luma.shape[0]
    matrix = motion.matrix(size, size, size)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved, is_inside = np.empty_like(luma), np.empty_like(luma)
    cv2.warpAffine(before, matrix, size, moved, flags)
    cv2.warpAffine(np.full_like(before, 255), matrix, size, is_inside, flags)
    still, followed = (
        _mean_of_blocks(np.square(cv2.absdiff(other, luma), dtype=np.float32) * (is_inside == 255))
        for other in (before, moved)
    )
    shift = complex(motion.shift.real / scale.real, motion.shift.imag / scale.imag)
    return Step(Similarity(motion.turn, shift), still, followed)


def _mean_of_blocks(picture: NDArray[np.float32]) -> Blocks:
    height, width = picture.shape
    blocks = max(1, width // BLOCK_SIDE), max(1, height // BLOCK_SIDE)
    return cv2.resize(picture, blocks, interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
