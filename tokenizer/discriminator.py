"""StyleGAN-like discriminator over clips, with 3D blur pooling (thesis 3.2.1, 5.3.2)."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

LEAK = 0.2
HEAD_SIZE = (1, 4, 4)
"""Frames, rows and columns that the dense head sees; what the last level of the training clips has anyway."""


def blur_pool(x: Tensor) -> Tensor:
    """Low-pass `[B, C, T, H, W]` with [1 3 3 1] / 8 along each axis and keep every second sample.

    An axis of n gives ceil(n / 2); edges are replicated, so an image (T = 1) is blurred in space only.
    """
    for axis in (2, 3, 4):
        size = x.shape[axis]
        sides = [0, 0] * (4 - axis) + [1, 1 + size % 2] + [0, 0] * (axis - 2)
        x = functional.pad(x, sides, mode="replicate").movedim(axis, -1)
        num = (size + 1) // 2
        outer = x[..., 0 : 2 * num : 2] + x[..., 3 : 3 + 2 * num : 2]
        inner = x[..., 1 : 1 + 2 * num : 2] + x[..., 2 : 2 + 2 * num : 2]
        x = ((outer + 3 * inner) / 8).movedim(-1, axis)
    return x


def initialise(module: nn.Module) -> None:
    """Give a convolution or dense layer weights that keep the variance through a leaky ReLU, and no bias."""
    if isinstance(module, nn.Conv3d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, a=LEAK)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class DiscriminatorBlock(nn.Module):
    """Convolution, blur pooling and convolution beside a pooled 1x1x1 shortcut; halves time and space."""

    def __init__(self, channels_in: int, channels_out: int, *, kernel_frames: int) -> None:
        super().__init__()
        kernel, padding = (kernel_frames, 3, 3), (kernel_frames // 2, 1, 1)
        self.conv1 = nn.Conv3d(channels_in, channels_in, kernel, padding=padding)
        self.conv2 = nn.Conv3d(channels_in, channels_out, kernel, padding=padding)
        self.shortcut = nn.Conv3d(channels_in, channels_out, kernel_size=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, C_in, T, H, W]` to `[B, C_out, ceil(T/2), ceil(H/2), ceil(W/2)]`."""
        hidden = blur_pool(functional.leaky_relu(self.conv1(x), LEAK))
        hidden = functional.leaky_relu(self.conv2(hidden), LEAK)
        out: Tensor = (hidden + self.shortcut(blur_pool(x))) * 0.5**0.5
        return out


class Discriminator(nn.Module):
    """Judge clips of any size: one logit each, positive for real.

    It has no normalisation, so that R1 sees each clip by itself. Before the dense head the features are
    pooled to 4x4 positions and one frame, which is what a 128x128 clip of up to 32 frames has after five
    levels.

    Args:
        base_channels: width at full resolution.
        multipliers: width after each halving, in base channels.
        kernel_frames: temporal extent of the 3x3 kernels; 1 is the image model.
    """

    def __init__(
        self, base_channels: int = 64, multipliers: Sequence[int] = (2, 4, 4, 4, 4), kernel_frames: int = 3
    ) -> None:
        super().__init__()
        kernel, padding = (kernel_frames, 3, 3), (kernel_frames // 2, 1, 1)
        widths = [base_channels, *(base_channels * m for m in multipliers)]
        self.conv_in = nn.Conv3d(3, base_channels, kernel, padding=padding)
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(c_in, c_out, kernel_frames=kernel_frames) for c_in, c_out in pairwise(widths)
        )
        self.conv_out = nn.Conv3d(widths[-1], widths[-1], kernel, padding=padding)
        positions = HEAD_SIZE[0] * HEAD_SIZE[1] * HEAD_SIZE[2]
        self.dense = nn.Linear(widths[-1] * positions, widths[-1])
        self.logit = nn.Linear(widths[-1], 1)
        self.apply(initialise)

    def features(self, clip: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Give the logits and, for feature matching, the activations after each level.

        Args:
            clip: float `[B, 3, T, H, W]` in [-1, 1].

        Returns:
            Logits `[B]`; one `[B, C, T', H', W']` a level.
        """
        x = functional.leaky_relu(self.conv_in(clip), LEAK)
        levels = []
        for block in self.blocks:
            x = block(x)
            levels.append(x)
        x = functional.leaky_relu(self.conv_out(x), LEAK)
        if tuple(x.shape[2:]) != HEAD_SIZE:
            x = functional.adaptive_avg_pool3d(x, HEAD_SIZE)
        x = functional.leaky_relu(self.dense(x.flatten(1)), LEAK)
        return self.logit(x).squeeze(1), levels

    def forward(self, clip: Tensor) -> Tensor:
        """Give one logit `[B]` for each clip `[B, 3, T, H, W]`."""
        return self.features(clip)[0]
