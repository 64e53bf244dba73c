"""Sequences of unequal length as tensors of one size."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .layout import Sequence


@dataclass(frozen=True)
class SequenceBatch:
    """Sequences side by side, padded at the end, where no earlier element looks."""

    ids: Tensor
    """int64 `[B, L]`, nominal ids; padding is `<bos>`."""
    places: Tensor
    """int64 `[B, L, 7]`, see `Sequence`."""
    goals: Tensor
    """int64 `[B, L, 7]`, see `Sequence`."""
    guesses: Tensor
    """int64 `[B, L]`, see `Sequence`."""
    num_prefix: Tensor
    """int64 `[B]`."""
    lengths: Tensor
    """int64 `[B]`."""
    bit_depth: int
    text: Tensor | None
    """float `[N, E]`, the embeddings of all sequences one after the other."""

    def to(self, device: torch.device | str) -> "SequenceBatch":
        """Move every tensor."""
        moved: dict[str, Any] = {
            name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        return replace(self, **moved)

    def is_target(self) -> Tensor:
        """Tell which elements are to be predicted, bool `[B, L]`: those after the prefix (thesis 8.3.3)."""
        index = torch.arange(self.ids.shape[1], device=self.ids.device)
        return (index >= self.num_prefix[:, None]) & (index < self.lengths[:, None])


def collate(sequences: list[Sequence]) -> SequenceBatch:
    """Put sequences of one bit depth side by side.

    Raises:
        ValueError: their bit depths differ.
    """
    depths = {sequence.bit_depth for sequence in sequences}
    if len(depths) != 1:
        raise ValueError(f"a batch has sequences of one bit depth, got {sorted(depths)}")
    longest = max(map(len, sequences))
    texts = [sequence.text for sequence in sequences if sequence.text is not None]
    return SequenceBatch(
        ids=_padded([sequence.ids for sequence in sequences], longest, 0),
        places=_padded([sequence.places for sequence in sequences], longest, -1),
        goals=_padded([sequence.goals for sequence in sequences], longest, -1),
        guesses=_padded([sequence.guesses for sequence in sequences], longest, -1),
        num_prefix=torch.tensor([sequence.num_prefix for sequence in sequences]),
        lengths=torch.tensor([len(sequence) for sequence in sequences]),
        bit_depth=depths.pop(),
        text=torch.from_numpy(np.concatenate(texts)) if texts else None,
    )


def _padded(arrays: list[NDArray[np.int64]], length: int, fill: int) -> Tensor:
    padded = torch.full((len(arrays), length, *arrays[0].shape[1:]), fill, dtype=torch.int64)
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = torch.from_numpy(array)
    return padded
