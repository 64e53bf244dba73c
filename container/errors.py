"""What can be wrong with an `.mgv` file: one class for each way, and a record of damage stepped over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


class FormatError(ValueError):
    """An `.mgv` file, or what is about to be written into one, breaks FORMAT.md.

    Attributes:
        offset_bytes: where in the file, counted from the first byte of the signature; None when nowhere.
        field: the field of FORMAT.md that is wrong; None when no single one is.
    """

    def __init__(self, message: str, *, offset_bytes: int | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset_bytes = offset_bytes
        self.field = field

    def __str__(self) -> str:
        """Give the message and, where known, the byte at which it happened."""
        if self.offset_bytes is None:
            return self.message
        return f"{self.message} (at byte {self.offset_bytes})"

    def at(self, offset_bytes: int) -> Self:
        """Fill in the place, unless one is known already, and return the same error."""
        if self.offset_bytes is None:
            self.offset_bytes = offset_bytes
        return self


class NotMgvError(FormatError):
    """The signature is not that of an `.mgv` file."""


class VersionError(FormatError):
    """The file is well made but needs a newer reader (or a newer major version)."""


class TruncatedError(FormatError):
    """The file ends before its END chunk."""


class CorruptError(FormatError):
    """Bytes were damaged, or contradict each other or FORMAT.md."""


class LimitError(FormatError):
    """A declared size is above the hard limits of FORMAT.md; no memory was taken for it."""


@dataclass(frozen=True)
class Damage:
    """A stretch of a file that a tolerant reader stepped over, or a whole chunk that it could not use."""

    offset_bytes: int
    """Where it starts, counted from the first byte of the signature."""
    num_bytes: int
    """How many bytes were given up; 0 when what is missing left no bytes behind."""
    reason: str
    """One line for people."""
