"""Frames of a latent frame show what moves in one place, and only that is bent."""

import numpy as np
import pytest

from mgv.codec.camera import Similarity
from mgv.codec.motion import align_motion, displacements
from mgv.codec.motion.mesh import MOTION_UNIT
from mgv.codec.motion.search import MotionSearch
from mgv.codec.picking import pick_up
from mgv.codec.segmenter import Chunk, SegmentEnd

from ..camera.pictures import scenery
from .scenes import passing

SIZE = (320, 240)


def apart(frames: np.ndarray) -> float:
    """How much four frames differ from their mean."""
    return float(((frames - frames.mean(axis=0)) ** 2).mean())


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((first.astype(float) - second) ** 2)))


@pytest.mark.parametrize("step", [3 + 0j, -2 + 5j])
def test_motion_is_found_where_it_is(step: complex) -> None:
    vectors = MotionSearch(SIZE).find(list(passing(4, SIZE, step, side=160)))
    middle = vectors[2:4, 3:5].reshape(-1, 2) / MOTION_UNIT
    assert np.abs(middle - [step.real, step.imag]).max() <= 0.5
    assert not vectors[:, [0, -1]].any()


def test_nothing_moves_in_a_still_picture_nor_in_noise() -> None:
    frames = passing(4, SIZE, 0)
    assert not MotionSearch(SIZE).find(list(frames)).any()
    noise = np.random.default_rng(0).integers(0, 256, frames.shape).astype(np.uint8)
    assert np.abs(MotionSearch(SIZE).find(list(noise))).mean() < 0.5


def test_what_moves_is_aligned_and_comes_back() -> None:
    frames = passing(9, SIZE, 4 + 1j, side=160)
    first, second, end = align_motion(
        iter([Chunk(frames[:5], 5), Chunk(frames[5:], 4), SegmentEnd(tuple(range(9)), 1, ())]), SIZE, 4
    )
    assert isinstance(end, SegmentEnd)
    assert np.array_equal(first.rgb[0], frames[0])
    assert first.motion.shape == second.motion.shape == (1, 6, 8, 2)
    assert apart(second.rgb.astype(float)) < 0.3 * apart(frames[5:].astype(float))
    motion = np.concatenate([first.motion, second.motion])
    aligned = np.concatenate([first.rgb, second.rgb])
    fields = displacements(motion, range(9), 4)
    again = pick_up(aligned, [Similarity()] * 9, fields, SIZE)
    assert psnr(again, frames) > 32 > psnr(aligned, frames)
    coded = pick_up(aligned, [Similarity(0.9, 3 + 1j)] * 9, fields, SIZE)
    assert psnr(coded, pick_up(again, [Similarity(0.9, 3 + 1j)] * 9, [None] * 9, SIZE)) > 30


def test_each_segment_begins_anew_and_small_pictures_stay() -> None:
    frames = passing(5, SIZE, 4, side=160)
    end = SegmentEnd(tuple(range(5)), 1, ())
    items = list(align_motion(iter([Chunk(frames, 5), end, Chunk(frames, 5), end]), SIZE, 4))
    assert np.array_equal(items[0].motion, items[2].motion)
    small = Chunk(np.ascontiguousarray(frames[:, :100, :100]), 5)
    assert next(align_motion(iter([small, end]), (100, 100), 4)) is small
    assert next(align_motion(iter([items[0], end]), SIZE, 1)) is items[0]


def test_a_chunk_at_rest_is_passed_on() -> None:
    chunk = Chunk(passing(5, SIZE, 0), 5)
    assert next(align_motion(iter([chunk, SegmentEnd(tuple(range(5)), 1, ())]), SIZE, 4)) is chunk
    alone = Chunk(chunk.rgb[:1], 1)
    assert next(align_motion(iter([alone, SegmentEnd((0,), 1, ())]), SIZE, 4)) is alone


@pytest.mark.parametrize(
    "size", [(1920, 10), (1920, 60), (640, 60), (60, 640), (16384, 1), (300, 64)], ids=str
)
def test_thin_pictures_do_no_harm(size: tuple[int, int]) -> None:
    width, height = size
    wide = scenery(side=max(200, height))
    row = np.concatenate([wide[:height]] * (1 + (width + 20) // wide.shape[1]), axis=1)
    frames = np.stack([np.ascontiguousarray(row[:, 3 * k : 3 * k + width]) for k in range(5)])
    (chunk, _) = align_motion(iter([Chunk(frames, 5), SegmentEnd(tuple(range(5)), 1, ())]), size, 4)
    assert chunk.rgb.shape == frames.shape
    assert (chunk.motion is not None) == (size == (300, 64))


def test_where_little_detail_is_coded_little_is_aligned() -> None:
    frames = passing(5, SIZE, 4, side=160)
    end = SegmentEnd(tuple(range(5)), 1, ())
    moving = [
        next(align_motion(iter([Chunk(frames, 5), end]), SIZE, 4, weight)).motion for weight in (1.0, 0.01)
    ]
    assert moving[0] is not None
    assert moving[1] is None


def test_a_segment_has_no_more_motion_than_a_file_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mgv.codec.motion.search.MAX_MOTION_BYTES", 2 * 3 * 2 * 6 * 8)
    frames = passing(13, SIZE, 4, side=160)
    search = MotionSearch(SIZE)
    assert [search.find(list(frames[start : start + 4])).any() for start in (1, 5, 9)] == [True, False, False]
