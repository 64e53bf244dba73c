"""Cutting frames into segments and chunks."""

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgv.codec.segmenter import Chunk, SegmentEnd, SegmentShape, cut_segments
from mgv.codec.video_in import SourceFrame
from mgv.container import AudioPacket

TIME_BASE = Fraction(1, 100)


def frame(number: int) -> SourceFrame:
    return SourceFrame(np.full((2, 2, 3), number % 256, np.uint8), 4 * number, 4)


def packet(pts: int | None, size: int = 1) -> AudioPacket:
    return AudioPacket(0, pts, pts, 1, True, bytes(size))


def cut(events: Iterable[SourceFrame | AudioPacket], shape: SegmentShape) -> list[Chunk | SegmentEnd]:
    return list(
        cut_segments(events, shape, TIME_BASE, lambda p: None if p.pts is None else p.pts * TIME_BASE)
    )


@given(
    num_frames=st.integers(0, 60),
    stride=st.integers(1, 4),
    latents=st.integers(1, 6),
    chunk_latents=st.integers(1, 5),
)
def test_every_frame_once_in_segments_of_the_nominal_length(
    num_frames: int, stride: int, latents: int, chunk_latents: int
) -> None:
    shape = SegmentShape(stride, 1 + stride * (latents - 1), chunk_latents)
    pts: list[int] = []
    lengths: list[int] = []
    in_segment: list[Chunk] = []
    values: list[int] = []
    for item in cut((frame(n) for n in range(num_frames)), shape):
        if isinstance(item, Chunk):
            in_segment.append(item)
            values += item.rgb[: item.num_frames, 0, 0, 0].tolist()
            continue
        num_padded = sum(len(chunk.rgb) for chunk in in_segment)
        assert sum(chunk.num_frames for chunk in in_segment) == len(item.pts)
        assert num_padded == 1 + stride * (shape.num_latents(len(item.pts)) - 1)
        assert all(len(chunk.rgb) <= stride * chunk_latents for chunk in in_segment)
        assert (len(in_segment[0].rgb) - 1) % stride == 0
        assert all(len(chunk.rgb) % stride == 0 for chunk in in_segment[1:])
        in_segment = []
        lengths.append(len(item.pts))
        pts += item.pts
    assert values == list(range(num_frames))
    assert pts == [4 * n for n in range(num_frames)]
    assert all(length == shape.segment_frames for length in lengths[:-1])


def test_padding_repeats_the_last_frame() -> None:
    chunk, end = cut([frame(0), frame(1)], SegmentShape(4, 9, 4))
    assert isinstance(chunk, Chunk)
    assert isinstance(end, SegmentEnd)
    assert chunk.rgb[:, 0, 0, 0].tolist() == [0, 1, 1, 1, 1]
    assert (chunk.num_frames, end.pts, end.last_duration) == (2, (0, 4), 4)


def test_audio_goes_with_the_segment_in_which_it_starts() -> None:
    early, late, unknown, last = packet(3), packet(5), packet(None), packet(400)
    events = [early, frame(0), late, last, unknown, frame(1), frame(2)]
    ends = [item for item in cut(events, SegmentShape(1, 1, 1)) if isinstance(item, SegmentEnd)]
    assert [end.audio for end in ends] == [(early, unknown), (late,), (last,)]


def test_audio_far_ahead_is_not_held_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mgv.codec.segmenter.MAX_HELD_AUDIO_BYTES", 10)
    far = packet(10_000, size=11)
    ends = [
        item for item in cut([frame(0), far, frame(1)], SegmentShape(1, 1, 1)) if isinstance(item, SegmentEnd)
    ]
    assert [end.audio for end in ends] == [(far,), ()]


@pytest.mark.parametrize(("segment_frames", "chunk_latents"), [(8, 1), (0, 1), (9, 0)])
def test_an_impossible_shape_is_refused(segment_frames: int, chunk_latents: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        SegmentShape(4, segment_frames, chunk_latents)
