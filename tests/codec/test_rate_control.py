"""Targets of the rate on whole encodings: never above, used up, the same each time, refused where impossible."""

import io
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import mgv
from mgv.codec import EncodeReport, OptionError, read_info, segmenter
from mgv.codec.encode_video import encode
from mgv.codec.rate_control import SegmentNeeds, SurveyedBudget
from mgv.codec.rate_fit import Allowance
from mgv.codec.rate_ladder import MEASURED_WEIGHT
from mgv.codec.rate_ledger import Ledger
from mgv.codec.segment_coder import SegmentCoder
from mgv.codec.token_stream import SegmentLatents, Size
from mgv.container import Reader, Segment, TimedSegment, verify
from mgv.tokenizer import Tokenizer, load_tokenizer

Pictures = list[NDArray[np.uint8]]
MakeSource = Callable[..., Path]

WIDTH, HEIGHT = 96, 64
SEGMENT_FRAMES = 9


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Tokenizer:
    return load_tokenizer(str(tiny_model))


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch, one_thread: None) -> None:
    monkeypatch.setattr(segmenter, "DEFAULT_SEGMENT_FRAMES", SEGMENT_FRAMES)


def moving(num_frames: int, seed: int = 0, detail: float = 1.0) -> Pictures:
    """A texture that drifts over a background that does not."""
    rng = np.random.default_rng(seed)
    texture = np.kron(rng.integers(-90, 90, (32, 24, 3)), np.ones((4, 4, 1)))
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    ground = 128 + 60 * np.stack([np.sin(x / 15 + k) * np.cos(y / 11 - k) for k in range(3)], axis=-1)
    window = (np.abs(y - 32) < 20)[..., None] & (np.abs(x - 48) < 30)[..., None]
    frames = []
    for index in range(num_frames):
        shifted = np.roll(texture, (index, 2 * index), axis=(0, 1))[:HEIGHT, :WIDTH]
        frames.append(np.clip(ground + detail * shifted * window, 0, 255).astype(np.uint8))
    return frames


