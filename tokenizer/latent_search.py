"""Search for the tokens from which the trained decoder, not its linear shortcut, rebuilds a segment best."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .conv import Cache
from .klt import CHROMA_WEIGHT
from .mgv_s import MgvSDecoder
from .model import Tokenizer
from .precision import training_precision
from .quantize import LookupFreeQuantizer
from .rate_quantizer import RateQuantizer
from .stream import Tile, cut_tiles

MAX_SEARCH_STEPS = 20
"""More gain nothing."""

WAY = 0.04
"""How far about the steps lead together, in units of the step that would be right for the linear shortcut alone. The
network bends the error far more: further on, the gradient where they began is wrong, and structure suffers first."""

WINDOW_LATENTS = 2
"""Latent frames that gradients are taken of at once; the first of a segment is alone, so that a still has its own."""

SEARCH_TILE = 32
"""Latent rows and columns of a tile, before its margin. Half of what decoding takes: gradients need far more memory."""

SEARCH_MARGIN = 6
"""Latent positions that a tile sees beyond itself. The decoder sees more, but what is further away changes a gradient
by less than a thousandth."""


@dataclass(frozen=True)
class _Trial:
    """Cells of a segment and what the decoder makes of them."""

    cells: Tensor
    """int32 `[D, t, h, w]`."""

    cost: float
    gradient: Tensor | None
    """Of the squared error by the dequantized latents, `[D, t, h, w]`."""


class LatentSearch:
    """Gradient steps on the latents of a segment before they are rounded, through rounding as if it were not there.

    The cost is the squared error of luma and both colour differences alike, after the decoder, plus the cost of the
    rate that `RateQuantizer` counts. After each step the whole segment is quantized anew; of all that was met, the
    cheapest is kept. Decoding and gradients go by windows of a few latent frames (what an earlier one does to a later
    window is not followed), each in tiles, so that memory depends on neither the length nor the size of a picture but
    for the latents. They are in bfloat16 where processors multiply it, which is fine enough to find a direction. The
    same tokens come out each time on the same machine with the same number of threads.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        bit_depth: int,
        rate_weight: float,
        num_steps: int,
        tile: int = SEARCH_TILE,
        on_window: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare.

        Args:
            tokenizer: an `mgv-s`.
            bit_depth: bits of a token that are wanted.
            rate_weight: see `Tokenizer.quantize`.
            num_steps: gradient steps a window, 1 to `MAX_SEARCH_STEPS`.
            tile: latent rows and columns of a tile, before its margin.
            on_window: called before each window is decoded; an exception of it ends the search.

        Raises:
            ValueError: it is another kind of tokenizer.
        """
        decoder, quantizer = tokenizer.decoder, tokenizer.quantizer
        if not isinstance(decoder, MgvSDecoder) or not isinstance(quantizer, LookupFreeQuantizer):
            raise ValueError(f"a {tokenizer.config.kind} tokenizer has no latent search, expected mgv-s")
        self._tokenizer = tokenizer
        self._bit_depth, self._num_steps, self._tile = bit_depth, num_steps, tile
        self._on_window = on_window
        squares = decoder.squared_errors()
        self._unit = float(squares.median())
        self._rate_quantizer = RateQuantizer(quantizer, bit_depth, rate_weight, squares / self._unit)
        self._step = _step_size(num_steps) / (2 * squares[:, None, None, None])
        alike = torch.tensor([1.0, 1 / CHROMA_WEIGHT, 1 / CHROMA_WEIGHT], device=decoder.colour.device)
        self._in_bfloat16 = training_precision() == "bf16"
        self._colour = alike[:, None] * torch.linalg.inv(decoder.colour)

    def run(self, latent: Tensor, frames: np.ndarray) -> np.ndarray:
        """Find the tokens of a segment; as costs are counted here, never dearer than those of `Tokenizer.quantize`.

        Args:
            latent: float32 `[D, t, h, w]`, of the whole segment, as the encoder gives it.
            frames: uint8 `[T, H, W, 3]`, its source at the size that is coded; T up to 1 + s*(t - 1).

        Returns:
            int64 `[t, h, w]`, each in `[0, 2**bit_depth)`.
        """
        with torch.no_grad():
            cells, still_factor = self._rate_quantizer.best_cells(latent)
        trial = best = self._try(cells, frames, still_factor, with_gradient=self._num_steps > 0)
        target = latent
        for step in range(1, self._num_steps + 1):
            assert trial.gradient is not None  # noqa: S101 - the last step alone has none
            target = target - self._step * trial.gradient
            with torch.no_grad():
                cells = self._rate_quantizer.next_cells(target, cells, still_factor)
            trial = self._try(cells, frames, still_factor, with_gradient=step < self._num_steps)
            if trial.cost < best.cost:
                best = trial
        ids: np.ndarray = self._rate_quantizer.tokens(best.cells).cpu().numpy()
        return ids

    def _try(self, cells: Tensor, frames: np.ndarray, still_factor: float, *, with_gradient: bool) -> _Trial:
        """Decode the cells of a segment, and measure the error."""
        cost = self._rate_quantizer.rate_cost(cells, still_factor)
        latent = self._rate_quantizer.centres_of(cells)
        gradient = torch.zeros_like(latent) if with_gradient else None
        stride, num_latents = self._tokenizer.config.strides[0], latent.shape[1]
        height, width = latent.shape[2:]
        margin = min(SEARCH_MARGIN, self._tokenizer.decoder_margin)
        tiles = cut_tiles(height, width, self._tile, margin)
        caches = [Cache() for _ in tiles]
        for start in (0, *range(1, num_latents, WINDOW_LATENTS)):
            self._on_window()
            stop = min(start + WINDOW_LATENTS, num_latents) if start else 1
            source = frames[max(0, 1 + (start - 1) * stride) : 1 + (stop - 1) * stride]
            for tile, cache in zip(tiles, caches, strict=True):
                window = (..., slice(start, stop), tile.seen_rows, tile.seen_columns)
                seen = latent[window][None].clone().requires_grad_(with_gradient)
                with torch.set_grad_enabled(with_gradient):
                    error = self._squared_error(seen, source, tile, cache)
                cost += float(error.detach()) / self._unit
                if gradient is not None:
                    gradient[window] += torch.autograd.grad(error, seen)[0][0]
        return _Trial(cells, cost, gradient)

    def _squared_error(self, seen: Tensor, source: np.ndarray, tile: Tile, cache: Cache) -> Tensor:
        """Sum the squared error over what a tile answers for, in the units of `MgvSDecoder.squared_errors`."""
        _, stride_h, stride_w = self._tokenizer.config.strides
        with torch.autocast(seen.device.type, torch.bfloat16, enabled=self._in_bfloat16):
            pixels = self._tokenizer.decode_latent(seen, self._bit_depth, cache)[0].float()
        rows, columns = tile.inner()
        part = source[
            :,
            tile.rows.start * stride_h : tile.rows.stop * stride_h,
            tile.columns.start * stride_w : tile.columns.stop * stride_w,
        ]
        top, left = rows.start * stride_h, columns.start * stride_w
        num_frames, height, width, _ = part.shape
        inner = pixels[:, :num_frames, top : top + height, left : left + width].clamp(-1, 1)
        wanted = torch.from_numpy(np.ascontiguousarray(part)).to(inner.device, torch.float32)
        difference = inner - (wanted / 127.5 - 1).permute(3, 0, 1, 2)
        return torch.einsum("oc,cthw->othw", self._colour, difference).square().sum()


def _step_size(num_steps: int) -> float:
    """Give the length of each step: five eighths of the way for one alone, then ever closer to a fair share of it."""
    return WAY / (num_steps + 0.6)
