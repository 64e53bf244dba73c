"""MAGVIT-v2's networks (thesis 5.3.2): temporally causal 3D convolution between pixels and latent."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from .conv import Cache, CausalConv3d, depth_to_space
from .magvit import check_levels, total_strides
from .norm import AdaptiveGroupNorm, FrameGroupNorm

DOWN_KERNEL = 4
"""Extent of the strided convolutions. The thesis gives none; with 4 a small model has Table 5.7a's size."""


def drop_leading(module: nn.Module, x: Tensor, num_frames: int, cache: Cache | None) -> Tensor:
    """Drop the first `num_frames` frames of `[B, C, T, H, W]` in the first chunk of a clip only."""
    if cache is not None:
        if module in cache:
            return x
        cache[module] = x.new_empty(0)
    return x[:, :, num_frames:]


class CausalResidualBlock(nn.Module):
    """Twice frame group norm, swish and causal convolution, beside the identity or a 1x1x1 convolution."""

    def __init__(self, channels_in: int, channels_out: int, kernel_frames: int, space_padding: str) -> None:
        super().__init__()
        kernel = (kernel_frames, 3, 3)
        self.norm1 = FrameGroupNorm(channels_in)
        self.conv1 = CausalConv3d(channels_in, channels_out, kernel, bias=False, space_padding=space_padding)
        self.norm2 = FrameGroupNorm(channels_out)
        self.conv2 = CausalConv3d(channels_out, channels_out, kernel, bias=False, space_padding=space_padding)
        self.shortcut = (
            nn.Identity()
            if channels_in == channels_out
            else nn.Conv3d(channels_in, channels_out, 1, bias=False)
        )

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        """Map `[B, C_in, T, H, W]` to `[B, C_out, T, H, W]`."""
        hidden = self.conv1(functional.silu(self.norm1(x)), cache)
        out: Tensor = self.shortcut(x) + self.conv2(functional.silu(self.norm2(hidden)), cache)
        return out


class CausalSequential(nn.Sequential):
    """Causal modules one after the other, each with its memory in the same cache."""

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        """Apply all to `[B, C, T, H, W]`."""
        for module in self:
            x = module(x, cache)
        return x


class DepthToSpaceUp(nn.Module):
    """Causal convolution to s_t*4 times the channels, unfolded into time and space, less s_t - 1 frames.

    1 + t frames become 1 + s_t*t: the first frame stands alone, so an image stays an image.
    """

    def __init__(self, channels: int, stride_frames: int, kernel_frames: int, space_padding: str) -> None:
        super().__init__()
        self.strides = (stride_frames, 2, 2)
        self.conv = CausalConv3d(
            channels, channels * stride_frames * 4, (kernel_frames, 3, 3), space_padding=space_padding
        )

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        """Map `[B, C, 1+t, H, W]` to `[B, C, 1+s*t, 2*H, 2*W]`; a later chunk of `t` frames gives `s*t`."""
        x = depth_to_space(self.conv(x, cache), self.strides)
        return drop_leading(self, x, self.strides[0] - 1, cache)


class NearestUp(nn.Module):
    """Repeat each frame and pixel as `DepthToSpaceUp` lays them out; carries the control signal up."""

    def __init__(self, stride_frames: int) -> None:
        super().__init__()
        self.strides = (stride_frames, 2, 2)

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        """Map `[B, D, 1+t, H, W]` to `[B, D, 1+s*t, 2*H, 2*W]`; a later chunk of `t` frames gives `s*t`."""
        x = functional.interpolate(x, scale_factor=self.strides, mode="nearest")
        return drop_leading(self, x, self.strides[0] - 1, cache)


