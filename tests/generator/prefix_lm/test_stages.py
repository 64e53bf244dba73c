"""The two-stage mixture of thesis 8.3.4."""

import pytest

from mgv.generator.prefix_lm.stages import TwoStages


def test_images_first_video_later() -> None:
    shares = [TwoStages().image_share(step, 8) for step in range(8)]
    assert shares == [0.9, 0.9] + [0.1] * 6


def test_the_switch_is_after_a_quarter_of_all_steps() -> None:
    assert TwoStages().image_share(249, 1000) == 0.9
    assert TwoStages().image_share(250, 1000) == 0.1


def test_a_run_without_images_is_possible() -> None:
    assert TwoStages(0, 0, 0).image_share(0, 10) == 0


def test_a_share_is_one() -> None:
    with pytest.raises(ValueError, match=r"then_images is 1.5, expected 0 to 1"):
        TwoStages(then_images=1.5)
