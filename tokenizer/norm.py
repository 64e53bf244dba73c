"""Normalisation: per clip, or with statistics that never cross time, per frame or per position."""

from math import gcd

import torch
from torch import Tensor, nn
from torch.nn import functional

MAX_GROUPS = 32


def num_groups_for(channels: int) -> int:
    """Number of groups a group norm of `channels` channels has: the greatest divisor it shares with 32."""
    return gcd(channels, MAX_GROUPS)


class ClipGroupNorm(nn.GroupNorm):
    """Group normalisation, one mean and variance a group and clip: across time, for non-causal models."""

    def __init__(self, channels: int, *, affine: bool = True, eps: float = 1e-6) -> None:
        super().__init__(num_groups_for(channels), channels, eps=eps, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `[B, C, ...]`."""
        # torch.nn.functional.group_norm refuses a single position, which a small picture has at the latent.
        return torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


class FrameGroupNorm(ClipGroupNorm):
    """Group normalisation, one mean and variance a group, clip and frame.

    A frame's output depends on that frame alone, so a causal network stays causal and a chunk needs no
    memory.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `[B, C, T, H, W]`."""
        b, c, t, h, w = x.shape
        frames = x.transpose(1, 2).reshape(b * t, c, h, w)
        return super().forward(frames).reshape(b, t, c, h, w).transpose(1, 2)


class AdaptiveGroupNorm(nn.Module):
    """Frame group norm whose scale and shift come, at each position, from a control signal (thesis 5.3.2).

    The control is the quantized latent at this resolution. At the start the scale is 1 and the shift 0.
    """

    def __init__(self, channels: int, control_channels: int) -> None:
        super().__init__()
        self.norm = FrameGroupNorm(channels, affine=False)
        self.modulation = nn.Conv3d(control_channels, 2 * channels, kernel_size=1)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, control: Tensor) -> Tensor:
        """Normalise `x` `[B, C, T, H, W]` and modulate it by `control` `[B, D, T, H, W]`."""
        scale, shift = self.modulation(control).chunk(2, dim=1)
        out: Tensor = self.norm(x) * (1 + scale) + shift
        return out


class ChannelNorm(nn.Module):
    """Normalise the channels of each position by themselves, with a learned scale and shift a channel.

    No statistic leaves a position, so crop size and tiling change nothing.
    """

    def __init__(self, channels: int, *, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `[B, C, ...]` over its channels."""
        channels = self.weight.shape[0]
        return functional.layer_norm(x.movedim(1, -1), (channels,), self.weight, self.bias, self.eps).movedim(
            -1, 1
        )
