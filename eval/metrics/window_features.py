"""Features of whole windows for a Frechet distance: of a given I3D network, or else of our own."""

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ...tokenizer import Tokenizer
from ...tokenizer.perceptual import SqueezeNetDistance
from .fvd import WINDOW_FRAMES, Features, FvdFeatures
from .interface import MetricUnavailable

Clip = NDArray[np.float32]


class WindowFeatures(Protocol):
    """Interface: a clip to a row of numbers."""

    label: str
    """Of the Frechet distance over them; only that over I3D's is called FVD."""

    def measure(self, clip: Clip) -> Features:
        """Give the features of RGB `[T, H, W, 3]` in [0, 1], float32 `[D]`."""


class I3dWindows:
    """Those of I3D, over the last 16 frames."""

    label = "FVD (I3D)"

    def __init__(self, network: Path) -> None:
        self._fvd = FvdFeatures(network)

    def measure(self, clip: Clip) -> Features:
        """Give the features of the last 16 frames.

        Raises:
            MetricUnavailable: there are fewer.
        """
        if len(clip) < WINDOW_FRAMES:
            raise MetricUnavailable(f"needs {WINDOW_FRAMES} frames")
        features: Features = self._fvd.window_features(_images(clip[-WINDOW_FRAMES:]) * 255)[0]
        return features


class SqueezeNetWindows:
    """Seven layers of SqueezeNet, each channel's mean over the window and its mean change from frame to frame."""

    label = "Frechet distance over SqueezeNet features (not FVD)"

    def __init__(self, weights: Path) -> None:
        self._network = SqueezeNetDistance(weights)

    def measure(self, clip: Clip) -> Features:
        """Give means and changes."""
        with torch.inference_mode():
            taps = self._network.image_features(_images(clip) * 2 - 1)
        return np.concatenate([_summary(tap.mean((2, 3))) for tap in taps])


class LatentWindows:
    """The tokenizer's own latents, each channel's mean and spread over space, and their change in time."""

    label = "Frechet distance over tokenizer latents (not FVD)"

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def measure(self, clip: Clip) -> Features:
        """Give means and changes."""
        tokens = self._tokenizer.encode(_images(clip).transpose(0, 1)[None])
        latent = self._tokenizer.dequantize(tokens.ids, tokens.bit_depth)[0].transpose(0, 1)
        return np.concatenate([_summary(latent.mean((2, 3))), _summary(latent.std((2, 3)))])


def open_window_features(
    tokenizer: Tokenizer, *, i3d: Path | None, squeezenet_weights: Path | None
) -> WindowFeatures:
    """Take the best that there are files for: I3D, SqueezeNet, the tokenizer.

    Raises:
        WeightsError: a file can't be loaded.
    """
    if i3d is not None:
        return I3dWindows(i3d)
    if squeezenet_weights is not None:
        return SqueezeNetWindows(squeezenet_weights)
    return LatentWindows(tokenizer)


def _images(clip: Clip) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(clip)).permute(0, 3, 1, 2)


def _summary(rows: torch.Tensor) -> Features:
    """Give the mean of rows `[T, D]` and the mean size of their changes, `[2 D]`."""
    change = rows.diff(dim=0).abs().mean(0) if len(rows) > 1 else torch.zeros_like(rows[0])
    return torch.cat([rows.mean(0), change]).numpy().astype(np.float32)
