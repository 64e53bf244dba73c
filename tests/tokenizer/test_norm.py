"""Norms: closed forms, and no statistic that crosses time."""

import pytest
import torch
from torch import nn

from mgv.tokenizer.norm import AdaptiveGroupNorm, ChannelNorm, FrameGroupNorm, num_groups_for


@pytest.mark.parametrize(("channels", "groups"), [(64, 32), (48, 16), (12, 4), (7, 1)])
def test_groups_divide_the_channels(channels: int, groups: int) -> None:
    assert num_groups_for(channels) == groups


def test_frame_group_norm_is_the_group_norm_of_each_frame() -> None:
    norm, plain = FrameGroupNorm(8), nn.GroupNorm(8, 8, eps=1e-6)
    norm.weight.data = plain.weight.data = torch.randn(8)
    x = torch.randn(2, 8, 3, 4, 5)
    frames = torch.stack([plain(x[:, :, t]) for t in range(3)], dim=2)
    torch.testing.assert_close(norm(x), frames)


@pytest.mark.parametrize("norm", [FrameGroupNorm(8), ChannelNorm(8)])
def test_no_frame_sees_another(norm: nn.Module) -> None:
    x = torch.randn(1, 8, 3, 4, 4)
    changed = x.clone()
    changed[:, :, 1] += torch.randn(8, 4, 4)
    same = (norm(x) == norm(changed)).all(dim=1).flatten(2).all(dim=2)
    assert same.tolist() == [[True, False, True]]


def test_adaptive_group_norm_starts_as_the_norm_and_then_obeys_the_control() -> None:
    norm = AdaptiveGroupNorm(channels=4, control_channels=1)
    x, control = torch.randn(1, 4, 2, 3, 3), torch.ones(1, 1, 2, 3, 3)
    normalised = FrameGroupNorm(4, affine=False)(x)
    torch.testing.assert_close(norm(x, control), normalised)
    norm.modulation.weight.data[:4] = 0.5  # scale
    norm.modulation.weight.data[4:] = 3.0  # shift
    torch.testing.assert_close(norm(x, control), normalised * 1.5 + 3)


def test_channel_norm_by_hand() -> None:
    norm = ChannelNorm(2)
    norm.weight.data, norm.bias.data = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 10.0])
    x = torch.tensor([3.0, 5.0]).reshape(1, 2, 1, 1, 1)
    torch.testing.assert_close(norm(x).flatten(), torch.tensor([-1.0, 12.0]), atol=1e-5, rtol=0)


def test_channel_norm_of_a_crop_is_the_crop_of_the_norm() -> None:
    norm, x = ChannelNorm(6), torch.randn(1, 6, 2, 8, 8)
    torch.testing.assert_close(norm(x)[..., 2:5], norm(x[..., 2:5]))
