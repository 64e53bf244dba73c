"""Perceptual distances on frozen image features: SqueezeNet from a file, LPIPS with its own backbone."""

import pickle
import warnings
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .errors import WeightsError
from .torchvision_import import import_torchvision

CAFFE_MEAN_BGR = (104.0, 117.0, 123.0)
SQUEEZENET_FIRE = {
    3: (64, 16),
    4: (128, 16),
    6: (128, 32),
    7: (256, 32),
    9: (256, 48),
    10: (384, 48),
    11: (384, 64),
    12: (512, 64),
}
"""Channels of each fire module, by its torchvision index: input, and squeezed (an eighth of the output)."""
SQUEEZENET_POOLS = (2, 5, 8)
SQUEEZENET_TAPS = (0, 4, 7, 9, 10, 11, 12)
"""Layers whose outputs are compared, after ReLU."""
SMALLEST_SQUARED_NORM = 1e-10

LPIPS_BACKBONES = {
    "alex": "alexnet-owt-7be5be79.pth",
    "vgg": "vgg16-397923af.pth",
    "squeeze": "squeezenet1_1-b8a52dc0.pth",
}
"""File of torchvision's ImageNet weights under each LPIPS network."""
TORCHVISION_WEIGHTS_URL = "https://download.pytorch.org/models/"