def noise(num_frames: int, seed: int = 1) -> Pictures:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (num_frames, HEIGHT // 4, WIDTH // 4, 3))
    return [np.kron(frame, np.ones((4, 4, 1))).astype(np.uint8) for frame in coarse]


def still(num_frames: int) -> Pictures:
    return moving(1) * num_frames


CLIPS: dict[str, Callable[[], Pictures]] = {
    "one segment": lambda: moving(SEGMENT_FRAMES),
    "one frame": lambda: moving(1),
    "still, then noise": lambda: still(58) + noise(58),
    "noise, then still": lambda: noise(40) + moving(76, detail=0.3),
    "scenes": lambda: moving(40) + moving(30, 3, 0.5) + noise(7) + moving(40, 5),
}


class Pipe(io.RawIOBase):
    """Bytes that come once."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, num_bytes: int = -1) -> bytes:
        return self._data.read(num_bytes)


@pytest.fixture
def make_lossless(make_source: MakeSource) -> Callable[..., Path]:
    def make(pictures: Pictures, **options: object) -> Path:
        return make_source("source.mkv", "ffv1", "bgr0", pictures=pictures, size=(WIDTH, HEIGHT), **options)

    return make


def y4m(pictures: Pictures) -> bytes:
    header = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F25:1 Ip A1:1 C444\n".encode()
    return header + b"".join(b"FRAME\n" + np.moveaxis(frame, -1, 0).tobytes() for frame in pictures)


def check(report: EncodeReport, data: bytes, kind: str, asked: float) -> float:
    """Hold a report against the file; gives the share of the target that was used."""
    info = read_info(io.BytesIO(data))
    assert verify(io.BytesIO(data)).is_whole
    assert report.target is not None
    assert (report.target.kind, report.target.asked) == (kind, asked)
    assert (report.file_bytes, report.duration_seconds) == (len(data), float(info.duration_seconds))
    video_bytes = len(data) - sum(info.bytes_by_chunk.get(name, 0) for name in ("AHDR", "APKT"))
    reached = {
        "bpp": Fraction(video_bytes * 8, report.width * report.height * info.num_frames),
        "bitrate": video_bytes * 8 / Fraction(info.duration_seconds),
        "size": Fraction(len(data)),
    }[kind]
    assert reached <= Fraction(asked)
    assert report.target.reached == pytest.approx(float(reached))
    return float(reached / Fraction(asked))


def middling(make: Callable[[], Pictures], model: Tokenizer, kind: str, share: float) -> float:
    """Give a target in the range of the model for a clip: so much of what its best quality takes."""
    out = io.BytesIO()
    full = encode(Pipe(y4m(make())), out, model=model)
    video_bytes = full.file_bytes * share
    bits = video_bytes * 8
    return {
        "bpp": bits / (WIDTH * HEIGHT * full.num_frames),
        "bitrate": round(bits / float(full.duration_seconds)),
        "size": round(video_bytes),
    }[kind]


@pytest.mark.parametrize(
    ("clip", "kind", "share"),
    [
        ("one segment", "bpp", 0.6),
        ("one frame", "size", 0.8),
        ("still, then noise", "bitrate", 0.5),
        ("still, then noise", "size", 0.3),
        ("noise, then still", "bpp", 0.5),
        ("scenes", "bpp", 0.7),
        ("scenes", "size", 0.45),
    ],
)
def test_a_file_is_read_twice_and_its_target_used_up(
    clip: str, kind: str, share: float, model: Tokenizer, make_lossless: Callable[..., Path], tmp_path: Path
) -> None:
    asked = middling(CLIPS[clip], model, kind, share)
    path, out = make_lossless(CLIPS[clip]()), tmp_path / "out.mgv"
    report = encode(path, out, model=model, **{kind: asked})
    used = check(report, out.read_bytes(), kind, asked)
    assert used >= (0.95 if report.num_frames >= 10 * SEGMENT_FRAMES else 0.9)
    assert report.quality is None
    assert report.notes == ()


@pytest.mark.parametrize(
    ("clip", "kind", "share", "least"),
    [
        ("one segment", "bitrate", 0.6, 0.9),
        ("still, then noise", "bpp", 0.5, 0.0),
        ("noise, then still", "bpp", 0.5, 0.0),
        ("scenes", "bitrate", 0.6, 0.9),
    ],
)
def test_a_pipe_never_takes_more(clip: str, kind: str, share: float, least: float, model: Tokenizer) -> None:
    asked, out = middling(CLIPS[clip], model, kind, share), io.BytesIO()
    report = encode(Pipe(y4m(CLIPS[clip]())), out, model=model, **{kind: asked})
    assert check(report, out.getvalue(), kind, asked) >= least


def test_a_pipe_tries_no_finer_rung_than_it_needs(model: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    tried, whole = [], SegmentCoder.code

    def code(
        self: SegmentCoder, segment: SegmentLatents, size: Size, num_layers: int, weight: float
    ) -> Segment:
        if segment.first_frame == 0 and weight == MEASURED_WEIGHT:
            tried.append(num_layers)
        return whole(self, segment, size, num_layers, weight)

    asked = [middling(CLIPS["scenes"], model, "bpp", share) for share in (0.3, 3.0)]
    monkeypatch.setattr(SegmentCoder, "code", code)
    most = []
    for bpp in asked:
        tried.clear()
        encode(Pipe(y4m(CLIPS["scenes"]())), io.BytesIO(), model=model, bpp=bpp)
        most.append(max(tried))
    assert most[0] < most[1] == len(model.config.bit_depths)


def test_audio_counts_for_size_alone(
    model: Tokenizer, make_lossless: Callable[..., Path], tmp_path: Path
) -> None:
    path, out = make_lossless(moving(60), audio="aac"), tmp_path / "out.mgv"
    plain = encode(path, out, model=model)
    assert plain.audio_bytes > 1000
    for kind, asked in (("size", plain.file_bytes - 1000), ("bpp", plain.bpp * 0.8)):
        report = encode(path, out, model=model, force=True, **{kind: asked})
        assert check(report, out.read_bytes(), kind, asked) >= 0.9
        assert report.audio_bytes == plain.audio_bytes


def test_a_size_through_a_pipe_needs_a_length(
    model: Tokenizer, make_lossless: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match="does not say how long it is"):
        encode(Pipe(y4m(moving(12))), io.BytesIO(), model=model, size=5000)
    data, out = make_lossless(moving(100), audio="aac").read_bytes(), io.BytesIO()
    whole = encode(Pipe(data), io.BytesIO(), model=model)
    asked = whole.audio_bytes + (whole.file_bytes - whole.audio_bytes) * 3 // 4
    report = encode(Pipe(data), out, model=model, size=asked)
    assert check(report, out.getvalue(), "size", asked) >= 0.9


def test_a_file_object_that_seeks_is_read_twice_from_where_it_stood(model: Tokenizer) -> None:
    asked, out = middling(CLIPS["scenes"], model, "bpp", 0.5), io.BytesIO()
    source = io.BytesIO(b"something else" + y4m(CLIPS["scenes"]()))
    source.seek(len(b"something else"))
    assert check(encode(source, out, model=model, bpp=asked), out.getvalue(), "bpp", asked) >= 0.95


def test_uneven_times_count(model: Tokenizer, make_lossless: Callable[..., Path], tmp_path: Path) -> None:
    pts = np.cumsum(np.random.default_rng(5).integers(1, 4, 50)).tolist()
    path, out = make_lossless(moving(50), pts=pts), tmp_path / "out.mgv"
    plain = encode(path, out, model=model)
    asked = float(plain.file_bytes * 8 / plain.duration_seconds) * 0.7
    report = encode(path, out, model=model, force=True, bitrate=asked)
    assert "TIME" in read_info(out).bytes_by_chunk
    assert check(report, out.read_bytes(), "bitrate", asked) >= 0.9


@pytest.mark.parametrize("is_pipe", [False, True])
def test_the_same_each_time(is_pipe: bool, model: Tokenizer) -> None:
    data = y4m(moving(30) + noise(10))
    asked = middling(lambda: moving(30) + noise(10), model, "bpp", 0.5)
    results = []
    for _ in range(2):
        out = io.BytesIO()
        encode(Pipe(data) if is_pipe else io.BytesIO(data), out, model=model, bpp=asked)
        results.append(out.getvalue())
    assert results[0] == results[1]


def test_segments_may_differ_in_layers(model: Tokenizer, tmp_path: Path) -> None:
    pictures = noise(2 * SEGMENT_FRAMES) + still(8 * SEGMENT_FRAMES) + noise(SEGMENT_FRAMES)
    asked, out = middling(lambda: pictures, model, "bpp", 0.3), tmp_path / "out.mgv"
    encode(Pipe(y4m(pictures)), out, model=model, bpp=asked)
    items = list(Reader(io.BytesIO(out.read_bytes())).events())
    counts = {len(item.segment.layers) for item in items if isinstance(item, TimedSegment)}
    assert len(counts) > 1
    with mgv.open(out, model=model) as video:
        assert sum(1 for _ in video.frames()) == len(pictures)


@pytest.mark.parametrize("is_pipe", [False, True])
@pytest.mark.parametrize(("kind", "asked"), [("bpp", 0.001), ("bitrate", 100), ("size", 500)])
def test_too_low(
    is_pipe: bool,
    kind: str,
    asked: float,
    model: Tokenizer,
    make_lossless: Callable[..., Path],
    tmp_path: Path,
) -> None:
    path, out = make_lossless(moving(40)), tmp_path / "out.mgv"
    source = Pipe(path.read_bytes()) if is_pipe else path
    with pytest.raises(
        OptionError, match=r"can't be kept: .* take at least [\d.]+ (bpp|bit/s|bytes) with"
    ) as caught:
        encode(source, out, model=model, **{kind: asked})
    assert sorted(tmp_path.iterdir()) == [path]
    if not is_pipe:
        least = float(str(caught.value).split("at least ")[1].split()[0])
        report = encode(path, out, model=model, **{kind: least})
        assert check(report, out.read_bytes(), kind, least) > 0.9
        with pytest.raises(OptionError):
            encode(path, out, model=model, force=True, **{kind: least * 0.99})


def test_more_than_can_be_used(model: Tokenizer) -> None:
    out = io.BytesIO()
    report = encode(io.BytesIO(y4m(moving(20))), out, model=model, bpp=20.0)
    assert check(report, out.getvalue(), "bpp", 20.0) < 0.5
    assert report.notes == ("20 bpp is more than this video can use: this is the best quality of the model",)


def test_one_thing_at_a_time(model: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="quality and bpp are given"):
        encode("missing.mp4", tmp_path / "out.mgv", model=model, quality=1, bpp=0.1)
    with pytest.raises(OptionError, match="bpp and size are given"):
        encode("missing.mp4", tmp_path / "out.mgv", model=model, size="1k", bpp=0.1)


def test_the_ledger_is_right_to_the_byte(
    model: Tokenizer, make_lossless: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledgers: list[Ledger] = []

    class Kept(Ledger):
        def __init__(self, tick: int) -> None:
            super().__init__(tick)
            ledgers.append(self)

    monkeypatch.setattr("mgv.codec.rate_control.Ledger", Kept)
    pts = np.cumsum(np.random.default_rng(6).integers(1, 4, 40)).tolist()
    path = make_lossless(moving(40), pts=pts, audio="aac", metadata={"title": "what counts"})
    report = encode(path, tmp_path / "out.mgv", model=model, bpp=0.08)
    assert len(ledgers) == 1
    assert ledgers[0].audio_bytes == report.audio_bytes > 0
    assert ledgers[0].video_bytes == report.file_bytes - report.audio_bytes


def test_a_plan_that_fails_is_followed_by_one_that_can_not(
    model: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = moving(30) + noise(10)
    asked, out = middling(lambda: pictures, model, "bpp", 0.5), tmp_path / "out.mgv"
    usual = SurveyedBudget.allowance
    failures: list[int] = []

    def allowance(budget: SurveyedBudget, segment: SegmentLatents, *others: object) -> Allowance:
        if segment.first_frame > 0 and not failures:
            failures.append(segment.first_frame)
            return Allowance(0, 0, 0)
        return usual(budget, segment, *others)

    monkeypatch.setattr(SurveyedBudget, "allowance", allowance)
    told: list[tuple[int, int | None]] = []
    source = tmp_path / "in.y4m"
    source.write_bytes(y4m(pictures))
    report = encode(source, out, model=model, bpp=asked, progress=lambda *done: told.append(done))
    assert all(expected is None or done <= expected for done, expected in told)
    assert told[-1][1] in (None, told[-1][0])
    assert failures == [SEGMENT_FRAMES]
    assert check(report, out.read_bytes(), "bpp", asked) >= 0.9
    failures.clear()
    with pytest.raises(OptionError, match="can't be kept; write to a file, or ask for more"):
        encode(io.BytesIO(y4m(pictures)), io.BytesIO(), model=model, bpp=asked)


def test_what_is_the_same_at_every_rate_point_is_not_multiplied() -> None:
    needs = SegmentNeeds(first_frame=0, least_bytes=90, weight=1500, fixed_bytes=400)
    assert needs.at(20) == SegmentNeeds(0, 90, 400 + 20 * 1100, 400)
    assert needs.at(1) == needs
    assert replace(needs, least_bytes=700).least_at(3) == 400 + 3 * 300
    assert needs.least_at(3) == 90


def test_the_survey_tells_what_is_the_same_at_every_rate_point(
    model: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[SegmentNeeds] = []
    usual = SurveyedBudget.__init__

    def begin(
        budget: SurveyedBudget, most_bytes: int, needs: tuple[SegmentNeeds, ...], *others: float
    ) -> None:
        seen.extend(needs)
        usual(budget, most_bytes, needs, *others)

    monkeypatch.setattr(SurveyedBudget, "__init__", begin)
    pictures = moving(10)
    asked = middling(lambda: pictures, model, "bpp", 0.5)
    encode(io.BytesIO(y4m(pictures)), io.BytesIO(), model=model, bpp=asked)
    assert seen
    assert all(0 < need.fixed_bytes < need.weight for need in seen)
