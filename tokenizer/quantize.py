"""Lookup-free quantization (thesis 5.3.1) with nested bit planes: latents <-> token ids."""

import torch
from torch import Tensor, nn

from .config import TokenizerConfig


class LookupFreeQuantizer(nn.Module):
    """LFQ as Eq. 5.2 states it: each latent dimension takes the nearest of its 2**b values, the token numbers them all.

    A dimension of one bit has the values {-1, 1} (Eq. 5.3); one of b > 1 bits has the integers from -2**(b-1) to
    2**(b-1) - 1, in units of its quantization step, so that zero is a value. Value numbers rise with the value, and the
    most significant bit of the number is plane 0, the coarsest split. At bit depth k the lowest k bits of a token are
    known; each dimension is then fed to the decoder as the centre of the cell that its known planes leave (0 for an
    unknown sign).
    """

    centres: Tensor
    """float32 `[D, 2**(b_max + 1)]`: the centre of each cell, in heap order: entry 1 is the whole line, entries 2n
    and 2n + 1 are the halves of n, entry 2**b + v is value number v. Unused entries are 0."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("centres", _default_centres(config.dimension_bits))

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
        numbers = []
        for dimension in range(len(self.config.dimension_bits)):
            values = self.values(dimension)
            thresholds = (values[1:] + values[:-1]) / 2
            numbers.append(torch.bucketize(latent[:, dimension].contiguous(), thresholds))
        return pack_token(torch.stack(numbers, dim=1), self.config)

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

    def quantize_for_rate(
        self,
        latent: Tensor,
        bit_depth: int,
        rate_weight: float,
        error_weights: Tensor,
        before: Tensor | None = None,
    ) -> Tensor:
        """Number the cells that cost least in distortion and rate together, as RDOQ in encoders of HEVC does.

        Each dimension may take, in place of the nearest cell, the one that the latent frame before has at the same
        place (the cell of zero where there is none), or the neighbour of the nearest on the way there. A cell n steps
        from the latent frame before is taken to cost 0 bits for n = 0, else 1.5 + 1.7 log2(n + 0.5). The decoder knows
        nothing of it: every token is legal, and one that stays as it was is cheap to any entropy coder.

        The first latent frame stands for one frame, not for a whole temporal stride of them, so an error in it counts
        less by that factor. Without that it is several dB better than what follows, and the seam shows.

        Args:
            latent: float32 `[B, D, t, h, w]` of a whole segment, any range; or of a part of one.
            bit_depth: bits that will be kept, 1 to bits_per_token; those above are 0.
            rate_weight: squared error, in units of the squared width of the finest cell kept, that one bit is worth.
                At 0 the result is that of `quantize`.
            error_weights: float32 `[D]`, squared error of a picture for that of a latent, relative.
            before: int64 `[B, h, w]`, tokens of the latent frame before the first one here; None at the beginning of a
                segment.

        Returns:
            int64 `[B, t, h, w]`, each in `[0, 2**bit_depth)`.
        """
        config = self.config
        bits = torch.tensor(config.dimension_bits, device=latent.device)
        known = torch.tensor(config.known_planes(bit_depth), device=latent.device)
        hidden = (bits - known)[:, None, None]
        first = (1 << known)[:, None, None]
        weights = error_weights[:, None, None] / 4.0 ** hidden[known > 0].min()
        table = self.centres.expand(latent.shape[0], -1, -1)

        def cost(cells: Tensor, reference: Tensor, target: Tensor, bit_weight: float) -> Tensor:
            centre = table.gather(2, (cells + first).flatten(2)).view_as(target)
            steps = (cells - reference).abs()
            return weights * (target - centre) ** 2 + bit_weight * _change_bits(steps)

        reference = self._cells_before(before, bit_depth)
        frames = []
        first_weight = rate_weight * (min(config.strides[0], latent.shape[2]) if before is None else 1)
        for index, target in enumerate(latent.unbind(2)):
            bit_weight = rate_weight if index else first_weight
            cells = unpack_token(self.quantize(target[:, :, None]), config)[:, :, 0] >> hidden
            reference = reference.expand_as(cells)
            least = cost(cells, reference, target, bit_weight)
            for candidate in (cells - (cells - reference).sign(), reference):
                other = cost(candidate, reference, target, bit_weight)
                cells = torch.where(other < least, candidate, cells)
                least = torch.minimum(other, least)
            frames.append(pack_token(cells << hidden, config))
            reference = cells
        return torch.stack(frames, dim=1) & (1 << bit_depth) - 1

    def rate_cost(
        self, ids: Tensor, bit_depth: int, rate_weight: float, before: Tensor | None = None
    ) -> float:
        """Give the cost of the rate of tokens that `quantize_for_rate` weighs against the squared error.

        Returns:
            In the squared units of a latent whose error weighs 1; all latent frames count alike.
        """
        hidden = self._hidden_planes(bit_depth)
        cells = unpack_token(ids, self.config) >> hidden[:, None, None, None]
        reference = self._cells_before(before, bit_depth).expand_as(cells[:, :, 0])[:, :, None]
        steps = (cells - torch.cat([reference, cells[:, :, :-1]], dim=2)).abs()
        known = hidden < torch.tensor(self.config.dimension_bits, device=hidden.device)
        return rate_weight * 4.0 ** int(hidden[known].min()) * float(_change_bits(steps).sum())

    def _hidden_planes(self, bit_depth: int) -> Tensor:
        """Count the planes of each dimension that a bit depth leaves out, int64 `[D]`."""
        bits, known = self.config.dimension_bits, self.config.known_planes(bit_depth)
        return torch.tensor(bits, device=self.centres.device) - torch.tensor(
            known, device=self.centres.device
        )

    def _cells_before(self, before: Tensor | None, bit_depth: int) -> Tensor:
        """Give the cells that a latent frame is coded against, `[B or 1, D, h or 1, w or 1]`: of zero if none."""
        hidden = self._hidden_planes(bit_depth)[:, None, None]
        if before is not None:
            return unpack_token(before, self.config) >> hidden
        bits = torch.tensor(self.config.dimension_bits, device=hidden.device)
        return ((1 << bits - 1)[:, None, None] >> hidden)[None]

    def forward(self, latent: Tensor, bit_depth: int | None = None) -> tuple[Tensor, Tensor]:
        """Quantize with a straight-through gradient; returns (latent as the decoder sees it, ids)."""
        ids = self.quantize(latent.detach())
        quantized = self.dequantize(ids, bit_depth)
        return latent + (quantized - latent).detach(), ids

    @torch.no_grad()
    def calibrate_centres(self, latent: Tensor) -> None:
        """Set the centre of every undecided cell to the mean of the latents that fall in it.

        Args:
            latent: float32 `[N, D]`, a sample of training latents. The values C_i themselves stay as they are.
        """
        numbers = unpack_token(self.quantize(latent[:, :, None, None, None]), self.config)[:, :, 0, 0, 0]
        for dimension, bits in enumerate(self.config.dimension_bits):
            for planes in range(bits):
                cell = numbers[:, dimension] >> (bits - planes)
                count = torch.bincount(cell, minlength=2**planes)
                total = torch.bincount(cell, weights=latent[:, dimension], minlength=2**planes)
                seen = count > 0
                heap = torch.arange(2**planes, 2 ** (planes + 1), device=latent.device)[seen]
                self.centres[dimension, heap] = (total[seen] / count[seen]).to(self.centres.dtype)


def _change_bits(steps: Tensor) -> Tensor:
    """Estimate the bits of cells that are so many steps from those of the latent frame before."""
    return torch.where(steps == 0, 0.0, 1.5 + 1.7 * torch.log2(steps + 0.5))


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


def _default_centres(dimension_bits: tuple[int, ...]) -> Tensor:
    centres = torch.zeros(len(dimension_bits), 2 ** (max(dimension_bits) + 1))
    for dimension, bits in enumerate(dimension_bits):
        half = 2 ** (bits - 1)
        values = torch.tensor([-1.0, 1.0]) if bits == 1 else torch.arange(-half, half, dtype=torch.float32)
        for planes in range(bits + 1):
            centres[dimension, 2**planes : 2 ** (planes + 1)] = values.reshape(2**planes, -1).mean(dim=1)
    return centres
