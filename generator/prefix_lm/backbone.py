"""A decoder-only transformer: RMS norms, rotary positions, gated perceptrons, and a cache of keys and values."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import PrefixConfig

ROTARY_BASE = 10_000.0


@dataclass
class KeyValueCache:
    """Keys and values of the elements that were fed, so that each goes through the transformer once."""

    keys: list[Tensor]
    """A layer: float `[B, heads, L, width / heads]`."""
    values: list[Tensor]

    @classmethod
    def empty(cls, config: PrefixConfig, batch: int, length: int, like: Tensor) -> "KeyValueCache":
        """Make room for sequences of `length`, with the dtype and on the device of `like`."""
        shape = (batch, config.num_heads, length, config.width // config.num_heads)
        layers = range(config.num_layers)
        return cls([like.new_zeros(shape) for _ in layers], [like.new_zeros(shape) for _ in layers])

    def extend(self, layer: int, start: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Put the keys and values of elements from `start` on; give those of all up to there."""
        stop = start + key.shape[2]
        self.keys[layer][:, :, start:stop] = key
        self.values[layer][:, :, start:stop] = value
        return self.keys[layer][:, :, :stop], self.values[layer][:, :, :stop]


def prefix_mask(num_prefix: Tensor, start: int, stop: int) -> Tensor:
    """Tell what elements `start` to `stop - 1` may look at: the whole prefix, and what comes no later than they.

    Args:
        num_prefix: int64 `[B]`, elements of each prefix.
        start: first element that looks.
        stop: one after the last.

    Returns:
        bool `[B, 1, stop - start, stop]`.
    """
    seen = torch.arange(stop, device=num_prefix.device)
    looking = seen[start:, None]
    in_prefix = (looking < num_prefix[:, None, None]) & (seen < num_prefix[:, None, None])
    return (in_prefix | (seen <= looking))[:, None]


class Backbone(nn.Module):
    """Embeddings to hidden states."""

    def __init__(self, config: PrefixConfig) -> None:
        super().__init__()
        self.head_width = config.width // config.num_heads
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.num_layers))
        self.norm = nn.RMSNorm(config.width)

    def forward(self, x: Tensor, num_prefix: Tensor, start: int, cache: KeyValueCache | None) -> Tensor:
        """Run elements `start` and after through all blocks.

        Args:
            x: float `[B, L, width]`, embeddings of elements `start` to `start + L - 1`.
            num_prefix: int64 `[B]`; with a cache the whole prefix is in the first call.
            start: 0 without a cache.
            cache: holds the elements before `start`; gets these.

        Returns:
            float `[B, L, width]`.
        """
        stop = start + x.shape[1]
        rotation = rotary(torch.arange(start, stop, device=x.device), self.head_width, x.dtype)
        mask = prefix_mask(num_prefix, start, stop) if x.shape[1] > 1 else None
        for block in self.blocks:
            x = block(x, rotation, mask, start, cache)
        hidden: Tensor = self.norm(x)
        return hidden


class Block(nn.Module):
    """Attention and a gated perceptron (SwiGLU), both residual."""

    def __init__(self, config: PrefixConfig, layer: int) -> None:
        super().__init__()
        width = config.width
        self.layer, self.num_heads, self.dropout_share = layer, config.num_heads, config.dropout
        self.norm_attention, self.norm_mlp = nn.RMSNorm(width), nn.RMSNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.project = nn.Linear(width, width, bias=False)
        self.gate_and_up = nn.Linear(width, 2 * config.mlp_width, bias=False)
        self.down = nn.Linear(config.mlp_width, width, bias=False)
        self.dropout = nn.Dropout(config.dropout)
        for linear in (self.query_key_value, self.gate_and_up):
            nn.init.normal_(linear.weight, std=0.02)
        for linear in (self.project, self.down):
            nn.init.normal_(linear.weight, std=0.02 / (2 * config.num_layers) ** 0.5)

    def forward(
        self,
        x: Tensor,
        rotation: tuple[Tensor, Tensor],
        mask: Tensor | None,
        start: int,
        cache: KeyValueCache | None,
    ) -> Tensor:
        """Map float `[B, L, width]` to the same shape; arguments as `Backbone.forward` makes them."""
        x = x + self.dropout(self._attend(self.norm_attention(x), rotation, mask, start, cache))
        gate, up = self.gate_and_up(self.norm_mlp(x)).chunk(2, dim=-1)
        mapped: Tensor = x + self.dropout(self.down(functional.silu(gate) * up))
        return mapped

    def _attend(
        self,
        x: Tensor,
        rotation: tuple[Tensor, Tensor],
        mask: Tensor | None,
        start: int,
        cache: KeyValueCache | None,
    ) -> Tensor:
        batch, length, width = x.shape
        query, key, value = (
            self.query_key_value(x).view(batch, length, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        )
        query, key = rotate(query, rotation), rotate(key, rotation)
        if cache is not None:
            key, value = cache.extend(self.layer, start, key, value)
        dropout = self.dropout_share if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, mask, dropout_p=dropout)
        projected: Tensor = self.project(mixed.transpose(1, 2).reshape(batch, length, width))
        return projected


def rotary(positions: Tensor, head_width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Give cosines and sines of rotary position embeddings, each `[L, head_width / 2]`."""
    exponents = torch.arange(0, head_width, 2, device=positions.device, dtype=torch.float64) / head_width
    angles = positions[:, None] * ROTARY_BASE**-exponents
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Turn pairs of channels, the first half with the second, float `[B, heads, L, head_width]`."""
    cosine, sine = rotation
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
