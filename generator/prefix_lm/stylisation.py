"""Depth and optical flow as tokens: their pictures go through the video tokenizer (thesis 8.3.3, stylisation)."""

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ...tokenizer import Tokenizer
from ..padding import Clip
from ..window import TokenWindow


class ClipMapper(Protocol):
    """Estimates depth or flow and paints it: a model of the user's."""

    def __call__(self, clip: Clip) -> Clip:
        """Take a clip `[T, H, W, 3]`, RGB in [0, 1], to a picture of its depth or flow of the same shape."""


def mapped_tokens(clip: Clip, mapper: ClipMapper, tokenizer: Tokenizer, bit_depth: int) -> TokenWindow:
    """Tokenize the depth or flow of a clip.

    Args:
        clip: float32 `[T, H, W, 3]`, RGB in [0, 1].
        mapper: estimates and paints it.
        tokenizer: of the video.
        bit_depth: of the tokens.

    Raises:
        ValueError: the mapper gave another shape.
    """
    mapped = mapper(clip)
    if mapped.shape != clip.shape:
        raise ValueError(f"the mapper gave {mapped.shape} for a clip of {clip.shape}, expected the same")
    pixels = torch.from_numpy(np.ascontiguousarray(mapped, np.float32)).permute(3, 0, 1, 2)[None]
    ids: NDArray[np.int64] = tokenizer.encode(pixels, bit_depth).ids[0].numpy()
    return TokenWindow(ids, np.arange(len(ids)) == 0, bit_depth)
