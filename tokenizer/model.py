"""The tokenizer itself: networks and quantizer in one module, clips to tokens and back."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import MagvitNetwork, TokenizerConfig
from .conv import Cache
from .fingerprint import weights_sha256
from .magvit import MagvitDecoder, MagvitEncoder
from .magvit_v2 import MagvitV2Decoder, MagvitV2Encoder
from .mgv_s import MgvSDecoder, MgvSEncoder
from .quantize import LookupFreeQuantizer
from .rate_quantizer import RateQuantizer
from .steady import coarse_bits, hold_clip_steady
from .vq import VectorQuantizer

if TYPE_CHECKING:
    from .decoder_engine import DecoderEngine
    from .stream import DecoderStream, EncoderStream


OUTSIDE = 0.5
"""How far floats of a clip may lie outside of [0, 1]: filters overshoot, other ranges reach further."""


@dataclass(frozen=True)
class Tokens:
    """Token ids of a clip, with what is needed to understand them."""

    ids: Tensor
    """int64 `[B, t, h, w]`, each in `[0, 2**bit_depth)`."""
    bit_depth: int
    """Low bits of each id that are kept."""
    num_frames: int
    height: int
    width: int

    def at_depth(self, bit_depth: int) -> "Tokens":
        """Keep the lowest `bit_depth` bits only."""
        if not 1 <= bit_depth <= self.bit_depth:
            raise ValueError(f"bit depth {bit_depth}, expected 1 to {self.bit_depth}")
        return Tokens(self.ids & (2**bit_depth - 1), bit_depth, self.num_frames, self.height, self.width)


class Tokenizer(nn.Module):
    """Pixels <-> tokens. A fresh one has untrained weights; `load_tokenizer` gives a trained one."""

    folder: Path | None = None
    """Where the weights were loaded from."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.decoder, self.quantizer = build_networks(config)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def encoder_margin(self) -> int:
        """Latent positions on each side that a token can depend on, beyond its own."""
        return self._margin(self.encoder)

    @property
    def decoder_margin(self) -> int:
        """Latent positions on each side that a pixel can depend on, beyond its own."""
        return self._margin(self.decoder)

    def _margin(self, network: nn.Module) -> int:
        if isinstance(network, MgvSEncoder | MgvSDecoder):
            return network.margin
        raise ValueError(f"a {self.config.kind} tokenizer works on whole frames; use encode and decode")

    @property
    def holds_steady(self) -> bool:
        """Whether what a token shows is its own alone, and of 2, 4, 8, ... frames, so that `hold_steady` is for it."""
        return isinstance(self.decoder, MgvSDecoder) and self.config.strides[0] in (2, 4, 8, 16)

    @property
    def sha256(self) -> str:
        """SHA-256 over the fp16 tensors in name order, as 64 hexadecimal digits: which weights these are."""
        return weights_sha256(self)

    @property
    def error_weights(self) -> Tensor:
        """Squared error of a picture for that of each latent, relative, float32 `[D]`."""
        if not isinstance(self.decoder, MgvSDecoder):
            return torch.ones(len(self.config.dimension_bits), device=self.device)
        return self.decoder.error_weights()

    @torch.inference_mode()
    def quantize(self, latent: Tensor, bit_depth: int, rate_weight: float = 0.0) -> np.ndarray:
        """Number the latents of one segment; what comes after `EncoderStream.push_latent`.

        Args:
            latent: float32 `[D, t, h, w]`, all latent frames of the segment.
            bit_depth: bits of a token that are wanted; those above are 0.
            rate_weight: above 0 to trade distortion for rate, see `RateQuantizer`.

        Returns:
            int64 `[t, h, w]`, each in `[0, 2**bit_depth)`.
        """
        numbers: np.ndarray = self._number(latent[None], bit_depth, rate_weight)[0].cpu().numpy()
        return numbers

    def _number(self, latent: Tensor, bit_depth: int, rate_weight: float) -> Tensor:
        if rate_weight and isinstance(self.quantizer, LookupFreeQuantizer):
            trellis = RateQuantizer(self.quantizer, bit_depth, rate_weight, self.error_weights)
            return torch.stack([trellis.quantize(one) for one in latent])
        return self.quantizer.quantize(latent) & (1 << bit_depth) - 1

    def encoder_stream(self, height: int, width: int) -> "EncoderStream":
        """Open a stream that takes the frames (uint8 `[T, H, W, 3]`) of one segment in chunks."""
        from .stream import EncoderStream

        return EncoderStream(self, height, width)

    def decoder_stream(
        self, height: int, width: int, bit_depth: int, engine: "DecoderEngine | None" = None
    ) -> "DecoderStream":
        """Open a stream that takes the ids (int64 `[t, h, w]`) of one segment in chunks and gives frames.

        Args:
            height: of a frame, in pixels.
            width: of a frame, in pixels.
            bit_depth: bits of a token that are known.
            engine: what runs the network, from `open_engine`; float32 if None.
        """
        from .stream import DecoderStream

        return DecoderStream(self, height, width, bit_depth, engine=engine)

    @torch.no_grad()
    def encode(self, clip: Tensor, bit_depth: int | None = None, rate_weight: float = 0.0) -> Tokens:
        """Turn a clip into tokens; inverse: `decode`.

        Args:
            clip: RGB `[B, 3, T, H, W]`, uint8 in 0..255 or float in [0, 1]; any size. An image is T = 1.
            bit_depth: bits of each token that are kept; all if None.
            rate_weight: above 0 to trade distortion for rate, see `RateQuantizer`.

        Raises:
            ValueError: it is no such clip; floats may be a little outside of [0, 1], as a filter leaves them.
        """
        _check_clip(clip)
        scaled = clip.to(self.device, torch.float32) / (1 if clip.is_floating_point() else 255)
        depth = self.config.bits_per_token if bit_depth is None else bit_depth
        ids = self._number(self.encoder(pad_to_grid(scaled * 2 - 1, self.config)), depth, rate_weight)
        return Tokens(ids, depth, clip.shape[2], clip.shape[3], clip.shape[4])

    @torch.no_grad()
    def decode(self, tokens: Tokens, bit_depth: int | None = None) -> Tensor:
        """Turn tokens back into a clip, as a decoder of files does; inverse: `encode`.

        Args:
            tokens: from `encode` or a file.
            bit_depth: use only so many bits of each; all there are if None.

        Returns:
            RGB float32 `[B, 3, T, H, W]` in [0, 1].
        """
        if bit_depth is not None:
            tokens = tokens.at_depth(bit_depth)
        clip = self.reconstruct(tokens.ids.to(self.device), tokens.bit_depth)
        if self.holds_steady:
            coarse = coarse_bits(tokens.ids.cpu().numpy(), self.config, tokens.bit_depth)
            for one, ids in zip(clip, coarse, strict=True):
                hold_clip_steady(one, ids, self.config.strides)
        return ((clip + 1) / 2).clamp(0, 1)[:, :, : tokens.num_frames, : tokens.height, : tokens.width]

    def reconstruct(self, ids: Tensor, bit_depth: int, cache: Cache | None = None) -> Tensor:
        """Map ids int64 `[B, t, h, w]` to pixels float32 `[B, 3, T, H, W]`, about [-1, 1]."""
        return self.decode_latent(self.dequantize(ids, bit_depth), bit_depth, cache)

    def dequantize(self, ids: Tensor, bit_depth: int) -> Tensor:
        """Map ids int64 `[B, t, h, w]` to latents float32 `[B, D, t, h, w]`, for `decode_latent`."""
        if isinstance(self.quantizer, VectorQuantizer):
            return self.quantizer.dequantize(ids)
        return self.quantizer.dequantize(ids, bit_depth)

    def decode_latent(self, latent: Tensor, bit_depth: int | Tensor, cache: Cache | None = None) -> Tensor:
        """Run the decoder network on dequantized latents `[B, D, t, h, w]`; `bit_depth` is one or int64 `[B]`."""
        if not isinstance(self.decoder, MgvSDecoder):
            pixels: Tensor = (
                self.decoder(latent) if self.config.kind == "magvit" else self.decoder(latent, cache)
            )
            return pixels
        depth = torch.as_tensor(bit_depth, device=latent.device).expand(latent.shape[0])
        pixels = self.decoder(latent, depth, cache)
        return pixels


