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
        self._from_last = Similarity()
        """Takes the frame laid out last to the frame that the segment began with."""
        self._into: Similarity | None = None
        """Takes that frame into the coded picture, for the group that is open."""

    def lay_out(self, steps: Sequence[Step], parts: Sequence[int], *, is_last: bool) -> list[Group]:
        """Choose how the next frames lie.

        Args:
            steps: to each frame.
            parts: numbers of frames that stay together; their sum is that of the frames.
            is_last: whether the segment ends with them.
        """
        seen = list(accumulate((step.motion for step in steps), self._compose, initial=self._from_last))[1:]
        self._from_last = seen[-1]
        bounds = list(accumulate(parts, initial=0))
        groups: list[Group] = []
        first = self._go_on(steps, seen, bounds, groups)
        while first < len(parts):
            last, into = first, None
            for end in range(first + 1, len(parts) + 1):
                wider = self._fit(seen[bounds[first] : bounds[end]])
                if wider is None and into is not None:
                    break
                last, into = end, wider
                if wider is None:
                    break
            frames = slice(bounds[first], bounds[last])
            if into is not None and last == len(parts) and not is_last:
                into = self._fit(seen[frames], ROOM) or into
            is_only = first == 0 and last == len(parts)
            fewest = FEWEST_SAVED if is_only else FEWEST_SAVED_ANEW
            pays = into is not None and _pays(steps[frames][1:], fewest)
            laid = tuple(into @ each for each in seen[frames]) if into is not None and pays else None
            groups.append(Group(last - first, laid, is_continued=False))
            self._into = into if pays else None
            first = last
        return groups

    @staticmethod
    def _compose(towards: Similarity, motion: Similarity) -> Similarity:
        return towards @ motion

    def _go_on(
        self, steps: Sequence[Step], seen: Sequence[Similarity], bounds: Sequence[int], groups: list[Group]
    ) -> int:
        """Put into the open group what still has its place there; gives the number of parts."""
        into = self._into
        if into is None:
            return 0
        count = 0
        for start, end in pairwise(bounds):
            if not all(self._has_room(into @ each) for each in seen[start:end]):
                break
            count += 1
        if count == 0 or not _pays(steps[: bounds[count]], FEWEST_SAVED):
            self._into = None
            return 0
        laid = tuple(into @ each for each in seen[: bounds[count]])
        groups.append(Group(count, laid, is_continued=True))
        return count

    def _has_room(self, laid: Similarity) -> bool:
        places = laid(self._corners)
        reach = max(np.abs(places.real).max() / self._size[0], np.abs(places.imag).max() / self._size[1])
        return reach <= 0.5 + 1e-9 and abs(laid.turn) >= FINEST_LOSS

    def _fit(self, seen: Sequence[Similarity], most: float = 1.0) -> Similarity | None:
        """Give what takes the segment's first frame into a coded picture that all of `seen` have their place in.

        Args:
            seen: take frames to the segment's first.
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
