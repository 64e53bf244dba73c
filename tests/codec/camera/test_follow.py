"""Whole files whose encoder followed the camera."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import mgv
from mgv.codec import OptionError, export_tokens, import_tokens
from mgv.codec.camera import Similarity, follow_camera
from mgv.codec.picking import pick_up
from mgv.codec.segmenter import Chunk, SegmentEnd
from mgv.container import Reader, TimedSegment, repair, thin

from .pictures import pan, scenery, seen_from, write_clip

SIZE = (192, 128)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """41 frames of a pan in FFV1, and what they show."""
    frames = seen_from(scenery(), pan(41, 1.3 - 0.6j), SIZE)
    path = tmp_path_factory.mktemp("clip") / "pan.mkv"
    write_clip(path, frames)
    return path, frames


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((first.astype(float) - second) ** 2)))


def shown(path: Path, model: Path, **options: float) -> np.ndarray:
    with mgv.open(path, model=model) as video:
        return np.stack([frame.rgb for frame in video.frames(**options)])


def views(path: Path) -> list[tuple[tuple[int, int, int, int], ...]]:
    with path.open("rb") as file:
        return [event.timing.views for event in Reader(file).events() if isinstance(event, TimedSegment)]


@pytest.fixture
def followed(clip: tuple[Path, np.ndarray], tiny_model: Path, tmp_path: Path) -> Path:
    path = tmp_path / "followed.mgv"
    mgv.encode(clip[0], path, model=tiny_model, segment_frames=33, coder="adaptive")
    return path


def test_following_takes_a_third_fewer_bytes_and_shows_as_much(
    clip: tuple[Path, np.ndarray], followed: Path, tiny_model: Path, tmp_path: Path
) -> None:
    path, frames = clip
    still = tmp_path / "still.mgv"
    mgv.encode(
        path,
        still,
        model=tiny_model,
        segment_frames=33,
        coder="adaptive",
        follow_camera=False,
        align_motion=False,
    )
    assert [len(segment) for segment in views(followed)] == [33, 8]
    assert views(still) == [(), ()]
    assert followed.stat().st_size < 0.7 * still.stat().st_size
    assert psnr(shown(followed, tiny_model), frames) > psnr(shown(still, tiny_model), frames) - 0.3


def test_a_part_is_what_the_whole_has_there(followed: Path, tiny_model: Path) -> None:
    whole = shown(followed, tiny_model)
    part = shown(followed, tiny_model, start=1.0, duration=0.4)
    assert np.array_equal(part, whole[25:35])


def test_a_rate_is_kept(clip: tuple[Path, np.ndarray], tiny_model: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mgv"
    report = mgv.encode(clip[0], target, model=tiny_model, bpp=0.3, segment_frames=33)
    assert any(views(target))
    assert report.bpp <= 0.3


def test_tokens_go_to_npz_and_back(followed: Path, tiny_model: Path, tmp_path: Path) -> None:
    archive, again = tmp_path / "tokens.npz", tmp_path / "again.mgv"
    export_tokens(followed, archive, model=tiny_model)
    import_tokens(archive, again, model=tiny_model, coder="adaptive")
    assert again.read_bytes() == followed.read_bytes()
    arrays = dict(np.load(archive))
    np.savez(archive, **{**arrays, "views_0": arrays["views_0"][:-1]})
    with pytest.raises(mgv.FormatError, match=r"expected views \[33, 4\]"):
        import_tokens(archive, again, model=tiny_model, force=True)


@pytest.mark.parametrize("change", [lambda a, b: thin(a, b, 1), repair], ids=["thin", "repair"])
def test_views_stay_with_their_segments(
    followed: Path, tmp_path: Path, change: Callable[..., object]
) -> None:
    target = tmp_path / "changed.mgv"
    with followed.open("rb") as source, target.open("wb") as out:
        change(source, out)
    assert views(target) == views(followed)


def test_a_frame_alone_and_small_ones_are_not_followed(tiny_model: Path, tmp_path: Path) -> None:
    for name, size, step in (("one", SIZE, None), ("small", (120, 128), 2.0)):
        frames = seen_from(scenery(), pan(1 if step is None else 13, step or 0), size)
        path = tmp_path / f"{name}.mkv"
        write_clip(path, frames)
        mgv.encode(path, path.with_suffix(".mgv"), model=tiny_model)
        assert not any(views(path.with_suffix(".mgv")))


def test_little_memory_makes_more_windows_and_nothing_jumps(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = seen_from(scenery(), pan(29, 0.5), SIZE)
    chunks = [Chunk(part, len(part)) for part in np.split(frames, [5, 13, 21])]
    end = SegmentEnd(tuple(range(29)), 1, ())
    whole = list(follow_camera([*chunks, end], SIZE))
    monkeypatch.setattr("mgv.codec.camera.follow.WINDOW_BYTES", 5 * frames[0].nbytes)
    pieces = list(follow_camera([*chunks, end], SIZE))
    for items in (whole, pieces):
        assert items[-1] is end
        pictures = np.concatenate([chunk.rgb for chunk in items[:-1]]).astype(int)
        assert (
            np.abs(np.diff(pictures, axis=0)).mean()
            < 0.25 * np.abs(np.diff(frames.astype(int), axis=0)).mean()
        )
        for chunk, source in zip(items[:-1], chunks, strict=True):
            laid = [Similarity.from_view(view, SIZE) for view in chunk.views]
            assert psnr(pick_up(chunk.rgb, laid, [None] * len(laid), SIZE), source.rgb) > 35
    assert [chunk.views for chunk in whole[:-1]] != [chunk.views for chunk in pieces[:-1]]


def test_frames_that_hardly_fit_into_memory_are_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = seen_from(scenery(), pan(5, 1.5), SIZE)
    monkeypatch.setattr("mgv.codec.camera.follow.WINDOW_BYTES", 5 * frames[0].nbytes - 1)
    chunk = Chunk(frames, 5)
    assert next(iter(follow_camera([chunk, SegmentEnd(tuple(range(5)), 1, ())], SIZE))) is chunk


def test_what_is_padded_is_padded() -> None:
    frames = seen_from(scenery(), pan(11, 1.5), SIZE)
    padded = np.concatenate([frames[5:], frames[-1:], frames[-1:]])
    end = SegmentEnd(tuple(range(11)), 1, ())
    first, second, _ = follow_camera([Chunk(frames[:5], 5), Chunk(padded, 6), end], SIZE)
    assert (len(first.views), len(second.views), len(second.rgb)) == (5, 6, 8)
    assert np.array_equal(second.rgb[-1], second.rgb[5])


def test_a_picture_at_rest_stays_as_it_is() -> None:
    frames = np.repeat(seen_from(scenery(), pan(1, 0), SIZE), 13, axis=0)
    chunks = [Chunk(part, len(part)) for part in np.split(frames, [5])]
    items = list(follow_camera([*chunks, SegmentEnd(tuple(range(13)), 1, ())], SIZE))
    assert items[0] is chunks[0]
    assert items[1] is chunks[1]


def test_places_in_the_picture_are_no_places_in_such_tokens(followed: Path, tiny_model: Path) -> None:
    from mgv.codec.token_edit import TokenFile
    from mgv.generator.editing import check_places

    with followed.open("rb") as file:
        tokens = TokenFile(file, tiny_model)
        check_places(tokens, [])
        with pytest.raises(OptionError, match=r"at frame 33 follows the camera.*--no-follow-camera"):
            check_places(tokens, [1])
