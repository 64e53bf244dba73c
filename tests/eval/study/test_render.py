"""Stimuli play in a browser, show what was decoded, and are alike in all but that."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from conftest import moving_picture

from mgv.eval.study import StudyError
from mgv.eval.study.render import even, render, spoil

FRAMES = list(even(moving_picture(index, 67, 49) for index in range(6)))
RATE = Fraction(30000, 1001)


def facts_of(data: bytes) -> tuple:
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        assert len(container.streams) == 1
        return stream.codec.name, stream.format.name, stream.width, stream.height, stream.average_rate, frames


def test_a_rendering_is_h264_of_the_same_size_rate_and_length() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (6, 48, 66, 3)).astype(np.uint8)
    for frames in (FRAMES, list(noise)):
        rendering = render(frames, RATE, lossless=False, min_psnr_db=40, name="clip")
        codec, pixels, width, height, rate, shown = facts_of(rendering.data)
        assert (codec, pixels, width, height, rate, len(shown)) == ("h264", "yuv420p", 66, 48, RATE, 6)
        assert rendering.psnr_y_db >= 40


def test_the_encoder_is_asked_again_until_the_loss_is_small() -> None:
    coarse = render(FRAMES, RATE, lossless=False, min_psnr_db=20, name="clip")
    fine = render(FRAMES, RATE, lossless=False, min_psnr_db=coarse.psnr_y_db + 0.5, name="clip")
    assert coarse.crf == 10
    assert fine.crf < 10
    assert fine.psnr_y_db > coarse.psnr_y_db


def test_lossless_adds_nothing_but_the_rounding_to_yuv() -> None:
    rendering = render(FRAMES, RATE, lossless=True, min_psnr_db=60, name="clip")
    _, pixels, *_, shown = facts_of(rendering.data)
    assert pixels == "yuv444p"
    assert rendering.psnr_y_db == 100
    assert (
        max(np.abs(one.astype(int) - two.astype(int)).max() for one, two in zip(FRAMES, shown, strict=True))
        <= 4
    )


def test_a_rendering_that_can_not_be_good_enough_is_an_error() -> None:
    noise = list(np.random.default_rng(0).integers(0, 255, (3, 32, 32, 3)).astype(np.uint8))
    with pytest.raises(StudyError, match=r"clip: its rendering reaches .* of the 60.0 dB"):
        render(noise, RATE, lossless=False, min_psnr_db=60, name="clip")


def test_a_spoiled_copy_is_obviously_worse() -> None:
    (spoiled,) = spoil([FRAMES[0]])
    assert spoiled.shape == FRAMES[0].shape
    assert (spoiled[:12, :12] == spoiled[0, 0]).all()
    error = float(np.square(spoiled.astype(float) - FRAMES[0]).mean())
    assert 10 * np.log10(255**2 / error) < 30
