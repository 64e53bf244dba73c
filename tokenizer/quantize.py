"""Lookup-free quantization (thesis 5.3.1) with nested bit planes: latents <-> token ids."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .config import TokenizerConfig


class LookupFreeQuantizer(nn.Module):
    """LFQ as Eq. 5.2 states it: each latent dimension takes the nearest of its 2**b values, the token numbers them all.

    A dimension of one bit has the values {-1, 1} (Eq. 5.3); one of b > 1 bits has the integers from -2**(b-1) to
    2**(b-1) - 1, in units of its quantization step, so that zero is a value; those at the ends may have been moved
    outwards (`set_outer_values`). Value numbers rise with the value, and the most significant bit of the number is
    plane 0, the coarsest split. At bit depth k the lowest k bits of a token are known; each dimension is then fed to
    the decoder as the centre of the cell that its known planes leave (0 for an unknown sign).
    """

    centres: Tensor
    """float32 `[D, 2**(b_max + 1)]`: the centre of each cell, in heap order: entry 1 is the whole line, entries 2n
    and 2n + 1 are the halves of n, entry 2**b + v is value number v. Unused entries are 0."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("centres", default_centres(config.dimension_bits))

    def values(self, dimension: int) -> Tensor:
        """The set C_i of a dimension, rising, float32 `[2**b_i]`."""
        bits = self.config.dimension_bits[dimension]
        return self.centres[dimension, 2**bits : 2 ** (bits + 1)]

    def quantize(self, latent: Tensor) -> Tensor:
        """Number the nearest values, Eq. 5.2 and 5.4; a tie takes the lower value. Inverse: `dequantize`.

        Args:
            latent: float32 `[B, D, t, h, w]`, any range.

        Returns:
            int64 `[B, t, h, w]`, each in `[0, 2**bits_per_token)`.
        """
        return pack_token(self.nearest_values(latent), self.config)

    def nearest_values(self, latent: Tensor) -> Tensor:
        """Number the nearest value of each dimension, int64 `[B, D, t, h, w]`, from latents of that shape."""
        numbers = []
        for dimension in range(len(self.config.dimension_bits)):
            values = self.values(dimension)
            thresholds = (values[1:] + values[:-1]) / 2
            numbers.append(torch.bucketize(latent[:, dimension].contiguous(), thresholds))
        return torch.stack(numbers, dim=1)

    def dequantize(self, ids: Tensor, bit_depth: int | None = None) -> Tensor:
        """Give the centre of each dimension's known cell.

        Args:
            ids: int64 `[B, t, h, w]`; bits from `bit_depth` up are ignored.
            bit_depth: bits known, 0 to bits_per_token; all if None.

        Returns:
            float32 `[B, D, t, h, w]`.
        """
        config = self.config
        known = config.known_planes(config.bits_per_token if bit_depth is None else bit_depth)
        numbers = unpack_token(ids, config)
        latent = [
            self.centres[dimension][(numbers[:, dimension] >> (bits - planes)) + 2**planes]
            for dimension, (bits, planes) in enumerate(zip(config.dimension_bits, known, strict=True))
        ]
        return torch.stack(latent, dim=1)

    def forward(self, latent: Tensor, bit_depth: int | None = None) -> tuple[Tensor, Tensor]:
        """Quantize with a straight-through gradient; returns (latent as the decoder sees it, ids)."""
        ids = self.quantize(latent.detach())
        quantized = self.dequantize(ids, bit_depth)
        return latent + (quantized - latent).detach(), ids

    @torch.no_grad()
    def set_outer_values(self, dimension: int, low: Sequence[float], high: Sequence[float]) -> None:
        """Move the values at the ends of a dimension, to reach further than the integers do.

        The centre of an undecided cell with a moved value in it becomes the mean of its values.

        Args:
            dimension: which.
            low: take the place of as many of the lowest; rising.
            high: take the place of as many of the highest; rising.

        Raises:
            ValueError: there is no such dimension, there are more values than it has, or they would not all rise and
                be finite in fp16, in which they are stored.
        """
        if not 0 <= dimension < len(self.config.dimension_bits):
            raise ValueError(f"there is no dimension {dimension}")
        bits = self.config.dimension_bits[dimension]
        old = self.values(dimension).clone()
        if len(low) + len(high) > len(old):
            raise ValueError(
                f"{len(low)} and {len(high)} outer values, but dimension {dimension} has {len(old)}"
            )
        inner = old[len(low) : len(old) - len(high)]
        values = torch.cat([torch.tensor(low, dtype=old.dtype), inner, torch.tensor(high, dtype=old.dtype)])
        values = values.to(torch.float16).float()
        if not (values[1:] > values[:-1]).all() or not values.isfinite().all():
            raise ValueError(f"the values of dimension {dimension} would not rise: {values.tolist()}")
        moved = values != old
        for planes in range(bits + 1):
            cells = self.centres[dimension, 2**planes : 2 ** (planes + 1)]
            touched = moved.reshape(2**planes, -1).any(dim=1)
            cells[touched] = values.reshape(2**planes, -1).mean(dim=1)[touched]

    @torch.no_grad()
    def calibrate_centres(self, latent: Tensor, which: Tensor | None = None) -> None:
        """Set the centre of every undecided cell to the mean of the latents that fall in it.

        Args:
            latent: float32 `[N, D]`, a sample of training latents. The values C_i themselves stay as they are.
            which: bool, of the shape of `centres`: of these cells only.
        """
        numbers = unpack_token(self.quantize(latent[:, :, None, None, None]), self.config)[:, :, 0, 0, 0]
        for dimension, bits in enumerate(self.config.dimension_bits):
            for planes in range(bits):
                cell = numbers[:, dimension] >> (bits - planes)
                count = torch.bincount(cell, minlength=2**planes)
                total = torch.bincount(cell, weights=latent[:, dimension], minlength=2**planes)
                seen = count > 0
                if which is not None:
                    seen &= which[dimension, 2**planes : 2 ** (planes + 1)]
                heap = torch.arange(2**planes, 2 ** (planes + 1), device=latent.device)[seen]
                self.centres[dimension, heap] = (total[seen] / count[seen]).to(self.centres.dtype)


