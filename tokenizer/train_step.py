"""One training step: how each sample is quantized, and every loss term (thesis 5.3.1, 5.4.1)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .adversarial import LeCam, discriminator_loss, feature_matching_loss, generator_loss, r1_penalty
from .discriminator import Discriminator
from .entropy_penalty import entropy_penalty, entropy_weight
from .klt import RGB_TO_YCBCR
from .losses import charbonnier_loss, commitment_loss, gradient_loss, ms_ssim_loss, mse_loss
from .model import Tokenizer, pad_to_grid
from .quantize import LookupFreeQuantizer
from .resize import resize_clip
from .train_config import LossWeights, Phase
from .train_data import Batch
from .train_tokens import quantize_samples

Perceptual = Callable[[Tensor, Tensor], Tensor]


@dataclass
class Game:
    """The discriminator's side: its network and the moving averages of LeCAM."""

    discriminator: Discriminator
    lecam: LeCam


def reconstruct(tokenizer: Tokenizer, batch: Batch, phase: Phase) -> tuple[Tensor, dict[str, Tensor]]:
    """Encode, quantize each sample with its fineness and decode.

    Args:
        tokenizer: being trained.
        batch: on the device, its clips float.
        phase: says at which size clips are coded, and whether the encoder gets a gradient.

    Returns:
        The reconstruction, about [-1, 1], at the source's size, and latent-side terms by name: `commitment`,
        `codebook`, `latent`; none where the clip came encoded.
    """
    pixels, terms = _reconstruct_coded(tokenizer, batch, phase)
    coded = pixels.float()[:, :, : batch.clip.shape[2], : phase.crop, : phase.crop]
    return resize_clip(coded, *batch.clip.shape[3:]), terms


def _reconstruct_coded(tokenizer: Tokenizer, batch: Batch, phase: Phase) -> tuple[Tensor, dict[str, Tensor]]:
    """Encode and decode on the token grid, which may be larger than the crop."""
    depths = torch.tensor([how.bit_depth for how in batch.fineness], device=batch.clip.device)
    if batch.given is not None:
        return tokenizer.decode_latent(batch.given, depths), {}
    clip = pad_to_grid(resize_clip(batch.clip, phase.crop, phase.crop), tokenizer.config)
    with torch.set_grad_enabled(phase.trains_encoder):
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
    nested = quantize_samples(quantizer, tokenizer.error_weights, plain, batch.fineness)
    fed = latent + (nested - latent).detach()
    return tokenizer.decode_latent(fed, depths), {
        "commitment": commitment_loss(latent, full),
        "latent": latent,
        "quantized": full,
    }


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
    colour = torch.tensor(RGB_TO_YCBCR, dtype=clip.dtype, device=clip.device)
    with torch.autocast(clip.device.type, enabled=False):
        return torch.einsum("oc,bcthw->bothw", colour, clip)


def tokenizer_loss(
    tokenizer: Tokenizer,
    batch: Batch,
    phase: Phase,
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
    clip = batch.clip
    pixels, latent_terms = reconstruct(tokenizer, batch, phase)
    prediction, target = weighted_ycbcr(pixels), weighted_ycbcr(clip)
    looked_at = slice(step % min(phase.structure_stride, clip.shape[2]), None, phase.structure_stride)
    terms: dict[str, tuple[float, Callable[[], Tensor]]] = {
        "charbonnier": (weights.charbonnier, lambda: charbonnier_loss(prediction, target)),
        "mse": (weights.mse, lambda: mse_loss(prediction, target)),
        "gradient": (weights.gradient, lambda: gradient_loss(prediction, target)),
        "ms_ssim": (
            weights.ms_ssim,
            lambda: ms_ssim_loss(prediction[:, :1, looked_at], target[:, :1, looked_at]),
        ),
    }
    if latent_terms:
        terms |= {
            "commitment": (weights.commitment, lambda: latent_terms["commitment"]),
            "codebook": (float("codebook" in latent_terms), lambda: latent_terms["codebook"]),
            "rate": (weights.rate, lambda: change_penalty(latent_terms["latent"], latent_terms["quantized"])),
            "entropy": (_entropy_weight(weights, step), lambda: _entropy(tokenizer, latent_terms["latent"])),
        }
    if perceptual is not None:
        terms["perceptual"] = (
            weights.perceptual,
            lambda: perceptual(pixels[:, :, looked_at], clip[:, :, looked_at]),
        )
    if game is not None:
        fake_logits, fake_features = game.discriminator.features(discriminated(pixels, phase, step))
        terms["adversarial"] = (weights.adversarial, lambda: generator_loss(fake_logits))
        with torch.no_grad():
            real_features = game.discriminator.features(discriminated(clip, phase, step))[1]
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


def discriminated(clip: Tensor, phase: Phase, step: int) -> Tensor:
    """Take the frames of `[B, 3, T, H, W]` that the discriminator sees at a step."""
    num_frames = min(phase.discriminator_frames or clip.shape[2], clip.shape[2])
    start = step % (clip.shape[2] - num_frames + 1)
    return clip[:, :, start : start + num_frames]


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
