"""Frechet video distance by a given I3D network: features of each clip, and the distance of sets of them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ...tokenizer.errors import WeightsError
from .interface import ClipPair, Metric, MetricUnavailable

WINDOW_FRAMES = 16
NETWORK_SIDE = 224

Features = NDArray[np.float32]


class FvdFeatures(Metric):
    """Features of every whole window of 16 frames, source and decoded, by an I3D network in a TorchScript file.

    The network takes float32 `[N, 3, 16, 224, 224]` in [-1, 1] and gives `[N, D]`. The file that StyleGAN-V made
    common takes flags too; it is told to neither rescale nor resize, and to return features.

    Args:
        network: the file.

    Raises:
        MetricUnavailable: none was given.
        WeightsError: it can't be loaded.
    """

    name = "fvd"
    columns = ()

    def __init__(self, network: Path | None) -> None:
        if network is None:
            raise MetricUnavailable("no network given: --i3d FILE.pt (TorchScript)")
        try:
            self._network: Any = torch.jit.load(str(network), map_location="cpu").eval()  # type: ignore[no-untyped-call]
        except (OSError, RuntimeError, ValueError) as error:
            raise WeightsError(f"{network}: can't be loaded as TorchScript ({error})") from error
        self._sha256 = hashlib.sha256(network.read_bytes()).hexdigest()[:16]

    @property
    def version(self) -> str:
        """The network's."""
        return self._sha256

    def measure_features(self, pair: ClipPair) -> tuple[Features, Features]:
        """Give the features of source and decoded, `[windows, D]` each.

        Raises:
            MetricUnavailable: the clip is shorter than a window.
        """
        if pair.format.num_frames < WINDOW_FRAMES:
            raise MetricUnavailable(f"needs {WINDOW_FRAMES} frames")
        found: tuple[list[Features], list[Features]] = ([], [])
        window: list[tuple[torch.Tensor, torch.Tensor]] = []
        for frame in pair.frames():
            window.append(frame.rgb_tensors)
            if len(window) == WINDOW_FRAMES:
                for side, rows in enumerate(found):
                    rows.append(self.window_features(torch.cat([images[side] for images in window])))
                window.clear()
        return np.concatenate(found[0]), np.concatenate(found[1])

    def window_features(self, frames: torch.Tensor) -> Features:
        """Give the features of one window, `[1, D]`, from its frames `[16, 3, H, W]` in [0, 255]."""
        size = (NETWORK_SIDE, NETWORK_SIDE)
        scaled = functional.interpolate(frames, size, mode="bilinear", align_corners=False, antialias=True)
        clip = (scaled / 127.5 - 1).transpose(0, 1)[None]
        with torch.inference_mode():
            return np.asarray(self._network(clip, **self._flags()), np.float32)

    def _flags(self) -> dict[str, bool]:
        names = {argument.name for argument in self._network.forward.schema.arguments}
        flags = {"rescale": False, "resize": False, "return_features": True}
        return {name: value for name, value in flags.items() if name in names}


def frechet_distance(source: Features, decoded: Features) -> float:
    """Give the Frechet distance of Gaussians fitted to two sets of features, `[n, D]`, n at least 2.

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)).
    """
    means, roots = [], []
    for features in (source, decoded):
        exact = features.astype(np.float64)
        means.append(exact.mean(axis=0))
        # S = R^T R with as few rows as there are windows, where those are fewer than features
        roots.append(np.linalg.qr(exact - means[-1], mode="r") / np.sqrt(len(exact) - 1))
    # the trace of (S1 S2)^(1/2) is the sum of the singular values of R1 R2^T
    shared = np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum()
    spread = sum(np.square(root).sum() for root in roots) - 2 * shared
    return float(np.square(means[0] - means[1]).sum() + spread)


def pooled_distance(pairs: Sequence[tuple[Features, Features]]) -> tuple[float | None, int]:
    """Give the distance over the windows of several clips, and their number; None for fewer than two."""
    source, decoded = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    if len(source) < 2:
        return None, len(source)
    return frechet_distance(source, decoded), len(source)