class MagvitV2Encoder(nn.Module):
    """Causal residual blocks and strided convolutions, from clip to latent; mirrored by `MagvitV2Decoder`.

    Args:
        latent_channels: D, one channel for each dimension of the lookup-free quantizer.
        base_channels: width at full resolution.
        multipliers: width of each level in base channels; between two levels space is halved.
        temporal_strides: 2 where that halving takes in time too, else 1; one fewer than multipliers.
        num_residual_blocks: in each level, and again in the middle, at the latent's resolution.
        kernel_frames: temporal extent of the 3x3 kernels; 1 (with temporal strides of 1) is the image model.
        space_padding: of the convolutions, a mode of `torch.nn.functional.pad`.
    """

    def __init__(
        self,
        latent_channels: int = 18,
        base_channels: int = 128,
        multipliers: Sequence[int] = (1, 2, 2, 4),
        temporal_strides: Sequence[int] = (1, 2, 2),
        num_residual_blocks: int = 4,
        kernel_frames: int = 3,
        space_padding: str = "reflect",
    ) -> None:
        super().__init__()
        check_levels(multipliers, temporal_strides)
        widths = [base_channels * m for m in multipliers]
        kernel = (kernel_frames, 3, 3)
        self.strides = total_strides(temporal_strides)
        layers: list[nn.Module] = [
            CausalConv3d(3, base_channels, kernel, bias=False, space_padding=space_padding)
        ]
        channels = base_channels
        for level, width in enumerate(widths):
            for _ in range(num_residual_blocks):
                layers.append(CausalResidualBlock(channels, width, kernel_frames, space_padding))
                channels = width
            if level < len(temporal_strides):
                stride = (temporal_strides[level], 2, 2)
                down = (DOWN_KERNEL if kernel_frames > 1 else 1, DOWN_KERNEL, DOWN_KERNEL)
                layers.append(CausalConv3d(width, width, down, stride=stride, space_padding=space_padding))
        for _ in range(num_residual_blocks):
            layers.append(CausalResidualBlock(channels, channels, kernel_frames, space_padding))
        self.layers = CausalSequential(*layers)
        self.norm_out = FrameGroupNorm(channels)
        self.conv_out = nn.Conv3d(channels, latent_channels, kernel_size=1)

    def forward(self, clip: Tensor, cache: Cache | None = None) -> Tensor:
        """Map a clip to its latent.

        Args:
            clip: float `[B, 3, 1+4*t, H, W]` in [-1, 1]; an image is a clip of one frame. With a cache that
                has seen the first chunk, 4*t frames give t latent frames.
            cache: memory between the chunks of one clip, or None for a whole clip.

        Returns:
            float `[B, D, 1+t, H/8, W/8]`, at the default strides.

        Raises:
            ValueError: T is not 1 + 4*t (later chunks: 4*t), or H or W no multiple of its stride.
        """
        lead = 0 if cache else 1
        sizes = (clip.shape[2] - lead, *clip.shape[3:])
        if clip.shape[2] < 1 or any(size % stride for size, stride in zip(sizes, self.strides, strict=True)):
            raise ValueError(
                f"clip of {tuple(clip.shape[2:])} (T, H, W): expected T = {lead} + {self.strides[0]}*t and"
                f" H, W multiples of {self.strides[1]}"
            )
        x = self.layers(clip, cache)
        latent: Tensor = self.conv_out(functional.silu(self.norm_out(x)))
        return latent


class MagvitV2Decoder(nn.Module):
    """Causal residual blocks and depth-to-space, from latent to clip; arguments as `MagvitV2Encoder`.

    Before the residual blocks of each resolution an adaptive group norm takes the quantized latents as its
    control.
    """

    def __init__(
        self,
        latent_channels: int = 18,
        base_channels: int = 128,
        multipliers: Sequence[int] = (1, 2, 2, 4),
        temporal_strides: Sequence[int] = (1, 2, 2),
        num_residual_blocks: int = 4,
        kernel_frames: int = 3,
        space_padding: str = "reflect",
    ) -> None:
        super().__init__()
        check_levels(multipliers, temporal_strides)
        widths = [base_channels * m for m in multipliers]
        kernel = (kernel_frames, 3, 3)
        self.strides = total_strides(temporal_strides)
        channels = widths[-1]
        self.conv_in = CausalConv3d(latent_channels, channels, kernel, space_padding=space_padding)
        self.middle = CausalSequential(
            *(
                CausalResidualBlock(channels, channels, kernel_frames, space_padding)
                for _ in range(num_residual_blocks)
            )
        )
        self.controls, self.levels = nn.ModuleList(), nn.ModuleList()
        self.ups, self.control_ups = nn.ModuleList(), nn.ModuleList()
        for level in reversed(range(len(widths))):
            self.controls.append(AdaptiveGroupNorm(channels, latent_channels))
            blocks: list[nn.Module] = []
            for _ in range(num_residual_blocks):
                blocks.append(CausalResidualBlock(channels, widths[level], kernel_frames, space_padding))
                channels = widths[level]
            self.levels.append(CausalSequential(*blocks))
            if level > 0:
                stride = temporal_strides[level - 1]
                self.ups.append(DepthToSpaceUp(channels, stride, kernel_frames, space_padding))
                self.control_ups.append(NearestUp(stride))
        self.norm_out = FrameGroupNorm(channels)
        self.conv_out = CausalConv3d(channels, 3, kernel, space_padding=space_padding)

    def forward(self, latent: Tensor, cache: Cache | None = None) -> Tensor:
        """Map a quantized latent `[B, D, 1+t, h, w]` to a clip `[B, 3, 1+4*t, 8*h, 8*w]`, about [-1, 1].

        With a cache that has seen the first chunk of the clip, t latent frames give 4*t frames.
        """
        control = latent
        x = self.middle(self.conv_in(latent, cache), cache)
        for index, (norm, blocks) in enumerate(zip(self.controls, self.levels, strict=True)):
            x = blocks(norm(x, control), cache)
            if index < len(self.ups):
                x = self.ups[index](x, cache)
                control = self.control_ups[index](control, cache)
        clip: Tensor = self.conv_out(functional.silu(self.norm_out(x)), cache)
        return clip
