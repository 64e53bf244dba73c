"""Quantization of a whole segment for rate and distortion together, as encoders of HEVC do it with RDOQ."""

import torch
from torch import Tensor

from .quantize import LookupFreeQuantizer, pack_token
from .trellis import ChangePrices, cheapest_path, path_bits, surroundings

BAND_LATENTS = 8192
"""Latents of each frame that are settled at once: few enough for the cache of a processor."""

NUM_PASSES = 3
"""Over a segment; later ones gain nothing."""

STILL_SHARE, STILL_POWER, MAX_STILL_FACTOR = 0.5, 1.5, 4.0
"""Where a smaller share of the tokens than the first changes, a bit is worth more, by that power of how much smaller it
is, up to the last. Chosen on training clips (tokenizer/EXPERIMENTS.md, 40)."""

FEW_LATENTS = 8
"""After the first of a segment. With fewer, the factor is nearer to 1: what the first holds serves less long."""


class RateQuantizer:
    """Numbers the cells that cost least in distortion and rate together, over a whole segment.

    Each dimension at each place may take, in every latent frame, the nearest cell, one of its neighbours, or the cell
    of zero, which the first latent frame is coded against; `trellis.cheapest_path` finds the best sequence. That is
    done `NUM_PASSES` times: with prices of a change as they are in general, and then with those that the result of the
    pass before shows, by dimension and by how much changes around (`trellis.ChangePrices`). In a segment in which
    little changes, a bit is worth more after the first pass (`still_factor`): what changes there is noise more often
    than motion. The decoder knows nothing of it: every token is legal, and one that stays as it was is cheap to any
    entropy coder.

    The first latent frame stands for one frame, not for a whole temporal stride of them, so an error in it counts less
    by that factor.
    """

    def __init__(
        self, quantizer: LookupFreeQuantizer, bit_depth: int, rate_weight: float, error_weights: Tensor
    ) -> None:
        """Prepare.

        Args:
            quantizer: of the tokenizer.
            bit_depth: bits that will be kept, 1 to bits_per_token; those above are 0.
            rate_weight: squared error, in units of the squared width of the finest cell kept, that one bit is worth.
                At 0 the nearest value is taken. Times `still_factor`.
            error_weights: float32 `[D]`, squared error of a picture for that of a latent, relative.
        """
        config, device = quantizer.config, quantizer.centres.device
        self._quantizer, self._bit_depth, self._rate_weight = quantizer, bit_depth, rate_weight
        bits = torch.tensor(config.dimension_bits, device=device)
        known = torch.tensor(config.known_planes(bit_depth), device=device)
        self._hidden = (bits - known)[:, None, None, None]
        self._num_cells = 1 << known
        self._zero_cell = 1 << bits - 1 >> bits - known
        self._cell_area = 4.0 ** int((bits - known)[known > 0].min())
        self._error_weights = error_weights / self._cell_area

    def quantize(self, latent: Tensor) -> Tensor:
        """Number the cells of a segment.

        Args:
            latent: float32 `[D, t, h, w]`, any range.

        Returns:
            int64 `[t, h, w]`, each in `[0, 2**bit_depth)`.
        """
        return self.tokens(self.best_cells(latent)[0])

    def best_cells(self, latent: Tensor) -> tuple[Tensor, float]:
        """Do all passes.

        Args:
            latent: float32 `[D, t, h, w]`, any range.

        Returns:
            The cells, int32 `[D, t, h, w]`, and the `still_factor` of the segment.
        """
        cells = self.first_cells(latent)
        still_factor = self.still_factor(cells)
        for _ in range(1, NUM_PASSES):
            cells = self.next_cells(latent, cells, still_factor)
        return cells, still_factor

    def first_cells(self, latent: Tensor) -> Tensor:
        """Do the first pass.

        Args:
            latent: float32 `[D, t, h, w]`, any range.

        Returns:
            int32 `[D, t, h, w]`.
        """
        around = torch.zeros_like(latent, dtype=torch.uint8)
        prices = ChangePrices.before_all(len(latent), latent.device)
        return self._cheapest_cells(latent, prices, around, self._rate_weight)

    def still_factor(self, cells: Tensor) -> float:
        """Say how many times its weight a bit has in a segment, by the share of its tokens that change.

        Args:
            cells: int32 `[D, t, h, w]`, of the first pass.

        Returns:
            1 to `MAX_STILL_FACTOR`; 1 for a picture alone.
        """
        changed = (self._steps(cells)[:, 1:] > 0).any(dim=0)
        if not changed.numel():
            return 1.0
        share = max(int(changed.count_nonzero()), 1) / changed.numel()
        long_factor = min(MAX_STILL_FACTOR, max(1.0, (STILL_SHARE / share) ** STILL_POWER))
        factor: float = long_factor ** min(1.0, len(changed) / FEW_LATENTS)
        return factor

    def next_cells(self, latent: Tensor, cells: Tensor, still_factor: float = 1.0) -> Tensor:
        """Do a later pass, with the prices that the cells of one before show, and bits worth so many times more."""
        changed = self._steps(cells) > 0
        around = surroundings(changed)
        prices = ChangePrices.of(changed, around)
        return self._cheapest_cells(latent, prices, around, self._rate_weight * still_factor)

    def centres_of(self, cells: Tensor) -> Tensor:
        """Give what cells are dequantized to, float32 `[D, t, h, w]`."""
        rows = [
            self._quantizer.centres[dimension, int(count) : 2 * int(count)][cells[dimension]]
            for dimension, count in enumerate(self._num_cells)
        ]
        return torch.stack(rows)

    def tokens(self, cells: Tensor) -> Tensor:
        """Pack cells, int32 `[D, t, h, w]`, to tokens, int64 `[t, h, w]`."""
        bands = torch.split(cells, self._band_rows(cells), dim=2)
        parts = [pack_token((band.long() << self._hidden)[None], self._quantizer.config)[0] for band in bands]
        return torch.cat(parts, dim=1)

    def rate_cost(self, cells: Tensor, still_factor: float = 1.0) -> float:
        """Give what the rate of cells, int32 `[D, t, h, w]`, costs at the prices that they show themselves.

        Returns:
            In the squared units of a latent whose error weighs 1.
        """
        steps = self._steps(cells)
        around = surroundings(steps > 0)
        prices = ChangePrices.of(steps > 0, around)
        dimension = torch.arange(len(steps), device=steps.device)[:, None, None, None]
        group = around.long()
        bits = path_bits(steps, prices.stay[dimension, group], prices.change[dimension, group])
        return self._rate_weight * still_factor * self._cell_area * float(bits.sum())

    def _cheapest_cells(
        self, latent: Tensor, prices: ChangePrices, around: Tensor, rate_weight: float
    ) -> Tensor:
        """Do one pass, in bands of rows; gives int32 `[D, t, h, w]`."""
        rows = self._band_rows(latent)
        bands = zip(torch.split(latent, rows, dim=2), torch.split(around, rows, dim=2), strict=True)
        return torch.cat(
            [self._cheapest_band(band, prices, group, rate_weight) for band, group in bands], dim=2
        )

    def _cheapest_band(
        self, latent: Tensor, prices: ChangePrices, around: Tensor, rate_weight: float
    ) -> Tensor:
        cells = self._quantizer.nearest_values(latent[None])[0] >> self._hidden
        if not rate_weight:
            return cells.to(torch.int32)
        # Latents that are nearest to zero in every frame stay there; most do.
        moving = (cells != self._zero_cell[:, None, None, None]).any(dim=1)
        dimension = moving.nonzero()[:, 0]
        zero, num_cells = self._zero_cell[dimension], self._num_cells[dimension]
        nearest, target, group = (part.movedim(1, 0)[:, moving] for part in (cells, latent, around.long()))
        candidates = torch.stack(
            [
                nearest,
                (nearest - 1).clamp_min(0),
                torch.minimum(nearest + 1, num_cells - 1),
                zero.expand_as(nearest),
            ],
            dim=1,
        )
        difference = target[:, None] - self._quantizer.centres[dimension, candidates + num_cells]
        errors = self._error_weights[dimension] * difference.square()
        errors[0] /= min(self._quantizer.config.strides[0], len(errors))
        stay, change = prices.stay[dimension, group], prices.change[dimension, group]
        cells.movedim(1, 0)[:, moving] = cheapest_path(candidates, errors, zero, stay, change, rate_weight)
        return cells.to(torch.int32)

    def _steps(self, cells: Tensor) -> Tensor:
        """Count the steps of cells, int32 `[D, t, h, w]`, from those of the latent frame before, likewise."""
        zero = self._zero_cell[:, None, None, None].expand_as(cells[:, :1]).to(cells)
        return (cells - torch.cat([zero, cells[:, :-1]], dim=1)).abs()

    @staticmethod
    def _band_rows(grid: Tensor) -> int:
        """Say how many rows of `[D, t, h, w]` are worked on at once."""
        return max(1, BAND_LATENTS // (grid.shape[0] * grid.shape[3]))
