"""Token factorisation (thesis 5.3.2): token ids <-> a few small sub-vocabularies, coarse bits first."""

from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

MAX_BITS = 9
"""Bits of a sub-vocabulary at most: 18-bit tokens fall into two of 2**9."""


@dataclass(frozen=True)
class SubVocabularies:
    """How the bits of a token are shared out, coarse to fine."""

    bits: tuple[int, ...]
    """Bits of each sub-vocabulary; the first has the token's lowest, which are its coarsest."""

    def __post_init__(self) -> None:
        if not self.bits or min(self.bits) < 1 or max(self.bits) > 16:
            raise ValueError(f"sub-vocabularies of {self.bits} bits, expected 1 to 16 each")

    @classmethod
    def of_depths(cls, bit_depths: tuple[int, ...]) -> "SubVocabularies":
        """Share the bits of each layer out to as few sub-vocabularies of near-equal size as hold it.

        No sub-vocabulary lies in two layers, so at every depth each of them is either known or wholly absent.

        Args:
            bit_depths: depths of the files that are read, rising.
        """
        bits: list[int] = []
        for low, high in zip((0, *bit_depths[:-1]), bit_depths, strict=True):
            count = -(-(high - low) // MAX_BITS)
            size, larger = divmod(high - low, count)
            bits += [size + 1] * larger + [size] * (count - larger)
        return cls(tuple(bits))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Words of each."""
        return tuple(1 << bits for bits in self.bits)

    @property
    def ends(self) -> tuple[int, ...]:
        """Bit depth that is known with each and those before it."""
        return tuple(accumulate(self.bits))

    def known_at(self, bit_depth: int) -> int:
        """Count the sub-vocabularies that a bit depth holds.

        Raises:
            ValueError: one of them is known in part.
        """
        if bit_depth not in self.ends:
            raise ValueError(f"bit depth is {bit_depth}, expected one of {self.ends}")
        return self.ends.index(bit_depth) + 1

    def split(self, ids: Tensor) -> Tensor:
        """Take token ids apart, int64 `[...]` to `[..., G]`, each in `[0, sizes[g])`. Inverse: `join`."""
        starts = (0, *self.ends[:-1])
        words = [(ids >> start) & (size - 1) for start, size in zip(starts, self.sizes, strict=True)]
        return torch.stack(words, dim=-1)

    def join(self, words: Tensor) -> Tensor:
        """Put token ids together, int64 `[..., G]` to `[...]`; fewer than G words give ids of a lower depth."""
        starts = (0, *self.ends[:-1])[: words.shape[-1]]
        return (words << torch.tensor(starts, device=words.device)).sum(-1)
