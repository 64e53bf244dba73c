"""Anchors: every encoder gives back every frame, and its bytes are those of the stream."""

from pathlib import Path

import numpy as np
import pytest

from mgv.codec import MissingToolError, OptionError
from mgv.eval.codecs import CodecError, CodecSpec, Rate, SourceClip, codec_from_spec, parse_codecs
from mgv.eval.codecs.anchors import ANCHORS
from mgv.eval.codecs.clip import read_planes
from mgv.eval.codecs.ffmpeg import clip_frames, count_ivf_payload
from mgv.eval.metrics import psnr_db

FAST = {
    "x264": "ultrafast",
    "x265": "ultrafast",
    "svt-av1": "12",
    "aom-av1": "8",
    "vp9": "8",
    "vvc": "faster",
}


def spec(kind: str, **settings: str) -> CodecSpec:
    return CodecSpec(kind, kind, {"preset": FAST[kind], **settings})


def psnr_of(clip: SourceClip, raw: Path, scratch: Path) -> float:
    size = clip.format.width, clip.format.height
    pairs = zip(clip_frames(clip, scratch), read_planes(raw, size, clip.format.num_frames), strict=True)
    return float(np.mean([psnr_db(source[0], decoded[0]) for source, decoded in pairs]))


@pytest.mark.parametrize("kind", sorted(ANCHORS))
def test_odd_sizes_come_back_whole_and_better_for_more_bytes(kind: str, prepare, tmp_path: Path) -> None:
    clip = prepare((77, 65), 5)
    codec = codec_from_spec(spec(kind))
    found = []
    for quality in (codec.ladder[0], codec.ladder[-1]):
        file = tmp_path / f"coded.{codec.suffix}"
        coded = codec.encode(clip, Rate("quality", quality), file, tmp_path)
        assert 0 < coded.num_bytes <= file.stat().st_size
        decoded = codec.decode(file, clip, tmp_path / "raw", tmp_path)
        assert str(tmp_path) not in " ".join((*coded.commands, *decoded.commands))
        found.append((coded.num_bytes, psnr_of(clip, tmp_path / "raw", tmp_path)))
    (many, good), (few, bad) = found
    assert many > few
    assert good > bad + 1
    assert good > 25


@pytest.mark.parametrize("kind", ["x264", "x265"])
def test_the_stream_holds_no_settings(kind: str, prepare, tmp_path: Path) -> None:
    codec, file = codec_from_spec(spec(kind)), tmp_path / "coded"
    coded = codec.encode(prepare(), Rate("quality", 30), file, tmp_path)
    assert b"options:" not in file.read_bytes()
    assert coded.num_bytes == file.stat().st_size


def test_vp9_counts_ivf_payloads(prepare, tmp_path: Path) -> None:
    codec, file = codec_from_spec(spec("vp9")), tmp_path / "coded.ivf"
    coded = codec.encode(prepare(num_frames=6), Rate("quality", 40), file, tmp_path)
    num_packets = int.from_bytes(file.read_bytes()[24:28], "little")
    assert num_packets == 6
    assert coded.num_bytes == file.stat().st_size - 32 - 12 * num_packets
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CodecError, match="IVF frames end at byte"):
        count_ivf_payload(file)


def test_a_target_is_searched_and_two_passes_are_made(prepare, tmp_path: Path) -> None:
    clip, codec = prepare(num_frames=16), codec_from_spec(spec("x264"))
    target = 0.6
    searched = codec.encode(clip, Rate("bpp", target), tmp_path / "a", tmp_path)
    assert searched.rate.kind == "quality"
    near = [
        codec.encode(clip, Rate("quality", searched.rate.value + step), tmp_path / "b", tmp_path).num_bytes
        for step in (-1, 0, 1)
    ]
    assert near[1] == searched.num_bytes == (tmp_path / "a").stat().st_size
    wanted = target * clip.format.num_pixels / 8
    assert min(near, key=lambda num_bytes: abs(num_bytes - wanted)) == searched.num_bytes
    twice = codec.encode(clip, Rate("two-pass", target), tmp_path / "c", tmp_path)
    assert [f"-pass {number}" in command for number, command in zip((1, 2), twice.commands, strict=True)] == [
        True
    ] * 2
    assert 0.3 < 8 * twice.num_bytes / clip.format.num_pixels < 1.2


def test_x265_makes_two_passes_by_its_own_option(prepare, tmp_path: Path) -> None:
    codec = codec_from_spec(spec("x265"))
    coded = codec.encode(prepare(num_frames=8), Rate("two-pass", 0.6), tmp_path / "a", tmp_path)
    assert [f"pass={number}:" in command for number, command in zip((1, 2), coded.commands, strict=True)] == [
        True
    ] * 2


def test_versions_are_stated() -> None:
    assert codec_from_spec(spec("x264")).versions()["libx264"].isdigit()
    assert codec_from_spec(spec("vvc")).versions()["libvvenc"] != "not stated"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x266", "codec is 'x266', expected one of mgv"),
        ("x264:preset", "expected settings as :key=value"),
        ("x264:colour=red", "no setting 'colour'"),
        ("x264:tune=grain", "tune is 'grain'"),
        ("x264:threads=many", "whole numbers"),
        ("x264,x264:preset=slow", "two codecs are called 'x264'"),
        ("a/b=x264", "letters, digits"),
        (",", "no codec given"),
    ],
)
def test_codecs_that_are_not_understood(text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        [codec_from_spec(one) for one in parse_codecs(text)]


def test_names_and_settings() -> None:
    slow, plain = parse_codecs("slow=x265:preset=slow:keyint=65, x265", ffmpeg="elsewhere/ffmpeg")
    assert (slow.name, slow.kind) == ("slow", "x265")
    assert slow.settings == {"preset": "slow", "keyint": "65", "ffmpeg": "elsewhere/ffmpeg"}
    assert plain.name == "x265"


def test_an_ffmpeg_that_does_not_run_says_how_to_get_one() -> None:
    with pytest.raises(MissingToolError, match="pip install imageio-ffmpeg"):
        codec_from_spec(spec("x264", ffmpeg="/no/such/ffmpeg"))
