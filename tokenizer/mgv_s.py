"""The `mgv-s` networks: a linear transform with a causal residual network beside it, most of it at 1/8 resolution."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import MgvSNetwork, TokenizerConfig
from .conv import Cache, CausalConv3d, PointwiseConv3d, depth_to_space, space_to_depth
from .klt import CHROMA_WEIGHT, RGB_TO_YCBCR, LinearTransform

PATCH = 4
"""Pixels a side of the fixed space-to-depth patch that the networks start and end with."""


class ResidualBlock(nn.Module):
    """Factorised causal convolution, 1x3x3 then 3x1x1, added to its input; starts as the identity.

    Without a norm, so that crop size, tiling and integer arithmetic change nothing.
    """

    def __init__(self, width: int, kernel_frames: int) -> None:
        super().__init__()
        self.space = CausalConv3d(width, width, (1, 3, 3))
        self.time = CausalConv3d(width, width, (kernel_frames, 1, 1))
        nn.init.zeros_(self.time.weight)
        nn.init.zeros_(_bias(self.time))

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        """Map `[B, C, T, H, W]` to the same shape."""
        y: Tensor = self.time(functional.relu(self.space(functional.relu(x))), cache)
        return x + y


class MgvSEncoder(nn.Module):
    """Pixels to latents in units of quantization steps: linear shortcut plus residual network.

    The first frame of a clip is repeated to fill a patch in time, so that a still clip has still latents.
    """

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        network = config.network
        assert isinstance(network, MgvSNetwork)  # noqa: S101 - held by TokenizerConfig
        self.strides = config.strides
        stride_t, stride_h, _ = config.strides
        self.fold = stride_h // PATCH
        num_dimensions = len(config.dimension_bits)
        quarter, width = network.encoder_quarter_width, network.encoder_width
        self.register_buffer("colour", torch.tensor(RGB_TO_YCBCR, dtype=torch.float32))
        self.shortcut = PointwiseConv3d(3 * int(np.prod(config.strides)), num_dimensions)
        self.quarter_in = CausalConv3d(3 * PATCH**2, quarter, (1, 3, 3))
        self.down = PointwiseConv3d(quarter * stride_t * self.fold**2, width)
        self.blocks = nn.ModuleList(
            ResidualBlock(width, kernel_frames(config)) for _ in range(network.num_encoder_blocks)
        )
        self.out = CausalConv3d(width, num_dimensions, (1, 3, 3))
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(_bias(self.out))

    colour: Tensor

    @property
    def margin(self) -> int:
        """Latent positions that a latent sees on each side: one a block, one for the output, one for the input."""
        return len(self.blocks) + 2

    def forward(self, clip: Tensor, cache: Cache | None = None) -> Tensor:
        """Map a clip `[B, 3, T, H, W]` in [-1, 1], H and W multiples of the strides, to `[B, D, t, H/8, W/8]`."""
        clip = torch.einsum("oc,bcthw->bothw", self.colour, clip)
        if cache is None or self not in cache:
            clip = torch.cat([clip[:, :, :1].expand(-1, -1, self.strides[0] - 1, -1, -1), clip], dim=2)
            if cache is not None:
                cache[self] = clip.new_empty(0)
        shortcut: Tensor = self.shortcut(space_to_depth(clip, self.strides))
        if not torch.is_grad_enabled() and not self.out.weight.any() and not _bias(self.out).any():
            return shortcut  # a network that adds nothing, as before training it, need not run
        x = self.quarter_in(space_to_depth(clip, (1, PATCH, PATCH)))
        x = self.down(space_to_depth(functional.relu(x), (self.strides[0], self.fold, self.fold)))
        for block in self.blocks:
            x = block(x, cache)
        latent: Tensor = shortcut + self.out(functional.relu(x))
        return latent


MEAN_WEIGHT = 2.0
"""How much more the error of a block's mean counts than detail: blocks of a wrong colour are what people see first."""


