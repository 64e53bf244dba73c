"""Where pixels and frames are in the token grid, and the other way round."""

from dataclasses import dataclass

from ..codec import Header, OptionError

SIDES = ("left", "top", "right", "bottom")
"""Of a picture, clockwise."""


@dataclass(frozen=True)
class Box:
    """A part of a picture, in pixels."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.x < 0 or self.y < 0 or self.width < 1 or self.height < 1:
            raise OptionError(f"box is {self}, expected X,Y,W,H from 0,0 on and at least 1 x 1")

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"


@dataclass(frozen=True)
class TokenBox:
    """The same part in tokens: all whose supervoxel it touches."""

    rows: slice
    columns: slice


def stored_box(box: Box, header: Header) -> Box:
    """Find in the stored picture what is a box of the picture as it is shown, turned upright.

    Raises:
        OptionError: the box lies outside of the picture in part.
    """
    width, height, turn = header.width, header.height, header.rotation_degrees
    shown = (height, width) if turn in (90, 270) else (width, height)
    if box.x + box.width > shown[0] or box.y + box.height > shown[1]:
        raise OptionError(f"box is {box}, but the picture has {shown[0]} x {shown[1]} pixels")
    right, bottom = box.x + box.width, box.y + box.height
    if turn == 90:
        return Box(box.y, height - right, box.height, box.width)
    if turn == 180:
        return Box(width - right, height - bottom, box.width, box.height)
    if turn == 270:
        return Box(width - bottom, box.x, box.height, box.width)
    return box


def stored_side(side: str, header: Header) -> str:
    """Find the side of the stored picture that is `side` of the picture as it is shown, turned upright."""
    return SIDES[(SIDES.index(side) - header.rotation_degrees // 90) % 4]


def tokens_of(box: Box, header: Header) -> TokenBox:
    """Find the tokens that a box of the stored picture touches."""
    rows = _touched(box.y, box.height, header.coded_height, header.height, header.strides[1])
    columns = _touched(box.x, box.width, header.coded_width, header.width, header.strides[2])
    return TokenBox(rows, columns)


def pixels_of(tokens: TokenBox, header: Header) -> Box:
    """Find the box of the stored picture that tokens fill."""
    top, bottom = _filled(tokens.rows, header.coded_height, header.height, header.strides[1])
    left, right = _filled(tokens.columns, header.coded_width, header.width, header.strides[2])
    return Box(left, top, right - left, bottom - top)


def num_latents(num_frames: int, stride: int) -> int:
    """Give the latent frames of a segment of so many frames."""
    return 1 + -(-(num_frames - 1) // stride)


def latents_of(first: int, end: int, stride: int) -> slice:
    """Find the latent frames that frames `[first, end)` of a segment touch; none if there are no such frames."""
    return slice(num_latents(first + 1, stride) - 1, num_latents(end, stride)) if first < end else slice(0, 0)


def frames_of(latents: slice, num_frames: int, stride: int) -> tuple[int, int]:
    """Find the frames `[first, end)` of a segment of `num_frames` that latent frames hold."""
    first = 0 if latents.start == 0 else 1 + (latents.start - 1) * stride
    return first, min(num_frames, 1 + (latents.stop - 1) * stride)


def _touched(start: int, length: int, coded: int, whole: int, stride: int) -> slice:
    first = start * coded // whole
    end = min(coded, -(-(start + length) * coded // whole))
    return slice(first // stride, -(-end // stride))


def _filled(tokens: slice, coded: int, whole: int, stride: int) -> tuple[int, int]:
    end = min(coded, tokens.stop * stride)
    return tokens.start * stride * whole // coded, -(-end * whole // coded)
