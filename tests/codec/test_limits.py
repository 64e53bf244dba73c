"""Files that declare much: decoding them takes no more memory or frames than FORMAT.md and README allow."""

import io
import tracemalloc
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import mgv
from mgv.codec.conceal import Gap, LostFrames, place_gaps
from mgv.codec.entropy import get_coder
from mgv.codec.layer_stream import decode_layers, encode_layers
from mgv.codec.options import OptionError
from mgv.codec.segmenter import longest_segment
from mgv.codec.token_stream import SegmentTokens, detokenize_segment
from mgv.container import CorruptError, Layer, LimitError, Segment, Timing, limits, repair
from mgv.tokenizer import load_tokenizer
from mgv.tokenizer.decoder_engine import TorchEngine

ClipMaker = Callable[..., Path]
PLANES = tuple((bit % 6, bit // 6) for bit in range(62))
LARGEST_GRID = (8, 2048, 2048)
LAYER = Layer.from_payload(b"", 0)
EDGE = limits.MAX_SEGMENT_FRAMES


class TestGaps:
    def segment(self, first_frame: int, pts: int) -> SegmentTokens:
        return SegmentTokens(np.zeros((1, 1, 1), np.int64), 20, first_frame, (pts,), 1)

    def num_made(self, *items: SegmentTokens | Gap) -> int:
        return sum(item.num_frames for item in place_gaps(items, 1) if isinstance(item, LostFrames))

    def test_a_gap_may_have_a_segment_of_frames_and_one_for_each_byte_before_its_end(self) -> None:
        assert self.num_made(self.segment(0, 0), Gap(1, EDGE)) == EDGE
        assert self.num_made(self.segment(0, 0), Gap(1, EDGE + 9, 9)) == EDGE + 9
        with pytest.raises(CorruptError, match=f"only {EDGE + 9} frames are made up for 9 bytes.*mgv repair"):
            self.num_made(self.segment(0, 0), Gap(1, EDGE + 10, 9))

    def test_gaps_count_together(self) -> None:
        one, other = Gap(1, EDGE - 1), Gap(EDGE + 1, 2)
        late = self.segment(EDGE, 1 << 40)
        with pytest.raises(CorruptError, match=f"frames {EDGE + 1} to {EDGE + 2} are missing"):
            self.num_made(self.segment(0, 0), one, late, other)

    def test_a_gap_for_which_there_is_no_time_is_no_harm(self) -> None:
        assert self.num_made(self.segment(0, 0), Gap(1, 1 << 31), self.segment(1 << 31, 5)) == 4

    def test_a_gap_of_all_frames_there_can_be_is_refused_before_memory_is_taken(self) -> None:
        tracemalloc.start()
        for items in (
            (Gap(0, (1 << 32) - 2), self.segment((1 << 32) - 2, 0)),
            (self.segment(0, 0), Gap(1, 1 << 31)),
        ):
            with pytest.raises(CorruptError, match="are missing"):
                self.num_made(*items)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak_bytes < 1 << 20


@pytest.fixture
def coded(make_clip: ClipMaker, tiny_model: Path, tmp_path: Path) -> bytes:
    path = tmp_path / "coded.mgv"
    mgv.encode(make_clip(num_frames=2, size=(16, 16)), path, model=tiny_model, coder="raw")
    return path.read_bytes()


def with_num_frames(data: bytes, num_frames: int) -> bytes:
    """Let END count that many frames."""
    payload = data[-16:-8] + num_frames.to_bytes(4, "little")
    return data[:-16] + payload + zlib.crc32(payload).to_bytes(4, "little")


def test_a_file_that_counts_billions_of_frames_conceals_few(coded: bytes, tiny_model: Path) -> None:
    few = mgv.decode(io.BytesIO(with_num_frames(coded, 9)), io.BytesIO(), model=tiny_model, conceal=True)
    assert (few.num_frames, few.num_concealed) == (9, 7)
    hostile, out = with_num_frames(coded, (1 << 32) - 1), io.BytesIO()
    with pytest.raises(CorruptError, match="frames 2 to 4294967294 are missing"):
        mgv.decode(io.BytesIO(hostile), out, model=tiny_model, conceal=True)
    assert len(out.getvalue()) < 3000
    repaired = io.BytesIO()
    repair(io.BytesIO(hostile), repaired)
    repaired.seek(0)
    assert mgv.decode(repaired, io.BytesIO(), model=tiny_model).num_frames == 2


def test_damages_are_listed_up_to_a_bound(coded: bytes, tiny_model: Path) -> None:
    end = len(coded) - 33
    pieces = b"".join(_broken_chunk(n) for n in range(1500))
    report = mgv.decode(
        io.BytesIO(coded[:end] + pieces + coded[end:]), io.BytesIO(), model=tiny_model, conceal=True
    )
    assert len(report.damage) == 1000


def _broken_chunk(number: int) -> bytes:
    prefix = b"note\0" + (4).to_bytes(8, "little")
    return prefix + zlib.crc32(prefix).to_bytes(4, "little") + number.to_bytes(4, "little") + bytes(4)


@pytest.mark.parametrize("coder", ["raw", "zstd"])
@pytest.mark.parametrize("payload", [b"", bytes(100)])
def test_no_memory_for_a_grid_whose_bits_are_not_there(coder: str, payload: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(CorruptError):
        get_coder(coder, PLANES).decode([payload], LARGEST_GRID, (62,))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 1 << 20


def test_a_zstd_layer_with_a_large_window_is_refused() -> None:
    import zstandard

    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=24)
    data = zstandard.ZstdCompressor(compression_params=parameters).compress(bytes(1 << 25))
    with pytest.raises(LimitError, match="window"):
        get_coder("zstd", PLANES).decode([data], (1, 1 << 14, 1 << 14), (1,))


@pytest.mark.parametrize(
    ("coder", "bit_depths"),
    [("raw", (62,)), ("raw", (20, 40, 62)), ("zstd", (20, 40, 62)), ("adaptive", (1, 2))],
)
def test_decoding_takes_the_memory_a_token_that_is_documented(
    coder: str, bit_depths: tuple[int, ...]
) -> None:
    decoder = get_coder(coder, PLANES)
    ids = np.zeros((1, 256, 1024), np.int64)
    header = SimpleNamespace(bit_depths=bit_depths, start_pts=0, time_base=Fraction(1, 25))
    timing = Timing((0,), 1)
    for grid in (ids[:1, :8, :8], ids):  # the first one compiles
        tokens = SegmentTokens(grid, 62, 0, timing.pts, timing.last_duration)
        segment = encode_layers(tokens, decoder, bit_depths)
        tracemalloc.start()
        decode_layers(segment, timing, decoder, header, None)  # type: ignore[arg-type]
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    num_dimensions = 6 if coder == "adaptive" else 0
    assert peak_bytes < ids.size * (32 + 2 * num_dimensions) + (4 << 20)


@pytest.mark.parametrize(
    ("width", "height", "num_frames"),
    [(16384, 16384, 29), (8192, 8192, 33), (640, 360, 129), (16, 16, 129)],
)
def test_segments_are_shortened_to_what_a_file_may_hold(width: int, height: int, num_frames: int) -> None:
    assert longest_segment((4, 8, 8), width, height) == num_frames
    t = 1 + (num_frames - 1) // 4
    Segment(0, num_frames, (t, height // 8, width // 8), (LAYER,))


def test_a_segment_of_4096_frames_fits() -> None:
    Segment(0, 4096, (1025, 45, 80), (LAYER,))


def test_a_picture_that_is_too_large_for_one_segment_is_refused() -> None:
    assert longest_segment((4, 2, 4), 16384, 16384) == 1
    with pytest.raises(OptionError, match="67108864 tokens under strides"):
        longest_segment((4, 2, 2), 16384, 16384)


def test_frames_are_scaled_in_pieces(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small coded picture may stand for a large one; only few are in memory at a time."""
    monkeypatch.setattr("mgv.codec.token_stream.CHUNK_BYTES", 2 * 3 * 64 * 64)
    tokenizer = load_tokenizer(tiny_model)
    tokens = SegmentTokens(np.zeros((3, 2, 2), np.int64), 20, 0, tuple(range(9)), 1)
    decoded = detokenize_segment(tokens, tokenizer, ((16, 16), (64, 64)), TorchEngine(tokenizer))
    batches = [(batch.cut_out().rgb.shape, batch.pts) for batch in decoded]
    assert [pts for _, times in batches for pts in times] == list(range(9))
    assert max(shape[0] for shape, _ in batches) == 2


def test_however_small_the_chunks_a_segment_at_rest_begins_as_it_goes_on(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = load_tokenizer(tiny_model)
    tokens = SegmentTokens(np.zeros((3, 2, 2), np.int64), 20, 0, tuple(range(9)), 1)
    shown = []
    for chunk_bytes in (1 << 26, 3 * 4 * 16 * 16):
        monkeypatch.setattr("mgv.codec.token_stream.CHUNK_BYTES", chunk_bytes)
        decoded = detokenize_segment(tokens, tokenizer, ((16, 16), (16, 16)), TorchEngine(tokenizer))
        shown.append(np.concatenate([batch.cut_out().rgb for batch in decoded]))
    assert np.array_equal(*shown)
    assert np.array_equal(shown[0][0], shown[0][1])
