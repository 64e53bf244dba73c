"""Colour: what the tags of a source mean, and frames to and from RGB by swscale."""

from dataclasses import replace

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from ..container import Colour
from .errors import MediaError

UNSPECIFIED = 2
MATRIX_RGB, MATRIX_BT709, MATRIX_BT601, MATRIX_BT2020, MATRIX_BT2020_CONSTANT = 0, 1, 6, 9, 10
TRANSFER_SRGB, TRANSFER_BT2020, TRANSFER_PQ, TRANSFER_HLG = 13, 14, 16, 18
MATRICES = frozenset({MATRIX_BT709, 4, 5, MATRIX_BT601, 7, MATRIX_BT2020})
"""Matrix coefficients (H.273) that swscale converts exactly."""

HD_LINES = 720
"""Pictures of this height and more are BT.709 where nothing says otherwise, lower ones BT.601."""

RANGE_LIMITED, RANGE_FULL = 1, 2
_SCALER = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT
)
_EXPAND_LIMITED = np.clip(np.rint((np.arange(256) - 16) * (255 / 219)), 0, 255).astype(np.uint8)


def default_matrix(height: int) -> int:
    """Guess the matrix (H.273) of a picture of `height` lines that carries no tag."""
    return MATRIX_BT709 if height >= HD_LINES else MATRIX_BT601


def colour_of(frame: av.VideoFrame, context: av.VideoCodecContext) -> Colour:
    """Read a frame's colour tags, fill in from its stream, then guess by convention what is still missing.

    Raises:
        MediaError: the matrix is one that can't be converted.
    """
    matrix = _first_specified(frame.colorspace, context.colorspace)
    primaries = _first_specified(frame.color_primaries, context.color_primaries)
    transfer = _first_specified(frame.color_trc, context.color_trc)
    if frame.format.is_rgb:
        matrix, guess = MATRIX_RGB, (MATRIX_BT709, TRANSFER_SRGB)
    else:
        if matrix in (UNSPECIFIED, MATRIX_RGB):
            matrix = default_matrix(frame.height)
        if matrix == MATRIX_BT2020_CONSTANT:
            matrix = MATRIX_BT2020
        if matrix not in MATRICES:
            raise MediaError(
                f"colour matrix {matrix} (H.273) is not supported; convert the source to BT.709 first"
            )
        guess = (matrix, TRANSFER_BT2020 if matrix == MATRIX_BT2020 else matrix)
    return Colour(
        primaries=guess[0] if primaries == UNSPECIFIED else primaries,
        transfer=guess[1] if transfer == UNSPECIFIED else transfer,
        matrix=matrix,
        full_range=_is_full_range(frame, context.color_range),
    )


def with_matrix(colour: Colour, matrix: int) -> Colour:
    """Give the same colours as YUV of another matrix, or as RGB, which is of full range."""
    return replace(colour, matrix=matrix, full_range=colour.full_range or matrix == MATRIX_RGB)


def yuv_colour(colour: Colour, height: int) -> Colour:
    """Give the colours for YUV output: the source's, or conventional ones where that was RGB."""
    if colour.matrix in MATRICES:
        return colour
    return replace(colour, matrix=default_matrix(height), full_range=False)


class FrameToRgb:
    """Turns decoded frames of any pixel format into 8-bit RGB; inverse: `RgbToFrame`."""

    def __init__(self, colour: Colour) -> None:
        self._colour = colour
        self._scaler = VideoReformatter()

    def convert(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """Give uint8 `[H, W, 3]`, each value in [0, 255]; a frame's own tags go before the stream's."""
        expand = _is_gray(frame) and frame.color_range == RANGE_LIMITED
        if not frame.format.is_rgb:
            if frame.colorspace not in MATRICES:
                frame.colorspace = self._colour.matrix
            if frame.color_range not in (RANGE_LIMITED, RANGE_FULL):
                frame.color_range = RANGE_FULL if self._colour.full_range else RANGE_LIMITED
        rgb_frame = self._scaler.reformat(frame, format="rgb24", interpolation=_SCALER, threads=1)
        rgb = rgb_frame.to_ndarray().astype(np.uint8, copy=False)
        return _EXPAND_LIMITED[rgb] if expand else rgb


class RgbToFrame:
    """Turns 8-bit RGB into frames for an encoder; inverse: `FrameToRgb`.

    Args:
        pixel_format: of the frames, by its FFmpeg name.
        colour: tags of the frames; the matrix is one of `MATRICES` unless the format is an RGB one.
    """

    def __init__(self, pixel_format: str, colour: Colour) -> None:
        self._colour = colour
        self._steps = [(pixel_format, VideoReformatter())]
        if colour.full_range and colour.matrix != MATRIX_RGB:
            # swscale rounds chroma of full range down; in 10 bits a quarter of that is left
            self._steps.insert(0, (f"{pixel_format}10le", VideoReformatter()))

    def convert(self, rgb: NDArray[np.uint8]) -> av.VideoFrame:
        """Take uint8 `[H, W, 3]`; the frame has no pts yet."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        matrix, color_range = self._colour.matrix, RANGE_FULL if self._colour.full_range else RANGE_LIMITED
        for pixel_format, scaler in self._steps:
            frame.colorspace = matrix
            frame = scaler.reformat(
                frame,
                format=pixel_format,
                dst_colorspace=None if matrix == MATRIX_RGB else matrix,
                dst_color_range=None if matrix == MATRIX_RGB else color_range,
                interpolation=_SCALER,
                threads=1,
            )
        frame.colorspace, frame.color_range = matrix, color_range
        frame.color_primaries, frame.color_trc = self._colour.primaries, self._colour.transfer
        return frame


def _first_specified(*tags: int) -> int:
    return next((int(tag) for tag in tags if tag not in (UNSPECIFIED, 3)), UNSPECIFIED)


def _is_gray(frame: av.VideoFrame) -> bool:
    return bool(frame.format.name.startswith(("gray", "ya", "mono")))


def _is_full_range(frame: av.VideoFrame, stream_range: int) -> bool:
    if frame.format.is_rgb or frame.format.name.startswith("yuvj"):
        return True
    color_range = frame.color_range or stream_range
    return _is_gray(frame) if color_range == 0 else color_range == RANGE_FULL
