"""Features of windows for a Frechet distance that is called what it is."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mgv.eval.metrics.interface import MetricUnavailable
from mgv.eval.metrics.window_features import LatentWindows, open_window_features
from mgv.tokenizer import WeightsError, load_tokenizer
from mgv.tokenizer.perceptual import SQUEEZENET_FIRE, Fire


class MeanColour(nn.Module):
    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return clip.mean(dim=(2, 3, 4))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_best_that_there_is_a_file_for(tiny_model: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    assert "not FVD" in open_window_features(tokenizer, i3d=None, squeezenet_weights=None).label
    with pytest.raises(WeightsError, match=r"no\.npz"):
        open_window_features(tokenizer, i3d=None, squeezenet_weights=tmp_path / "no.npz")
    with pytest.raises(WeightsError, match=r"no\.pt"):
        open_window_features(tokenizer, i3d=tmp_path / "no.pt", squeezenet_weights=None)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_i3d_sees_the_last_sixteen_frames(tiny_model: Path, tmp_path: Path) -> None:
    torch.jit.script(MeanColour()).save(tmp_path / "network.pt")
    features = open_window_features(
        load_tokenizer(tiny_model), i3d=tmp_path / "network.pt", squeezenet_weights=None
    )
    assert features.label == "FVD (I3D)"
    clip = np.full((17, 8, 8, 3), 0.75, np.float32)
    clip[0] = 0
    assert features.measure(clip) == pytest.approx([0.5] * 3, abs=1e-4)
    with pytest.raises(MetricUnavailable, match="16 frames"):
        features.measure(clip[:15])


def test_still_windows_have_no_change(tiny_model: Path) -> None:
    features = LatentWindows(load_tokenizer(tiny_model))
    random = np.random.default_rng(0)
    still = np.repeat(random.random((1, 16, 16, 3), np.float32), 9, axis=0)
    moving = random.random((9, 16, 16, 3), np.float32)
    assert features.measure(still).shape == (4 * 5,)  # mean and spread of five latents, and their changes
    changes = [np.abs(features.measure(clip)[5:10]).sum() for clip in (still, moving)]
    assert changes[0] < changes[1]


def test_squeezenet_gives_every_layer(tiny_model: Path, tmp_path: Path) -> None:
    layers = {"0": nn.Conv2d(3, 64, 3)}
    layers |= {str(index): Fire(*sizes) for index, sizes in SQUEEZENET_FIRE.items()}
    arrays = {f"features.{name}": value.numpy() for name, value in nn.ModuleDict(layers).state_dict().items()}
    np.savez(tmp_path / "weights.npz", **arrays)
    features = open_window_features(
        load_tokenizer(tiny_model), i3d=None, squeezenet_weights=tmp_path / "weights.npz"
    )
    assert "SqueezeNet features (not FVD)" in features.label
    row = features.measure(np.full((2, 40, 40, 3), 0.5, np.float32))
    assert row.shape == (2 * (64 + 128 + 256 + 384 + 384 + 512 + 512),)