def pack_token(numbers: Tensor, config: TokenizerConfig) -> Tensor:
    """Interleave value numbers int64 `[B, D, ...]` to ids `[B, ...]`; inverse: `unpack_token`."""
    ids = torch.zeros_like(numbers[:, 0])
    for position, (dimension, plane) in enumerate(config.planes):
        ids |= ((numbers[:, dimension] >> (config.dimension_bits[dimension] - 1 - plane)) & 1) << position
    return ids


def unpack_token(ids: Tensor, config: TokenizerConfig) -> Tensor:
    """Gather the value number of each dimension, int64 `[B, D, ...]`, from ids `[B, ...]`; inverse: `pack_token`."""
    numbers = torch.zeros(
        (ids.shape[0], len(config.dimension_bits), *ids.shape[1:]), dtype=ids.dtype, device=ids.device
    )
    for position, (dimension, plane) in enumerate(config.planes):
        numbers[:, dimension] |= ((ids >> position) & 1) << (config.dimension_bits[dimension] - 1 - plane)
    return numbers


def default_centres(dimension_bits: tuple[int, ...]) -> Tensor:
    """Give the centres of cells before anything is known of data: the mean of the values in each."""
    centres = torch.zeros(len(dimension_bits), 2 ** (max(dimension_bits) + 1))
    for dimension, bits in enumerate(dimension_bits):
        half = 2 ** (bits - 1)
        values = torch.tensor([-1.0, 1.0]) if bits == 1 else torch.arange(-half, half, dtype=torch.float32)
        for planes in range(bits + 1):
            centres[dimension, 2**planes : 2 ** (planes + 1)] = values.reshape(2**planes, -1).mean(dim=1)
    return centres
