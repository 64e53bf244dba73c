"""Chapter 3's networks: published size, shapes, and convolutions that look both ways in time."""

import pytest
import torch
from torch import nn

from mgv.tokenizer.magvit import MagvitDecoder, MagvitEncoder, pad_same
from mgv.tokenizer.vq import VectorQuantizer

TINY = {"latent_channels": 5, "base_channels": 4, "num_residual_blocks": 1}


def num_parameters(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


@pytest.mark.parametrize(("base_channels", "published"), [(64, 41e6), (128, 158e6)])
def test_has_the_published_number_of_parameters(base_channels: int, published: float) -> None:
    with torch.device("meta"):
        encoder = MagvitEncoder(base_channels=base_channels, num_residual_blocks=2)
        decoder = MagvitDecoder(base_channels=base_channels, num_residual_blocks=2)
        codebook = VectorQuantizer(1024, 256)
    assert num_parameters(encoder, decoder) == pytest.approx(published, rel=0.02)
    assert round(num_parameters(encoder, decoder, codebook) / 1e6) == published / 1e6


def test_thesis_clip_gives_the_thesis_grid() -> None:
    with torch.device("meta"):
        latent = MagvitEncoder(**TINY)(torch.zeros(1, 3, 16, 128, 128))
        clip = MagvitDecoder(**TINY)(latent)
    assert latent.shape == (1, 5, 4, 16, 16)
    assert clip.shape == (1, 3, 16, 128, 128)


@pytest.mark.parametrize("size", [(4, 8, 8), (8, 16, 24), (12, 8, 40)])
def test_any_multiple_of_the_strides(size: tuple[int, int, int]) -> None:
    latent = MagvitEncoder(**TINY)(torch.randn(1, 3, *size))
    assert latent.shape == (1, 5, size[0] // 4, size[1] // 8, size[2] // 8)
    assert MagvitDecoder(**TINY)(latent).shape == (1, 3, *size)


@pytest.mark.parametrize("size", [(5, 16, 16), (4, 12, 16), (4, 16, 9)])
def test_other_sizes_are_refused(size: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="expected multiples of"):
        MagvitEncoder(**TINY)(torch.zeros(1, 3, *size))


def test_is_not_causal() -> None:
    torch.manual_seed(0)
    encoder, clip = MagvitEncoder(**TINY), torch.randn(1, 3, 8, 16, 16)
    changed = clip.clone()
    changed[:, :, -1] += 1
    assert not torch.equal(encoder(clip)[:, :, 0], encoder(changed)[:, :, 0])


def test_reflection_where_there_is_something_to_mirror() -> None:
    x = torch.arange(3.0).reshape(1, 1, 1, 1, 3)
    assert pad_same(x, (1, 1, 3), "reflect").flatten().tolist() == [1, 0, 1, 2, 1]
    assert pad_same(x, (1, 1, 4), "reflect").flatten().tolist() == [1, 0, 1, 2, 1, 0]
    assert pad_same(x[..., :1], (1, 1, 3), "reflect").flatten().tolist() == [0, 0, 0]
    assert pad_same(x, (3, 3, 3), "reflect").shape == (1, 1, 3, 3, 5)


@pytest.mark.parametrize("network", [MagvitEncoder, MagvitDecoder])
def test_impossible_levels_are_refused(network: type[nn.Module]) -> None:
    with pytest.raises(ValueError, match="expected 3"):
        network(temporal_strides=(2, 2))
    with pytest.raises(ValueError, match="1 or 2"):
        network(temporal_strides=(4, 1, 1))


def test_every_parameter_gets_a_gradient() -> None:
    encoder, decoder = MagvitEncoder(**TINY), MagvitDecoder(**TINY)
    decoder(encoder(torch.randn(1, 3, 8, 16, 16))).square().mean().backward()
    assert all(
        p.grad is not None and p.grad.isfinite().all() for m in (encoder, decoder) for p in m.parameters()
    )
