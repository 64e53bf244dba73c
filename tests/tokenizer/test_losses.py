"""Reconstruction losses: closed forms, agreement with pytorch_msssim, finite gradients."""

from collections.abc import Callable

import pytest
import torch
from pytorch_msssim import ms_ssim
from torch import Tensor

from mgv.tokenizer.losses import (
    RECONSTRUCTION_LOSSES,
    charbonnier_loss,
    commitment_loss,
    gradient_loss,
    ms_ssim_loss,
)

ALL_LOSSES = [*RECONSTRUCTION_LOSSES.values(), gradient_loss, ms_ssim_loss]


def smooth_clip(num_frames: int, height: int, width: int) -> Tensor:
    """Something like a picture: low-frequency noise in [-1, 1]."""
    coarse = torch.rand(2, 3, num_frames, max(height // 8, 2), max(width // 8, 2)) * 2 - 1
    return torch.nn.functional.interpolate(coarse, (num_frames, height, width), mode="trilinear")


@pytest.mark.parametrize(
    ("name", "expected"), [("l1", 0.5), ("mse", 0.25), ("charbonnier", (0.25 + 1e-6) ** 0.5 - 1e-3)]
)
def test_of_a_constant_error(name: str, expected: float) -> None:
    target = torch.zeros(1, 3, 2, 4, 4)
    assert RECONSTRUCTION_LOSSES[name](target + 0.5, target).item() == pytest.approx(expected, rel=1e-5)


def test_charbonnier_is_quadratic_at_the_tip() -> None:
    target = torch.zeros(1, 3, 1, 2, 2)
    assert charbonnier_loss(target + 1e-3, target, epsilon=0.1).item() == pytest.approx(1e-6 / 0.2, rel=0.01)


def test_gradient_loss_ignores_brightness_and_counts_slope() -> None:
    target = torch.zeros(1, 3, 1, 16, 16)
    assert gradient_loss(target + 0.3, target).item() == 0
    ramp = 0.01 * torch.arange(16.0).expand(1, 3, 1, 16, 16)
    # Horizontal slopes 0.01, 0.02, 0.04 at the three scales; vertical ones 0.
    assert gradient_loss(ramp, target).item() == pytest.approx((0.01 + 0.02 + 0.04) / 6, rel=1e-4)
    assert gradient_loss(ramp, target, num_scales=1).item() == pytest.approx(0.01 / 2, rel=1e-4)


@pytest.mark.parametrize("side", [161, 176, 200])
def test_ms_ssim_is_that_of_pytorch_msssim(side: int) -> None:
    torch.manual_seed(0)
    target = smooth_clip(1, side, side + 3)
    prediction = target + 0.1 * torch.randn_like(target)
    expected = 1 - ms_ssim((prediction[:, :, 0] + 1) / 2, (target[:, :, 0] + 1) / 2, data_range=1.0)
    torch.testing.assert_close(ms_ssim_loss(prediction, target), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(1, 11, 30), (3, 32, 32), (2, 64, 65)])
def test_ms_ssim_of_small_crops(size: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    target = smooth_clip(*size)
    noise = torch.randn_like(target)
    losses = [ms_ssim_loss(target + scale * noise, target).item() for scale in (0, 0.05, 0.2)]
    assert losses[0] == pytest.approx(0, abs=1e-5)
    assert losses[0] < losses[1] < losses[2] <= 1


def test_too_small_for_the_loss_is_refused() -> None:
    small = torch.zeros(1, 3, 1, 10, 40)
    with pytest.raises(ValueError, match="at least 11 pixels"):
        ms_ssim_loss(small, small)
    with pytest.raises(ValueError, match="expected at least 16 for 4 scales"):
        gradient_loss(small, small, num_scales=4)


@pytest.mark.parametrize("loss", ALL_LOSSES)
@pytest.mark.parametrize("case", ["ordinary", "equal", "inverted", "flat"])
def test_gradients_are_finite(loss: Callable[[Tensor, Tensor], Tensor], case: str) -> None:
    torch.manual_seed(0)
    target = smooth_clip(2, 32, 32)
    prediction = {
        "ordinary": target + 0.1 * torch.randn_like(target),
        "equal": target.clone(),
        "inverted": -target,
        "flat": torch.zeros_like(target),
    }[case].requires_grad_(True)
    loss(prediction, target).backward()
    assert prediction.grad is not None
    assert prediction.grad.isfinite().all()
    assert case != "ordinary" or prediction.grad.abs().sum() > 0


@pytest.mark.parametrize("loss", ALL_LOSSES)
def test_a_step_down_the_gradient_lowers_the_loss(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    target = smooth_clip(1, 32, 32)
    prediction = (target + 0.2 * torch.randn_like(target)).requires_grad_(True)
    before = loss(prediction, target)
    (gradient,) = torch.autograd.grad(before, prediction)
    step = 0.01 * gradient / gradient.abs().max()
    assert loss(prediction - step, target) < before


def test_reduced_precision_is_measured_in_full() -> None:
    target = torch.zeros(1, 3, 1, 16, 16, dtype=torch.bfloat16)
    prediction = target + 2.0**-7
    assert all(loss(prediction, target).dtype == torch.float32 for loss in ALL_LOSSES)


def test_commitment_moves_the_latent_only() -> None:
    latent = torch.tensor([0.5, -2.0]).reshape(1, 2, 1, 1, 1).requires_grad_(True)
    quantized = torch.tensor([1.0, -1.0]).reshape(1, 2, 1, 1, 1).requires_grad_(True)
    loss = commitment_loss(latent, quantized)
    assert loss.item() == pytest.approx((0.25 + 1) / 2)
    loss.backward()
    assert latent.grad is not None
    assert latent.grad.flatten().tolist() == [-0.5, -1.0]
    assert quantized.grad is None
