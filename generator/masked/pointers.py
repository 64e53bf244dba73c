"""The masked transformer's copying: how much each candidate's words gain, by the token's state and the distance."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ..copying import NUM_DIRECTIONS, OWN, Candidates
from ..window import GridShape


class Pointers(nn.Module):
    """The bonus of each candidate; linear in what the word is predicted from."""

    def __init__(self, window: GridShape, num_vocabularies: int, width: int) -> None:
        super().__init__()
        count = OWN + 1
        self.gates = nn.Parameter(torch.zeros(num_vocabularies, count, width))
        self.equal = nn.Parameter(torch.ones(num_vocabularies, count))
        """Bonus while all words of the token so far are the candidate's."""
        self.reach = nn.Parameter(torch.zeros(num_vocabularies, count, max(window)))
        """Bonus by distance."""

    def start(self, candidates: Candidates) -> "PointerState":
        """Begin with the first word of N tokens."""
        return PointerState(self, candidates, candidates.exist)


@dataclass(frozen=True)
class PointerState:
    """A `Copying` of N tokens."""

    pointers: Pointers
    candidates: Candidates
    is_equal: Tensor
    """bool `[N, K]`: whether a candidate exists and has had the same words so far."""

    def add(self, logits: Tensor, index: int, features: Tensor) -> Tensor:
        """Raise the words of the candidates; see `Copying.add`."""
        pointers = self.pointers
        directions = torch.arange(NUM_DIRECTIONS + 1, device=logits.device)
        bonus = features @ pointers.gates[index].T
        bonus = bonus + pointers.equal[index] * self.is_equal
        bonus = (bonus + pointers.reach[index][directions, self.candidates.distances]) * self.candidates.exist
        return logits.scatter_add(1, self.candidates.words[..., index], bonus.to(logits.dtype))

    def after(self, index: int, words: Tensor) -> "PointerState":
        """Go on to the next word; see `Copying.after`."""
        same = self.candidates.words[..., index] == words[:, None]
        return replace(self, is_equal=self.is_equal & same)
