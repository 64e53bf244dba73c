"""Search for the tokens from which the trained decoder, not its linear shortcut, rebuilds a segment best."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from .conv import Cache
from .mgv_s import MgvSDecoder
from .model import Tokenizer
from .quantize import LookupFreeQuantizer
from .stream import Tile, cut_tiles

MAX_SEARCH_STEPS = 20
"""More gain nothing."""

STEP_SIZE = 0.02
"""Of the step that would be right for the linear shortcut alone: the network bends the error far more."""

WINDOW_LATENTS = 2
"""Latent frames that are searched together, after those before are settled; the first of a segment is so alone."""

SEARCH_TILE = 32
"""Latent rows and columns of a tile, before its margin. Half of what decoding takes: gradients need far more memory."""


@dataclass
class _Path:
    """One choice of tokens, as far as it is settled, and what it costs."""

    caches: list[Cache]
    """Of the decoder before the next window, one a tile."""

    first_factor: int
    """By how much more the rate weighs in the first latent frame, which is rounded alone here but is one of many."""

    ids: list[Tensor] = field(default_factory=list)
    """Of each window, int64 `[1, t, h, w]`."""

    cost: float = 0.0

    @property
    def before(self) -> Tensor | None:
        """Tokens of the last latent frame, int64 `[1, h, w]`."""
        return self.ids[-1][:, -1] if self.ids else None


@dataclass
class _Trial:
    """Tokens of one window and what the decoder makes of them."""

    ids: Tensor
    cost: float
    gradient: Tensor | None
    """Of the squared error by the dequantized latents, `[1, D, t, h, w]`."""

    caches: list[Cache]
    """Of the decoder after the window."""

    def settle(self, path: _Path) -> None:
        """Go on along a path."""
        path.ids.append(self.ids)
        path.cost += self.cost
        path.caches = self.caches


class LatentSearch:
    """Gradient steps on the latents of a segment before they are rounded, through rounding as if it were not there.

    The cost is the squared error of luma and, weighed as the transform weighs it, colour, after the decoder, plus the
    cost of the rate that `LookupFreeQuantizer.quantize_for_rate` counts. Windows of a few latent frames are searched
    one after the other, each frame in tiles, so that memory depends on neither the length nor the size of a picture
    but for the latents. The same tokens come out each time on the same machine with the same number of threads.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        bit_depth: int,
        rate_weight: float,
        num_steps: int,
        tile: int = SEARCH_TILE,
    ) -> None:
        """Prepare.

        Args:
            tokenizer: an `mgv-s`.
            bit_depth: bits of a token that are wanted.
            rate_weight: see `Tokenizer.quantize`.
            num_steps: gradient steps a window, 1 to `MAX_SEARCH_STEPS`.
            tile: latent rows and columns of a tile, before its margin.

        Raises:
            ValueError: it is another kind of tokenizer.
        """
        decoder, quantizer = tokenizer.decoder, tokenizer.quantizer
        if not isinstance(decoder, MgvSDecoder) or not isinstance(quantizer, LookupFreeQuantizer):
            raise ValueError(f"a {tokenizer.config.kind} tokenizer has no latent search, expected mgv-s")
        self._tokenizer, self._quantizer = tokenizer, quantizer
        self._bit_depth, self._rate_weight, self._num_steps = bit_depth, rate_weight, num_steps
        self._tile = tile
        squares = decoder.squared_errors()
        self._unit = float(squares.median())
        self._error_weights = squares / self._unit
        self._step = STEP_SIZE / (2 * squares[:, None, None, None])
        self._colour = torch.linalg.inv(decoder.colour)

    def run(self, latent: Tensor, frames: np.ndarray) -> np.ndarray:
        """Find the tokens of a segment; they never cost more than those of `Tokenizer.quantize`.

        Args:
            latent: float32 `[D, t, h, w]`, of the whole segment, as the encoder gives it.
            frames: uint8 `[T, H, W, 3]`, its source at the size that is coded; T up to 1 + s*(t - 1).

        Returns:
            int64 `[t, h, w]`, each in `[0, 2**bit_depth)`.
        """
        stride = self._tokenizer.config.strides[0]
        num_latents = latent.shape[1]
        tiles = cut_tiles(latent.shape[2], latent.shape[3], self._tile, self._tokenizer.decoder_margin)
        plain, searched = (_Path([Cache() for _ in tiles], min(stride, num_latents)) for _ in range(2))
        for start in (0, *range(1, num_latents, WINDOW_LATENTS)):
            stop = min(start + WINDOW_LATENTS, num_latents) if start else 1
            target = latent[None, :, start:stop].clone()
            source = frames[max(0, 1 + (start - 1) * stride) : 1 + (stop - 1) * stride]
            self._try(target, source, tiles, plain, with_gradient=False).settle(plain)
            self._search(target, source, tiles, searched).settle(searched)
        best = searched if searched.cost < plain.cost else plain
        ids: np.ndarray = torch.cat(best.ids, dim=1)[0].cpu().numpy()
        return ids

    def _search(self, target: Tensor, source: np.ndarray, tiles: list[Tile], path: _Path) -> _Trial:
        """Take the steps in one window, and give the best that was met on the way."""
        best: _Trial | None = None
        for step in range(self._num_steps + 1):
            trial = self._try(target, source, tiles, path, with_gradient=step < self._num_steps)
            if trial.gradient is not None:
                target = target - self._step * trial.gradient
            if best is None or trial.cost < best.cost:
                best = trial
        assert best is not None  # noqa: S101 - there is a step 0
        return best

    def _try(
        self, target: Tensor, source: np.ndarray, tiles: list[Tile], path: _Path, *, with_gradient: bool
    ) -> _Trial:
        """Round latents, decode them, and measure the error."""
        with torch.no_grad():
            weight = self._rate_weight * (1 if path.ids else path.first_factor)
            ids = self._quantizer.quantize_for_rate(
                target, self._bit_depth, weight, self._error_weights, path.before
            )
            cost = self._quantizer.rate_cost(ids, self._bit_depth, self._rate_weight, path.before)
            latent = self._quantizer.dequantize(ids, self._bit_depth)
        gradient = torch.zeros_like(latent) if with_gradient else None
        caches = []
        for tile, cache in zip(tiles, path.caches, strict=True):
            caches.append(Cache(cache))
            seen = latent[..., tile.seen_rows, tile.seen_columns].clone().requires_grad_(with_gradient)
            with torch.set_grad_enabled(with_gradient):
                error = self._squared_error(seen, source, tile, caches[-1])
            cost += float(error.detach()) / self._unit
            if gradient is not None:
                (part,) = torch.autograd.grad(error, seen)
                gradient[..., tile.seen_rows, tile.seen_columns] += part
        return _Trial(ids, cost, gradient, caches)

    def _squared_error(self, seen: Tensor, source: np.ndarray, tile: Tile, cache: Cache) -> Tensor:
        """Sum the squared error over what a tile answers for, in the units of `MgvSDecoder.squared_errors`."""
        _, stride_h, stride_w = self._tokenizer.config.strides
        pixels = self._tokenizer.decode_latent(seen, self._bit_depth, cache)[0]
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
