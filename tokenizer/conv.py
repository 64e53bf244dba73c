"""Temporally causal convolution and resampling, for whole clips and for chunks that follow one another."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Cache(dict[nn.Module, Tensor]):
    """What each causal module must remember of the chunks before: its last input frames.

    An empty cache stands before the first chunk of a clip. The first chunk has 1 + s*k frames (or one latent frame and
    more), each later one a multiple of the stride s. `None` in place of a cache means: this clip is all there is.
    """


def prepend_past(module: nn.Module, x: Tensor, num_frames: int, cache: Cache | None) -> Tensor:
    """Put `num_frames` earlier frames before `x` `[B, C, T, H, W]`: remembered ones, or the first one repeated."""
    if num_frames == 0:
        return x
    past = None if cache is None else cache.get(module)
    if past is None:
        past = x[:, :, :1].expand(-1, -1, num_frames, -1, -1)
    return torch.cat([past, x], dim=2)


def remember_last(module: nn.Module, x: Tensor, num_frames: int, cache: Cache | None) -> None:
    """Keep the last `num_frames` frames of `x` for the next chunk."""
    if cache is not None:
        cache[module] = x[:, :, x.shape[2] - num_frames :].detach().clone()


class CausalConv3d(nn.Conv3d):
    """3D convolution whose output at a frame sees that frame and earlier ones only (thesis 5.3.2).

    Time is padded with k_t - 1 frames before the first, nothing after; the pad repeats the first frame, so that a still
    clip gives a still output. Space is padded with `space_padding`. A temporal stride s maps 1 + s*t frames to 1 + t.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: tuple[int, int, int],
        *,
        stride: tuple[int, int, int] = (1, 1, 1),
        bias: bool = True,
        space_padding: str = "constant",
    ) -> None:
        super().__init__(channels_in, channels_out, kernel, stride=stride, bias=bias)
        self.space_padding = space_padding

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        """Convolve `[B, C, T, H, W]`; chunks share `cache` and give what the whole clip would."""
        kernel_t, kernel_h, kernel_w = self.kernel_size
        x = prepend_past(self, x, kernel_t - 1, cache)
        remember_last(self, x, max(kernel_t - self.stride[0], 0), cache)
        if (kernel_h, kernel_w) == (1, 1) and self.stride == (1, 1, 1):
            return self._along_time(x)
        if self.space_padding == "constant" and kernel_h % 2 == kernel_w % 2 == 1:
            if (kernel_t, self.stride[0]) == (1, 1):
                return self._frame_by_frame(x)
            zeros = (0, kernel_h // 2, kernel_w // 2)
            return functional.conv3d(x, self.weight, self.bias, self.stride, zeros)
        pad_h, pad_w = kernel_h - 1, kernel_w - 1
        sides = (pad_w // 2, pad_w - pad_w // 2, pad_h // 2, pad_h - pad_h // 2, 0, 0)
        # an axis shorter than its padding has too little to mirror
        mirrors = x.shape[3] > sides[3] and x.shape[4] > sides[1]
        mode = self.space_padding if mirrors or self.space_padding != "reflect" else "replicate"
        return super().forward(functional.pad(x, sides, mode=mode))

    def _frame_by_frame(self, x: Tensor) -> Tensor:
        """Convolve in space alone, as a 2D convolution over all frames: torch has no slow path for that on a CPU."""
        b, _, t, _, _ = x.shape
        _, kernel_h, kernel_w = self.kernel_size
        frames = x.transpose(1, 2).flatten(0, 1)
        zeros = (kernel_h // 2, kernel_w // 2)
        y = functional.conv2d(frames, self.weight[:, :, 0], self.bias, self.stride[1:], zeros)
        return y.reshape(b, t, *y.shape[1:]).transpose(1, 2)

    def _along_time(self, x: Tensor) -> Tensor:
        """Convolve in time alone, as a 2D convolution over (T, H*W): on a CPU about half the time of a 3D one."""
        b, c, t, h, w = x.shape
        y = functional.conv2d(x.reshape(b, c, t, h * w), self.weight[..., 0], self.bias)
        return y.reshape(b, y.shape[1], y.shape[2], h, w)


class PointwiseConv3d(nn.Conv3d):
    """1x1x1 convolution, as the matrix product over channels that it is."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, C_in, T, H, W]` to `[B, C_out, T, H, W]`."""
        return functional.linear(x.movedim(1, -1), self.weight.flatten(1), self.bias).movedim(-1, 1)


def space_to_depth(x: Tensor, strides: tuple[int, int, int]) -> Tensor:
    """Fold `[B, C, s_t*T, s_h*H, s_w*W]` to `[B, C*s_t*s_h*s_w, T, H, W]`, channel-major; inverse: `depth_to_space`."""
    s_t, s_h, s_w = strides
    b, c, t, h, w = x.shape
    x = x.reshape(b, c, t // s_t, s_t, h // s_h, s_h, w // s_w, s_w)
    return x.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(b, c * s_t * s_h * s_w, t // s_t, h // s_h, w // s_w)


def depth_to_space(x: Tensor, strides: tuple[int, int, int]) -> Tensor:
    """Unfold `[B, C*s_t*s_h*s_w, T, H, W]` to `[B, C, s_t*T, s_h*H, s_w*W]`; inverse: `space_to_depth`."""
    s_t, s_h, s_w = strides
    b, c, t, h, w = x.shape
    c //= s_t * s_h * s_w
    x = x.reshape(b, c, s_t, s_h, s_w, t, h, w).permute(0, 1, 5, 2, 6, 3, 7, 4)
    return x.reshape(b, c, t * s_t, h * s_h, w * s_w)
