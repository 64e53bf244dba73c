"""Scene cuts and standing pictures: what the watch says of closed forms, and where segments end for it."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mgv.codec import OptionError, encode, segmenter
from mgv.codec import open as open_mgv
from mgv.codec.scene_cuts import CUT_DIFFERENCE, STILL_DIFFERENCE, SceneWatch
from mgv.codec.segmenter import (
    SHORTEST_SCENE_FRAMES,
    Chunk,
    SegmentEnd,
    SegmentLengths,
    SegmentShape,
    cut_segments,
    longest_segment,
    longest_still_segment,
    segment_lengths,
)
from mgv.codec.video_in import SourceFrame

Picture = NDArray[np.uint8]
SHAPE = SegmentShape(stride=4, segment_frames=17, chunk_latents=2, still_frames=33)


def flat(level: float) -> Picture:
    return np.full((48, 64, 3), round(level), np.uint8)


def moving(index: int) -> Picture:
    """A wave that leaves its place by a fourth of its length in eight frames."""
    x = np.arange(64) + 2 * index
    wave = 128 + 60 * np.sin(2 * np.pi * x / 64)
    return np.broadcast_to(wave[None, :, None], (48, 64, 3)).astype(np.uint8)


def cuts(pictures: Iterable[Picture]) -> list[int]:
    watch = SceneWatch()
    found = []
    for index, picture in enumerate(pictures):
        watch.see(picture)
        if watch.is_cut:
            found.append(index)
    return found


def segments(pictures: Iterable[Picture], shape: SegmentShape = SHAPE) -> list[list[Picture]]:
    """Cut pictures with irregular times; check times, padding and chunks; give the pictures of each segment."""
    pictures = list(pictures)
    pts = [index * (index + 3) for index in range(len(pictures))]
    events = [SourceFrame(picture, time, 1) for picture, time in zip(pictures, pts, strict=True)]
    parts: list[list[Picture]] = [[]]
    found: list[int] = []
    num_padded = 0
    for item in cut_segments(events, shape, Fraction(1, 1000), lambda packet: None, SceneWatch()):
        if isinstance(item, Chunk):
            assert len(item.rgb) <= shape.stride * shape.chunk_latents
            parts[-1] += list(item.rgb[: item.num_frames])
            num_padded += len(item.rgb)
        else:
            assert len(item.pts) == len(parts[-1])
            assert num_padded == 1 + shape.stride * (shape.num_latents(len(item.pts)) - 1)
            found += item.pts
            parts, num_padded = [*parts, []], 0
    assert found == pts
    assert parts.pop() == []
    np.testing.assert_array_equal(np.concatenate(parts) if parts else [], pictures)
    return parts


def lengths(pictures: Iterable[Picture], shape: SegmentShape = SHAPE) -> list[int]:
    return [len(segment) for segment in segments(pictures, shape)]


def test_a_cut_is_found_where_it_is() -> None:
    assert cuts([flat(60)] * 10 + [flat(160)] * 10) == [10]
    assert cuts([moving(k) for k in range(10)] + [flat(20)] * 10) == [10]


@pytest.mark.parametrize("offset", [-1, 1])
def test_the_threshold_is_the_mean_difference_of_luma(offset: int) -> None:
    assert cuts([flat(60)] * 5 + [flat(60 + CUT_DIFFERENCE + offset)] * 5) == [5] * (offset > 0)


def test_a_fade_is_no_cut() -> None:
    assert cuts(flat(level) for level in [240] * 5 + [240 - 10 * k for k in range(25)] + [0] * 5) == []


def test_fast_motion_and_strobes_are_no_cuts() -> None:
    assert cuts(moving(5 * k) for k in range(20)) == []
    assert cuts(flat(200 if k % 2 else 60) for k in range(40)) == []


def test_motion_shown_at_a_third_of_the_rate_is_no_cut() -> None:
    found = cuts(moving(8 * (k // 3)) for k in range(60))
    assert [index for index in found if index > 9] == []


def test_noise_is_neither_a_cut_nor_motion() -> None:
    generator = np.random.default_rng(0)
    watch = SceneWatch()
    for index in range(20):
        watch.see(np.clip(moving(0) + generator.normal(0, 6, (48, 64, 3)), 0, 255).astype(np.uint8))
        if index == 0:
            watch.begin_segment()
        assert not watch.is_cut
        assert watch.is_still


def test_still_means_like_the_first_frame_of_the_segment() -> None:
    watch = SceneWatch()
    assert not watch.is_still
    watch.see(flat(100))
    watch.begin_segment()
    for level in (100, 100 + int(STILL_DIFFERENCE), 100):
        watch.see(flat(level))
        assert watch.is_still
    for level in (101, 102, 103, 104):  # each like the one before
        watch.see(flat(level))
    assert not watch.is_still
    watch.begin_segment()
    assert watch.is_still


def test_a_segment_begins_at_a_cut() -> None:
    first, second = [moving(k) for k in range(12)], [255 - moving(k) // 2 for k in range(20)]
    parts = segments(first + second)
    assert [len(part) for part in parts] == [12, 17, 3]
    np.testing.assert_array_equal(parts[1][0], second[0])


def test_a_flash_ends_one_segment_at_most() -> None:
    pictures = [moving(k) for k in range(12)] + [flat(255)] * 2 + [moving(k) for k in range(14, 60)]
    assert lengths(pictures)[:2] == [12, 17]


def test_a_cut_close_behind_the_beginning_ends_nothing() -> None:
    num_first = SHORTEST_SCENE_FRAMES - 1
    pictures = [flat(40)] * num_first + [255 - moving(k) // 2 for k in range(20)]
    assert lengths(pictures)[0] == SHAPE.segment_frames


@pytest.mark.parametrize("num_frames", [0, 1, 2, 16, 17, 18, 32, 33, 34, 67])
def test_a_still_picture_runs_on_and_loses_nothing(num_frames: int) -> None:
    expected = [33] * (num_frames // 33) + [num_frames % 33] * (num_frames % 33 > 0)
    assert lengths([flat(90)] * num_frames) == expected


def test_motion_ends_a_segment_that_ran_on_at_a_whole_latent_frame() -> None:
    still = [moving(0)] * 23
    assert lengths(still + [moving(k) for k in range(1, 40)]) == [25, 17, 17, 3]


def test_a_cut_ends_a_segment_that_ran_on_at_once() -> None:
    assert lengths([moving(0)] * 23 + [flat(20)] * 5) == [23, 5]


def test_moving_pictures_have_the_nominal_length() -> None:
    assert lengths(moving(k) for k in range(40)) == [17, 17, 6]


def test_chunks_come_while_the_segment_is_open() -> None:
    """A pipe streams: no more frames are taken than the chunk and one frame."""
    taken = []

    def events() -> Iterable[SourceFrame]:
        for index in range(40):
            taken.append(index)
            yield SourceFrame(flat(90), index, 1)

    done = 0
    for item in cut_segments(events(), SHAPE, Fraction(1, 25), lambda packet: None, SceneWatch()):
        if isinstance(item, Chunk):
            done += item.num_frames
            assert len(taken) == done
        elif done < 40:
            assert isinstance(item, SegmentEnd)
            assert len(taken) == done + 1


@pytest.mark.parametrize("still_frames", [13, 18])
def test_an_impossible_still_length_is_refused(still_frames: int) -> None:
    with pytest.raises(ValueError, match="still segment length"):
        SegmentShape(4, 17, 1, still_frames)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((640, 360), (129, 257)),
        ((1920, 1080), (129, 253)),
        ((3840, 2160), (61, 61)),
        ((8192, 8192), (33, 33)),
    ],
)
def test_lengths_are_bounded_in_tokens(size: tuple[int, int], expected: tuple[int, int]) -> None:
    nominal = longest_segment((4, 8, 8), *size)
    still = longest_still_segment(nominal, (4, 8, 8), *size)
    assert (nominal, still) == expected
    SegmentShape(4, nominal, 1, still)


@pytest.mark.parametrize(
    ("wanted", "size", "expected"),
    [
        (None, (640, 360), (129, 257)), (1, (640, 360), (1, 1)), (32, (640, 360), (29, 29)), (33, (640, 360), (33, 33)),
        (250, (640, 360), (249, 249)), (250, (3840, 2160), (61, 61)), (17, (8192, 8192), (17, 17)),
    ],
)  # fmt: skip
def test_a_length_that_is_asked_for_is_the_most(
    wanted: int | None, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert segment_lengths((4, 8, 8), size, size, wanted) == SegmentLengths(*expected)


def test_a_tiny_picture_does_not_run_on_for_ever() -> None:
    assert longest_still_segment(129, (4, 8, 8), 8, 8) == segmenter.STILL_SEGMENT_FRAMES


def test_encode_cuts_at_scenes_and_lets_still_pictures_run_on(
    make_source: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    pictures = [moving(k) for k in range(20)] + [flat(20)] * 150
    pts = [k + k // 7 for k in range(170)]  # the rate varies
    clip = make_source("clip.mkv", "ffv1", "bgr0", pictures=pictures, pts=pts)
    coded = tmp_path / "clip.mgv"
    assert encode(clip, coded, model=tiny_model, coder="raw").num_frames == 170
    with open_mgv(coded, model=tiny_model) as video:
        assert video.info.header.segment_frames == 129
        assert [video.tokens(number).num_frames for number in range(video.num_segments)] == [20, 150]
        frames = list(video.frames())
    assert [frame.index for frame in frames] == list(range(170))
    assert [round(frame.seconds * 25) for frame in frames] == pts
    assert all(np.abs(frame.rgb.astype(int) - 20).mean() < 10 for frame in frames[20:])


@pytest.mark.parametrize("rate", [{"quality": 1}, {"bpp": 1.0}])
def test_encode_keeps_to_a_length_that_is_asked_for(
    rate: dict[str, float], make_source: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    clip = make_source("clip.mkv", "ffv1", "bgr0", pictures=[flat(20)] * 25)
    coded = tmp_path / "clip.mgv"
    encode(clip, coded, model=tiny_model, coder="raw", segment_frames=11, **rate)
    with open_mgv(coded, model=tiny_model) as video:
        assert video.info.header.segment_frames == 9
        assert [video.tokens(number).num_frames for number in range(video.num_segments)] == [9, 9, 7]
    with pytest.raises(OptionError, match="segment_frames is 0"):
        encode(clip, coded, model=tiny_model, segment_frames=0, force=True, **rate)
