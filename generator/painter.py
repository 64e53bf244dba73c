"""A generator at work on one file: completes pieces of any size under one seed, one sampling and one label."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..codec import Header, OptionError
from ..tokenizer import WeightsError
from .tiling import Grid, Mask, fill_grid
from .window import Condition, Sampling, TokenWindow, WindowFiller

Progress = Callable[[int, int | None], None]
"""Told the tokens made and those expected."""


@dataclass(frozen=True)
class Piece:
    """Latent frames of one segment or of several, known in part."""

    ids: NDArray[np.int64]
    """`[t, h, w]`; anything where they are not known."""

    known: Mask
    """`[t, h, w]`."""

    is_image: NDArray[np.bool_]
    """`[t]`: which latent frames begin a segment."""

    @classmethod
    def of_segment(cls, ids: NDArray[np.int64], known: Mask | None = None) -> "Piece":
        """Make a piece of a whole segment; all of it is known if nothing else is said."""
        known = np.ones(ids.shape, bool) if known is None else known
        return cls(ids, known, np.arange(len(ids)) == 0)

    @classmethod
    def unknown(cls, shape: tuple[int, ...]) -> "Piece":
        """Make a piece of a segment of which nothing is known."""
        return cls.of_segment(np.zeros(shape, np.int64), np.zeros(shape, bool))

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, latents: slice) -> "Piece":
        return Piece(self.ids[latents], self.known[latents], self.is_image[latents])

    def then(self, later: "Piece") -> "Piece":
        """Put another piece behind this one."""
        return Piece(
            np.concatenate([self.ids, later.ids]),
            np.concatenate([self.known, later.known]),
            np.concatenate([self.is_image, later.is_image]),
        )


class Painter:
    """Completes pieces with a generator; equal calls in equal order give equal tokens."""

    def __init__(
        self,
        filler: WindowFiller,
        sampling: Sampling,
        *,
        seed: int = 0,
        label: str | None = None,
        prompt: str | None = None,
        progress: Progress = lambda made, expected: None,
    ) -> None:
        """Begin.

        Args:
            filler: the generator.
            sampling: how it draws.
            seed: of all randomness.
            label: class of what is made, one that the generator knows.
            prompt: text that the filler was set up for, to be told in META.
            progress: told of tokens made.

        Raises:
            OptionError: it does not know the label.
        """
        if label is not None and label not in filler.labels:
            known = ", ".join(filler.labels) or "none"
            raise OptionError(f"label is {label!r}, the generator {filler.name} knows {known}")
        self.filler, self.sampling, self.seed = filler, sampling, seed
        self.label, self.prompt = label, prompt
        self.num_expected: int | None = None
        """Tokens that are to be made in all, for `progress`."""
        self.num_made = 0
        """Tokens made so far."""
        self._progress = progress
        self._random = torch.Generator().manual_seed(seed)

    @property
    def context_latents(self) -> int:
        """Latent frames before or after a piece that are of use."""
        return max(1, self.filler.window_shape[0] - 1)

    def check_tokenizer(self, header: Header) -> None:
        """Refuse a file whose tokens are strange to the generator.

        Raises:
            WeightsError: they come from another tokenizer.
        """
        found = header.tokenizer_sha256.hex()
        if found != self.filler.tokenizer_sha256:
            raise WeightsError(
                f"the file has tokens of {header.tokenizer} (SHA-256 {found[:16]}), the generator {self.filler.name} "
                f"was trained for those of SHA-256 {self.filler.tokenizer_sha256[:16]}; choose another --generator"
            )

    def check_depth(self, bit_depth: int) -> None:
        """Refuse a bit depth that the generator was not trained for.

        Raises:
            WeightsError: it was not.
        """
        if bit_depth not in self.filler.bit_depths:
            depths = ", ".join(map(str, self.filler.bit_depths))
            raise WeightsError(
                f"the file has tokens of {bit_depth} bits, the generator {self.filler.name} was trained for "
                f"{depths}; choose another --generator, or drop layers with mgv thin"
            )

    def complete(
        self,
        piece: Piece,
        bit_depth: int,
        task: str,
        *,
        before: Piece | None = None,
        after: Piece | None = None,
        hints: Condition | None = None,
    ) -> NDArray[np.int64]:
        """Make the tokens of a piece that are not known.

        Args:
            piece: to complete.
            bit_depth: of all tokens.
            task: `FP` to `CFP`, the prompt.
            before: what comes before it; only what is close is looked at.
            after: what comes after it, likewise; may be known in part.
            hints: what is hinted at of the piece, if anything.

        Returns:
            int64 `[t, h, w]` of the piece, equal where they were known.
        """
        self.check_depth(bit_depth)
        reach = self.context_latents
        whole, start = piece, 0
        if before is not None:
            before = before[max(0, len(before) - reach) :]
            whole, start = before.then(whole), len(before)
        if after is not None:
            whole = whole.then(after[:reach])
        here = slice(start, start + len(piece))
        wanted = np.zeros_like(whole.known)
        wanted[here] = ~piece.known
        condition = Condition.of_kept(whole.known)
        if hints is not None:
            condition.hinted[here], condition.hints[here] = hints.hinted, hints.hints
        window = TokenWindow(whole.ids & (1 << bit_depth) - 1, whole.is_image, bit_depth)
        ids = fill_grid(
            Grid(window, condition, wanted),
            self.filler.window_shape,
            lambda seen, given: self._fill(seen, given, task),
            self._count,
        )
        return ids[here]

    def _fill(self, window: TokenWindow, condition: Condition, task: str) -> NDArray[np.int64]:
        return self.filler.fill(window, condition, task, self.label, self.sampling, self._random)

    def _count(self, num_new: int) -> None:
        self.num_made += num_new
        self._progress(self.num_made, self.num_expected)