class PerceptualDistance(nn.Module, ABC):
    """Interface: how different two clips look, 0 for equal ones. Frozen; gradients reach the clips only."""

    @abstractmethod
    def image_distance(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compare images `[N, 3, H, W]` in [-1, 1]; returns `[N]`, each 0 or more."""

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compare clips `[B, 3, T, H, W]` in [-1, 1]; returns the mean over all frames, a scalar."""
        frames = (clip.transpose(1, 2).flatten(0, 1) for clip in (prediction, target))
        return self.image_distance(*frames).mean()

    def train(self, mode: bool = True) -> "PerceptualDistance":
        """Stay in evaluation mode, whatever the model around it does."""
        return super().train(False)


class SqueezeNetDistance(PerceptualDistance):
    """Distance of unit-normalised SqueezeNet 1.1 features, averaged over seven layers.

    Made like LPIPS but without its fitted heads, so its figures are not LPIPS and not comparable with
    published ones. Each layer contributes the mean over positions of the squared difference of unit vectors,
    in [0, 4].

    Args:
        weights: an `.npz` of tensors under torchvision's names (`features.0.weight`, ...), OIHW, trained on
            Caffe's input (BGR, 0 to 255, minus the mean).

    Raises:
        WeightsError: the file is missing, no `.npz`, or a tensor is missing, unknown or of another shape.
    """

    mean: Tensor

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.features = nn.ModuleDict({"0": nn.Conv2d(3, 64, 3, stride=2)})
        for index, (channels, squeezed) in SQUEEZENET_FIRE.items():
            self.features[str(index)] = Fire(channels, squeezed)
        tensors = _read_npz(weights)
        expected = {name: tuple(tensor.shape) for name, tensor in self.state_dict().items()}
        found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        for name in sorted(set(expected) | set(found)):
            if found.get(name) != expected.get(name):
                raise WeightsError(
                    f"{weights}: not SqueezeNet 1.1's features: {name} has shape {found.get(name)},"
                    f" expected {expected.get(name)}"
                )
        self.load_state_dict(tensors)
        self.register_buffer("mean", torch.tensor(CAFFE_MEAN_BGR)[:, None, None], persistent=False)
        self.eval().requires_grad_(False)

    def image_features(self, images: Tensor) -> list[Tensor]:
        """Give seven activations of images `[N, 3, H, W]` in [-1, 1], as unit vectors over channels."""
        x = (images.flip(1) + 1) * 127.5 - self.mean
        taps = []
        for index in range(max(SQUEEZENET_TAPS) + 1):
            if index in SQUEEZENET_POOLS:
                x = functional.max_pool2d(x, 3, stride=2, ceil_mode=True)
            elif str(index) in self.features:
                x = functional.relu(self.features[str(index)](x))
            if index in SQUEEZENET_TAPS:
                taps.append(unit_channels(x))
        return taps

    def image_distance(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compare images `[N, 3, H, W]` in [-1, 1], at least 33 pixels a side; returns `[N]`."""
        pairs = zip(self.image_features(prediction), self.image_features(target), strict=True)
        layers = [(a - b).square().sum(dim=1).mean(dim=(1, 2)) for a, b in pairs]
        return torch.stack(layers).mean(dim=0)


class Fire(nn.Module):
    """SqueezeNet's fire module: squeeze by 1x1, then expand by 1x1 and 3x3 side by side."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, 4 * squeezed, 1)
        self.expand3x3 = nn.Conv2d(squeezed, 4 * squeezed, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[N, C, H, W]` to `[N, 8 * squeezed, H, W]`, before its ReLU."""
        x = functional.relu(self.squeeze(x))
        return torch.cat([self.expand1x1(x), self.expand3x3(x)], dim=1)


class LpipsDistance(PerceptualDistance):
    """LPIPS 0.1 as published: fitted heads (part of the lpips package) on a torchvision backbone.

    Args:
        network: `alex` (the figure papers report), `vgg` or `squeeze`.
        backbone: torchvision's weight file for that network; if None, the one in torch's hub cache,
            downloaded at first use.

    Raises:
        WeightsError: the backbone is not there and cannot be downloaded, or does not fit; never random
            weights.
    """

    def __init__(self, network: str = "alex", backbone: Path | None = None) -> None:
        super().__init__()
        if network not in LPIPS_BACKBONES:
            raise ValueError(f"LPIPS network {network!r}, expected one of {', '.join(LPIPS_BACKBONES)}")
        weights = _read_backbone(backbone or _hub_backbone(LPIPS_BACKBONES[network]))
        import_torchvision()
        import lpips

        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.filterwarnings("ignore", category=UserWarning, module="torchvision")
            self.lpips = lpips.LPIPS(net=network, pnet_rand=True, verbose=False)
        self._load_backbone(weights)
        self.eval().requires_grad_(False)

    def _load_backbone(self, weights: Mapping[str, Tensor]) -> None:
        # lpips cuts torchvision's `features` in slices and keeps indices: slice2.3.bias is features.3.bias.
        state = {}
        for name, own in self.lpips.net.state_dict().items():
            source = "features." + name.partition(".")[2]
            tensor = weights.get(source)
            if not isinstance(tensor, Tensor) or tensor.shape != own.shape:
                raise WeightsError(f"LPIPS backbone: {source} is not a tensor of shape {tuple(own.shape)}")
            state[name] = tensor
        self.lpips.net.load_state_dict(state)

    def image_distance(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compare images `[N, 3, H, W]` in [-1, 1]; returns `[N]`."""
        pair = (self.lpips.net(self.lpips.scaling_layer(images)) for images in (prediction, target))
        layers = [
            head((unit_channels(a) - unit_channels(b)).square()).mean(dim=(1, 2, 3))
            for head, a, b in zip(self.lpips.lins, *pair, strict=True)
        ]
        return torch.stack(layers).sum(dim=0)


def unit_channels(x: Tensor) -> Tensor:
    """Divide `[N, C, H, W]` by its length over channels, with a finite gradient where all are 0."""
    x = x.float()
    return x * (x.square().sum(dim=1, keepdim=True) + SMALLEST_SQUARED_NORM).rsqrt()


def _read_npz(path: Path) -> dict[str, Tensor]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays}
    except (OSError, ValueError, AttributeError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path}: perceptual weights cannot be read as .npz ({error})") from error


def _hub_backbone(name: str) -> Path:
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if not path.exists():
        hash_prefix = path.stem.rpartition("-")[2]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(
                TORCHVISION_WEIGHTS_URL + name, str(path), hash_prefix, progress=False
            )
        except (OSError, RuntimeError) as error:
            raise WeightsError(
                f"LPIPS needs {name}, which is not at {path} and could not be downloaded ({error}):"
                f" get it from {TORCHVISION_WEIGHTS_URL + name} and give its path"
            ) from error
    return path


def _read_backbone(path: Path) -> Mapping[str, Tensor]:
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise WeightsError(f"{path}: LPIPS backbone cannot be read ({error})") from error
    if not isinstance(weights, Mapping):
        raise WeightsError(
            f"{path}: LPIPS backbone holds a {type(weights).__name__}, expected a state dictionary"
        )
    return weights
