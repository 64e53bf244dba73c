"""Means over windows, and what is beaten."""

import numpy as np
import pytest

from mgv.eval.generation.estimate import against, estimate


def test_the_error_is_that_over_clips() -> None:
    clips = [f"clip {number}" for number in range(400)]
    values = np.random.default_rng(0).normal(5, 2, 400)
    found = estimate(values.tolist(), clips)
    assert found.mean == pytest.approx(values.mean())
    assert found.standard_error == pytest.approx(2 / np.sqrt(400), rel=0.1)
    # the same values ten times over tell no more, and windows of one clip are alike
    repeated = estimate(np.repeat(values, 10).tolist(), np.repeat(clips, 10).tolist())
    assert repeated.standard_error == pytest.approx(found.standard_error, rel=0.1)


def test_one_clip_has_no_error() -> None:
    assert estimate([1.0, 3.0], ["a", "a"]).standard_error is None


def test_a_gain_is_paired_and_has_the_sign_of_better() -> None:
    ours, theirs, clips = [1.0, 11.0, 21.0], [2.0, 12.0, 22.0], ["a", "b", "c"]
    fewer_bits = against("copy", ours, theirs, clips, rises=False)
    assert (fewer_bits.gain.mean, fewer_bits.gain.standard_error) == (1.0, 0.0)
    assert fewer_bits.theirs.mean == 12
    assert fewer_bits.is_beaten
    assert not against("padding", ours, theirs, clips, rises=True).is_beaten
    assert not against("itself", ours, ours, clips, rises=True).is_beaten
