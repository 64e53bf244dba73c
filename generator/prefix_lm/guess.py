"""A guess for every visual token to come: the nearest one that is known by then."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..heads import WordEmbedding
from ..masked.guess import LATENT_FRAME_DISTANCE
from ..window import GridShape
from .places import Part, Place

NO_GUESS = -1
COORDINATES = slice(Place.FRAME, Place.COLUMN + 1)
SEEN_PARTS = (Part.GIVEN, Part.HINT, Part.VIDEO_OUT)


def nearest_known(places: NDArray[np.int64], goals: NDArray[np.int64], num_prefix: int) -> NDArray[np.int64]:
    """Find the visual element nearest to each goal, in the prefix or no later than the element that has the goal.

    Args:
        places: int64 `[L, 7]`, see `Sequence`.
        goals: int64 `[L, 7]`.
        num_prefix: elements of the prefix, for which there is no guess but for the last.

    Returns:
        int64 `[L]`, where that element is; `NO_GUESS` where nothing is known, or what follows is no visual token.
    """
    guesses = np.full(len(places), NO_GUESS, np.int64)
    seen = np.flatnonzero(np.isin(places[:, Place.PART], SEEN_PARTS))
    guessing = np.flatnonzero(goals[:, Place.PART] == Part.VIDEO_OUT)
    guessing = guessing[guessing >= num_prefix - 1]
    if not len(seen) or not len(guessing):
        return guesses
    scale = np.array([LATENT_FRAME_DISTANCE, 1, 1], np.float32)
    wanted, there = (
        rows[:, COORDINATES].astype(np.float32) * scale for rows in (goals[guessing], places[seen])
    )
    distance = ((wanted[:, None] - there) ** 2).sum(-1)
    is_known = (seen < num_prefix) | (seen <= guessing[:, None])
    distance[~is_known] = np.inf
    nearest = distance.argmin(1)
    guesses[guessing] = np.where(is_known.any(1), seen[nearest], NO_GUESS)
    return guesses


class KnownGuess(nn.Module):
    """Embeds guesses and how far they were fetched; 0 where there is none."""

    def __init__(self, window: GridShape, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))
        self.offsets = nn.ParameterList(0.02 * torch.randn(2 * size + 1, width) for size in window)
        """For each axis, of every offset, from the most negative one."""

    def forward(
        self, embedding: WordEmbedding, words: Tensor, offsets: Tensor, has_guess: Tensor, num_known: int
    ) -> Tensor:
        """Give float `[B, L, width]`.

        Args:
            embedding: of words.
            words: int64 `[B, L, G]`, of the guesses.
            offsets: int64 `[B, L, 3]`, latent frames, rows and columns from the goal to its guess.
            has_guess: bool `[B, L]`.
            num_known: sub-vocabularies that tokens have.
        """
        embedded: Tensor = self.gain * embedding(words, torch.zeros_like(has_guess), num_known)
        for axis, table in enumerate(self.offsets):
            middle = len(table) // 2
            index = (offsets[..., axis] + middle).clamp(0, len(table) - 1)
            embedded = embedded + functional.embedding(index, table)
        return embedded * has_guess[..., None]
