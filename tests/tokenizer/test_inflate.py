"""Inflation: on still video the video model is the image model."""

from typing import Any

import pytest
import torch
from torch import nn

from mgv.tokenizer.conv import CausalConv3d, depth_to_space, space_to_depth
from mgv.tokenizer.discriminator import Discriminator
from mgv.tokenizer.inflate import inflate, place_in_time
from mgv.tokenizer.magvit import MagvitDecoder, MagvitEncoder
from mgv.tokenizer.magvit_v2 import MagvitV2Decoder, MagvitV2Encoder

TINY: dict[str, Any] = {
    "latent_channels": 5,
    "base_channels": 8,
    "multipliers": (1, 1, 2, 2),
    "num_residual_blocks": 1,
}
IMAGE: dict[str, Any] = {**TINY, "temporal_strides": (1, 1, 1), "kernel_frames": 1}


def randomise(module: nn.Module) -> nn.Module:
    """Move every weight away from its special start, modulation at zero among them."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return module.requires_grad_(False)


@pytest.mark.parametrize(
    ("network", "placement", "frames", "channels", "side"),
    [
        (MagvitEncoder, "central", 8, 3, 16),
        (MagvitDecoder, "central", 2, 5, 2),
        (MagvitV2Encoder, "last", 9, 3, 16),
        (MagvitV2Decoder, "last", 3, 5, 2),
    ],
)
def test_still_video_is_treated_as_its_image(
    network: type[nn.Module], placement: Any, frames: int, channels: int, side: int
) -> None:
    image, video = randomise(network(**IMAGE)), randomise(network(**TINY))
    inflate(image.state_dict(), video, placement)
    picture = torch.randn(1, channels, 1, side, side + 8)
    expected = image(picture)
    found = video(picture.expand(-1, -1, frames, -1, -1))
    torch.testing.assert_close(found, expected.expand_as(found), atol=1e-4, rtol=0)


def test_causal_models_treat_moving_video_frame_by_frame_too() -> None:
    """With the weights in the last slice, latent frame t is the image latent of frame 4 t."""
    image, video = randomise(MagvitV2Encoder(**IMAGE)), randomise(MagvitV2Encoder(**TINY))
    inflate(image.state_dict(), video, "last")
    clip = torch.randn(1, 3, 9, 16, 16)
    torch.testing.assert_close(video(clip), image(clip[:, :, ::4]), atol=1e-4, rtol=0)


def test_discriminator_inflates() -> None:
    image = randomise(Discriminator(base_channels=4, multipliers=(2, 2), kernel_frames=1))
    video = randomise(Discriminator(base_channels=4, multipliers=(2, 2), kernel_frames=3))
    inflate(image.state_dict(), video, "central")
    picture = torch.randn(1, 3, 1, 16, 16)
    torch.testing.assert_close(video(picture), image(picture), atol=1e-5, rtol=0)


def test_kernels_go_to_the_slice_and_nowhere_else() -> None:
    source, target = torch.randn(2, 3, 1, 3, 3), torch.empty(2, 3, 3, 3, 3)
    for placement, position in (("central", 1), ("last", 2)):
        inflated = place_in_time("conv.weight", source, target, placement)  # type: ignore[arg-type]
        assert torch.equal(inflated[:, :, position], source[:, :, 0])
        assert inflated.count_nonzero() == source.count_nonzero()


class FoldedNetwork(nn.Module):
    """Frames folded into channels, a 1x1x1 convolution there and back, unfolded."""

    def __init__(self, stride_frames: int) -> None:
        super().__init__()
        self.strides = (stride_frames, 2, 2)
        self.down = nn.Conv3d(3 * stride_frames * 4, 6, 1)
        self.mix = CausalConv3d(6, 6, (3 if stride_frames > 1 else 1, 1, 1))
        self.up = nn.Conv3d(6, 3 * stride_frames * 4, 1)

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return depth_to_space(self.up(self.mix(self.down(space_to_depth(clip, self.strides)))), self.strides)


def test_time_folded_into_channels() -> None:
    image, video = randomise(FoldedNetwork(1)), randomise(FoldedNetwork(4))
    inflate(image.state_dict(), video, "last", unfolded={"up": 4}, folded={"down": 4})
    picture = torch.randn(1, 3, 1, 4, 4)
    found = video(picture.expand(-1, -1, 8, -1, -1))
    torch.testing.assert_close(found, image(picture).expand_as(found), atol=1e-5, rtol=0)
    moving = torch.randn(1, 3, 8, 4, 4)
    last_of_four = image(moving[:, :, 3::4]).repeat_interleave(4, dim=2)
    torch.testing.assert_close(video(moving), last_of_four, atol=1e-5, rtol=0)


def test_flat_image_kernels_are_taken() -> None:
    image, video = nn.Conv2d(3, 4, 3), nn.Conv3d(3, 4, (3, 3, 3))
    inflate(image.state_dict(), video, "last")
    assert torch.equal(video.weight[:, :, 2], image.weight)
    assert torch.equal(video.bias, image.bias)


def test_models_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="bias is in only one"):
        inflate(nn.Conv3d(3, 4, 1, bias=False).state_dict(), nn.Conv3d(3, 4, 3), "last")
    with pytest.raises(ValueError, match=r"weight: image weight .* cannot be inflated"):
        inflate(nn.Conv3d(3, 4, 1).state_dict(), nn.Conv3d(3, 8, 3), "last")
