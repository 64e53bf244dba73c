"""Distances between a clip and its reconstruction, and the commitment of latents to their quantization.

Clips are float `[B, 3, T, H, W]` in [-1, 1], as the networks take and give them; every loss is a mean, so
that weights do not depend on batch or clip size. Penalties on the latent's entropy stand in
`entropy_penalty`, the game with the discriminator in `adversarial`, learned features in `perceptual`.
"""

from collections.abc import Callable, Mapping

import torch
from pytorch_msssim import ssim
from torch import Tensor
from torch.nn import functional

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, fine to coarse (Wang et al. 2003)."""
SSIM_WINDOW = 11
SMALLEST_CONTRAST = 1e-2
"""Floor under a scale's term: the exponents make gradients boundless towards 0."""


def charbonnier_loss(prediction: Tensor, target: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Mean of sqrt(difference^2 + epsilon^2) - epsilon: L1 with a round tip."""
    difference = prediction.float() - target.float()
    return (difference.square() + epsilon**2).sqrt().mean() - epsilon


def l1_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference."""
    return functional.l1_loss(prediction.float(), target.float())


def mse_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference."""
    return functional.mse_loss(prediction.float(), target.float())


RECONSTRUCTION_LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "charbonnier": charbonnier_loss,
    "l1": l1_loss,
    "mse": mse_loss,
}
"""By the name a config gives."""


def gradient_loss(prediction: Tensor, target: Tensor, num_scales: int = 3) -> Tensor:
    """Mean absolute difference of the spatial gradients, averaged over scales that each halve the one before.

    Args:
        prediction: float `[B, 3, T, H, W]`, H and W at least 2**num_scales.
        target: likewise.
        num_scales: 1 for full resolution only.

    Raises:
        ValueError: the clip is too small for that many scales.
    """
    if min(prediction.shape[3:]) < 2**num_scales:
        raise ValueError(
            f"{tuple(prediction.shape[3:])} pixels, expected at least {2**num_scales} for {num_scales} scales"
        )
    error = (prediction.float() - target.float()).transpose(1, 2).flatten(0, 1)
    total = error.new_zeros(())
    for scale in range(num_scales):
        if scale:
            error = functional.avg_pool2d(error, 2)
        total = total + error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    return total / (2 * num_scales)


def ms_ssim_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """One minus the multi-scale structural similarity, frame by frame and channel by channel.

    From 161 pixels on the short side up this is `1 - pytorch_msssim.ms_ssim`, but for a
    floor under each term. Smaller crops take as many of
    its five scales as keep an 11-pixel window inside, with the exponents scaled to the same sum.

    Raises:
        ValueError: the short side is under 11 pixels.
    """
    side = min(prediction.shape[3:])
    if side < SSIM_WINDOW:
        raise ValueError(
            f"frames of {tuple(prediction.shape[3:])}, expected at least {SSIM_WINDOW} pixels a side"
        )
    num_scales = 1
    while num_scales < len(MS_SSIM_WEIGHTS) and (side := (side + 1) // 2) >= SSIM_WINDOW:
        num_scales += 1
    exponents = torch.tensor(MS_SSIM_WEIGHTS[:num_scales], device=prediction.device)
    exponents = exponents * (sum(MS_SSIM_WEIGHTS) / exponents.sum())

    x, y = (
        ((clip.float() + 1) / 2).transpose(1, 2).flatten(0, 2).unsqueeze(1) for clip in (prediction, target)
    )
    similarity = x.new_ones(x.shape[0])
    for scale in range(num_scales):
        last = scale == num_scales - 1
        # A huge K1 makes the luminance term 1 and leaves the contrast term, all that a finer scale counts.
        stabilisers = (0.01 if last else 1e4, 0.03)
        with torch.autocast(x.device.type, enabled=False):
            term = ssim(x, y, data_range=1.0, size_average=False, K=stabilisers)
        similarity = similarity * term.clamp_min(SMALLEST_CONTRAST) ** exponents[scale]
        if not last:
            padding = [size % 2 for size in x.shape[2:]]
            x, y = (functional.avg_pool2d(image, 2, padding=padding) for image in (x, y))
    return 1 - similarity.mean()


def commitment_loss(latent: Tensor, quantized: Tensor) -> Tensor:
    """Mean squared distance that pulls a latent to its quantization, which gets no gradient."""
    return functional.mse_loss(latent.float(), quantized.detach().float())
