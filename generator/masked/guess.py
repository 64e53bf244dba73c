"""A guess for every masked token: the nearest token that is seen, as the padding of thesis 6.4.2 would have it."""

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor, nn
from torch.nn import functional

from ..heads import WordEmbedding
from ..window import GridShape

LATENT_FRAME_DISTANCE = 0.5
"""How far apart two latent frames are, in rows or columns: most of a picture stays where it is."""


def nearest_seen(masked: Tensor) -> tuple[Tensor, Tensor]:
    """Find the nearest token that is not masked, by latent frames, rows and columns.

    Args:
        masked: bool `[B, t, h, w]`; a window in which all are masked has no guess and points at itself.

    Returns:
        int64 `[B, t*h*w]`, the place of the nearest token in the flattened window, and int64 `[B, t, h, w, 3]`, how
        many latent frames, rows and columns lie from a token to the nearest one.
    """
    shape = masked.shape[1:]
    places, offsets = [], []
    own = np.indices(shape)
    for window in masked.cpu().numpy():
        nearest = own
        if not window.all():
            _, nearest = distance_transform_edt(
                window, sampling=(LATENT_FRAME_DISTANCE, 1, 1), return_indices=True
            )
        places.append(np.ravel_multi_index(tuple(nearest), shape).reshape(-1))
        offsets.append(np.moveaxis(nearest - own, 0, -1))
    return (
        torch.from_numpy(np.stack(places)).to(masked.device),
        torch.from_numpy(np.stack(offsets).astype(np.int64)).to(masked.device),
    )


class NearestGuess(nn.Module):
    """Embeds the guess of each masked token and how far it was fetched; 0 where a token is seen or nothing is."""

    def __init__(self, window: GridShape, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))
        self.offsets = nn.ParameterList(0.02 * torch.randn(2 * size - 1, width) for size in window)
        """For each axis, of every offset, from the most negative one."""

    def forward(self, embedding: WordEmbedding, words: Tensor, masked: Tensor, num_known: int) -> Tensor:
        """Give float `[B, t, h, w, width]`; arguments as of `MaskedTransformer.forward`."""
        places, offsets = nearest_seen(masked)
        index = places[..., None].expand(-1, -1, words.shape[-1])
        guesses = words.flatten(1, 3).gather(1, index).view_as(words)
        embedded: Tensor = self.gain * embedding(guesses, torch.zeros_like(masked), num_known)
        for axis, table in enumerate(self.offsets):
            middle = (len(table) - 1) // 2
            embedded = embedded + functional.embedding(offsets[..., axis] + middle, table)
        has_guess = masked & (offsets != 0).any(-1)
        return embedded * has_guess[..., None]
