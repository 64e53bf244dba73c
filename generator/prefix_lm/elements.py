"""What a sequence is made of: stretches of visual tokens and of audio codes, each with its place."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..window import TokenWindow


@dataclass(frozen=True)
class VisualTokens:
    """Visual tokens in the order in which they stand in a sequence."""

    ids: NDArray[np.int64]
    """`[N]`, tokens, not nominal ids."""
    at: NDArray[np.int64]
    """`[N, 3]`: latent frame, row and column of each."""
    is_image: NDArray[np.bool_]
    """`[N]`: whether its latent frame was coded as an image."""

    @classmethod
    def of_window(cls, window: TokenWindow, chosen: NDArray[np.bool_] | None = None) -> "VisualTokens":
        """Take the tokens of a window in raster order, latent frame by latent frame.

        Args:
            window: may hold anything where tokens are yet to be made.
            chosen: bool `[t, h, w]`, which of them; all if None.
        """
        at = np.argwhere(np.ones(window.shape, bool) if chosen is None else chosen)
        return cls(window.ids[tuple(at.T)], at, window.is_image[at[:, 0]])

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class AudioCodes:
    """A stretch of audio."""

    codes: NDArray[np.int64]
    """`[K, T]`, K levels of T steps."""
    start: int = 0
    """The step that it begins with."""

    def __len__(self) -> int:
        return self.codes.size

    def split(self, steps: int) -> "tuple[AudioCodes, AudioCodes]":
        """Part it into its first `steps` and the rest."""
        head = AudioCodes(self.codes[:, :steps], self.start)
        return head, AudioCodes(self.codes[:, steps:], self.start + steps)
