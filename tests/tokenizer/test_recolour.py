"""Recoloured training clips."""

import numpy as np

from mgv.tokenizer.recolour import recolour


def test_grey_stays_grey_and_black_stays_black() -> None:
    grey = np.repeat(np.array([0, 40, 100], np.uint8)[:, None], 3, axis=1)
    for seed in range(8):
        made = recolour(grey, np.random.default_rng(seed))
        assert made.shape == grey.shape
        assert made.dtype == np.uint8
        assert (np.ptp(made.astype(int), axis=1) <= 1).all()
        assert not made[0].any()
        assert 0.55 * 100 < made[2, 0] < 1.45 * 100


def test_all_hues_come_up_and_strong_colours_too() -> None:
    skin = np.full((1, 2, 2, 3), (200, 150, 120), np.uint8)
    made = np.stack([recolour(skin, np.random.default_rng(seed))[0, 0, 0] for seed in range(60)]).astype(int)
    assert set(made.argmax(axis=1)) == {0, 1, 2}
    assert np.ptp(made, axis=1).max() > 1.8 * np.ptp(skin[0, 0, 0].astype(int))


def test_a_whole_clip_is_changed_alike() -> None:
    clip = np.random.default_rng(0).integers(90, 150, (1, 8, 8, 3)).astype(np.uint8)
    two = recolour(np.concatenate([clip, clip]), np.random.default_rng(1))
    assert np.array_equal(two[0], two[1])
