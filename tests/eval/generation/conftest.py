"""A case made by hand, and a distance that can be computed by hand."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mgv.tokenizer.perceptual import PerceptualDistance


@dataclass(frozen=True)
class SomeCase:
    ids: NDArray[np.int64]
    given: NDArray[np.bool_]
    kept: NDArray[np.bool_]
    clip: str = "a"
    bit_depth: int = 20
    task: str = "OPV"


class MeanDifference(PerceptualDistance):
    def image_distance(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return (prediction - target).abs().mean(dim=(1, 2, 3))


@pytest.fixture
def make_case() -> Callable[[int, str], SomeCase]:
    """Make a case of random tokens of 20 bits, whose left half is given."""

    def make(seed: int, clip: str = "a") -> SomeCase:
        ids = np.random.default_rng(seed).integers(1 << 20, size=(2, 2, 2))
        given, kept = np.zeros((5, 16, 16), bool), np.zeros((2, 2, 2), bool)
        given[:, :, :8], kept[:, :, 0] = True, True
        return SomeCase(ids, given, kept, clip)

    return make


@pytest.fixture
def mean_difference() -> PerceptualDistance:
    """Mean absolute difference."""
    return MeanDifference()
