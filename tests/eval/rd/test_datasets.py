"""Folders, manifests, raw files, presets; and what preparing makes of them."""

import hashlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mgv.codec import MediaError, OptionError
from mgv.eval.codecs.ffmpeg import QUIET, find_ffmpeg
from mgv.eval.codecs.process import run_measured
from mgv.eval.rd.datasets import read_dataset, read_raw_format
from mgv.eval.rd.prepare import prepare_clip
from mgv.eval.rd.store import Run


def ffmpeg(*arguments: str) -> None:
    run_measured([find_ffmpeg(), *QUIET, *arguments])


def write_raw(path: Path, num_frames: int, size: tuple[int, int] = (32, 16)) -> bytes:
    rng = np.random.default_rng(0)
    data = rng.integers(16, 235, num_frames * size[0] * size[1] * 3 // 2, np.uint8).tobytes()
    path.write_bytes(data)
    return data


def test_a_folder_in_order_of_name(tmp_path: Path) -> None:
    for name in ("b clip.mp4", "a.mkv", "notes.txt"):
        (tmp_path / name).touch()
    clips = read_dataset(tmp_path, size=(64, 36), frames=9)
    assert [(clip.name, clip.size, clip.frames) for clip in clips] == [
        ("a", (64, 36), 9),
        ("b-clip", (64, 36), 9),
    ]


def test_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "x.mkv").touch()
    (tmp_path / "set.toml").write_text(
        '[[clip]]\npath = "x.mkv"\nname = "late"\nstart = 5\nframes = 3\nwidth = 32\nheight = 16\n'
        '[[clip]]\npath = "x.mkv"\n',
        "utf-8",
    )
    late, whole = read_dataset(tmp_path / "set.toml", frames=7)
    assert (late.name, late.start, late.frames, late.size) == ("late", 5, 3, (32, 16))
    assert (whole.name, whole.start, whole.frames, whole.size) == ("x", 0, 7, None)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("clip = 3", OptionError, "expected tables"),
        ("[[clip]]\nname = 'x'", OptionError, "needs path"),
        ("[[clip]]\npath = 'x.mkv'\nwidth = 3", OptionError, "width and height together"),
        ("[[clip]]\npath = 'x.mkv'\nfps = 3", OptionError, "fps = 3, expected path"),
        ("[[clip]]\npath = 'x.mkv'\nstart = '3'", OptionError, "start = '3'"),
        ("[[clip]]\npath = 'x.mkv'\nframes = 0", OptionError, "frames 0"),
        ("[[clip]]\npath = 'x.mkv'\n[[clip]]\npath = 'x.mkv'", OptionError, "two clips are called 'x'"),
        ("[[clip]]\npath = 'y.mkv'", MediaError, "y.mkv: no such file"),
        ("[[clip", OptionError, "no TOML"),
    ],
)
def test_manifests_that_are_not_understood(text: str, error: type, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.mkv").touch()
    (tmp_path / "set.toml").write_text(text, "utf-8")
    with pytest.raises(error, match=message):
        read_dataset(tmp_path / "set.toml")


def test_presets_scale_as_the_thesis_does(tmp_path: Path) -> None:
    (tmp_path / "Beauty_1920x1080_120fps_420_8bit_YUV.yuv").touch()
    (clip,) = read_dataset(tmp_path, "uvg")
    assert clip.size == (640, 360)
    assert clip.raw is not None
    assert (clip.raw.width, clip.raw.height, clip.raw.frame_rate) == (1920, 1080, 120)
    with pytest.raises(OptionError, match="mcl-jcv-360p, uvg"):
        read_dataset(tmp_path, "kodak")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(MediaError, match="no video file"):
        read_dataset(empty, "uvg")


def test_a_raw_file_and_what_stands_beside_it(tmp_path: Path) -> None:
    data = write_raw(tmp_path / "raw.yuv", 4)
    with pytest.raises(MediaError, match=r"put them in raw.toml"):
        read_raw_format(tmp_path / "raw.yuv")
    (tmp_path / "raw.toml").write_text("width = 32\nheight = 16\nframe_rate = '30000/1001'\n", "utf-8")
    (clip,) = read_dataset(tmp_path)
    prepared = prepare_clip(clip, tmp_path / "run")
    assert (prepared.num_frames, prepared.frame_rate) == (4, Fraction(30000, 1001))
    frames = list(Run(tmp_path / "run", {}).source_frames(prepared))
    assert len(frames) == 4
    assert prepared.sha256 == hashlib.sha256(data).hexdigest()
    (tmp_path / "raw.toml").write_text("width = 32\n", "utf-8")
    with pytest.raises(OptionError, match="width, height and frame_rate"):
        read_dataset(tmp_path)
    (tmp_path / "raw.toml").write_text("wide = 32\n", "utf-8")
    with pytest.raises(OptionError, match="no field 'wide'"):
        read_dataset(tmp_path)


def test_frames_of_a_source_are_kept_to_the_bit_at_one_rate(tmp_path: Path) -> None:
    data = write_raw(tmp_path / "raw.yuv", 6)
    given = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "32x16", "-i", str(tmp_path / "raw.yuv")]
    uneven = "setpts='(N+gt(N,2)*3)/25/TB'"  # a gap after the third frame
    (tmp_path / "clips").mkdir()
    source = tmp_path / "clips" / "vfr.mkv"
    ffmpeg(*given, "-vf", uneven, "-fps_mode", "passthrough", "-c:v", "ffv1", str(source))
    (clip,) = read_dataset(tmp_path / "clips")
    prepared = prepare_clip(clip, tmp_path / "run")
    assert prepared.num_frames == 6
    assert prepared.sha256 == hashlib.sha256(data).hexdigest()
    again = prepare_clip(clip, tmp_path / "run")
    assert again == prepared


def test_a_range_of_frames_scaled_from_full_range(tmp_path: Path) -> None:
    source = tmp_path / "full.mkv"
    gray = "color=c=white:s=64x32:r=25,format=yuvj420p"
    ffmpeg("-f", "lavfi", "-i", gray, "-frames:v", "6", "-c:v", "ffv1", "-color_range", "pc", str(source))
    (tmp_path / "set.toml").write_text(
        '[[clip]]\npath = "full.mkv"\nstart = 4\nframes = 5\nwidth = 33\nheight = 17\n', "utf-8"
    )
    (clip,) = read_dataset(tmp_path / "set.toml")
    prepared = prepare_clip(clip, tmp_path / "run")
    assert (prepared.width, prepared.height, prepared.num_frames) == (33, 17, 2)
    assert prepared.colour.full_range is False
    (first, _) = Run(tmp_path / "run", {}).source_frames(prepared)
    assert np.abs(first.astype(int) - 255).max() <= 1


def test_no_frame_in_the_range_is_an_error(tmp_path: Path) -> None:
    write_raw(tmp_path / "a_32x16_25fps.yuv", 2)
    (tmp_path / "set.toml").write_text('[[clip]]\npath = "a_32x16_25fps.yuv"\nstart = 2\n', "utf-8")
    (clip,) = read_dataset(tmp_path / "set.toml")
    with pytest.raises(MediaError, match="no frame from number 2 on"):
        prepare_clip(clip, tmp_path / "run")


def test_a_source_that_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video")
    (clip,) = read_dataset(tmp_path)
    with pytest.raises(MediaError, match=r"a\.mp4"):
        prepare_clip(clip, tmp_path / "run")
