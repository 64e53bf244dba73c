"""What the generators see of a file: a window of tokens, what of it is given, and what fills the rest."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

GridShape = tuple[int, int, int]
"""Latent frames, rows and columns `(t, h, w)`."""


@dataclass(frozen=True)
class TokenWindow:
    """Tokens of a piece of a file; it may reach over the ends of segments."""

    ids: NDArray[np.int64]
    """`[t, h, w]`, each in `[0, 2**bit_depth)`; anything where tokens are not known."""

    is_image: NDArray[np.bool_]
    """`[t]`: whether a latent frame is the first of its segment, which was coded as an image."""

    bit_depth: int
    """Low bits of each id that are known."""

    @property
    def shape(self) -> GridShape:
        """`(t, h, w)`."""
        t, h, w = self.ids.shape
        return t, h, w


@dataclass(frozen=True)
class Condition:
    """What is given of a window: COMMIT's interior condition (thesis 6.4.1)."""

    kept: NDArray[np.bool_]
    """`[t, h, w]`: supervoxels that lie wholly in the given region; their tokens are copied, never resampled."""

    hinted: NDArray[np.bool_]
    """`[t, h, w]`: supervoxels of which a part is given; none is kept too."""

    hints: NDArray[np.int64]
    """`[t, h, w]`: where hinted, the token of the padded condition; it goes into the transformer and nowhere else."""

    @classmethod
    def of_kept(cls, kept: NDArray[np.bool_]) -> "Condition":
        """Give a condition of whole supervoxels only."""
        return cls(kept, np.zeros_like(kept), np.zeros(kept.shape, np.int64))


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn. The defaults are those of thesis 6.5.6."""

    steps: int = 12
    """Passes of non-autoregressive decoding, K of Algorithm 1."""

    schedule: str = "cosine"
    """Share of tokens that stay masked after each step: `cosine`, `uniform` or `exponential`."""

    choice_temperature: float = 4.5
    """T of Algorithm 1: weight of the Gumbel noise in choosing which tokens stay."""

    token_temperature: float = 1.0
    """Of the distributions that tokens are drawn from; 0 takes the best guess, the likeliest or the middle of many
    draws, as the generator has it."""

    guidance: float = 0.0
    """Weight of classifier-free guidance by the class (thesis 5.4.2); 0 for none."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.choice_temperature < 0 or self.token_temperature < 0 or self.guidance < 0:
            raise ValueError("steps are at least 1, temperatures and guidance at least 0")


DEFAULT_SAMPLING = Sampling()

SUREST = Sampling(steps=1, choice_temperature=0, token_temperature=0)
"""Every token the best guess by what is given, in one pass: what is guessed misleads what comes after."""


class WindowFiller(Protocol):
    """A generator that completes windows: the masked transformer, in the first place."""

    name: str
    """What it is called, for messages and metadata."""
    sha256: str
    """Of its weights, 64 hexadecimal digits."""
    tokenizer_sha256: str
    """Of the weights whose tokens it knows, 64 hexadecimal digits."""
    sampling: Sampling
    """How its tokens are best drawn, where nothing else is asked for."""

    @property
    def window_shape(self) -> GridShape:
        """What it was trained on; no window is larger."""

    @property
    def bit_depths(self) -> tuple[int, ...]:
        """Depths that it was trained for."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Classes that it knows."""

    def fill(
        self,
        window: TokenWindow,
        condition: Condition,
        task: str,
        label: str | None,
        sampling: Sampling,
        random: torch.Generator,
    ) -> NDArray[np.int64]:
        """Make the tokens that are not kept.

        Args:
            window: at most as large as `window_shape`.
            condition: what of it is given.
            task: `FP` to `CFP`, the prompt.
            label: one of `labels`, or None.
            sampling: how tokens are drawn.
            random: on the CPU; the same state gives the same tokens.

        Returns:
            int64 `[t, h, w]`, equal to the window's ids where they are kept.
        """