def _check_clip(clip: Tensor) -> None:
    if not isinstance(clip, Tensor):
        raise ValueError(f"a clip is a tensor, got a {type(clip).__name__}")
    if clip.dim() != 5 or clip.shape[1] != 3 or 0 in clip.shape:
        raise ValueError(f"a clip is [B, 3, T, H, W] and not empty, got {tuple(clip.shape)}")
    if clip.dtype == torch.uint8:
        return
    if not clip.is_floating_point():
        raise ValueError(f"a clip is of uint8 in 0..255 or of floats in [0, 1], got {clip.dtype}")
    least, most = (float(end) for end in clip.aminmax())
    if not -OUTSIDE <= least <= most <= 1 + OUTSIDE:
        raise ValueError(f"a clip of floats is in [0, 1], got {least:g} to {most:g}")


def build_networks(
    config: TokenizerConfig,
) -> tuple[nn.Module, nn.Module, LookupFreeQuantizer | VectorQuantizer]:
    """Build encoder, decoder and quantizer with fresh weights."""
    network = config.network
    if not isinstance(network, MagvitNetwork):
        return MgvSEncoder(config), MgvSDecoder(config), LookupFreeQuantizer(config)
    stride_t = config.strides[0]
    num_halvings = len(network.multipliers) - 1
    temporal = [2] * (stride_t.bit_length() - 1)
    still = [1] * (num_halvings - len(temporal))
    sizes: dict[str, Any] = {
        "latent_channels": network.embedding_dimension,
        "base_channels": network.base_channels,
        "multipliers": network.multipliers,
        "temporal_strides": temporal + still if config.kind == "magvit" else still + temporal,
        "num_residual_blocks": network.num_residual_blocks,
        "kernel_frames": 1 if stride_t == 1 else 3,
    }
    if config.kind == "magvit":
        quantizer = VectorQuantizer(2**config.bits_per_token, network.embedding_dimension)
        return MagvitEncoder(**sizes), MagvitDecoder(**sizes), quantizer
    return MagvitV2Encoder(**sizes), MagvitV2Decoder(**sizes), LookupFreeQuantizer(config)


def pad_to_grid(clip: Tensor, config: TokenizerConfig) -> Tensor:
    """Repeat the last frame, row and column of `[B, 3, T, H, W]` until the token grid fits."""
    t, h, w = config.latent_shape(*clip.shape[2:])
    stride_t, stride_h, stride_w = config.strides
    frames = t * stride_t if config.kind == "magvit" else 1 + (t - 1) * stride_t
    missing = (frames - clip.shape[2], h * stride_h - clip.shape[3], w * stride_w - clip.shape[4])
    if not any(missing):
        return clip
    return functional.pad(clip, (0, missing[2], 0, missing[1], 0, missing[0]), mode="replicate")
