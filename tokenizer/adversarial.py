"""The game with the discriminator (thesis 3.2.1, 3.3.1): non-saturating loss, R1, LeCAM, feature matching."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Non-saturating: mean of -log sigmoid(logit) over reconstructions."""
    return functional.softplus(-fake_logits.float()).mean()


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Cross-entropy of calling clips real and reconstructions fake, the sum of both means."""
    return functional.softplus(-real_logits.float()).mean() + functional.softplus(fake_logits.float()).mean()


def r1_penalty(discriminator: Callable[[Tensor], Tensor], clip: Tensor) -> Tensor:
    """Mean squared norm, over real clips, of the gradient of the logit in the clip; weight in the thesis 10.

    Args:
        discriminator: clip `[B, ...]` to logits `[B]`, each clip by itself.
        clip: real clips `[B, 3, T, H, W]`.

    Returns:
        A scalar that can be differentiated again, into the discriminator's parameters.
    """
    with torch.enable_grad():
        clip = clip.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(discriminator(clip).sum(), clip, create_graph=True)
        return gradient.float().square().flatten(1).sum(dim=1).mean()


def feature_matching_loss(fake_features: Sequence[Tensor], real_features: Sequence[Tensor]) -> Tensor:
    """Mean absolute difference of activations, averaged over levels; the real ones get no gradient."""
    levels = [
        functional.l1_loss(fake.float(), real.detach().float())
        for fake, real in zip(fake_features, real_features, strict=True)
    ]
    return torch.stack(levels).mean()


class LeCam(nn.Module):
    """LeCAM regularization: keeps logits near the moving average of those on the other side.

    The thesis weighs it by 0.001. Call `update` once a discriminator step, then `forward` for the loss.
    """

    real_average: Tensor
    fake_average: Tensor

    def __init__(self, decay: float = 0.999) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("real_average", torch.zeros(()))
        self.register_buffer("fake_average", torch.zeros(()))

    @torch.no_grad()
    def update(self, real_logits: Tensor, fake_logits: Tensor) -> None:
        """Move the averages towards the means of this batch."""
        self.real_average.lerp_(real_logits.float().mean(), 1 - self.decay)
        self.fake_average.lerp_(fake_logits.float().mean(), 1 - self.decay)

    def forward(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Mean squared excess of real logits over the average fake one, plus average real over fake."""
        real = functional.relu(real_logits.float() - self.fake_average).square().mean()
        fake = functional.relu(self.real_average - fake_logits.float()).square().mean()
        return real + fake
