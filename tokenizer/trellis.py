"""Trellis quantization: the path through the cells of a segment that costs least in error and rate together."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

FIRST_SHARE = 0.25
"""Of cells that change, as long as nothing is known about a segment."""

SIGN_BITS, SIZE_BITS = 1.0, 1.7
"""Of a change of n steps, beside the price of a change: the first, and the second times log2(n + 0.5)."""

BESIDE, OTHERS = (1, 2, 3), (1, 2, 4)
"""From which numbers of changes on a next group of surroundings begins: at the four neighbours, in other dimensions."""

NUM_SURROUNDINGS = (len(BESIDE) + 1) * (len(OTHERS) + 1)


@dataclass(frozen=True)
class ChangePrices:
    """Bits of a cell that stays what it was in the latent frame before, and of one that changes.

    Each float32 `[D, NUM_SURROUNDINGS]`: they depend on the dimension and on how much changes around.
    """

    stay: Tensor
    change: Tensor

    @classmethod
    def before_all(cls, num_dimensions: int, device: torch.device) -> "ChangePrices":
        """Give those of a segment about which nothing is known."""
        return cls._from(torch.full((num_dimensions, NUM_SURROUNDINGS), FIRST_SHARE, device=device))

    @classmethod
    def of(cls, changed: Tensor, around: Tensor) -> "ChangePrices":
        """Learn them from a segment, as an entropy coder that adapts does.

        Args:
            changed: bool `[D, t, h, w]`.
            around: `surroundings` of it.
        """
        num_dimensions = len(changed)
        group = (
            around.long()
            + NUM_SURROUNDINGS * torch.arange(num_dimensions, device=around.device)[:, None, None, None]
        )
        size = num_dimensions * NUM_SURROUNDINGS
        total = torch.bincount(group.flatten(), minlength=size)
        changes = torch.bincount(group[changed], minlength=size)
        return cls._from(((changes + 1) / (total + 2)).reshape(num_dimensions, NUM_SURROUNDINGS))

    @classmethod
    def _from(cls, share: Tensor) -> "ChangePrices":
        return cls(-torch.log2(1 - share), -torch.log2(share))


def surroundings(changed: Tensor) -> Tensor:
    """Group cells by what else changes: the same dimension at the four neighbours, other dimensions at the same place.

    Args:
        changed: bool `[D, t, h, w]`, whether a cell is not what it was in the latent frame before.

    Returns:
        uint8 `[D, t, h, w]`, below `NUM_SURROUNDINGS`.
    """
    count = changed.to(torch.uint8)
    padded = functional.pad(count, (1, 1, 1, 1))
    beside = padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1] + padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:]
    others = count.sum(dim=0, dtype=torch.uint8) - count
    return _group(beside, BESIDE) * (len(OTHERS) + 1) + _group(others, OTHERS)


def _group(number: Tensor, bounds: tuple[int, ...]) -> Tensor:
    """Count the bounds that each number reaches, uint8."""
    return torch.stack([number >= bound for bound in bounds]).sum(dim=0, dtype=torch.uint8)


def path_bits(steps: Tensor, stay: Tensor, change: Tensor) -> Tensor:
    """Estimate the bits of cells that are n steps, 0 or more, from those of the latent frame before.

    Args:
        steps: integers or whole floats.
        stay: float32, the price of n = 0.
        change: float32, that of any other, to which `SIGN_BITS + SIZE_BITS * log2(n + 0.5)` is added.
    """
    return torch.where(steps == 0, stay, change + SIGN_BITS + SIZE_BITS * torch.log2(steps + 0.5))


def cheapest_path(
    cells: Tensor, errors: Tensor, start: Tensor, stay: Tensor, change: Tensor, bit_weight: float
) -> Tensor:
    """Choose one of K cells in each latent frame, for each of N latents, by dynamic programming (Viterbi).

    A change of cell is made where all frames after it together gain by it, be it too dear for the next alone.

    Args:
        cells: int64 `[t, K, N]`, those to choose from.
        errors: float32 `[t, K, N]`, what the error of each costs.
        start: int64 `[N]`, the cells that the first latent frame is coded against.
        stay: float32 `[t, N]`, see `path_bits`.
        change: float32 `[t, N]`, see `path_bits`.
        bit_weight: what a bit costs.

    Returns:
        int64 `[t, N]`, cells.
    """
    places = cells.float()
    cost = errors[0] + bit_weight * path_bits((places[0] - start).abs(), stay[0], change[0])
    origins = []
    for t in range(1, len(cells)):
        steps = (places[t] - places[t - 1][:, None]).abs()
        total = cost[:, None] + bit_weight * path_bits(steps, stay[t], change[t])
        cost, origin = total.min(dim=0)
        cost = cost + errors[t]
        origins.append(origin)
    choice = cost.argmin(dim=0, keepdim=True)
    path = [choice]
    for origin in reversed(origins):
        choice = origin.gather(0, choice)
        path.append(choice)
    return cells.gather(1, torch.stack(path[::-1]))[:, 0]
