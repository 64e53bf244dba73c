"""A clip that codecs are measured on: 8-bit 4:2:0 frames at one constant rate, and the raw files they travel in."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ...codec import Colour
from ...codec.colour import RANGE_FULL, RANGE_LIMITED, FrameToRgb
from .errors import CodecError

Plane = NDArray[np.uint8]
Planes = tuple[Plane, Plane, Plane]
"""Y `[H, W]`, U and V `[ceil(H/2), ceil(W/2)]`."""


@dataclass(frozen=True)
class ClipFormat:
    """What is fixed about a clip."""

    width: int
    height: int
    num_frames: int
    frame_rate: Fraction
    """Frames are a list at this rate, whatever their times in the source were."""

    colour: Colour
    """Of the 8-bit 4:2:0 frames."""

    @property
    def num_pixels(self) -> int:
        """Of all frames: what bits per pixel divide by."""
        return self.width * self.height * self.num_frames

    @property
    def even_size(self) -> tuple[int, int]:
        """(width, height) rounded up to even numbers: what encoders of 4:2:0 are given."""
        return self.width + self.width % 2, self.height + self.height % 2

    @property
    def plane_shapes(self) -> tuple[tuple[int, int], ...]:
        """Shapes of Y, U and V."""
        return plane_shapes(self.width, self.height)


@dataclass(frozen=True)
class SourceClip:
    """A clip in its prepared form, FFV1 in a .mov with colour tags, that every codec of a run starts from."""

    name: str
    path: Path
    format: ClipFormat


def plane_shapes(width: int, height: int) -> tuple[tuple[int, int], ...]:
    """Give the shapes of Y, U and V of a 4:2:0 frame."""
    chroma = ((height + 1) // 2, (width + 1) // 2)
    return (height, width), chroma, chroma


def read_planes(path: Path, size: tuple[int, int], num_frames: int, bit_depth: int = 8) -> Iterator[Planes]:
    """Read a raw 4:2:0 file frame by frame, rounded to 8 bits.

    Args:
        path: planar frames, one after the other; 2 little-endian bytes a sample where `bit_depth` is over 8.
        size: (width, height).
        num_frames: that it must hold.
        bit_depth: of its samples.

    Raises:
        CodecError: it holds another number of frames.
    """
    shapes = plane_shapes(*size)
    dtype = np.dtype("u1" if bit_depth == 8 else "<u2")
    counts = [rows * columns for rows, columns in shapes]
    frame_bytes = sum(counts) * dtype.itemsize
    found = path.stat().st_size / frame_bytes
    if found != num_frames:
        raise CodecError(f"{found:g} frames of {size[0]}x{size[1]} came back, expected {num_frames}")
    with path.open("rb") as file:
        for _ in range(num_frames):
            samples = np.frombuffer(file.read(frame_bytes), dtype)
            yield _split(_to_8_bits(samples, bit_depth), shapes, counts)


def write_planes(path: Path, frames: Iterable[Planes]) -> int:
    """Write frames raw, planar, and give their number; inverse: `read_planes`."""
    count = 0
    with path.open("wb") as file:
        for frame in frames:
            _write_frame(file, frame)
            count += 1
    return count


def write_y4m(path: Path, clip_format: ClipFormat, frames: Iterable[Planes]) -> None:
    """Write frames as y4m of even size, the last column and row repeated where the clip's is odd."""
    width, height = clip_format.even_size
    rate = clip_format.frame_rate
    range_name = "FULL" if clip_format.colour.full_range else "LIMITED"
    with path.open("wb") as file:
        file.write(
            f"YUV4MPEG2 W{width} H{height} F{rate.numerator}:{rate.denominator} Ip A1:1 C420mpeg2 "
            f"XCOLORRANGE={range_name}\n".encode()
        )
        for y, u, v in frames:
            file.write(b"FRAME\n")
            rows, columns = y.shape
            _write_frame(file, (np.pad(y, ((0, height - rows), (0, width - columns)), "edge"), u, v))


def crop(planes: Planes, width: int, height: int) -> Planes:
    """Cut what was padded off the right and the bottom."""
    shapes = plane_shapes(width, height)
    y, u, v = (plane[:rows, :columns] for plane, (rows, columns) in zip(planes, shapes, strict=True))
    return y, u, v


class PlanesToRgb:
    """Turns 4:2:0 planes into RGB as `mgv.codec` does, chroma upsampled bicubically.

    Args:
        colour: of the planes.
    """

    def __init__(self, colour: Colour) -> None:
        self._colour = colour
        self._to_rgb = FrameToRgb(colour)

    def convert(self, planes: Planes) -> NDArray[np.uint8]:
        """Give uint8 `[H, W, 3]`."""
        import av

        height, width = planes[0].shape
        frame = av.VideoFrame(width, height, "yuv420p")
        for target, plane in zip(frame.planes, planes, strict=True):
            rows = np.zeros((target.height, target.line_size), np.uint8)
            rows[: plane.shape[0], : plane.shape[1]] = plane
            target.update(rows.tobytes())
        frame.colorspace = self._colour.matrix
        frame.color_range = RANGE_FULL if self._colour.full_range else RANGE_LIMITED
        return self._to_rgb.convert(frame)


def _split(samples: Plane, shapes: tuple[tuple[int, int], ...], counts: list[int]) -> Planes:
    y, u, v = np.split(samples, np.cumsum(counts[:2]))
    return y.reshape(shapes[0]), u.reshape(shapes[1]), v.reshape(shapes[2])


def _to_8_bits(samples: NDArray[np.uint8] | NDArray[np.uint16], bit_depth: int) -> Plane:
    shift = bit_depth - 8
    if shift == 0:
        return np.asarray(samples, np.uint8)
    rounded = (samples.astype(np.uint32) + (1 << (shift - 1))) >> shift
    return np.asarray(np.minimum(rounded, 255), np.uint8)


def _write_frame(file: BinaryIO, planes: Planes) -> None:
    for plane in planes:
        file.write(np.ascontiguousarray(plane).tobytes())
