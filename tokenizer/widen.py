"""More bits for some dimensions of a trained tokenizer: the same values and cells as before, and others beyond them."""

from collections.abc import Mapping

import torch
from torch import Tensor

from .config import MgvSNetwork, TokenizerConfig
from .quantize import default_centres


def is_wider(wanted: TokenizerConfig, start: TokenizerConfig) -> bool:
    """Say whether a tokenizer has the dimensions of another, none with fewer bits, refined in the same order.

    The bits that a dimension has more must be its second, third and so on: they say how far out a value lies.
    """
    if (wanted.kind, wanted.strides) != (start.kind, start.strides) or wanted.kind != "mgv-s":
        return False
    if len(wanted.dimension_bits) != len(start.dimension_bits):
        return False
    kept = _kept_planes(wanted, start)
    planes = tuple(wanted.plane_dimensions[bit] for bit in kept)
    depths = tuple(sum(bit < depth for bit in kept) for depth in wanted.bit_depths)
    return (planes, depths) == (start.plane_dimensions, start.bit_depths)


@torch.no_grad()
def widen(
    trained: Mapping[str, Tensor], start: TokenizerConfig, wanted: TokenizerConfig
) -> dict[str, Tensor]:
    """Rewrite trained weights for tokens of more bits, see `is_wider`.

    A decoder whose wide dimensions are those with more bits gives what it gave, where values lie as before.

    Args:
        trained: `state_dict()` of the tokenizer with fewer bits.
        start: its configuration.
        wanted: one that `is_wider`; its network may be larger, too, which is left to `grow`.

    Returns:
        A state dict in which what depends on bits has the shape that `wanted` asks for. Cells beyond those of before
        have the mean of their values as centre.
    """
    weights = dict(trained)
    centres = default_centres(wanted.dimension_bits)
    for dimension, (old, new) in enumerate(zip(start.dimension_bits, wanted.dimension_bits, strict=True)):
        centres[dimension, 1] = trained["quantizer.centres"][dimension, 1]
        for planes in range(1, old + 1):
            cells = trained["quantizer.centres"][dimension, 2**planes : 2 ** (planes + 1)]
            first = 2 ** (planes + new - old) + (2 ** (new - old) - 1) * 2**planes // 2
            centres[dimension, first : first + 2**planes] = cells
    weights["quantizer.centres"] = centres
    kept = torch.tensor(_kept_planes(wanted, start))
    known = [int((kept < depth).sum()) for depth in range(wanted.bits_per_token + 1)]
    weights["decoder.depth_bias.weight"] = trained["decoder.depth_bias.weight"][known]
    wide = _wide_dimensions(wanted)
    if wide:
        like = trained["decoder.latent_in.weight"]
        outer = like.new_zeros(like.shape[0], len(wide), *like.shape[2:])
        for column, dimension in enumerate(_wide_dimensions(start)):
            outer[:, wide.index(dimension)] = trained["decoder.outer_in.weight"][:, column]
        weights["decoder.outer_in.weight"] = outer
    return weights


def new_cells(start: TokenizerConfig, wanted: TokenizerConfig) -> Tensor:
    """Say which cells `start` does not have or has at the ends of its range, bool, of the shape of the centres."""
    is_new = torch.zeros_like(default_centres(wanted.dimension_bits), dtype=torch.bool)
    for dimension, (old, new) in enumerate(zip(start.dimension_bits, wanted.dimension_bits, strict=True)):
        if new == old:
            continue
        low = 2 ** (new - 1) - 2 ** (old - 1)
        inner = torch.zeros(2**new, dtype=torch.bool)
        inner[low + 1 : low + 2**old - 1] = True
        for planes in range(new + 1):
            cells = is_new[dimension, 2**planes : 2 ** (planes + 1)]
            cells[:] = ~inner.reshape(2**planes, -1).all(dim=1)
    return is_new


def _kept_planes(wanted: TokenizerConfig, start: TokenizerConfig) -> list[int]:
    """List the token bits that a tokenizer of fewer bits has as well."""
    more = [new - old for new, old in zip(wanted.dimension_bits, start.dimension_bits, strict=True)]
    return [bit for bit, (dimension, plane) in enumerate(wanted.planes) if not 1 <= plane <= more[dimension]]


def _wide_dimensions(config: TokenizerConfig) -> tuple[int, ...]:
    return config.network.wide_dimensions if isinstance(config.network, MgvSNetwork) else ()
