"""GAN terms: closed forms."""

from math import log

import pytest
import torch

from mgv.tokenizer.adversarial import (
    LeCam,
    discriminator_loss,
    feature_matching_loss,
    generator_loss,
    r1_penalty,
)
from mgv.tokenizer.discriminator import Discriminator


def test_an_undecided_discriminator() -> None:
    zeros = torch.zeros(4)
    assert generator_loss(zeros).item() == pytest.approx(log(2))
    assert discriminator_loss(zeros, zeros).item() == pytest.approx(2 * log(2))


def test_non_saturating_gradients() -> None:
    """The generator is pushed hardest where the discriminator is surest."""
    logits = torch.tensor([-20.0, 0.0, 20.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(3 * generator_loss(logits), logits)
    torch.testing.assert_close(gradient, torch.tensor([-1.0, -0.5, 0.0]), atol=1e-6, rtol=0)


def test_discriminator_loss_by_hand() -> None:
    real, fake = torch.tensor([log(3.0)]), torch.tensor([-log(4.0)])
    # sigmoid(ln 3) = 3/4; 1 - sigmoid(-ln 4) = 4/5.
    assert discriminator_loss(real, fake).item() == pytest.approx(-log(0.75) - log(0.8), rel=1e-5)


def test_r1_of_a_linear_discriminator_is_its_squared_norm() -> None:
    weight = torch.randn(3, 2, 4, 4)
    penalty = r1_penalty(lambda clip: (clip * weight).flatten(1).sum(dim=1) + 5, torch.randn(6, 3, 2, 4, 4))
    assert penalty.item() == pytest.approx(weight.square().sum().item(), rel=1e-5)


def test_r1_of_a_quadratic_discriminator() -> None:
    clip = torch.randn(2, 3, 1, 2, 2)
    penalty = r1_penalty(lambda x: x.square().flatten(1).sum(dim=1), clip)
    assert penalty.item() == pytest.approx(4 * clip.square().sum().item() / 2, rel=1e-5)


def test_r1_reaches_the_parameters_of_the_real_thing() -> None:
    discriminator = Discriminator(base_channels=4, multipliers=(2, 2))
    with torch.no_grad():  # as a caller's context may be
        penalty = r1_penalty(discriminator, torch.randn(2, 3, 3, 16, 16))
    penalty.backward()
    gradient = discriminator.conv_in.weight.grad
    assert penalty > 0
    assert gradient is not None
    assert gradient.abs().sum() > 0


def test_lecam_by_hand() -> None:
    lecam = LeCam(decay=0.9)
    lecam.update(torch.tensor([1.0, 3.0]), torch.tensor([-1.0]))
    assert lecam.real_average.item() == pytest.approx(0.2)
    assert lecam.fake_average.item() == pytest.approx(-0.1)
    # Real logits over -0.1 by 0.6 and not at all; fake ones under 0.2 by 0.7 and not at all.
    loss = lecam(torch.tensor([0.5, -1.0]), torch.tensor([-0.5, 0.4]))
    assert loss.item() == pytest.approx(0.6**2 / 2 + 0.7**2 / 2, rel=1e-5)


def test_lecam_resumes() -> None:
    lecam, resumed = LeCam(), LeCam()
    lecam.update(torch.ones(2), -torch.ones(2))
    resumed.load_state_dict(lecam.state_dict())
    assert resumed.real_average == lecam.real_average != 0


def test_lecam_pulls_real_logits_down_and_fake_ones_up() -> None:
    real, fake = torch.ones(2, requires_grad=True), -torch.ones(2, requires_grad=True)
    fake.retain_grad()
    LeCam()(real, fake).backward()
    assert real.grad is not None
    assert fake.grad is not None
    assert (real.grad > 0).all()
    assert (fake.grad < 0).all()


def test_feature_matching_by_hand_and_one_sided() -> None:
    fake = [torch.zeros(1, 2, requires_grad=True), torch.ones(3, requires_grad=True)]
    real = [torch.full((1, 2), 2.0, requires_grad=True), torch.zeros(3)]
    loss = feature_matching_loss(fake, real)
    assert loss.item() == pytest.approx((2 + 1) / 2)
    loss.backward()
    assert fake[0].grad is not None
    assert real[0].grad is None
