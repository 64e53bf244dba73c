"""Lost segments made anew from the tokens on both sides; passed to the codec, which fills gaps with it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..codec import Header, LostFrames, SegmentTokens, View, new_segment_frames
from .geometry import num_latents
from .painter import Painter, Piece


@dataclass(frozen=True)
class GapPainter:
    """Fills gaps of one file; a `GapFiller` of the codec."""

    painter: Painter
    header: Header

    @classmethod
    def opener(cls, painter: Painter) -> "Callable[[Header], GapPainter]":
        """Give what the codec calls with a file's header before anything is decoded; it raises WeightsError there."""

        def open_filler(header: Header) -> GapPainter:
            painter.check_tokenizer(header)
            painter.check_depth(header.bit_depths[-1])
            return cls(painter, header)

        return open_filler

    def __call__(
        self, before: SegmentTokens | None, lost: LostFrames, after: SegmentTokens | None
    ) -> Iterator[SegmentTokens]:
        """Make segments as long as a gap, of the nominal length; holds one, and few latent frames.

        A neighbour with fewer layers than the generator needs is not looked at.

        Args:
            before: the segment before the gap, None at the start of a video.
            lost: the frames that are missing.
            after: the segment after it, None at the end.
        """
        depth = self._depth([side.bit_depth for side in (before, after) if side is not None])
        reach, stride = self.painter.context_latents, self.header.strides[0]
        context = _piece(before, depth)
        ending = _piece(after, depth)
        nominal = new_segment_frames(self.header)
        for first in range(0, lost.num_frames, nominal):
            end = min(lost.num_frames, first + nominal)
            piece = Piece.unknown((num_latents(end - first, stride), *self.header.latent_size))
            later = ending if end == lost.num_frames else None
            task = "FP" if later is None else "FI"
            ids = self.painter.complete(piece, depth, task, before=context, after=later)
            pts = tuple(lost.pts(index) for index in range(first, end))
            yield SegmentTokens(
                ids,
                depth,
                lost.first_frame + first,
                pts,
                lost.pts(end) - pts[-1],
                is_concealed=True,
                views=_view_beside(before, after) * (end - first),
            )
            made = Piece.of_segment(ids)
            context = (made if context is None else context.then(made))[-reach:]

    def _depth(self, of_neighbours: list[int]) -> int:
        """Choose the greatest depth known to the generator that all neighbours have, else one of them."""
        known = self.painter.filler.bit_depths
        for most in sorted(set(of_neighbours)):
            usable = [depth for depth in known if depth <= most]
            if usable:
                return max(usable)
        self.painter.check_depth(max(of_neighbours))
        return max(of_neighbours)


def _view_beside(before: SegmentTokens | None, after: SegmentTokens | None) -> tuple[View, ...]:
    """Give the view of the frame before a gap, else of the one after; empty where that is the coded picture."""
    return before.views[-1:] if before is not None else after.views[:1] if after is not None else ()


def _piece(side: SegmentTokens | None, depth: int) -> Piece | None:
    return None if side is None or side.bit_depth < depth else Piece.of_segment(side.ids)
