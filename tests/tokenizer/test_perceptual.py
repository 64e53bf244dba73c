"""Perceptual distances: architecture, order of degradations, refusal of wrong or missing weights."""

import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mgv.tokenizer import perceptual
from mgv.tokenizer.errors import WeightsError
from mgv.tokenizer.perceptual import SQUEEZENET_FIRE, LpipsDistance, SqueezeNetDistance
from mgv.tokenizer.torchvision_import import import_torchvision


def squeezenet_arrays() -> dict[str, np.ndarray]:
    """Random weights of the right shapes, scaled so that activations neither die nor explode."""
    random = np.random.default_rng(0)
    shapes = {"features.0": (64, 3, 3, 3)}
    for index, (channels, squeezed) in SQUEEZENET_FIRE.items():
        shapes[f"features.{index}.squeeze"] = (squeezed, channels, 1, 1)
        shapes[f"features.{index}.expand1x1"] = (4 * squeezed, squeezed, 1, 1)
        shapes[f"features.{index}.expand3x3"] = (4 * squeezed, squeezed, 3, 3)
    arrays = {}
    for name, shape in shapes.items():
        scale = (2 / np.prod(shape[1:])) ** 0.5
        arrays[f"{name}.weight"] = (scale * random.standard_normal(shape)).astype(np.float32)
        arrays[f"{name}.bias"] = np.zeros(shape[0], np.float32)
    return arrays


def mean_colour() -> Tensor:
    """An image of Caffe's mean colour, red 123, green 117, blue 104, in [-1, 1]."""
    return torch.tensor([123.0, 117.0, 104.0]).reshape(1, 3, 1, 1).expand(1, 3, 40, 40) / 127.5 - 1


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "squeezenet.npz"
    np.savez(path, **squeezenet_arrays())
    return path


@pytest.fixture
def clip() -> Tensor:
    torch.manual_seed(0)
    return torch.nn.functional.interpolate(torch.rand(2, 3, 2, 8, 8) * 2 - 1, (2, 64, 64), mode="trilinear")


def test_has_the_published_number_of_parameters(weights: Path) -> None:
    assert sum(p.numel() for p in SqueezeNetDistance(weights).parameters()) == 722_496


def test_zero_for_equal_clips_and_rising_with_noise(weights: Path, clip: Tensor) -> None:
    distance = SqueezeNetDistance(weights)
    noise = torch.randn_like(clip)
    values = [distance(clip + scale * noise, clip).item() for scale in (0, 0.05, 0.3)]
    assert values[0] == pytest.approx(0, abs=1e-6)
    assert values[0] < values[1] < values[2] <= 4


def test_clip_distance_is_the_mean_of_its_frames(weights: Path, clip: Tensor) -> None:
    distance, other = SqueezeNetDistance(weights), clip.flip(0)
    frames = [distance.image_distance(clip[:, :, t], other[:, :, t]).mean() for t in range(2)]
    torch.testing.assert_close(distance(clip, other), torch.stack(frames).mean())
    torch.testing.assert_close(distance(clip, other), distance(other, clip))


def test_features_are_unit_vectors_of_seven_layers(weights: Path, clip: Tensor) -> None:
    features = SqueezeNetDistance(weights).image_features(clip[:, :, 0])
    assert [tap.shape[1] for tap in features] == [64, 128, 256, 384, 384, 512, 512]
    # 64 pixels: 31 after the first convolution, then pooled with the ceiling kept: 15, 7, 3.
    assert [tap.shape[2] for tap in features] == [31, 15, 7, 3, 3, 3, 3]
    lengths = torch.cat([tap.norm(dim=1).flatten() for tap in features])
    assert ((lengths - 1).abs() < 1e-3).float().mean() > 0.99


def test_input_is_caffes(weights: Path) -> None:
    """Blue, green, red from 0 to 255 less Caffe's mean: that very colour gives zero, so no feature at all."""
    first = SqueezeNetDistance(weights).image_features(mean_colour())[0]
    assert first.abs().max() < 0.1


