"""MAGVIT's 3D-VQ networks (thesis chapter 3): non-causal 3D convolution between pixels and latent."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from .norm import ClipGroupNorm


def pad_same(x: Tensor, kernel: Sequence[int], mode: str) -> Tensor:
    """Pad `[B, C, T, H, W]` so that a convolution of this kernel keeps its size.

    Each axis gets floor((k-1)/2) before and floor(k/2) after. An axis with too little to mirror is replicated
    instead.
    """
    for axis, size in zip((4, 3, 2), reversed(kernel), strict=True):
        before, after = (size - 1) // 2, size // 2
        if before or after:
            sides = [0] * (2 * (4 - axis)) + [before, after]
            sides += [0] * (6 - len(sides))
            fits = mode != "reflect" or x.shape[axis] > after
            x = functional.pad(x, sides, mode=mode if fits else "replicate")
    return x


class PaddedConv3d(nn.Conv3d):
    """3D convolution that keeps the size and sees as far forward in time as back."""

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: tuple[int, int, int],
        *,
        padding: str,
        bias: bool = True,
    ) -> None:
        super().__init__(channels_in, channels_out, kernel, bias=bias)
        self.same_padding = padding

    def forward(self, x: Tensor) -> Tensor:
        """Convolve `[B, C, T, H, W]`, same size out."""
        return super().forward(pad_same(x, self.kernel_size, self.same_padding))


class ResidualBlock(nn.Module):
    """Twice group norm, swish and convolution, beside the identity (1x1x1 convolution at a new width)."""

    def __init__(self, channels_in: int, channels_out: int, kernel_frames: int, padding: str) -> None:
        super().__init__()
        kernel = (kernel_frames, 3, 3)
        self.norm1 = ClipGroupNorm(channels_in)
        self.conv1 = PaddedConv3d(channels_in, channels_out, kernel, padding=padding, bias=False)
        self.norm2 = ClipGroupNorm(channels_out)
        self.conv2 = PaddedConv3d(channels_out, channels_out, kernel, padding=padding, bias=False)
        self.shortcut = (
            nn.Identity()
            if channels_in == channels_out
            else nn.Conv3d(channels_in, channels_out, 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, C_in, T, H, W]` to `[B, C_out, T, H, W]`."""
        hidden = self.conv1(functional.silu(self.norm1(x)))
        out: Tensor = self.shortcut(x) + self.conv2(functional.silu(self.norm2(hidden)))
        return out


class MagvitEncoder(nn.Module):
    """Residual blocks and average pooling, from clip to latent; mirrored by `MagvitDecoder`.

    Args:
        latent_channels: D, the codebook's dimension.
        base_channels: width at full resolution, 64 in the base and 128 in the large model.
        multipliers: width of each level in base channels; between two levels space is halved.
        temporal_strides: 2 where that halving takes in time too, else 1; one fewer than multipliers.
        num_residual_blocks: in each level, and again in the middle, at the latent's resolution.
        kernel_frames: temporal extent of the 3x3 kernels; 1 (with temporal strides of 1) is the image model.
        padding: of the convolutions, a mode of `torch.nn.functional.pad`.
    """

    def __init__(
        self,
        latent_channels: int = 256,
        base_channels: int = 64,
        multipliers: Sequence[int] = (1, 2, 2, 4),
        temporal_strides: Sequence[int] = (2, 2, 1),
        num_residual_blocks: int = 2,
        kernel_frames: int = 3,
        padding: str = "reflect",
    ) -> None:
        super().__init__()
        check_levels(multipliers, temporal_strides)
        widths = [base_channels * m for m in multipliers]
        kernel = (kernel_frames, 3, 3)
        self.strides = total_strides(temporal_strides)
        self.conv_in = PaddedConv3d(3, base_channels, kernel, padding=padding, bias=False)
        layers: list[nn.Module] = []
        channels = base_channels
        for level, width in enumerate(widths):
            for _ in range(num_residual_blocks):
                layers.append(ResidualBlock(channels, width, kernel_frames, padding))
                channels = width
            if level < len(temporal_strides):
                layers.append(nn.AvgPool3d((temporal_strides[level], 2, 2)))
        for _ in range(num_residual_blocks):
            layers.append(ResidualBlock(channels, channels, kernel_frames, padding))
        self.layers = nn.Sequential(*layers)
        self.norm_out = ClipGroupNorm(channels)
        self.conv_out = nn.Conv3d(channels, latent_channels, kernel_size=1)

    def forward(self, clip: Tensor) -> Tensor:
        """Map a clip to its latent.

        Args:
            clip: float `[B, 3, T, H, W]` in [-1, 1].

        Returns:
            float `[B, D, T/4, H/8, W/8]`, at the default strides.

        Raises:
            ValueError: T, H or W is no multiple of its stride.
        """
        if any(size % stride for size, stride in zip(clip.shape[2:], self.strides, strict=True)):
            raise ValueError(
                f"clip of {tuple(clip.shape[2:])} (T, H, W): expected multiples of {self.strides}"
            )
        x = self.layers(self.conv_in(clip))
        latent: Tensor = self.conv_out(functional.silu(self.norm_out(x)))
        return latent


