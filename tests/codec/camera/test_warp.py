"""Frames come out of the coded picture as they were laid into it."""

import numpy as np
import pytest

from mgv.codec.camera import Similarity
from mgv.codec.camera.warp import Canvas
from mgv.codec.picking import pick_up
from mgv.tokenizer.resize import resize_frames

from .pictures import pan, scenery, seen_from

SIZE = (320, 180)


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((first.astype(float) - second) ** 2)))


def laid_out(places: list[Similarity], scale: float) -> list[Similarity]:
    return [Similarity(scale) @ place for place in places]


@pytest.mark.parametrize("turn", [1, np.exp(0.01j)], ids=["straight", "turning"])
def test_frames_come_back(turn: complex) -> None:
    places = pan(9, 3.3 + 1.7j, turn)
    frames, laid = seen_from(scenery(), places, SIZE), laid_out(places, 0.85)
    pictures = Canvas(list(frames), laid).lay(frames, laid)
    assert pictures.shape == (9, round(180 / 0.85), round(320 / 0.85), 3)
    assert psnr(pick_up(pictures, laid, [None] * len(laid), SIZE)[:, 3:-3, 3:-3], frames[:, 3:-3, 3:-3]) > 38


def test_what_the_camera_passes_over_stands_still() -> None:
    places = pan(9, 3.3 + 1.7j)
    frames, laid = seen_from(scenery(), places, SIZE), laid_out(places, 0.85)
    pictures = Canvas(list(frames), laid).lay(frames, laid).astype(int)
    assert np.abs(np.diff(frames.astype(int), axis=0)).mean() > 5
    assert np.abs(np.diff(pictures, axis=0)).mean() < 0.7
    assert np.abs(np.diff(pictures, axis=0)).max() < 40  # nothing comes up that wasn't there from the start


@pytest.mark.parametrize("scale", [0.4, 0.8, 1.0, 2.0])
def test_coded_pictures_of_any_size(scale: float) -> None:
    places = pan(5, 4)
    frames, laid = seen_from(scenery(), places, SIZE), laid_out(places, 0.9)
    pictures = Canvas(list(frames), laid).lay(frames, laid)
    coded = resize_frames(pictures, round(320 * scale), round(180 * scale))
    shown = pick_up(coded, laid, [None] * len(laid), SIZE)
    assert shown.shape == frames.shape
    assert psnr(shown, frames) > {0.4: 28, 0.8: 36, 1.0: 38, 2.0: 38}[scale]


def test_points_outside_of_the_coded_picture_look_like_its_border() -> None:
    coded = np.zeros((1, 180, 320, 3), np.uint8)
    coded[:, :, -1] = 200
    (frame,) = pick_up(coded, [Similarity(1, 50)], [None], SIZE)
    assert (frame[:, -40:] == 200).all()
    assert (frame[:, :200] == 0).all()


def test_a_frame_of_one_pixel_however_it_is_laid() -> None:
    coded = np.full((1, 2, 2, 3), 77, np.uint8)
    assert pick_up(coded, [Similarity(4)], [None], (1, 1)).tolist() == [[[[77, 77, 77]]]]
