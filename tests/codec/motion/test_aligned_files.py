"""Whole files whose encoder aligned what moves."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mgv
from mgv.codec import OptionError, export_tokens, import_tokens
from mgv.codec.motion import unpack_motion
from mgv.container import CorruptError, Reader, TimedSegment, Writer, repair, thin
from mgv.tools.cli import run

from ..camera.pictures import write_clip
from .scenes import passing

SIZE = (192, 160)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """22 frames of a square that passes, in FFV1, and what they show."""
    frames = passing(22, SIZE, 5 + 1j, side=120)
    path = tmp_path_factory.mktemp("clip") / "passing.mkv"
    write_clip(path, frames)
    return path, frames


@pytest.fixture
def aligned(clip: tuple[Path, np.ndarray], tiny_model: Path, tmp_path: Path) -> Path:
    path = tmp_path / "aligned.mgv"
    mgv.encode(clip[0], path, model=tiny_model, segment_frames=13, coder="adaptive", follow_camera=False)
    return path


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((first.astype(float) - second) ** 2)))


def shown(path: Path, model: Path, **options: float) -> np.ndarray:
    with mgv.open(path, model=model) as video:
        return np.stack([frame.rgb for frame in video.frames(**options)])


def motions(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        return [event.timing.motion for event in Reader(file).events() if isinstance(event, TimedSegment)]


def test_what_moves_is_better_for_little_more(
    clip: tuple[Path, np.ndarray], aligned: Path, tiny_model: Path, tmp_path: Path
) -> None:
    path, frames = clip
    smeared = tmp_path / "smeared.mgv"
    options = {"model": tiny_model, "segment_frames": 13, "coder": "adaptive", "follow_camera": False}
    mgv.encode(path, smeared, align_motion=False, **options)
    assert all(motions(aligned))
    assert motions(smeared) == [b"", b""]
    assert aligned.stat().st_size < 1.2 * smeared.stat().st_size
    assert psnr(shown(aligned, tiny_model), frames) > psnr(shown(smeared, tiny_model), frames) + 1


def test_a_part_is_what_the_whole_has_there(aligned: Path, tiny_model: Path) -> None:
    whole = shown(aligned, tiny_model)
    assert np.array_equal(shown(aligned, tiny_model, start=0.56, duration=0.2), whole[14:19])


def test_a_rate_is_kept(clip: tuple[Path, np.ndarray], tiny_model: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mgv"
    report = mgv.encode(clip[0], target, model=tiny_model, bpp=0.4, segment_frames=13, follow_camera=False)
    assert any(motions(target))
    assert report.bpp <= 0.4


def test_the_switch_reaches_every_way_of_encoding(
    clip: tuple[Path, np.ndarray], tiny_model: Path, tmp_path: Path
) -> None:
    options = ["--model", str(tiny_model), "--no-follow-camera", "--no-align-motion"]
    assert run(["encode", str(clip[0]), str(tmp_path / "one.mgv"), *options]) == 0
    assert run(["encode", str(clip[0]), str(tmp_path / "bpp.mgv"), *options, "--bpp", "0.4"]) == 0
    assert run(["encode", str(clip[0].parent), str(tmp_path / "tree"), *options, "--jobs", "1"]) == 0
    for path in (tmp_path / "one.mgv", tmp_path / "bpp.mgv", tmp_path / "tree" / "passing.mkv.mgv"):
        assert not any(motions(path))
    account = (tmp_path / "tree" / "mgv-encode.jsonl").read_text("utf-8")
    assert '"align_motion": false' in account


def test_a_video_says_how_things_move(
    aligned: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with mgv.open(aligned, model=tiny_model) as video:
        assert [video.motion(number).shape for number in (0, 1)] == [(3, 4, 5, 2), (2, 4, 5, 2)]
        assert video.info.motion_bytes == sum(map(len, motions(aligned)))
    assert run(["info", str(aligned)]) == 0
    assert f"motion     {sum(map(len, motions(aligned)))} bytes" in capsys.readouterr().out


def test_tokens_go_to_npz_and_back(aligned: Path, tiny_model: Path, tmp_path: Path) -> None:
    archive, again = tmp_path / "tokens.npz", tmp_path / "again.mgv"
    export_tokens(aligned, archive, model=tiny_model)
    import_tokens(archive, again, model=tiny_model, coder="adaptive")
    assert again.read_bytes() == aligned.read_bytes()
    arrays = dict(np.load(archive))
    motion = arrays["motion_0"]
    for wrong, message in (
        (motion[0], "motion.*whole numbers"),
        (np.concatenate([motion, motion]), "3 groups at most"),
        (motion + 2000, "1023 steps"),
        (np.ones((1, 1, 300, 2), np.int16), "255 to a side"),
    ):
        np.savez(archive, **{**arrays, "motion_0": wrong})
        with pytest.raises(mgv.FormatError, match=message):
            import_tokens(archive, again, model=tiny_model, force=True)


@pytest.mark.parametrize("change", [lambda a, b: thin(a, b, 1), repair], ids=["thin", "repair"])
def test_motion_stays_with_its_segment(aligned: Path, tmp_path: Path, change: Callable[..., object]) -> None:
    target = tmp_path / "changed.mgv"
    with aligned.open("rb") as source, target.open("wb") as out:
        change(source, out)
    assert motions(target) == motions(aligned)


def rewritten(aligned: Path, target: Path, motion: bytes) -> Path:
    """Put other motion into each segment."""

    with aligned.open("rb") as source, target.open("wb") as out, Writer(out) as writer:
        reader = Reader(source)
        writer.write_header(reader.header)
        for event in reader.events():
            if isinstance(event, TimedSegment):
                writer.write_segment(event.segment, replace(event.timing, motion=motion))
    return target


def test_motion_that_is_none_is_damage(
    aligned: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = rewritten(aligned, tmp_path / "hostile.mgv", b"\xff\xff\x01\x00")
    target = tmp_path / "out.y4m"
    assert run(["decode", str(hostile), str(target), "--model", str(tiny_model)]) == 4
    assert (
        "segment at frame 0 (0.00 s): the motion of a segment begins with ff ff 01 00"
        in capsys.readouterr().err
    )
    assert not target.exists()


def test_a_frame_alone_and_one_coded_with_others_have_no_motion(
    aligned: Path, tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(CorruptError, match="a segment of one frame has motion"):
        unpack_motion(b"\x01\x01\x01\x00", 0)
    export_tokens(aligned, tmp_path / "in.npz", model=tiny_model)
    with np.load(tmp_path / "in.npz") as loaded:
        arrays = {name: array for name, array in loaded.items() if not name.endswith("_1")}
    arrays["pts_0"] = np.arange(16, dtype=np.int64) * 40  # 15 frames of 4 latent ones, where 13 were
    np.savez(tmp_path / "in.npz", **arrays)
    import_tokens(tmp_path / "in.npz", tmp_path / "out.mgv", model=tiny_model)
    with (
        mgv.open(tmp_path / "out.mgv", model=tiny_model) as video,
        pytest.raises(CorruptError, match=r"at frame 0 .*first frame is coded with others"),
    ):
        video.tokens(0)


def test_a_mesh_of_another_size_will_do(aligned: Path, tiny_model: Path, tmp_path: Path) -> None:
    from mgv.codec.motion import pack_motion

    one = rewritten(aligned, tmp_path / "one.mgv", pack_motion(np.full((1, 1, 1, 2), 4, np.int16)))
    still = rewritten(aligned, tmp_path / "still.mgv", b"")
    moved, at_rest = shown(one, tiny_model), shown(still, tiny_model)
    # by 2 pixels a frame: 1 and 3 pixels, to either side
    assert np.array_equal(moved[4, 3:, 3:], at_rest[4, :-3, :-3])
    assert np.array_equal(moved[1, :-3, :-3], at_rest[1, 3:, 3:])
    assert np.array_equal(moved[5:13], at_rest[5:13])


def test_places_and_what_is_made_anew(aligned: Path, tiny_model: Path) -> None:
    from mgv.codec.token_edit import TokenFile
    from mgv.generator.editing import check_places, forget_motion

    with aligned.open("rb") as file:
        tokens = TokenFile(file, tiny_model)
        check_places(tokens, [0, 1])
        with pytest.raises(OptionError, match=r"at frame 13 was aligned.*--no-align-motion"):
            check_places(tokens, [1], grows=True)
        segment = tokens.tokens(0)
        known = np.ones(segment.ids.shape, bool)
        known[1] = False
        known[2] = False
        known[2, :, :9] = True  # of 24, in the first two of five columns of the mesh
        left = forget_motion(segment, known, tokens.header)
    with mgv.open(aligned, model=tiny_model) as video:
        before = video.motion(0)
    after = unpack_motion(left, 3)
    assert not after[0].any()
    # what is known is bent along the vectors of the third column, too
    assert np.array_equal(after[1, :, :3], before[1, :, :3])
    assert before[1, :, 2].any()
    assert before[1, :, 3:].any()
    assert not after[1, :, 3:].any()
    assert np.array_equal(after[2], before[2])
