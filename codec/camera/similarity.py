"""Similarity transforms of the plane (scale, turn and shift) as complex numbers, and the views that a file holds."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ...container import VIEW_UNIT, View

Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True)
class Similarity:
    """z -> turn * z + shift, on points z = x + iy in source pixels from the middle of a picture, y downwards."""

    turn: complex = 1
    """Scale, as its absolute value, and angle."""

    shift: complex = 0

    def __matmul__(self, first: "Similarity") -> "Similarity":
        """Give the transform that does `first`, then this."""
        return Similarity(self.turn * first.turn, self.turn * first.shift + self.shift)

    def __call__(self, points: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """Transform points, any shape."""
        moved: NDArray[np.complex128] = self.turn * points + self.shift
        return moved

    def inverse(self) -> "Similarity":
        """Give the way back."""
        return Similarity(1 / self.turn, -self.shift / self.turn)

    def to_view(self, size: Size) -> View:
        """Round to what a file holds (FORMAT.md, 3.4.1)."""
        radius = max(size) / 2
        values = (self.shift.real, self.shift.imag, (self.turn.real - 1) * radius, self.turn.imag * radius)
        x, y, grow, twist = (round(value * VIEW_UNIT) for value in values)
        return x, y, grow, twist

    @classmethod
    def from_view(cls, view: View, size: Size) -> Self:
        """Give what a file's view stands for. Inverse: `to_view`."""
        x, y, grow, twist = (step / VIEW_UNIT for step in view)
        radius = max(size) / 2
        return cls(complex(1 + grow / radius, twist / radius), complex(x, y))

    def matrix(self, source: Size, target: Size, extent: Size) -> NDArray[np.float64]:
        """Give the matrix `[2, 3]` from pixel positions (column, row, 1) in one picture to those in another.

        Args:
            source: size of the picture that is mapped from.
            target: size of the picture that is mapped to.
            extent: the size in source pixels that both stand for.
        """
        turn, shift = self.turn, np.array([self.shift.real, self.shift.imag])
        from_pixels, to_pixels = np.array(extent) / source, np.array(target) / extent
        linear = (
            to_pixels[:, None] * np.array([[turn.real, -turn.imag], [turn.imag, turn.real]]) * from_pixels
        )
        middle_of_source, middle_of_target = (np.array(source) - 1) / 2, (np.array(target) - 1) / 2
        return np.column_stack([linear, to_pixels * shift + middle_of_target - linear @ middle_of_source])
