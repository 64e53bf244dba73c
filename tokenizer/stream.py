"""Tokenizing and detokenizing one segment chunk by chunk, in tiles, with memory bounded in length and frame size."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .conv import Cache
from .decoder_engine import DecoderEngine, TorchEngine
from .model import Tokenizer
from .steady import coarse_bits, hold_start_steady, hold_steady

DEFAULT_TILE = 64
"""Latent rows and columns of a tile, before its margin."""


@dataclass(frozen=True)
class Tile:
    """A window of the token grid: the part it answers for, and the larger part it has to see."""

    rows: slice
    columns: slice
    seen_rows: slice
    seen_columns: slice

    def inner(self) -> tuple[slice, slice]:
        """Where the part it answers for lies in what it sees."""
        top = self.rows.start - self.seen_rows.start
        left = self.columns.start - self.seen_columns.start
        return (
            slice(top, top + self.rows.stop - self.rows.start),
            slice(left, left + self.columns.stop - self.columns.start),
        )


def cut_tiles(height: int, width: int, tile: int, margin: int) -> list[Tile]:
    """Cut a token grid of `height` x `width` into tiles that each see `margin` positions more on every side."""
    return [
        Tile(rows, columns, _widen(rows, margin, height), _widen(columns, margin, width))
        for rows in _parts(height, tile)
        for columns in _parts(width, tile)
    ]


class EncoderStream:
    """Frames of one segment to latents or ids. First push: 1 + s*k frames; later ones: s*k (s the temporal stride)."""

    def __init__(self, tokenizer: Tokenizer, height: int, width: int, tile: int = DEFAULT_TILE) -> None:
        self.tokenizer = tokenizer
        self.height, self.width = height, width
        _, self.grid_height, self.grid_width = tokenizer.config.latent_shape(1, height, width)
        self.tiles = cut_tiles(self.grid_height, self.grid_width, tile, tokenizer.encoder_margin)
        self.caches = [Cache() for _ in self.tiles]

    @torch.inference_mode()
    def push(self, frames: np.ndarray) -> np.ndarray:
        """Tokenize the next frames; inverse: `DecoderStream.push`.

        Args:
            frames: uint8 `[T, H, W, 3]` RGB.

        Returns:
            int64 `[t, h, w]`, full bit depth.
        """
        ids: np.ndarray = self.tokenizer.quantizer.quantize(self.push_latent(frames)[None])[0].cpu().numpy()
        return ids

    @torch.inference_mode()
    def push_latent(self, frames: np.ndarray) -> Tensor:
        """Turn the next frames into latents, before quantization.

        Args:
            frames: uint8 `[T, H, W, 3]` RGB.

        Returns:
            float32 `[D, t, h, w]`.
        """
        if frames.shape[1:] != (self.height, self.width, 3):
            raise ValueError(
                f"frames are {frames.shape[1:]}, this stream takes {(self.height, self.width, 3)}"
            )
        _, stride_h, stride_w = self.tokenizer.config.strides
        pixels = torch.from_numpy(np.require(frames, requirements=["C", "W"])).permute(3, 0, 1, 2)
        latent: Tensor | None = None
        for tile, cache in zip(self.tiles, self.caches, strict=True):
            clip = self._window(pixels, tile, stride_h, stride_w)
            part = self.tokenizer.encoder(clip[None].div_(127.5).sub_(1), cache)[0]
            if latent is None:
                latent = part.new_empty((*part.shape[:2], self.grid_height, self.grid_width))
            inner_rows, inner_columns = tile.inner()
            latent[..., tile.rows, tile.columns] = part[..., inner_rows, inner_columns]
        assert latent is not None  # noqa: S101 - a grid has a tile
        return latent

    def _window(self, pixels: Tensor, tile: Tile, stride_h: int, stride_w: int) -> Tensor:
        """Cut what a tile sees, float32, repeating the last row and column where the grid exceeds the picture."""
        rows, columns = tile.seen_rows, tile.seen_columns
        part = pixels[
            :,
            :,
            rows.start * stride_h : rows.stop * stride_h,
            columns.start * stride_w : columns.stop * stride_w,
        ].to(self.tokenizer.device, torch.float32)
        missing_h = (rows.stop - rows.start) * stride_h - part.shape[2]
        missing_w = (columns.stop - columns.start) * stride_w - part.shape[3]
        return (
            functional.pad(part, (0, missing_w, 0, missing_h), mode="replicate")
            if missing_h or missing_w
            else part
        )


class DecoderStream:
    """Token ids of one segment back to frames. First push: t latent frames give 1 + s*(t - 1); later ones s*t."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        height: int,
        width: int,
        bit_depth: int,
        *,
        engine: DecoderEngine | None = None,
        tile: int = DEFAULT_TILE,
    ) -> None:
        """Begin a segment.

        Args:
            tokenizer: a causal one that works in tiles.
            height: of a frame, in pixels.
            width: of a frame, in pixels.
            bit_depth: bits of a token that are known.
            engine: what runs the network; `torch` if None.
            tile: latent rows and columns of a tile.
        """
        self.strides = tokenizer.config.strides
        self.height, self.width = height, width
        _, self.grid_height, self.grid_width = tokenizer.config.latent_shape(1, height, width)
        self.tiles = cut_tiles(self.grid_height, self.grid_width, tile, tokenizer.decoder_margin)
        engine = engine or TorchEngine(tokenizer)
        self.decoders = [engine.start(bit_depth) for _ in self.tiles]
        self._config, self._bit_depth = tokenizer.config, bit_depth
        self._holds_steady = tokenizer.holds_steady
        self._last: np.ndarray | None = None
        """Coarse bits of the latent frame before, int64 `[1, h, w]`."""

    def push(self, ids: np.ndarray) -> np.ndarray:
        """Detokenize the next latent frames; inverse: `EncoderStream.push`.

        Where tokens did not change, their frames are held steady, see `hold_steady`; the first of all only if the
        first push has a latent frame after it.

        Args:
            ids: int64 `[t, h, w]`; bits from the stream's bit depth up are ignored.

        Returns:
            uint8 `[T, H, W, 3]` RGB.
        """
        if ids.shape[1:] != (self.grid_height, self.grid_width):
            raise ValueError(
                f"grid is {ids.shape[1:]}, this stream takes {(self.grid_height, self.grid_width)}"
            )
        frames = self._decode(ids)
        if self._holds_steady:
            coarse = coarse_bits(ids, self._config, self._bit_depth)
            if self._last is None:
                hold_start_steady(frames, coarse, self.strides)
            else:
                hold_steady(frames, np.concatenate([self._last, coarse]), self.strides)
            self._last = coarse[-1:]
        return frames

    def _decode(self, ids: np.ndarray) -> np.ndarray:
        """Run the network, tile by tile."""
        if len(self.tiles) == 1:
            return self.decoders[0].push(ids)[:, : self.height, : self.width]
        _, stride_h, stride_w = self.strides
        frames: np.ndarray | None = None
        for tile, decoder in zip(self.tiles, self.decoders, strict=True):
            part = decoder.push(ids[:, tile.seen_rows, tile.seen_columns])
            if frames is None:
                frames = np.empty((len(part), self.height, self.width, 3), np.uint8)
            inner_rows, inner_columns = (
                slice(inner.start * stride, inner.stop * stride)
                for inner, stride in zip(tile.inner(), (stride_h, stride_w), strict=True)
            )
            target = frames[
                :,
                tile.rows.start * stride_h : tile.rows.stop * stride_h,
                tile.columns.start * stride_w : tile.columns.stop * stride_w,
            ]
            target[:] = part[:, inner_rows, inner_columns][:, : target.shape[1], : target.shape[2]]
        assert frames is not None  # noqa: S101 - a grid has a tile
        return frames


def _parts(length: int, tile: int) -> Iterator[slice]:
    count = max(1, round(length / tile))
    for index in range(count):
        yield slice(length * index // count, length * (index + 1) // count)


def _widen(part: slice, margin: int, length: int) -> slice:
    return slice(max(0, part.start - margin), min(length, part.stop + margin))
