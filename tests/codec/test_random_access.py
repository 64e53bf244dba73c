"""Parts of a video: exact to the frame, and no more of the file read than they need."""

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import mgv
from mgv.codec import OptionError, segmenter
from mgv.container import CorruptError, Index, Reader

pytestmark = pytest.mark.usefixtures("one_thread")
ClipMaker = Callable[..., Path]
Ranges = list[tuple[int, int]]

SEGMENT_FRAMES = 5
HALF_MICROSECOND = Fraction(1, 2_000_000)
CHUNK_HEADER_BYTES = 17
TABLE_BYTES = 26 + 3 * 12 + 4
"""Of a SEGM payload with three layers, before the coded bytes."""


class CountingFile(io.BytesIO):
    """Notes which bytes were read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.ranges: Ranges = []

    def read(self, size: int | None = -1) -> bytes:
        start = self.tell()
        data = super().read(size)
        self.ranges.append((start, start + len(data)))
        return data

    @property
    def num_read(self) -> int:
        return sum(end - start for start, end in self.ranges)

    def num_read_between(self, first: int, end: int) -> int:
        return sum(max(0, min(high, end) - max(low, first)) for low, high in self.ranges)


@pytest.fixture
def encode_short(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Encode a clip in segments of 5 frames."""
    monkeypatch.setattr(segmenter, "DEFAULT_SEGMENT_FRAMES", SEGMENT_FRAMES)

    def encode(**facts: object) -> Path:
        coded = tmp_path / "coded.mgv"
        mgv.encode(make_clip("clip.mp4", **facts), coded, model=tiny_model, coder="raw")
        return coded

    return encode


def index_of(data: bytes) -> Index:
    return Reader(io.BytesIO(data)).index()


def body_offset(data: bytes) -> int:
    return Reader(io.BytesIO(data)).body_offset_bytes


def decode_part(file: CountingFile, model: Path, start: float, duration: float) -> int:
    return mgv.decode(file, io.BytesIO(), model=model, start=start, duration=duration).num_frames


@pytest.mark.parametrize("with_audio", [False, True])
def test_a_part_reads_headers_index_and_its_segments(
    encode_short: Callable[..., Path], tiny_model: Path, with_audio: bool
) -> None:
    data = encode_short(num_frames=80, with_audio=with_audio).read_bytes()
    index = index_of(data)
    entries = index.entries
    assert len(entries) == 16
    file = CountingFile(data)
    assert decode_part(file, tiny_model, 22 / 25, 6 / 25) == 6  # frames 22 to 27: segments 4 and 5
    needed = entries[6].offset_bytes - entries[4].offset_bytes
    index_offset = data.rindex(b"INDX")
    # Beyond that: the header of the chunk behind the headers, and where there is audio, that of one segment more.
    most = body_offset(data) + needed + len(data) - index_offset + CHUNK_HEADER_BYTES
    if with_audio:
        late_bytes = entries[7].offset_bytes - data.index(b"APKT", entries[6].offset_bytes)
        most += late_bytes + 3 * CHUNK_HEADER_BYTES
    assert file.num_read <= most < len(data) / 2
    assert file.num_read_between(entries[0].offset_bytes + CHUNK_HEADER_BYTES, entries[4].offset_bytes) == 0
    assert file.num_read_between(entries[7].offset_bytes + CHUNK_HEADER_BYTES, index_offset) == 0


@pytest.mark.parametrize("damage", ["cut", "index", "end"])
@pytest.mark.parametrize("with_audio", [False, True])
def test_without_index_other_segments_are_hopped_over(
    encode_short: Callable[..., Path], tiny_model: Path, damage: str, with_audio: bool
) -> None:
    whole = encode_short(num_frames=80, with_audio=with_audio).read_bytes()
    index_offset = whole.rindex(b"INDX")
    entries = index_of(whole).entries
    data = bytearray(whole[:index_offset] if damage == "cut" else whole)
    if damage != "cut":
        data[index_offset + 30 if damage == "index" else -8] ^= 1
    file = CountingFile(bytes(data))
    assert decode_part(file, tiny_model, 22 / 25, 6 / 25) == 6
    needed = entries[6].offset_bytes - entries[4].offset_bytes
    rest = len(whole) - index_offset
    hop = (2 if with_audio else 1) * CHUNK_HEADER_BYTES + TABLE_BYTES
    most = body_offset(whole) + needed + len(entries) * hop + 2 * rest + 4 * CHUNK_HEADER_BYTES
    if with_audio:
        most += entries[7].offset_bytes - whole.index(b"APKT", entries[6].offset_bytes)
    assert file.num_read <= most
    for number in (0, 1, 2, 3, 8, 9, 14):  # neither coded bytes nor packets
        start = entries[number].offset_bytes + CHUNK_HEADER_BYTES + TABLE_BYTES
        end = entries[number + 1].offset_bytes
        assert file.num_read_between(start, end) == (CHUNK_HEADER_BYTES if with_audio else 0)


def check_parts(coded: Path, model: Path, grid: list[tuple[Fraction | None, Fraction | None]]) -> int:
    """Compare parts with slices of the whole; give the number of parts that were empty."""
    num_empty = 0
    with mgv.open(coded, model=model) as video:
        header = video.info.header
        whole = list(video.frames())
        seconds = [(frame.pts - header.start_pts) * header.time_base for frame in whole]
        for start, duration in grid:
            first = -1 if start is None else start - HALF_MICROSECOND
            end = 10**9 if duration is None else (start or 0) + duration - HALF_MICROSECOND
            expected = [frame for frame, time in zip(whole, seconds, strict=True) if first <= time < end]
            asked = [None if value is None else float(value) for value in (start, duration)]
            if not expected:
                num_empty += 1
                with pytest.raises(OptionError, match="no frame in the time"):
                    list(video.frames(*asked))
                continue
            found = list(video.frames(*asked))
            assert [(f.index, f.pts) for f in found] == [(f.index, f.pts) for f in expected], (
                start,
                duration,
            )
            for frame, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(frame.rgb, other.rgb)
    return num_empty


