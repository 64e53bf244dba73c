"""The discriminator: blur pooling in closed form, clips of any size, size of its levels."""

import pytest
import torch

from mgv.tokenizer.adversarial import discriminator_loss
from mgv.tokenizer.discriminator import Discriminator, blur_pool

TINY = {"base_channels": 4, "multipliers": (2, 4, 4, 4, 4)}


def test_blur_pool_by_hand() -> None:
    row = torch.tensor([0.0, 8.0, 16.0, 0.0, 0.0])
    # Replicated to 0 | 0 8 16 0 0 | 0 0; windows at 0 0 8 16, 8 16 0 0, 0 0 0 0.
    expected = [(0 + 0 + 24 + 16) / 8, (8 + 48 + 0 + 0) / 8, 0.0]
    assert blur_pool(row.reshape(1, 1, 1, 1, 5)).flatten().tolist() == expected
    assert blur_pool(row.reshape(1, 1, 5, 1, 1)).flatten().tolist() == expected


@pytest.mark.parametrize("size", [(1, 4, 4), (17, 8, 6), (5, 7, 9), (2, 1, 3)])
def test_blur_pool_halves_every_axis_and_keeps_a_constant(size: tuple[int, int, int]) -> None:
    pooled = blur_pool(torch.full((2, 3, *size), 0.7))
    assert pooled.shape == (2, 3, *((n + 1) // 2 for n in size))
    torch.testing.assert_close(pooled, torch.full_like(pooled, 0.7))


@pytest.mark.parametrize("size", [(1, 32, 32), (5, 48, 80), (17, 128, 128)])
def test_one_logit_a_clip_and_one_feature_a_level(size: tuple[int, int, int]) -> None:
    discriminator = Discriminator(**TINY)
    with torch.no_grad():
        logits, features = discriminator.features(torch.randn(2, 3, *size))
    assert logits.shape == (2,)
    assert [feature.shape[1] for feature in features] == [8, 16, 16, 16, 16]
    halved = [size[1]]
    for feature in features:
        halved.append((halved[-1] + 1) // 2)
        assert feature.shape[3] == halved[-1]


def test_clips_of_a_batch_are_judged_one_by_one() -> None:
    discriminator, clips = Discriminator(**TINY), torch.randn(3, 3, 5, 32, 32)
    alone = torch.cat([discriminator(clip[None]) for clip in clips])
    torch.testing.assert_close(discriminator(clips), alone)


def test_it_learns_to_tell_two_kinds_apart() -> None:
    torch.manual_seed(0)
    discriminator = Discriminator(base_channels=4, multipliers=(2, 2))
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=1e-2)
    smooth, noisy = torch.zeros(4, 3, 3, 16, 16), torch.randn(4, 3, 3, 16, 16)
    for _ in range(30):
        loss = discriminator_loss(discriminator(smooth), discriminator(noisy))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert discriminator(smooth).min() > 0 > discriminator(noisy).max()