def test_gradient_reaches_the_clip_and_only_it(weights: Path, clip: Tensor) -> None:
    distance = SqueezeNetDistance(weights).train()
    prediction = (clip + 0.1).requires_grad_(True)
    distance(prediction, clip).backward()
    assert prediction.grad is not None
    assert prediction.grad.isfinite().all()
    assert prediction.grad.abs().sum() > 0
    assert not distance.training
    assert all(p.grad is None for p in distance.parameters())


def test_gradient_is_finite_where_all_features_are_zero(weights: Path) -> None:
    prediction = mean_colour()[:, :, None].requires_grad_(True)
    SqueezeNetDistance(weights)(prediction, torch.zeros(1, 3, 1, 40, 40)).backward()
    assert prediction.grad is not None
    assert prediction.grad.isfinite().all()


def test_wrong_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    with pytest.raises(WeightsError, match="cannot be read"):
        SqueezeNetDistance(path)
    path.write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(WeightsError, match="cannot be read"):
        SqueezeNetDistance(path)
    arrays = squeezenet_arrays()
    np.savez(path, **{**arrays, "features.0.bias": np.zeros(3, np.float32)})
    with pytest.raises(WeightsError, match=r"features\.0\.bias has shape \(3,\), expected \(64,\)"):
        SqueezeNetDistance(path)
    del arrays["features.12.squeeze.bias"]
    np.savez(path, **arrays)
    with pytest.raises(WeightsError, match=r"features\.12\.squeeze\.bias has shape None"):
        SqueezeNetDistance(path)


@pytest.fixture(scope="module")
def squeezenet_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import_torchvision()
    from torchvision.models import squeezenet1_1

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("backbone") / "squeezenet1_1.pth"
    torch.save(squeezenet1_1(weights=None).state_dict(), path)
    return path


@pytest.mark.slow
def test_lpips_is_that_of_the_lpips_package(squeezenet_backbone: Path, clip: Tensor) -> None:
    distance = LpipsDistance("squeeze", squeezenet_backbone)
    images, other = clip[:, :, 0], clip[:, :, 0].flip(0)
    found = distance.image_distance(images, other)
    torch.testing.assert_close(found, distance.lpips(images, other).flatten())
    assert distance.image_distance(images, images).abs().max() == 0
    stored = torch.load(squeezenet_backbone, weights_only=True)["features.0.weight"]
    assert torch.equal(distance.lpips.net.slice1[0].weight, stored)


@pytest.mark.slow
def test_lpips_with_a_flat_picture_has_a_finite_gradient(squeezenet_backbone: Path) -> None:
    prediction = torch.zeros(1, 3, 1, 64, 64, requires_grad=True)
    LpipsDistance("squeeze", squeezenet_backbone)(prediction, torch.rand(1, 3, 1, 64, 64)).backward()
    assert prediction.grad is not None
    assert prediction.grad.isfinite().all()


@pytest.mark.slow
def test_lpips_refuses_a_backbone_that_does_not_fit(squeezenet_backbone: Path, tmp_path: Path) -> None:
    path = tmp_path / "backbone.pth"
    torch.save({"features.0.weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match=r"features\.0\.weight is not a tensor of shape"):
        LpipsDistance("squeeze", path)


def test_lpips_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: object, **kwargs: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(perceptual.torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(perceptual.torch.hub, "download_url_to_file", offline)
    with pytest.raises(WeightsError, match=r"alexnet-owt-7be5be79\.pth, which is not at .*no route to host"):
        LpipsDistance("alex")
    with pytest.raises(WeightsError, match="cannot be read"):
        LpipsDistance("alex", tmp_path / "missing.pth")
    (tmp_path / "garbage.pth").write_bytes(b"garbage")
    with pytest.raises(WeightsError, match="cannot be read"):
        LpipsDistance("alex", tmp_path / "garbage.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="holds a list"):
        LpipsDistance("alex", tmp_path / "list.pth")
    with pytest.raises(ValueError, match="expected one of alex, vgg, squeeze"):
        LpipsDistance("resnet")
