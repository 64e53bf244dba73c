"""A picture that grows by whole token rows and columns: outpainting."""

from dataclasses import dataclass

from ..codec import Header, OptionError, SegmentTokens, TokenEdit, TokenFile, grow_header
from .editing import SegmentEditor, check_places
from .geometry import SIDES, TokenBox, pixels_of, stored_side
from .painter import Painter, Piece
from .provenance import GeneratedRegion, with_entry


@dataclass(frozen=True)
class Growth:
    """How much is to be added, in whole tokens or in pixels, which are rounded up to whole tokens."""

    sides: tuple[str, ...]
    """Of the picture as it is shown, turned upright: some of `SIDES`."""
    num_tokens: int | None = None
    """Columns, or rows, on each of the sides."""
    num_pixels: int | None = None
    """Or pixels on each of them; what padding becomes picture counts."""

    def __post_init__(self) -> None:
        if not self.sides or not set(self.sides) <= set(SIDES):
            raise OptionError(
                f"sides are {', '.join(self.sides) or 'none'}, expected some of {', '.join(SIDES)}"
            )
        if (self.num_tokens is None) == (self.num_pixels is None):
            raise OptionError("give either the columns to add on each side, or the pixels")

    def tokens_at(self, side: str, header: Header) -> int | None:
        """Give the tokens to come at a side of the stored picture; None for none, 0 if its padding is enough."""
        if side not in {stored_side(each, header) for each in self.sides}:
            return None
        if self.num_tokens is not None:
            return self.num_tokens
        is_width = side in ("left", "right")
        stride = header.strides[2 if is_width else 1]
        coded = header.coded_width if is_width else header.coded_height
        whole = header.width if is_width else header.height
        padding = -coded % stride if side in ("right", "bottom") else 0
        pixels = -(-(self.num_pixels or 0) * coded // whole) - padding
        return max(0, -(-pixels // stride))


def outpaint(file: TokenFile, painter: Painter, growth: Growth) -> TokenEdit:
    """Let the picture grow; old tokens stay as they are, but for those that held padding on a side that grows.

    Raises:
        OptionError: the picture becomes too large.
        WeightsError: the generator does not know tokens of this file.
    """
    painter.check_tokenizer(file.header)
    left, top, right, bottom = (growth.tokens_at(side, file.header) for side in SIDES)
    header = grow_header(file.header, (left or 0, right), (top or 0, bottom))
    old_height, old_width = file.header.latent_size
    height, width = header.latent_size
    # Where the picture goes on, the last row and column are no longer its edge; what padded them is to be made.
    kept_height = old_height - (bottom is not None and file.header.coded_height % header.strides[1] > 0)
    kept_width = old_width - (right is not None and file.header.coded_width % header.strides[2] > 0)
    kept = TokenBox(slice(top or 0, (top or 0) + kept_height), slice(left or 0, (left or 0) + kept_width))

    def plan(number: int, segment: SegmentTokens) -> Piece:
        piece = Piece.unknown((len(segment.ids), height, width))
        piece.ids[:, kept.rows, kept.columns] = segment.ids[:, :kept_height, :kept_width]
        piece.known[:, kept.rows, kept.columns] = True
        return piece

    check_places(file, range(len(file.segments)), grows=True)
    if file.segments:
        painter.check_depth(file.tokens(0).bit_depth)
    num_latents = sum(header.latent_frame_counts(segment.num_frames)[1] for segment in file.segments)
    painter.num_expected = num_latents * (height * width - kept_height * kept_width)
    editor = SegmentEditor(file, painter, lambda number: True, plan, _prompt(growth, file.header))
    around = _around(kept, (height, width))
    regions = [GeneratedRegion(0, file.num_frames, pixels_of(box, header)) for box in around]
    return TokenEdit(
        header, with_entry(file.metadata, painter, "outpaint", regions), editor.items(), file.audio_headers
    )


def _prompt(growth: Growth, header: Header) -> str:
    sides = {stored_side(side, header) for side in growth.sides}
    if sides <= {"left", "right"}:
        return "OPV"
    return "OPH" if sides <= {"top", "bottom"} else "OPC"


def _around(kept: TokenBox, grid: tuple[int, int]) -> list[TokenBox]:
    """Cut what is around a box of a grid into four boxes at most."""
    height, width = grid
    boxes = [
        TokenBox(slice(0, height), slice(0, kept.columns.start)),
        TokenBox(slice(0, height), slice(kept.columns.stop, width)),
        TokenBox(slice(0, kept.rows.start), kept.columns),
        TokenBox(slice(kept.rows.stop, height), kept.columns),
    ]
    return [box for box in boxes if box.rows.start < box.rows.stop and box.columns.start < box.columns.stop]