def test_parts_are_exact_at_a_constant_rate(encode_short: Callable[..., Path], tiny_model: Path) -> None:
    coded = encode_short(num_frames=23)
    tick = Fraction(1, 25)
    starts = [None, *(tick * n for n in (0, 1, 4, 5, 14, 21, 22)), tick / 2, 5 * tick - Fraction(1, 1000)]
    durations = [None, Fraction(1, 1000), tick, 3 * tick / 2, 5 * tick, 100 * tick]
    num_empty = check_parts(coded, tiny_model, [(s, d) for s in starts for d in durations])
    assert num_empty == 2  # a millisecond from the middle of a frame, and the last one before a frame
    with mgv.open(coded, model=tiny_model) as video, pytest.raises(OptionError, match=r"it ends at 0\.920 s"):
        list(video.frames(start=23 / 25))


def test_parts_are_exact_at_a_variable_rate(encode_short: Callable[..., Path], tiny_model: Path) -> None:
    steps = np.random.default_rng(3).integers(1, 40, 22)
    steps[[3, 9, 16]] = 3000  # gaps of five seconds: in a segment, between two, and in the last but one
    pts = [0, *np.cumsum(steps).tolist()]
    times = [Fraction(value, 600) for value in pts]
    starts = [None, times[3], times[4], times[9], times[10], times[22]]
    starts += [times[3] + 1, times[9] + 2, times[22] - Fraction(1, 600)]
    durations = [None, Fraction(1, 600), Fraction(1), times[10] - times[8], Fraction(7)]
    coded = encode_short(num_frames=23, pts=pts)
    num_empty = check_parts(coded, tiny_model, [(s, d) for s in starts for d in durations])
    assert 0 < num_empty < 12


def test_the_seconds_of_a_frame_name_it(encode_short: Callable[..., Path], tiny_model: Path) -> None:
    """Also where they have been rounded to microseconds, as at 30000/1001 frames a second."""
    coded = encode_short(num_frames=8, pts=[20 * n + n // 2 for n in range(8)])
    with mgv.open(coded, model=tiny_model) as video:
        for frame in video.frames():
            for seconds in (frame.seconds, round(frame.seconds, 6)):
                assert next(video.frames(start=seconds)).index == frame.index


@pytest.mark.parametrize(
    ("damaged", "first", "num_frames"), [(2, 10, 10), (3, 12, 8), (3, 10, 7), (2, 12, 8), (3, 10, 10)]
)
@pytest.mark.parametrize("has_index", [True, False])
def test_a_damaged_part_is_concealed_over_its_whole_length(
    encode_short: Callable[..., Path],
    tiny_model: Path,
    damaged: int,
    first: int,
    num_frames: int,
    has_index: bool,
) -> None:
    """Segments 2 and 3 are wanted, one of them is damaged: it may be at either end of the part."""
    data = bytearray(encode_short(num_frames=25).read_bytes())
    entries = index_of(bytes(data)).entries
    data[entries[damaged].offset_bytes + 40] ^= 1
    if not has_index:
        del data[data.rindex(b"INDX") :]
    options = {"model": tiny_model, "start": first / 25, "duration": num_frames / 25}
    with pytest.raises(CorruptError):
        mgv.decode(io.BytesIO(data), io.BytesIO(), **options)
    report = mgv.decode(io.BytesIO(data), io.BytesIO(), conceal=True, **options)
    assert report.num_frames == num_frames
    is_hit = [first <= frame < first + num_frames for frame in range(5 * damaged, 5 * damaged + 5)]
    assert report.num_concealed == sum(is_hit)


def test_a_part_of_a_cut_file_is_whole(encode_short: Callable[..., Path], tiny_model: Path) -> None:
    data = encode_short(num_frames=25, with_audio=True).read_bytes()
    cut = data[: index_of(data).entries[4].offset_bytes + 9]
    report = mgv.decode(io.BytesIO(cut), io.BytesIO(), model=tiny_model, start=0.4, duration=0.4)
    assert (report.num_frames, report.damage) == (10, ())


@pytest.mark.parametrize("value", [3.0, "3", 2.5])
@pytest.mark.parametrize("option", ["quality", "effort", "segment_frames"])
def test_what_is_no_whole_number_is_refused(
    option: str, value: object, make_clip: ClipMaker, tiny_model: Path, tmp_path: Path
) -> None:
    target = tmp_path / "coded.mgv"
    with pytest.raises(mgv.OptionError, match=rf"{option} is {value!r}, expected a whole number"):
        mgv.encode(make_clip("clip.mp4"), target, model=tiny_model, **{option: value})  # type: ignore[arg-type]
    assert not target.exists()


def test_layers_are_a_whole_number_and_a_closed_file_gives_no_frames(
    encode_short: Callable[..., Path], tiny_model: Path
) -> None:
    with mgv.open(encode_short(), model=tiny_model) as video:
        with pytest.raises(mgv.OptionError, match=r"layers is 2\.5, expected a whole number"):
            next(video.frames(layers=2.5))  # type: ignore[arg-type]
        next(video.frames(layers=1))
    with pytest.raises(ValueError, match="was closed"):
        next(video.frames())
    with pytest.raises(ValueError, match="closed"):
        video.tokens()
