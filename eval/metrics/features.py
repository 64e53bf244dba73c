"""Distances of deep image features: LPIPS, and SqueezeNet from a weights file."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from ...tokenizer.errors import WeightsError
from ...tokenizer.perceptual import LpipsDistance, PerceptualDistance, SqueezeNetDistance
from .interface import Column, FrameMetric, FramePair, MetricUnavailable


class _FeatureDistance(FrameMetric):
    """A distance of two RGB frames by a network."""

    is_slow = True
    smallest_side = 33

    def __init__(self, distance: PerceptualDistance) -> None:
        import torch

        self._distance = distance
        for parameter in distance.parameters():  # nearly twice as fast on a CPU
            if parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)

    def measure_frame(self, pair: FramePair) -> Sequence[float]:
        import torch

        with torch.inference_mode():
            source, decoded = (
                (rgb / 127.5 - 1).contiguous(memory_format=torch.channels_last) for rgb in pair.rgb_tensors
            )
            return (float(self._distance.image_distance(decoded, source)),)


class Lpips(_FeatureDistance):
    """LPIPS 0.1, AlexNet, as published.

    Args:
        backbone: torchvision's AlexNet weights; torch's hub cache if None.

    Raises:
        MetricUnavailable: the weights are not there and can't be fetched.
    """

    name = "lpips"
    columns = (Column("lpips", "LPIPS (Alex)", rises=False),)

    def __init__(self, backbone: Path | None = None) -> None:
        try:
            super().__init__(LpipsDistance("alex", backbone))
        except WeightsError as error:
            raise MetricUnavailable(f"{error}; --lpips-weights names a file") from error


class SqueezeNetFeatures(_FeatureDistance):
    """Distance of SqueezeNet 1.1 features, made like LPIPS but without fitted heads: not LPIPS.

    Args:
        weights: see `SqueezeNetDistance`.

    Raises:
        WeightsError: they are not there or do not fit.
        MetricUnavailable: none were given.
    """

    name = "squeezenet"
    columns = (Column("squeezenet", "SqueezeNet-feature distance (not LPIPS)", rises=False),)

    def __init__(self, weights: Path | None) -> None:
        if weights is None:
            raise MetricUnavailable("no weights given: --squeezenet-weights FILE.npz")
        super().__init__(SqueezeNetDistance(weights))
        self._sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()[:16]

    @property
    def version(self) -> str:
        """The weights'."""
        return self._sha256