class MgvSDecoder(nn.Module):
    """Dequantized latents to pixels: linear shortcut plus residual network; mirror of `MgvSEncoder`.

    The shortcut takes latents as they are. The residual network takes those of `MgvSNetwork.wide_dimensions` clamped to
    the integers of `inner_bits` bits, and what that cuts off beside them: it can be taught about the ends of a range
    without anything changing where they do not occur.
    """

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        network = config.network
        assert isinstance(network, MgvSNetwork)  # noqa: S101 - held by TokenizerConfig
        self.strides = config.strides
        stride_t, stride_h, _ = config.strides
        self.fold = stride_h // PATCH
        num_dimensions = len(config.dimension_bits)
        quarter, width = network.decoder_quarter_width, network.decoder_width
        self.register_buffer("colour", torch.tensor(np.linalg.inv(RGB_TO_YCBCR), dtype=torch.float32))
        self.register_buffer("scale", torch.ones(num_dimensions))
        self.shortcut = PointwiseConv3d(num_dimensions, 3 * int(np.prod(config.strides)))
        self.depth_bias = nn.Embedding(config.bits_per_token + 1, width)
        nn.init.zeros_(self.depth_bias.weight)
        self.latent_in = CausalConv3d(num_dimensions, width, (1, 3, 3))
        self.wide = list(network.wide_dimensions)
        if self.wide:
            self.outer_in = CausalConv3d(len(self.wide), width, (1, 3, 3), bias=False)
            nn.init.zeros_(self.outer_in.weight)
            reach = torch.tensor([[-torch.inf], [torch.inf]]).repeat(1, num_dimensions)
            for dimension, bits in zip(self.wide, network.inner_bits, strict=True):
                half = 2 ** (bits - 1)
                reach[:, dimension] = torch.tensor([-half, half - 1])
            self.register_buffer("reach", reach[:, :, None, None, None], persistent=False)
        self.blocks = nn.ModuleList(
            ResidualBlock(width, kernel_frames(config)) for _ in range(network.num_decoder_blocks)
        )
        self.up = PointwiseConv3d(width, quarter * stride_t * self.fold**2)
        self.quarter_blocks = nn.ModuleList(
            ResidualBlock(quarter, kernel_frames(config)) for _ in range(network.num_decoder_quarter_blocks)
        )
        self.out = CausalConv3d(quarter, 3 * PATCH**2, (1, 3, 3))
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(_bias(self.out))

    colour: Tensor

    @property
    def margin(self) -> int:
        """Latent positions that a pixel sees on each side: one a block at 1/8, and half of one a convolution at 1/4."""
        return 1 + len(self.blocks) + -(-(len(self.quarter_blocks) + 1) // self.fold)

    scale: Tensor
    """float32 `[D]`: step over standard deviation of each latent, so that the network sees unit variance."""

    reach: Tensor
    """float32 `[2, D, 1, 1, 1]`: the least and the greatest integer value of wide dimensions, of others infinite."""

    @torch.no_grad()
    def error_weights(self) -> Tensor:
        """Weigh an error in each latent by what it does to luma and colour, through the shortcut alone.

        Luma and both colour differences count alike, the mean of a block `MEAN_WEIGHT` times as much as detail.

        Returns:
            float32 `[D]`, in units of their median.
        """
        squares = self.squared_errors()
        return squares / squares.median()

    @torch.no_grad()
    def squared_errors(self) -> Tensor:
        """Sum the squares that an error of one step in each latent makes in a picture, as `error_weights` counts them.

        Returns:
            float32 `[D]`, in the squared units of luma and colour of RGB in [-1, 1].
        """
        kernel = self.shortcut.weight.float()[..., 0, 0, 0]
        planes = kernel.reshape(3, -1, kernel.shape[1])
        detail, mean = planes.square().sum(dim=1), planes.sum(dim=1).square() / planes.shape[1]
        luma_and_colour = torch.tensor([1.0, CHROMA_WEIGHT**-2, CHROMA_WEIGHT**-2], device=planes.device)
        return luma_and_colour @ (detail + (MEAN_WEIGHT - 1) * mean)

    def forward(self, latent: Tensor, bit_depth: Tensor, cache: Cache | None = None) -> Tensor:
        """Map `[B, D, t, h, w]` to a clip `[B, 3, T, H, W]`, about [-1, 1]; the first latent frame gives one frame.

        Args:
            latent: float32, from `LookupFreeQuantizer.dequantize`.
            bit_depth: int64 `[B]`, the bits that were known of each sample.
            cache: of the chunks before.
        """
        x = self._latent_features(latent) + self.depth_bias(bit_depth)[:, :, None, None, None]
        for block in self.blocks:
            x = block(x, cache)
        linear = depth_to_space(self.shortcut(latent), self.strides)
        x = depth_to_space(self.up(functional.relu(x)), (self.strides[0], self.fold, self.fold))
        if cache is None or self not in cache:
            linear, x = linear[:, :, self.strides[0] - 1 :], x[:, :, self.strides[0] - 1 :]
            if cache is not None:
                cache[self] = x.new_empty(0)
        for block in self.quarter_blocks:
            x = block(x, cache)
        clip = linear + depth_to_space(self.out(functional.relu(x)), (1, PATCH, PATCH))
        return torch.einsum("oc,bcthw->bothw", self.colour, clip)

    def _latent_features(self, latent: Tensor) -> Tensor:
        """Map latents to features of the residual network, `[B, width, t, h, w]`."""
        scale = self.scale[:, None, None, None]
        if not self.wide:
            features: Tensor = self.latent_in(latent * scale)
            return features
        inner = latent.clamp(self.reach[0], self.reach[1])
        outer = ((latent - inner) * scale)[:, self.wide]
        features = self.latent_in(inner * scale) + self.outer_in(outer)
        return features


@torch.no_grad()
def set_linear_transform(
    encoder: MgvSEncoder, decoder: MgvSDecoder, transform: LinearTransform, steps: np.ndarray
) -> None:
    """Make both shortcuts the given transform, with latents in units of `steps` (float `[D]`)."""
    basis = torch.as_tensor(transform.basis / steps, dtype=torch.float32)
    encoder.shortcut.weight.copy_(basis.T[:, :, None, None, None])
    _bias(encoder.shortcut).copy_(-torch.as_tensor(transform.mean, dtype=torch.float32) @ basis)
    inverse = torch.as_tensor(transform.basis * steps, dtype=torch.float32)
    decoder.shortcut.weight.copy_(inverse[:, :, None, None, None])
    _bias(decoder.shortcut).copy_(torch.as_tensor(transform.mean, dtype=torch.float32))
    decoder.scale.copy_(torch.as_tensor(steps / np.sqrt(transform.variance), dtype=torch.float32))


def inflation_map(config: TokenizerConfig) -> tuple[dict[str, int], dict[str, int]]:
    """Name the layers that fold frames into channels and that unfold them, with the size of one sub-frame's block.

    Returns:
        (folded, unfolded), as `inflate` takes them.
    """
    _, stride_h, stride_w = config.strides
    fold = (stride_h // PATCH) ** 2
    pixels = stride_h * stride_w
    return {"encoder.shortcut": pixels, "encoder.down": fold}, {
        "decoder.shortcut": pixels,
        "decoder.up": fold,
    }


def kernel_frames(config: TokenizerConfig) -> int:
    """Give the temporal extent of the convolutions: 3, or 1 in the image model (temporal stride 1)."""
    return 1 if config.strides[0] == 1 else 3


def _bias(conv: nn.Conv3d) -> nn.Parameter:
    assert isinstance(conv.bias, nn.Parameter)  # noqa: S101 - every convolution here has one
    return conv.bias
