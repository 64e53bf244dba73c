"""Whatever is written is read again, whatever it is."""

import io
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mgv.container import (
    AudioHeader,
    AudioPacket,
    Colour,
    Header,
    Layer,
    Reader,
    Segment,
    TimedSegment,
    Timing,
    Writer,
)
from mgv.container.packing import (
    pack_audio_header,
    pack_header,
    pack_metadata,
    unpack_audio_header,
    unpack_header,
    unpack_metadata,
)
from mgv.container.segment_packing import (
    join_timing,
    pack_packets,
    pack_timing,
    unpack_packets,
    unpack_timing,
)

TIMES = st.integers(-(2**62) + 1, 2**62 - 1)
BYTE = st.integers(0, 255)
WORD = st.integers(0, 2**32 - 1)
HASHES = st.binary(min_size=32, max_size=32)
FRACTIONS = st.builds(Fraction, st.integers(1, 2**31 - 1), st.integers(1, 2**31 - 1))
TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=60)
NAMES = TEXTS.filter(bool)


@st.composite
def headers(draw: st.DrawFn) -> Header:
    width, height = draw(st.integers(1, 16384)), draw(st.integers(1, 16384))
    bits = draw(st.integers(1, 62))
    return Header(
        width=width,
        height=height,
        coded_width=draw(st.integers(1, min(2 * width, 16384))),
        coded_height=draw(st.integers(1, min(2 * height, 16384))),
        sample_aspect=draw(FRACTIONS),
        rotation_degrees=draw(st.sampled_from((0, 90, 180, 270))),
        colour=draw(st.builds(Colour, BYTE, BYTE, BYTE, st.booleans())),
        time_base=draw(FRACTIONS),
        tick=draw(st.integers(1, 2**32 - 1)),
        start_pts=draw(TIMES),
        tokenizer=draw(NAMES),
        tokenizer_sha256=draw(HASHES),
        strides=draw(st.tuples(*[st.integers(1, 64)] * 3)),
        bits_per_token=bits,
        bit_depths=tuple(sorted(draw(st.sets(st.integers(1, bits), min_size=1)))),
        coder=draw(BYTE),
        coder_sha256=draw(HASHES),
        segment_frames=draw(st.integers(1, 4096)),
        software=draw(TEXTS),
    )


audio_headers = st.builds(
    AudioHeader,
    stream=st.integers(0, 31),
    codec=NAMES,
    extradata=st.binary(max_size=40),
    sample_rate=st.integers(1, 2**24),
    channel_layout=TEXTS,
    time_base=FRACTIONS,
    bit_rate=st.integers(0, 2**63 - 1),
    frame_size=WORD,
    block_align=WORD,
    initial_padding=WORD,
    sample_format=TEXTS,
    language=TEXTS,
)


