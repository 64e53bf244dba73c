"""Parts of golden files: first layers, single segments, spans of time, and files that end early."""

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import mgv
from mgv.codec.layer_stream import decode_layers
from mgv.codec.models import open_coder_of, open_tokenizer_of
from mgv.codec.token_stream import SegmentTokens
from mgv.container import NotMgvError, Reader, TimedSegment, TruncatedError, repair, verify

GOLDEN = Path(__file__).parent / "golden"
TokensOf = Callable[[Path], list[SegmentTokens]]


def test_the_first_layers_decode(golden: Path, model: Path, tokens_of: TokensOf) -> None:
    reader = Reader(io.BytesIO(golden.read_bytes()))
    header = reader.header
    coder = open_coder_of(header, open_tokenizer_of(header, model))
    segments = [event for event in reader.events() if isinstance(event, TimedSegment)]
    for event, whole in zip(segments, tokens_of(golden), strict=True):
        for num_layers in range(1, len(header.bit_depths) + 1):
            part = decode_layers(event.segment, event.timing, coder, header, num_layers)
            assert part.bit_depth == min(header.bit_depths[num_layers - 1], whole.bit_depth)
            np.testing.assert_array_equal(part.ids, whole.ids & ((1 << part.bit_depth) - 1))


@pytest.mark.parametrize("name", ["moving-adaptive", "fewer-layers-raw", "thinned-zstd"])
def test_the_first_layers_give_pictures(name: str, model: Path) -> None:
    with mgv.open(GOLDEN / f"{name}.mgv", model=model) as video:
        by_layers = [
            np.stack([frame.rgb for frame in video.frames(layers=number)])
            for number in range(1, len(video.info.header.bit_depths) + 1)
        ]
    assert len({pictures.shape for pictures in by_layers}) == 1
    assert len({pictures.tobytes() for pictures in by_layers}) == len(by_layers)


def test_a_segment_alone_is_the_slice_of_the_whole(golden: Path, model: Path, tokens_of: TokensOf) -> None:
    whole = tokens_of(golden)
    with mgv.open(golden, model=model) as video:
        assert video.num_segments == len(whole)
        for number in reversed(range(len(whole))):
            alone = video.tokens(number)
            np.testing.assert_array_equal(alone.ids[0].numpy(), whole[number].ids)
            assert (alone.bit_depth, alone.num_frames) == (whole[number].bit_depth, len(whole[number].pts))


@pytest.mark.parametrize("name", ["odd-size-raw", "uneven-times-adaptive", "fewer-layers-zstd"])
def test_the_time_of_a_segment_gives_its_frames(name: str, model: Path, tokens_of: TokensOf) -> None:
    path = GOLDEN / f"{name}.mgv"
    with mgv.open(path, model=model) as video:
        whole = list(video.frames())
        header = video.info.header
        for tokens in tokens_of(path):
            ticks = tokens.pts[0] - header.start_pts, tokens.pts[-1] + tokens.last_duration - tokens.pts[0]
            start, duration = (float(Fraction(time) * header.time_base) for time in ticks)
            part = list(video.frames(start=start, duration=duration))
            first = tokens.first_frame
            assert [frame.pts for frame in part] == list(tokens.pts)
            for frame, other in zip(part, whole[first : first + len(tokens.pts)], strict=True):
                assert frame.index == other.index
                np.testing.assert_array_equal(frame.rgb, other.rgb)


@pytest.mark.parametrize("name", ["still-zstd", "uneven-times-adaptive"])
def test_every_cut_is_noticed(name: str) -> None:
    data = (GOLDEN / f"{name}.mgv").read_bytes()
    for length in range(0, len(data), 1 if len(data) < 1000 else 7):
        with pytest.raises(TruncatedError if length else NotMgvError):
            list(Reader(io.BytesIO(data[:length])).events())


@pytest.mark.parametrize("name", ["still-zstd", "uneven-times-adaptive"])
def test_of_every_cut_what_is_whole_is_found(name: str) -> None:
    """By those who scan, step over damage, verify and repair; before the end of HEAD there is nothing to be found."""
    data = (GOLDEN / f"{name}.mgv").read_bytes()
    reader = Reader(io.BytesIO(data))
    sound = [event for event in reader.events() if isinstance(event, TimedSegment)]
    ends = [entry.offset_bytes for entry in reader.index().entries[1:]]
    end_of_head = 8 + 21 + int.from_bytes(data[13:21], "little")
    for length in range(end_of_head, len(data), 1 if len(data) < 1000 else 7):
        cut = data[:length]
        damages: list[object] = []
        tolerant = Reader(io.BytesIO(cut), damages.append)
        found = [event for event in tolerant.events() if isinstance(event, TimedSegment)]
        assert damages
        assert len(found) >= sum(end <= length for end in ends)
        whole = [event for event in found if len(event.segment.layers) == 3]
        assert whole == sound[: len(whole)]
        assert len(Reader(io.BytesIO(cut), damages.append).index().entries) <= len(sound)
        assert not verify(io.BytesIO(cut)).is_whole
        repaired = io.BytesIO()
        report = repair(io.BytesIO(cut), repaired)
        assert report.num_segments == len(found)
        assert verify(io.BytesIO(repaired.getvalue())).is_whole
