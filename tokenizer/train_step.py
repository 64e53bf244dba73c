"""One training step: how each sample is quantized, and every loss term of DESIGN's recipe (thesis 5.3.1, 5.4.1)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .adversarial import LeCam, discriminator_loss, feature_matching_loss, generator_loss, r1_penalty
from .discriminator import Discriminator
from .entropy_penalty import entropy_penalty, entropy_weight
from .klt import RGB_TO_YCBCR
from .losses import charbonnier_loss, commitment_loss, gradient_loss, ms_ssim_loss, mse_loss
from .model import Tokenizer
from .quantize import LookupFreeQuantizer
from .rate_quantizer import RateQuantizer
from .train_config import LossWeights, Phase

Perceptual = Callable[[Tensor, Tensor], Tensor]


@dataclass
class Game:
    """The discriminator's side: its network and the moving averages of LeCAM."""

    discriminator: Discriminator
    lecam: LeCam


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


def reconstruct(
    tokenizer: Tokenizer, clip: Tensor, phase: Phase, fineness: list[Fineness]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Encode, quantize each sample with its fineness and decode.

    Args:
        tokenizer: being trained.
        clip: float `[B, 3, T, H, W]` in [-1, 1] on the token grid.
        phase: decides whether the encoder gets a gradient.
        fineness: one a sample.

    Returns:
        The reconstruction, about [-1, 1], and latent-side terms by name: `commitment`, `codebook`, `latent`.
    """
    with torch.set_grad_enabled("encoder" in phase.parts):
        latent = tokenizer.encoder(clip)
    quantizer = tokenizer.quantizer
    if not isinstance(quantizer, LookupFreeQuantizer):
        out = quantizer(latent)
        return tokenizer.decode_latent(out.quantized, 0), {
            "commitment": out.commitment_loss,
            "codebook": out.codebook_loss,
            "latent": latent,
        }
    plain = latent.detach().float()
    full = quantizer.dequantize(quantizer.quantize(plain))
    nested = []
    for one, how in zip(plain, fineness, strict=True):
        trellis = RateQuantizer(quantizer, how.bit_depth, how.rate_weight, tokenizer.error_weights)
        nested.append(quantizer.dequantize(trellis.quantize(one)[None], how.bit_depth))
    fed = latent + (torch.cat(nested) - latent).detach()
    pixels = tokenizer.decode_latent(
        fed, torch.tensor([how.bit_depth for how in fineness], device=clip.device)
    )
    return pixels, {"commitment": commitment_loss(latent, full), "latent": latent, "quantized": full}


def change_penalty(latent: Tensor, quantized: Tensor) -> Tensor:
    """Stand in for coded bits: mean log2(1 + |change|) from the position before in time, in quantization steps.

    Args:
        latent: float `[B, D, t, h, w]`.
        quantized: the same quantized; what an entropy coder predicts from.
    """
    if latent.shape[2] > 1:
        change = latent[:, :, 1:] - quantized[:, :, :-1].detach()
    else:
        change = latent[..., 1:] - quantized[..., :-1].detach()
    return torch.log2(1 + change.abs()).mean()


def weighted_ycbcr(clip: Tensor) -> Tensor:
    """Turn RGB `[B, 3, T, H, W]` to luma and weighted chroma, in which errors are taken."""
    return torch.einsum(
        "oc,bcthw->bothw", torch.tensor(RGB_TO_YCBCR, dtype=clip.dtype, device=clip.device), clip
    )


def tokenizer_loss(
    tokenizer: Tokenizer,
    clip: Tensor,
    phase: Phase,
    fineness: list[Fineness],
    step: int,
    *,
    perceptual: Perceptual | None = None,
    game: Game | None = None,
) -> tuple[Tensor, dict[str, float], Tensor]:
    """Compute the tokenizer's side of the loss.

    Returns:
        The weighted sum, each unweighted term by name, and the reconstruction `[B, 3, T, H, W]`.
    """
    weights = phase.loss
    pixels, latent_terms = reconstruct(tokenizer, clip, phase, fineness)
    pixels = pixels.float()
    prediction, target = weighted_ycbcr(pixels), weighted_ycbcr(clip.float())
    terms: dict[str, tuple[float, Callable[[], Tensor]]] = {
        "charbonnier": (weights.charbonnier, lambda: charbonnier_loss(prediction, target)),
        "mse": (weights.mse, lambda: mse_loss(prediction, target)),
        "gradient": (weights.gradient, lambda: gradient_loss(prediction, target)),
        "ms_ssim": (weights.ms_ssim, lambda: ms_ssim_loss(prediction[:, :1], target[:, :1])),
        "commitment": (weights.commitment, lambda: latent_terms["commitment"]),
        "codebook": (float("codebook" in latent_terms), lambda: latent_terms["codebook"]),
        "rate": (weights.rate, lambda: change_penalty(latent_terms["latent"], latent_terms["quantized"])),
        "entropy": (_entropy_weight(weights, step), lambda: _entropy(tokenizer, latent_terms["latent"])),
    }
    if perceptual is not None:
        terms["perceptual"] = (weights.perceptual, lambda: perceptual(pixels, clip))
    if game is not None:
        fake_logits, fake_features = game.discriminator.features(pixels)
        terms["adversarial"] = (weights.adversarial, lambda: generator_loss(fake_logits))
        with torch.no_grad():
            real_features = game.discriminator.features(clip)[1]
        terms["feature_matching"] = (
            weights.feature_matching,
            lambda: feature_matching_loss(fake_features, real_features),
        )
    total = pixels.new_zeros(())
    values = {}
    for name, (weight, term) in terms.items():
        if weight > 0:
            loss = term()
            total = total + weight * loss
            values[name] = float(loss.detach())
    return total, values, pixels.detach()


def discriminator_step_loss(
    game: Game, clip: Tensor, pixels: Tensor, weights: LossWeights, step: int
) -> Tensor:
    """Compute the discriminator's side: cross-entropy, LeCAM, and R1 every `r1_interval` steps at its full cost."""
    real_logits, fake_logits = game.discriminator(clip), game.discriminator(pixels.detach())
    game.lecam.update(real_logits, fake_logits)
    loss: Tensor = discriminator_loss(real_logits, fake_logits) + weights.lecam * game.lecam(
        real_logits, fake_logits
    )
    if step % weights.r1_interval == 0:
        loss = loss + weights.r1 * weights.r1_interval * r1_penalty(game.discriminator, clip)
    return loss


def _entropy_weight(weights: LossWeights, step: int) -> float:
    return entropy_weight(step, final=weights.entropy, num_steps=weights.entropy_steps)


def _entropy(tokenizer: Tokenizer, latent: Tensor) -> Tensor:
    quantizer = tokenizer.quantizer
    if not isinstance(quantizer, LookupFreeQuantizer):
        raise ValueError("the entropy penalty is for lookup-free quantization; set its weight to 0")
    values = [quantizer.values(dimension) for dimension in range(len(tokenizer.config.dimension_bits))]
    return entropy_penalty(latent, values).penalty