def packets(num_streams: int) -> st.SearchStrategy[AudioPacket]:
    return st.builds(
        AudioPacket,
        stream=st.integers(0, num_streams - 1),
        pts=st.none() | TIMES,
        dts=st.none() | TIMES,
        duration=st.integers(0, 2**62 - 1),
        is_key=st.booleans(),
        data=st.binary(max_size=20),
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
SHIFTS = st.integers(-(2**20), 2**20)
VIEWS = st.tuples(SHIFTS, SHIFTS, st.integers(0, 5), st.integers(-5, 5))
timings = st.builds(
    lambda pts, last, has_views, data: Timing(
        tuple(sorted(pts)),
        last,
        tuple(data.draw(VIEWS) for _ in pts) if has_views else (),
        data.draw(st.binary(max_size=30)),
    ),
    st.sets(TIMES, min_size=1, max_size=12),
    st.integers(1, 2**62 - 1),
    st.booleans(),
    st.data(),
)
layers = st.builds(Layer.from_payload, st.binary(max_size=30), WORD)


@given(headers())
def test_header(header: Header) -> None:
    assert unpack_header(pack_header(header)) == header


@given(audio_headers)
def test_audio_header(header: AudioHeader) -> None:
    assert unpack_audio_header(pack_audio_header(header), 0) == header


@given(st.dictionaries(TEXTS, json_values, max_size=4))
def test_metadata(metadata: dict[str, object]) -> None:
    assert unpack_metadata(pack_metadata(metadata)) == metadata


@given(st.integers(0, 2**32 - 1), timings)
def test_timing(first_frame: int, timing: Timing) -> None:
    found_first_frame, durations, *places = unpack_timing(pack_timing(first_frame, timing))
    found = join_timing(timing.pts[0], durations, *places)
    assert (found_first_frame, found) == (first_frame, timing)


@pytest.mark.parametrize("motion", [b"", b"\x01"], ids=["no-motion", "motion"])
def test_views_that_say_nothing_are_no_views(motion: bytes) -> None:
    timing = Timing((0, 1), 1, ((0, 0, 0, 0),) * 2, motion)
    assert timing == Timing((0, 1), 1, (), motion)
    assert timing.is_nominal(1) == (not motion)
    assert Timing((0, 1), 1, ((0, 0, 0, 0), (0, 0, 0, 1))).views


@given(st.lists(packets(32), min_size=1, max_size=12))
def test_packets(group: list[AudioPacket]) -> None:
    assert unpack_packets(pack_packets(group)) == tuple(group)


@st.composite
def contents(draw: st.DrawFn) -> list[tuple[Segment, Timing | None] | list[AudioPacket]]:
    """Segments of 16 x 8 pixels under strides 4, 8, 8, each maybe followed by packets of streams 0 and 1."""
    items: list[tuple[Segment, Timing | None] | list[AudioPacket]] = []
    first_frame, pts = 0, 0
    for _ in range(draw(st.integers(0, 4))):
        num_frames = draw(st.integers(1, 9))
        depth = draw(st.integers(1, 3))
        shape = (1 + -(-(num_frames - 1) // 4), 1, 2)
        segment = Segment(first_frame, num_frames, shape, tuple(draw(layers) for _ in range(depth)))
        steps = draw(
            st.lists(st.integers(1, 999), min_size=num_frames, max_size=num_frames)
            | st.just([100] * num_frames)
        )
        times = tuple(pts + sum(steps[:k]) for k in range(num_frames))
        items.append((segment, Timing(times, steps[-1])))
        first_frame, pts = first_frame + num_frames, times[-1] + steps[-1]
        if group := draw(st.lists(packets(2), max_size=4)):
            items.append(group)
    return items


@settings(max_examples=60)
@given(contents(), st.booleans())
def test_file(files, items, is_pipe) -> None:  # type: ignore[no-untyped-def]
    header = files.header(width=16, height=8, coded_width=16, coded_height=8, tick=100, start_pts=0)

    def fill(writer: Writer) -> None:
        writer.write_audio_header(files.audio_header(0))
        writer.write_audio_header(files.audio_header(1))
        for item in items:
            if isinstance(item, tuple):
                writer.write_segment(*item)
            else:
                writer.write_audio_packets(item)

    data = files.write(fill, header)
    reader = Reader(files.Pipe(data) if is_pipe else io.BytesIO(data))
    found = [
        (item.segment, item.timing) if isinstance(item, TimedSegment) else list(item)  # type: ignore[arg-type]
        for item in reader.items()
    ]
    assert reader.header == header
    assert found == items
    assert reader.bytes_by_chunk.total() == len(data)
    assert files.write(fill, header) == data


@settings(max_examples=60)
@given(timings, st.integers(1, 2**32 - 1), st.booleans())
@example(Timing((2**62 - 3, 2**62 - 1), 7), 5, False)  # an even tick would lead beyond the largest pts
@example(Timing((0,), 1, ((0, 0, 0, 0),), b"\0"), 1, False)  # motion stands behind views
def test_any_times_in_a_file(files, timing, tick, is_pipe) -> None:  # type: ignore[no-untyped-def]
    num_frames = len(timing.pts)
    segment = Segment(0, num_frames, (1 + -(-(num_frames - 1) // 4), 2, 2), (Layer.from_payload(b"x", 5),))
    data = files.write(lambda writer: writer.write_segment(segment, timing), files.header(tick=tick))
    (item,) = files.read(data, is_pipe=is_pipe)
    assert (item.segment, item.timing) == (segment, timing)


@settings(max_examples=60)
@given(
    headers(),
    st.dictionaries(TEXTS, json_values, max_size=4),
    st.lists(audio_headers, max_size=4, unique_by=lambda header: header.stream),
    st.booleans(),
)
def test_heads_of_a_file(files, header, metadata, audio, is_pipe) -> None:  # type: ignore[no-untyped-def]
    def fill(writer: Writer) -> None:
        writer.write_metadata(metadata)
        for audio_header in audio:
            writer.write_audio_header(audio_header)

    data = files.write(fill, header)
    reader = Reader(files.Pipe(data) if is_pipe else io.BytesIO(data))
    assert (reader.header, reader.metadata, list(reader.audio_headers)) == (header, metadata, audio)
    assert list(reader.items()) == []
