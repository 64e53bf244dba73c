"""Copying: words of tokens that stand nearby gain in prediction, as in a pointer network (Vinyals et al., 2015)."""

from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor


class Copying(Protocol):
    """Changes the logits of one sub-vocabulary after the other."""

    def add(self, logits: Tensor, index: int, features: Tensor) -> Tensor:
        """Give float `[N, V]` for logits of sub-vocabulary `index` and the features `[N, width]` they came from."""

    def after(self, index: int, words: Tensor) -> "Copying":
        """Go on to the next sub-vocabulary, with the words int64 `[N]` of this one known."""


@dataclass(frozen=True)
class Candidates:
    """Tokens that each of some tokens might equal."""

    words: Tensor
    """int64 `[..., K, G]`."""
    exist: Tensor
    """bool `[..., K]`."""
    distances: Tensor
    """int64 `[..., K]`, in tokens along the axis of the direction."""

    def select(self, where: Tensor) -> "Candidates":
        """Take those of the tokens marked in bool `[...]`."""
        return replace(
            self, words=self.words[where], exist=self.exist[where], distances=self.distances[where]
        )


NUM_DIRECTIONS = 6
OWN = NUM_DIRECTIONS
"""Place of the token's own stand-in among the candidates, after the directions."""


def find_candidates(words: Tensor, masked: Tensor, refined: Tensor) -> Candidates:
    """Find the nearest seen token before and after along each axis, and the token that COMMIT put in a token's place.

    Args:
        words: int64 `[B, t, h, w, G]`.
        masked: bool `[B, t, h, w]`: not to be seen.
        refined: bool `[B, t, h, w]`: holds a condition token.
    """
    sources, distances = [], []
    for axis in (1, 2, 3):
        for backwards in (False, True):
            source, distance = _nearest_along(~masked, axis, backwards)
            sources.append(source)
            distances.append(distance)
    own = torch.arange(masked[0].numel(), device=masked.device).view(masked.shape[1:]).expand_as(masked)
    source = torch.stack([*sources, torch.where(refined, own, -1)], -1)
    index = source.clamp(min=0).flatten(1)[..., None].expand(-1, -1, words.shape[-1])
    found = words.flatten(1, 3).gather(1, index).view(*source.shape, words.shape[-1])
    distance = torch.stack([*distances, torch.zeros_like(distances[0])], -1)
    return Candidates(found, source >= 0, distance)


def _nearest_along(seen: Tensor, axis: int, backwards: bool) -> tuple[Tensor, Tensor]:
    """Find the nearest seen token on one side, not the token itself: flat place (-1 for none) and distance."""
    size = seen.shape[axis]
    shape = [1] * seen.dim()
    shape[axis] = size
    steps = torch.arange(size, device=seen.device).view(shape)
    ordered = seen.flip(axis) if backwards else seen
    last = torch.where(ordered, steps, -1).cummax(axis).values.roll(1, axis)
    last.narrow(axis, 0, 1).fill_(-1)
    distance = torch.where(last >= 0, steps - last, 0)
    exists = last >= 0
    if backwards:
        distance, exists = -distance.flip(axis), exists.flip(axis)
    stride = int(torch.tensor(seen.shape[axis + 1 :]).prod())
    own = torch.arange(seen[0].numel(), device=seen.device).view(seen.shape[1:])
    return torch.where(exists, own - stride * distance, -1), distance.abs()
