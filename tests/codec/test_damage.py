"""Damaged and cut files: refused without a trace, or concealed and reported."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import mgv
from mgv.codec import GapFiller, Header, LostFrames, SegmentTokens, open_source
from mgv.container import CorruptError, Layer, NotMgvError, Reader, Timing, TruncatedError, Writer

pytestmark = pytest.mark.usefixtures("short_segments")
ClipMaker = Callable[..., Path]


@pytest.fixture
def coded(make_clip: ClipMaker, tiny_model: Path, tmp_path: Path) -> Path:
    """An `.mgv` of segments of 33, 33 and 14 frames, with audio."""
    path = tmp_path / "coded.mgv"
    mgv.encode(make_clip("clip.mp4", num_frames=80, with_audio=True), path, model=tiny_model, coder="raw")
    return path


def offsets(path: Path) -> list[int]:
    with path.open("rb") as file:
        return [entry.offset_bytes for entry in Reader(file).index().entries]


def damage(path: Path, *segments: int) -> None:
    data = bytearray(path.read_bytes())
    for offset in (offsets(path)[segment] for segment in segments):
        data[offset + 40 : offset + 120] = bytes(80)
    path.write_bytes(data)


def frames_of(path: Path) -> list[np.ndarray]:
    with open_source(path) as source:
        return [frame.rgb for frame in source.frames()]


def pts_of(path: Path) -> list[int]:
    with open_source(path) as source:
        return [frame.pts for frame in source.frames()]


def rewrite_with_wrong_bits(path: Path, target: Path, segment: int) -> None:
    """Copy a file, flipping a bit in the last layer of one segment, with a coded CRC that fits."""
    with path.open("rb") as file, target.open("wb") as out, Writer(out) as writer:
        reader = Reader(file)
        writer.write_header(reader.header)
        for audio in reader.audio_headers:
            writer.write_audio_header(audio)
        for index in range(len(reader.index().entries)):
            timed = reader.read_segment(index)
            layers = list(timed.segment.layers)
            if index == segment:
                flipped = bytes([layers[-1].payload[0] ^ 1]) + layers[-1].payload[1:]
                layers[-1] = Layer.from_payload(flipped, layers[-1].decoded_crc)
            changed = type(timed.segment)(
                timed.segment.first_frame, timed.segment.num_frames, timed.segment.latent_shape, tuple(layers)
            )
            writer.write_segment(changed, Timing(timed.timing.pts, timed.timing.last_duration))


def test_damage_is_an_error_and_leaves_no_output(coded: Path, tiny_model: Path, tmp_path: Path) -> None:
    damage(coded, 1)
    before = set(tmp_path.iterdir())
    with pytest.raises(CorruptError, match="at byte"):
        mgv.decode(coded, tmp_path / "out.mp4", model=tiny_model)
    assert set(tmp_path.iterdir()) == before


def test_a_lost_segment_is_frozen(coded: Path, tiny_model: Path, tmp_path: Path) -> None:
    whole, target = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    mgv.decode(coded, whole, model=tiny_model, codec="ffv1")
    damage(coded, 1)
    report = mgv.decode(coded, target, model=tiny_model, codec="ffv1", conceal=True)
    assert (report.num_frames, report.num_concealed) == (80, 33)
    assert "SEGM" in report.damage[0]
    good, made = frames_of(whole), frames_of(target)
    assert pts_of(whole) == pts_of(target)
    for index, frame in enumerate(made):
        np.testing.assert_array_equal(frame, good[32 if 33 <= index < 66 else index])


def test_lost_first_and_last_segments_are_frozen(coded: Path, tiny_model: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    damage(coded, 0, 2)
    report = mgv.decode(coded, target, model=tiny_model, codec="ffv1", conceal=True)
    assert (report.num_frames, report.num_concealed) == (80, 47)
    made = frames_of(target)
    np.testing.assert_array_equal(made[0], made[33])
    np.testing.assert_array_equal(made[79], made[65])


def test_a_cut_file(coded: Path, tiny_model: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mgv"
    cut.write_bytes(coded.read_bytes()[: offsets(coded)[1] + 50])
    with pytest.raises((TruncatedError, CorruptError)):
        mgv.decode(cut, tmp_path / "out.mkv", model=tiny_model)
    assert not list(tmp_path.glob("out.mkv*"))
    report = mgv.decode(cut, tmp_path / "out.mkv", model=tiny_model, conceal=True)
    assert (report.num_frames, report.num_concealed) == (33, 0)
    assert report.damage


def test_nothing_whole_is_an_error_even_when_concealing(
    coded: Path, tiny_model: Path, tmp_path: Path
) -> None:
    damage(coded, 0, 1, 2)
    with pytest.raises(CorruptError, match="no segment is whole"):
        mgv.decode(coded, tmp_path / "out.mkv", model=tiny_model, conceal=True)
    assert not list(tmp_path.glob("out.mkv*"))


def test_wrong_bits_are_named_with_segment_and_seconds(coded: Path, tiny_model: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.mgv"
    rewrite_with_wrong_bits(coded, wrong, 1)
    with pytest.raises(CorruptError, match=r"segment at frame 33 \(1\.32 s\): layer 2 decodes to CRC"):
        mgv.decode(wrong, tmp_path / "out.mkv", model=tiny_model)
    report = mgv.decode(wrong, tmp_path / "out.mkv", model=tiny_model, conceal=True)
    assert (report.num_frames, report.num_concealed) == (80, 33)
    with mgv.open(wrong, model=tiny_model) as video:
        assert video.tokens(0).num_frames == 33
        with pytest.raises(CorruptError, match="segment at frame 33"):
            video.tokens(1)


def test_tokens_can_stand_in_for_lost_ones(coded: Path, tiny_model: Path, tmp_path: Path) -> None:
    whole, target = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    with mgv.open(coded, model=tiny_model) as video:
        lost_ids = video.tokens(1).ids[0].numpy()
    mgv.decode(coded, whole, model=tiny_model, codec="ffv1")
    damage(coded, 1)
    seen = []

    def fill(before: SegmentTokens, lost: LostFrames, after: SegmentTokens) -> list[SegmentTokens]:
        pts = tuple(lost.pts(index) for index in range(lost.num_frames))
        return [SegmentTokens(lost_ids, 20, lost.first_frame, pts, 1, is_concealed=True)]

    def open_filler(header: Header) -> GapFiller:
        seen.append(header.bit_depths)
        return fill

    report = mgv.decode(
        coded, target, model=tiny_model, codec="ffv1", conceal=True, fill_gaps_with=open_filler
    )
    assert (report.num_frames, report.num_concealed, seen) == (80, 33, [(5, 10, 20)])
    assert pts_of(whole) == pts_of(target)
    np.testing.assert_array_equal(frames_of(target), frames_of(whole))


def test_a_part_behind_the_damage_is_whole(coded: Path, tiny_model: Path, tmp_path: Path) -> None:
    damage(coded, 0)
    report = mgv.decode(coded, tmp_path / "out.mkv", model=tiny_model, start=66 / 25)
    assert (report.num_frames, report.damage) == (14, ())


@pytest.mark.parametrize("content", [b"", b"WEBVTT\n\nno video\n" * 40], ids=["empty", "text"])
def test_what_is_no_mgv_is_refused(tiny_model: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "not.mgv"
    path.write_bytes(content)
    with pytest.raises(NotMgvError):
        mgv.decode(path, tmp_path / "out.mkv", model=tiny_model)
    assert set(tmp_path.iterdir()) == {path}
