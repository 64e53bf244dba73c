"""Frechet video distance against closed forms, and features of a network in a file."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mgv.codec import Colour
from mgv.eval.codecs import ClipFormat
from mgv.eval.codecs.clip import write_planes
from mgv.eval.metrics.fvd import FvdFeatures, frechet_distance, pooled_distance
from mgv.eval.metrics.interface import ClipPair
from mgv.eval.metrics.registry import MetricOptions, make_metrics
from mgv.tokenizer import WeightsError


class MeanColour(nn.Module):
    """Gives the mean of each channel, if it is told to as the usual I3D file is."""

    def forward(
        self, clip: torch.Tensor, rescale: bool = True, return_features: bool = False
    ) -> torch.Tensor:
        if rescale or not return_features:
            return torch.zeros(1)
        return clip.mean(dim=(2, 3, 4))


def test_distance_of_shifted_and_of_wider_sets() -> None:
    features = np.random.default_rng(0).normal(0, 1, (500, 4)).astype(np.float32)
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-5)
    assert frechet_distance(features, features + 3) == pytest.approx(4 * 9, abs=1e-3)
    variances = np.var(features, axis=0, ddof=1, dtype=np.float64)
    centred = features - features.mean(axis=0)
    assert frechet_distance(centred, 2 * centred) == pytest.approx(variances.sum(), rel=1e-4)


def test_one_window_is_too_few() -> None:
    one = np.zeros((1, 3), np.float32)
    assert pooled_distance([(one, one)]) == (None, 1)
    assert pooled_distance([(one, one), (one, one)]) == (pytest.approx(0), 2)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_features_of_every_whole_window(tmp_path: Path) -> None:
    torch.jit.script(MeanColour()).save(tmp_path / "network.pt")
    shapes = ((16, 24), (8, 12), (8, 12))
    gray = [tuple(np.full(shape, 126 if k == 0 else 128, np.uint8) for k, shape in enumerate(shapes))] * 35
    black = [tuple(np.full(shape, 16 if k == 0 else 128, np.uint8) for k, shape in enumerate(shapes))] * 35
    write_planes(tmp_path / "source", gray)
    write_planes(tmp_path / "decoded", black)
    clip_format = ClipFormat(24, 16, 35, Fraction(25), Colour(6, 6, 6))
    pair = ClipPair(tmp_path / "source", tmp_path / "decoded", clip_format)
    metrics = make_metrics(MetricOptions(("fvd",), i3d=tmp_path / "network.pt"))
    found = metrics.measure(pair, tmp_path, ["fvd"])
    assert found.features is not None
    source, decoded = found.features
    assert source.shape == decoded.shape == (2, 3)
    assert source == pytest.approx(np.full((2, 3), 0.0), abs=0.02)
    assert decoded == pytest.approx(np.full((2, 3), -1.0), abs=1e-6)
    short = ClipPair(
        tmp_path / "source", tmp_path / "decoded", ClipFormat(24, 16, 15, Fraction(25), Colour(6, 6, 6))
    )
    assert metrics.measure(short, tmp_path, ["fvd"]).unavailable == {"fvd": "needs 16 frames"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_networks_that_are_not_there(tmp_path: Path) -> None:
    assert "--i3d" in make_metrics(MetricOptions(("fvd",))).unavailable["fvd"]
    (tmp_path / "network.pt").write_bytes(b"no network")
    with pytest.raises(WeightsError, match=r"network\.pt: can't be loaded as TorchScript"):
        FvdFeatures(tmp_path / "network.pt")
