"""Segment by segment through a file: what is touched is completed in the light of its neighbours, the rest copied."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from ..codec import Header, OptionError, SegmentTokens, StoredSegment, TokenFile
from ..codec.motion import num_groups, pack_motion, unpack_motion
from ..codec.token_edit import Item
from .painter import Painter, Piece
from .tiling import Mask

Plan = Callable[[int, SegmentTokens], Piece]
"""Given the number of a segment and its tokens, says what of it is known; its grid may be larger than it was."""


@dataclass(frozen=True)
class Neighbour:
    """A segment that others are completed in the light of."""

    piece: Piece
    bit_depth: int


def check_places(file: TokenFile, numbers: Iterable[int], *, grows: bool = False) -> None:
    """Refuse segments whose tokens are to be changed by their place in the picture, and have none.

    Args:
        file: nothing of it is decoded.
        numbers: of the segments.
        grows: whether the picture is to grow, so that a mesh over it would be another.

    Raises:
        OptionError: the encoder followed the camera, or aligned what moves in a picture that grows.
    """
    for number in numbers:
        timing = file.timing(number)
        if grows and timing.motion:
            raise OptionError(
                f"the segment at frame {file.segments[number].first_frame} was aligned along what moves, by a "
                "mesh over the picture as it is; encode the video with --no-align-motion"
            )
        if timing.views:
            raise OptionError(
                f"the segment at frame {file.segments[number].first_frame} follows the camera, so that its tokens have "
                "no fixed place in the picture; encode the video with --no-follow-camera"
            )


def forget_motion(tokens: SegmentTokens, known: Mask, header: Header) -> bytes:
    """Give the motion of a segment without that of cells in and around which no token is known.

    Cells beside one with known tokens keep their vectors: what is known is bent along what lies between.

    Args:
        tokens: of the segment.
        known: `[t, h, w]`, which of them are kept, at least in part.
        header: of the file.
    """
    if not tokens.motion:
        return b""
    stride, *strides = header.strides
    motion = unpack_motion(tokens.motion, num_groups(len(tokens.pts), stride))
    sides = header.coded_height / strides[0], header.coded_width / strides[1]
    rows, columns = (
        _around_cells(num_cells, side) for num_cells, side in zip(motion.shape[1:3], sides, strict=True)
    )
    for group, vectors in enumerate(motion):
        for row, high in enumerate(rows):
            for column, wide in enumerate(columns):
                vectors[row, column] *= known[group + 1, high, wide].any()
    return pack_motion(motion)


def _around_cells(num_cells: int, num_tokens: float) -> list[slice]:
    """Give the tokens, along a side of so many, that each cell of a mesh and those beside it touch."""
    width = num_tokens / num_cells
    return [
        slice(max(0, int((number - 1) * width)), math.ceil((number + 2) * width))
        for number in range(num_cells)
    ]


def context_before(neighbours: Iterable[Neighbour], bit_depth: int, num_latents: int) -> Piece | None:
    """Join the latent frames before a place.

    Args:
        neighbours: segments, the nearest first; no more than are needed are asked for.
        bit_depth: that is needed; a segment of less ends the context.
        num_latents: that are enough.
    """
    return _join(neighbours, bit_depth, num_latents, lambda context, earlier: earlier.then(context))


def context_after(neighbours: Iterable[Neighbour], bit_depth: int, num_latents: int) -> Piece | None:
    """Join the latent frames after a place; arguments as of `context_before`."""
    return _join(neighbours, bit_depth, num_latents, lambda context, later: context.then(later))


def _join(
    neighbours: Iterable[Neighbour], bit_depth: int, num_latents: int, join: Callable[[Piece, Piece], Piece]
) -> Piece | None:
    context: Piece | None = None
    for neighbour in neighbours:
        if neighbour.bit_depth < bit_depth:
            break
        context = neighbour.piece if context is None else join(context, neighbour.piece)
        if len(context) >= num_latents:
            break
    return context


def stored_before(file: TokenFile, number: int) -> Iterator[Neighbour]:
    """Give the segments of a file before one, the nearest first, as they are."""
    for earlier in range(number - 1, -1, -1):
        tokens = file.tokens(earlier)
        yield Neighbour(Piece.of_segment(tokens.ids), tokens.bit_depth)


@dataclass(frozen=True)
class SegmentEditor:
    """Completes the segments of a file that a plan touches; holds few latent frames beside those of one segment."""

    file: TokenFile
    painter: Painter
    touches: Callable[[int], bool]
    """Whether anything is to be made in the segment of that number."""
    plan: Plan
    """Of the segments that are touched."""
    task: str
    """`FP` to `CFP`, the prompt."""

    def items(self) -> Iterator[Item]:
        """Give everything that the new file holds behind its headers."""
        reach = self.painter.context_latents
        done: deque[tuple[int, Neighbour]] = deque(maxlen=reach)
        for item in self.file.items():
            if not isinstance(item, StoredSegment) or not self.touches(item.number):
                yield item
                continue
            number, tokens = item.number, self.file.tokens(item.number)
            depth = tokens.bit_depth
            piece = self.plan(number, tokens)
            ids = self.painter.complete(
                piece,
                depth,
                self.task,
                before=context_before(self._before(number, dict(done)), depth, reach),
                after=context_after(self._after(number), depth, reach),
            )
            done.append((number, Neighbour(Piece.of_segment(ids)[-reach:], depth)))
            motion = forget_motion(tokens, piece.known, self.file.header)
            yield replace(tokens, ids=ids, motion=motion)

    def _before(self, number: int, done: dict[int, Neighbour]) -> Iterator[Neighbour]:
        for earlier in range(number - 1, -1, -1):
            yield done[earlier] if earlier in done else self._as_planned(earlier)

    def _after(self, number: int) -> Iterator[Neighbour]:
        for later in range(number + 1, len(self.file.segments)):
            yield self._as_planned(later)

    def _as_planned(self, number: int) -> Neighbour:
        tokens = self.file.tokens(number)
        piece = self.plan(number, tokens) if self.touches(number) else Piece.of_segment(tokens.ids)
        return Neighbour(piece, tokens.bit_depth)
