"""How the samples of a training batch are quantized: as an encoder does it, with a fineness drawn for each."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .model import Tokenizer, pad_to_grid
from .quantize import LookupFreeQuantizer
from .rate_quantizer import RateQuantizer
from .train_config import Phase


@dataclass(frozen=True)
class Fineness:
    """How one sample is quantized."""

    bit_depth: int
    rate_weight: float
    """What a bit is worth, see `RateQuantizer`."""


def draw_fineness(
    phase: Phase, ladder: tuple[int, ...], batch_size: int, random: torch.Generator
) -> list[Fineness]:
    """Draw for each sample the whole token, or for a share of them a rung of the ladder, and a rate weight."""
    partial = torch.rand(batch_size, generator=random) < phase.partial_depth_share
    rungs = torch.randint(len(ladder), (batch_size,), generator=random)
    weights = torch.randint(len(phase.rate_weights), (batch_size,), generator=random)
    return [
        Fineness(ladder[int(rung)] if keep_fewer else ladder[-1], phase.rate_weights[int(weight)])
        for keep_fewer, rung, weight in zip(partial, rungs, weights, strict=True)
    ]


def quantize_samples(
    quantizer: LookupFreeQuantizer, error_weights: Tensor, latent: Tensor, fineness: Sequence[Fineness]
) -> Tensor:
    """Quantize each sample with its fineness.

    Args:
        quantizer: of the tokenizer.
        error_weights: float32 `[D]`, see `Tokenizer.error_weights`.
        latent: float32 `[B, D, t, h, w]`.
        fineness: one a sample.

    Returns:
        float32 `[B, D, t, h, w]`, what a decoder is given.
    """
    samples = []
    for one, how in zip(latent, fineness, strict=True):
        trellis = RateQuantizer(quantizer, how.bit_depth, how.rate_weight, error_weights)
        samples.append(quantizer.dequantize(trellis.quantize(one)[None], how.bit_depth))
    return torch.cat(samples)


class FrozenEncoder(nn.Module):
    """An encoder that is not being trained: clips can be quantized as they are loaded, beside the training loop.

    Being a module, it saves and resumes with `state_dict`: the weights of errors stay those of the start, though the
    decoder that they depend on changes, so that a resumed run quantizes as one that was never stopped.

    Args:
        tokenizer: copied as it is now, to the CPU.

    Raises:
        ValueError: it has no bits to quantize for rate.
    """

    error_weights: Tensor

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        if not isinstance(tokenizer.quantizer, LookupFreeQuantizer):
            raise ValueError(f"a {tokenizer.config.kind} tokenizer has no bits to quantize for rate")
        self.config = tokenizer.config
        self.encoder = copy.deepcopy(tokenizer.encoder).cpu()
        self.quantizer = copy.deepcopy(tokenizer.quantizer).cpu()
        self.register_buffer("error_weights", tokenizer.error_weights.cpu())

    @torch.no_grad()
    def forward(self, clips: Tensor, fineness: Sequence[Fineness]) -> Tensor:
        """Map clips uint8 `[B, 3, T, H, W]` to what a decoder is given of them, float32 `[B, D, t, h, w]`."""
        samples = []
        for clip, how in zip(clips, fineness, strict=True):
            latent = self.encoder(pad_to_grid(clip[None].float() / 127.5 - 1, self.config))
            samples.append(quantize_samples(self.quantizer, self.error_weights, latent, [how]))
        return torch.cat(samples)
