"""Where each frame of a segment is laid into the coded picture."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from .similarity import Similarity, Size
from .track import Step

FINEST_LOSS = 0.75
"""Coded over source resolution that is left at least: what together takes more room than a frame is made smaller."""

ROOM = 0.88
"""The same for frames that more of may follow."""

FEWEST_SAVED = 0.1
"""Mean over blocks of the binary logarithm of how many times larger differences are without following, at least."""

FEWEST_SAVED_ANEW = 0.5
"""The same where the frames of a window don't fit together: the whole picture changes between groups."""

UNSEEN = 16.0
"""Squared difference of luma below which differences take few bits."""

STEPS_TOGETHER = 8
"""Steps that are judged together."""

MIDDLE = 0.2
"""Standard deviation of the weight of a picture's middle, in its width and height."""


@dataclass(frozen=True)
class Group:
    """Frames that lie on one another where they show the same."""

    num_parts: int
    laid: tuple[Similarity, ...] | None
    """Of each frame, into the coded picture; None where the coded picture is the frame."""

    is_continued: bool
    """Whether it goes on where the last group ended."""


class Layout:
    """Lays out a segment, a window of frames at a time."""

    def __init__(self, size: Size) -> None:
        """Begin a segment with frames of that size."""
        self._size = size
        self._corners = np.array([complex(x, y) for x in (-0.5, 0.5) for y in (-0.5, 0.5)])
        self._corners = self._corners.real * size[0] + 1j * self._corners.imag * size[1]
        self._last: Similarity | None = None
        """How the frame laid out last lies, where a group is open."""
        self._is_begun = False

    def lay_out(self, steps: Sequence[Step], parts: Sequence[int], *, is_last: bool) -> list[Group]:
        """Choose how the next frames lie.

        Args:
            steps: to each frame.
            parts: numbers of frames that stay together; their sum is that of the frames.
            is_last: whether the segment ends with them.
        """
        bounds = list(accumulate(parts, initial=0))
        groups = self._go_on(steps, bounds)
        first = sum(group.num_parts for group in groups)
        while first < len(parts):
            seen, last = self._gather(steps, bounds, first)
            is_only = last - first == len(parts) and not self._is_begun
            fewest = FEWEST_SAVED if is_only else FEWEST_SAVED_ANEW
            into = self._fit(seen) if _pays(steps[bounds[first] + 1 : bounds[last]], fewest) else None
            if into is not None and last == len(parts) and not is_last:
                into = self._fit(seen, ROOM) or into
            laid = None if into is None else tuple(into @ each for each in seen)
            groups.append(Group(last - first, laid, is_continued=False))
            self._last = None if laid is None else laid[-1]
            first = last
        self._is_begun = True
        return groups

    def _gather(
        self, steps: Sequence[Step], bounds: Sequence[int], first: int
    ) -> tuple[list[Similarity], int]:
        """Take parts from `first` on as long as they fit together, one at least.

        Returns:
            What takes each frame to the first of them, and the part that they end before.
        """
        seen = _follow(steps[bounds[first] + 1 : bounds[first + 1]], Similarity(), keep_start=True)
        last = first + 1
        while last + 1 < len(bounds) and self._fit(seen) is not None:
            more = _follow(steps[bounds[last] : bounds[last + 1]], seen[-1])
            if self._fit(seen + more) is None:
                break
            seen += more
            last += 1
        return seen, last

    def _go_on(self, steps: Sequence[Step], bounds: Sequence[int]) -> list[Group]:
        """Put into the open group what still has its place there."""
        laid: list[Similarity] = []
        last, count = self._last, 0
        if last is None:
            return []
        for start, end in pairwise(bounds):
            more = _follow(steps[start:end], last)
            if not all(self._has_room(where) for where in more):
                break
            laid += more
            last, count = more[-1], count + 1
        if not _pays(steps[: len(laid)], FEWEST_SAVED):
            self._last = None
            return []
        self._last = last
        return [Group(count, tuple(laid), is_continued=True)]

    def _has_room(self, laid: Similarity) -> bool:
        places = laid(self._corners)
        reach = max(np.abs(places.real).max() / self._size[0], np.abs(places.imag).max() / self._size[1])
        return reach <= 0.5 + 1e-9 and abs(laid.turn) >= FINEST_LOSS

    def _fit(self, seen: Sequence[Similarity], most: float = 1.0) -> Similarity | None:
        """Give what takes the first of some frames into a coded picture that all of them have their place in.

        Args:
            seen: take each frame to the first.
            most: resolution that may be left of the frame that loses most.

        Returns:
            None where that frame would lose too much.
        """
        middle = seen[len(seen) // 2].turn
        upright = Similarity(abs(middle) / middle)
        places = np.concatenate([(upright @ each)(self._corners) for each in seen])
        low = complex(places.real.min(), places.imag.min())
        high = complex(places.real.max(), places.imag.max())
        finest = min(abs(each.turn) for each in seen)
        scale = min(self._size[0] / (high - low).real, self._size[1] / (high - low).imag)
        if scale * finest < FINEST_LOSS:
            return None
        scale = min(scale, most / finest)
        return Similarity(scale, -scale * (low + high) / 2) @ upright


def _follow(steps: Sequence[Step], start: Similarity, *, keep_start: bool = False) -> list[Similarity]:
    """Give where each frame is after steps from a start; `keep_start` gives that too."""
    places = list(accumulate((step.motion for step in steps), Similarity.__matmul__, initial=start))
    return places if keep_start else places[1:]


def _pays(steps: Sequence[Step], fewest: float) -> bool:
    """Tell whether following the camera leaves less to be coded, and takes nothing from the middle.

    Bits go by the logarithm of a difference, so that each block counts the same, whatever its contrast: a face that
    a camera moves around is not to pay for what is behind it. The squared difference of the middle finds small
    things that the camera keeps in sight, which stand still only if it is not followed.

    Args:
        steps: from frame to frame, inside of a group.
        fewest: what is to be saved at least, see `FEWEST_SAVED`.
    """
    if not steps:
        return False
    count = max(1, len(steps) // STEPS_TOGETHER)
    still, followed = (
        np.stack([np.mean(part, axis=0) for part in np.array_split(np.stack(blocks), count)])
        for blocks in ([step.still for step in steps], [step.followed for step in steps])
    )
    saved = np.log2((still + UNSEEN) / (followed + UNSEEN))
    middle = _middle(still.shape[1:])
    return bool(
        saved.mean() > fewest and (saved * middle).sum() > 0 and ((followed - still) * middle).sum() < 0
    )


@functools.lru_cache(maxsize=4)
def _middle(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Weigh the blocks of a picture, `[rows, columns]`, by how near they are to its middle, where people look."""
    y, x = (np.exp(-0.5 * np.square(((np.arange(side) + 0.5) / side - 0.5) / MIDDLE)) for side in shape)
    weights: NDArray[np.float64] = np.outer(y, x)
    return weights
