"""A box or a span of time made anew from what is around it: inpainting and interpolation."""

from dataclasses import dataclass

from ..codec import OptionError, SegmentTokens, Selection, TokenEdit, TokenFile
from .editing import SegmentEditor, check_places
from .geometry import Box, TokenBox, frames_of, latents_of, pixels_of, stored_box, tokens_of
from .painter import Painter, Piece
from .provenance import GeneratedRegion, with_entry


@dataclass(frozen=True)
class Hole:
    """What is to be made anew: tokens whose supervoxel it touches."""

    box: Box | None = None
    """Of the picture as it is shown, turned upright; None for all of it."""
    start_seconds: float | None = None
    """From the time of the first frame; None for the beginning."""
    duration_seconds: float | None = None
    """Frames first shown within; None for all from there on."""


def inpaint(file: TokenFile, painter: Painter, hole: Hole) -> TokenEdit:
    """Make the tokens anew that a box touches, for some time; all others stay as they are.

    Raises:
        OptionError: the box lies outside of the picture, there is no frame in that time, or nothing is left to
            go by.
        WeightsError: the generator does not know tokens of this file.
    """
    return _fill_hole(file, painter, hole, "inpaint", "IPC")


def interpolate(file: TokenFile, painter: Painter, hole: Hole) -> TokenEdit:
    """Make the frames of a span of time anew from those before and after.

    A token is several frames, so frames next to the span that share a latent frame with it are made anew as well.
    Arguments and errors are those of `inpaint`; the hole has no box.
    """
    return _fill_hole(file, painter, hole, "interpolate", "FI")


def _fill_hole(file: TokenFile, painter: Painter, hole: Hole, command: str, prompt: str) -> TokenEdit:
    header = file.header
    painter.check_tokenizer(header)
    rows, columns = header.latent_size
    tokens = TokenBox(slice(0, rows), slice(0, columns))
    if hole.box is not None:
        tokens = tokens_of(stored_box(hole.box, header), header)
    latents = _find_latents(file, hole)
    if not latents:
        raise OptionError("the video has no frame in the time that was asked for")
    num_tokens = len(range(*tokens.rows.indices(rows))) * len(range(*tokens.columns.indices(columns)))
    num_latents = sum(each.stop - each.start for each in latents.values())
    num_all = sum(header.latent_frame_counts(segment.num_frames)[1] for segment in file.segments)
    if num_tokens * num_latents == rows * columns * num_all:
        raise OptionError(
            "that is the whole video: nothing is left to go by; choose a smaller box or less time"
        )
    check_places(file, latents)
    painter.check_depth(file.tokens(min(latents)).bit_depth)
    painter.num_expected = num_tokens * num_latents

    def plan(number: int, segment: SegmentTokens) -> Piece:
        piece = Piece.of_segment(segment.ids)
        piece.known[latents[number], tokens.rows, tokens.columns] = False
        return piece

    editor = SegmentEditor(file, painter, latents.__contains__, plan, prompt)
    box = None if hole.box is None else pixels_of(tokens, header)
    region = _region(file, latents, box)
    return TokenEdit(
        header, with_entry(file.metadata, painter, command, [region]), editor.items(), file.audio_headers
    )


def _find_latents(file: TokenFile, hole: Hole) -> dict[int, slice]:
    """Find the latent frames that a span of time touches, by the number of their segment."""
    selection = Selection(None, hole.start_seconds, hole.duration_seconds)
    first_pts, end_pts = selection.span(file.header)
    latents = {}
    for number in range(len(file.segments)):
        pts = file.timing(number).pts
        inside = [
            index
            for index, time in enumerate(pts)
            if (first_pts is None or time >= first_pts) and (end_pts is None or time < end_pts)
        ]
        if inside:
            latents[number] = latents_of(inside[0], inside[-1] + 1, file.header.strides[0])
    return latents


def _region(file: TokenFile, latents: dict[int, slice], box: Box | None) -> GeneratedRegion:
    stride = file.header.strides[0]
    first, last = min(latents), max(latents)
    one, other = file.segments[first], file.segments[last]
    start = one.first_frame + frames_of(latents[first], one.num_frames, stride)[0]
    end = other.first_frame + frames_of(latents[last], other.num_frames, stride)[1]
    return GeneratedRegion(start, end - start, box)