class MagvitDecoder(nn.Module):
    """Residual blocks and nearest resizing plus convolution, from latent to clip.

    Mirror of `MagvitEncoder`, with the same arguments.
    """

    def __init__(
        self,
        latent_channels: int = 256,
        base_channels: int = 64,
        multipliers: Sequence[int] = (1, 2, 2, 4),
        temporal_strides: Sequence[int] = (2, 2, 1),
        num_residual_blocks: int = 2,
        kernel_frames: int = 3,
        padding: str = "reflect",
    ) -> None:
        super().__init__()
        check_levels(multipliers, temporal_strides)
        widths = [base_channels * m for m in multipliers]
        kernel = (kernel_frames, 3, 3)
        self.strides = total_strides(temporal_strides)
        channels = widths[-1]
        self.conv_in = PaddedConv3d(latent_channels, channels, kernel, padding=padding)
        layers: list[nn.Module] = [
            ResidualBlock(channels, channels, kernel_frames, padding) for _ in range(num_residual_blocks)
        ]
        for level in reversed(range(len(widths))):
            for _ in range(num_residual_blocks):
                layers.append(ResidualBlock(channels, widths[level], kernel_frames, padding))
                channels = widths[level]
            if level > 0:
                layers.append(nn.Upsample(scale_factor=(temporal_strides[level - 1], 2, 2), mode="nearest"))
                layers.append(PaddedConv3d(channels, channels, kernel, padding=padding))
        self.layers = nn.Sequential(*layers)
        self.norm_out = ClipGroupNorm(channels)
        self.conv_out = PaddedConv3d(channels, 3, kernel, padding=padding)

    def forward(self, latent: Tensor) -> Tensor:
        """Map a quantized latent `[B, D, t, h, w]` to a clip `[B, 3, 4*t, 8*h, 8*w]`, about [-1, 1]."""
        x = self.layers(self.conv_in(latent))
        clip: Tensor = self.conv_out(functional.silu(self.norm_out(x)))
        return clip


def check_levels(multipliers: Sequence[int], temporal_strides: Sequence[int]) -> None:
    """Raise ValueError unless there is one temporal stride, 1 or 2, between each two levels."""
    expected = len(multipliers) - 1
    if len(temporal_strides) != expected:
        raise ValueError(
            f"{len(temporal_strides)} temporal strides, expected {expected}, one less than levels"
        )
    if any(stride not in (1, 2) for stride in temporal_strides):
        raise ValueError(f"temporal strides {tuple(temporal_strides)}, expected each to be 1 or 2")


def total_strides(temporal_strides: Sequence[int]) -> tuple[int, int, int]:
    """Frames, rows and columns of pixels per latent step."""
    space = 2 ** len(temporal_strides)
    frames = 1
    for stride in temporal_strides:
        frames *= stride
    return frames, space, space
