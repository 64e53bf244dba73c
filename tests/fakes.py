"""Generators that know nothing: they stand in for trained ones."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from mgv.generator.window import DEFAULT_SAMPLING, Condition, GridShape, Sampling, TokenWindow


@dataclass
class CopyingFiller:
    """Copies the nearest token that is known, a latent frame before or after being nearest of all.

    Where nothing is known it draws tokens at random. Remembers what it was asked.
    """

    tokenizer_sha256: str
    bit_depths: tuple[int, ...]
    window_shape: GridShape = (3, 4, 4)
    labels: tuple[str, ...] = ("cat", "dog")
    name: str = "copying"
    sha256: str = "c0" * 32
    sampling: Sampling = DEFAULT_SAMPLING
    asked: list[tuple[TokenWindow, Condition, str, str | None, Sampling]] = field(default_factory=list)

    def fill(
        self,
        window: TokenWindow,
        condition: Condition,
        task: str,
        label: str | None,
        sampling: Sampling,
        random: torch.Generator,
    ) -> NDArray[np.int64]:
        self.asked.append((window, condition, task, label, sampling))
        assert all(size <= most for size, most in zip(window.shape, self.window_shape, strict=True))
        assert window.ids.shape == condition.kept.shape == condition.hinted.shape == condition.hints.shape
        assert window.is_image.shape == window.ids.shape[:1]
        assert window.bit_depth in self.bit_depths
        assert not (condition.kept & condition.hinted).any()
        assert not condition.kept.all()
        drawn = torch.randint(1 << window.bit_depth, window.shape, generator=random).numpy()
        if condition.kept.any():
            near = distance_transform_edt(
                ~condition.kept, sampling=(0.5, 1, 1), return_distances=False, return_indices=True
            )
            drawn = window.ids[tuple(near)]
        return np.where(condition.hinted, condition.hints, drawn)
