"""Any tokens, through any coder and a whole file: read back equal, from a file and from a pipe."""

import io
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgv.codec.entropy import Planes, get_coder
from mgv.codec.layer_stream import decode_layers, encode_layers
from mgv.codec.token_stream import SegmentTokens
from mgv.container import Colour, Header, OtherChunk, Reader, TimedSegment, Timing, Writer

OpenFile = Callable[[bytes], Any]


class Pipe(io.RawIOBase):
    """A file that cannot seek and gives a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._inner = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._inner.readinto(memoryview(buffer)[:7])


@st.composite
def planes(draw: st.DrawFn) -> Planes:
    """A legal meaning of token bits: the planes of each dimension in turn, the dimensions mixed."""
    num_dimensions = draw(st.integers(1, 6))
    taken: dict[int, int] = {}
    found = []
    for _ in range(draw(st.integers(1, 40))):
        dimension = draw(st.integers(0, num_dimensions - 1))
        plane = taken.get(dimension, 0)
        if plane < 12:
            found.append((dimension, plane))
            taken[dimension] = plane + 1
    return tuple(found)


@st.composite
def videos(draw: st.DrawFn) -> tuple[Header, Planes, list[SegmentTokens]]:
    meaning = draw(planes())
    bits = len(meaning)
    strides = draw(st.tuples(*[st.integers(1, 4)] * 3))
    width, height = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    header = Header(
        width=width,
        height=height,
        coded_width=draw(st.integers(1, 2 * width)),
        coded_height=draw(st.integers(1, 2 * height)),
        sample_aspect=Fraction(1),
        rotation_degrees=0,
        colour=Colour(),
        time_base=Fraction(1, 600),
        tick=draw(st.sampled_from((1, 24))),
        start_pts=draw(st.integers(-(2**40), 2**40)),
        tokenizer="any",
        tokenizer_sha256=bytes(32),
        strides=strides,
        bits_per_token=bits,
        bit_depths=tuple(sorted(draw(st.sets(st.integers(1, bits), min_size=1, max_size=5)))),
        coder=draw(st.integers(0, 2)),  # `prior` is for the layers that it was trained for
    )
    segments, first_frame, pts = [], 0, header.start_pts
    for _ in range(draw(st.integers(1, 3))):
        num_frames = draw(st.integers(1, 6))
        t = draw(st.sampled_from(header.latent_frame_counts(num_frames)))
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        most = 1 << draw(st.integers(0, bits))
        ids = rng.integers(0, most, (t, *header.latent_size), np.int64)
        steps = draw(
            st.just([header.tick] * num_frames) | st.lists(st.integers(1, 99), min_size=6, max_size=6)
        )
        times = tuple(pts + sum(steps[:frame]) for frame in range(num_frames))
        last = steps[num_frames - 1]
        segments.append(SegmentTokens(ids, bits, first_frame, times, last))
        first_frame, pts = first_frame + num_frames, times[-1] + last
    return header, meaning, segments


def write(header: Header, coder: Any, segments: list[SegmentTokens]) -> bytes:
    file = io.BytesIO()
    with Writer(file) as writer:
        writer.write_header(header)
        for tokens in segments:
            segment = encode_layers(tokens, coder, header.bit_depths)
            writer.write_segment(segment, Timing(tokens.pts, tokens.last_duration))
            writer.write_other_chunk(b"note", bytes([len(tokens.pts)]))
    return file.getvalue()


@pytest.mark.parametrize("open_file", [io.BytesIO, Pipe])
@settings(max_examples=60)
@given(video=videos(), data=st.data())
def test_tokens_through_a_file(open_file: OpenFile, video: Any, data: st.DataObject) -> None:
    header, meaning, segments = video
    coder = get_coder(header.coder, meaning)
    reader = Reader(open_file(write(header, coder, segments)))
    items = list(reader.items())
    found = [item for item in items if isinstance(item, TimedSegment)]
    assert reader.header == header
    assert len(found) == len(segments)
    assert sum(isinstance(item, OtherChunk) for item in items) == len(segments)
    num_layers = data.draw(st.integers(1, len(header.bit_depths)))
    depth = header.bit_depths[num_layers - 1]
    for item, tokens in zip(found, segments, strict=True):
        again = decode_layers(item.segment, item.timing, coder, header, num_layers)
        np.testing.assert_array_equal(again.ids, tokens.ids & ((1 << depth) - 1))
        assert replace(again, ids=tokens.ids, bit_depth=tokens.bit_depth) == tokens
        assert again.bit_depth == depth
