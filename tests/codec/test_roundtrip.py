"""Video to `.mgv` and back: pixels, frame counts, times, size, audio, layers, random access."""

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import mgv
from mgv.codec import OptionError, open_source
from mgv.codec.video_in import SourceFrame
from mgv.container import AudioPacket, Reader
from mgv.eval.metrics import compare_frames
from mgv.tokenizer import WeightsError, load_tokenizer

pytestmark = pytest.mark.usefixtures("short_segments")
ClipMaker = Callable[..., Path]
TIME_BASE = Fraction(1, 600)
"""Of the clips that `make_clip` makes."""
TICK = 24


def events_of(path: Path) -> tuple[list[SourceFrame], list[AudioPacket]]:
    with open_source(path) as source:
        events = list(source.events())
    frames = [event for event in events if isinstance(event, SourceFrame)]
    return frames, [event for event in events if isinstance(event, AudioPacket)]


def psnr_of(clip: Path, coded: Path, model: Path, layers: int | None = None) -> float:
    with open_source(clip) as source, mgv.open(coded, model=model) as video:
        decoded = (frame.rgb for frame in video.frames(layers=layers))
        return compare_frames((frame.rgb for frame in source.frames()), decoded, with_ms_ssim=False).psnr_y_db


@pytest.mark.parametrize("num_frames", [1, 2, 33, 34, 40])
def test_frame_count_times_and_pictures(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path, num_frames: int
) -> None:
    clip = make_clip(num_frames=num_frames)
    coded, decoded = tmp_path / "out.mgv", tmp_path / "out.mkv"
    report = mgv.encode(clip, coded, model=tiny_model, coder="raw")
    mgv.decode(coded, decoded, model=tiny_model)
    before, after = events_of(clip)[0], events_of(decoded)[0]
    assert report.num_frames == len(before) == len(after) == num_frames
    assert report.file_bytes == coded.stat().st_size
    assert [frame.pts for frame in after] == [frame.pts for frame in before]
    assert psnr_of(clip, coded, tiny_model) > 28


@pytest.mark.parametrize("coder", ["raw", "zstd", "adaptive"])
def test_every_coder_gives_the_same_tokens(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path, coder: str
) -> None:
    clip, raw, coded = make_clip(), tmp_path / "raw.mgv", tmp_path / "coded.mgv"
    mgv.encode(clip, raw, model=tiny_model, coder="raw")
    mgv.encode(clip, coded, model=tiny_model, coder=coder)
    with mgv.open(raw, model=tiny_model) as one, mgv.open(coded, model=tiny_model) as other:
        assert other.info.coder_name == coder
        assert one.tokens().ids.equal(other.tokens().ids)


@pytest.mark.parametrize("size", [(61, 43), (8, 8), (5, 3), (48, 64)])
def test_any_size(make_clip: ClipMaker, tiny_model: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    clip, coded, decoded = make_clip(num_frames=3, size=size), tmp_path / "out.mgv", tmp_path / "out.mkv"
    mgv.encode(clip, coded, model=tiny_model, coder="raw")
    mgv.decode(coded, decoded, model=tiny_model, codec="ffv1")
    assert {frame.rgb.shape for frame in events_of(decoded)[0]} == {(size[1], size[0], 3)}


def test_a_lossless_output_has_the_decoded_pixels(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path
) -> None:
    coded, decoded = tmp_path / "out.mgv", tmp_path / "out.mkv"
    mgv.encode(make_clip(num_frames=6), coded, model=tiny_model, coder="raw")
    mgv.decode(coded, decoded, model=tiny_model, codec="ffv1")
    with mgv.open(coded, model=tiny_model) as video:
        for frame, written in zip(video.frames(), events_of(decoded)[0], strict=True):
            np.testing.assert_array_equal(frame.rgb, written.rgb)


def test_uneven_times_come_back(make_clip: ClipMaker, tiny_model: Path, tmp_path: Path) -> None:
    pts = (np.cumsum(np.random.default_rng(1).integers(5, 60, 70)) * 3).tolist()
    clip = make_clip("clip.mp4", num_frames=70, pts=pts)
    coded, decoded = tmp_path / "out.mgv", tmp_path / "out.mp4"
    mgv.encode(clip, coded, model=tiny_model, coder="raw")
    mgv.decode(coded, decoded, model=tiny_model)

    def seconds(path: Path) -> list[object]:
        with open_source(path) as source:
            return [frame.pts * source.time_base for frame in source.frames()]

    assert seconds(decoded) == seconds(clip) == [value * TIME_BASE for value in pts]
    with mgv.open(coded, model=tiny_model) as video:
        assert not video.info.has_constant_rate
        assert [frame.seconds for frame in video.frames()] == pytest.approx(
            [v * float(TIME_BASE) for v in pts]
        )


def test_audio_packets_come_back_untouched(make_clip: ClipMaker, tiny_model: Path, tmp_path: Path) -> None:
    clip = make_clip("clip.mp4", num_frames=80, with_audio=True)
    coded, decoded = tmp_path / "out.mgv", tmp_path / "out.mp4"
    report = mgv.encode(clip, coded, model=tiny_model, coder="raw")
    mgv.decode(coded, decoded, model=tiny_model)
    before, after = events_of(clip)[1], events_of(decoded)[1]
    assert len(before) > 40
    assert [(p.pts, p.data) for p in after] == [(p.pts, p.data) for p in before]
    with mgv.open(coded, model=tiny_model) as video:
        info = video.info
    assert info.audio[0].num_packets == len(before)
    assert info.audio[0].packet_bytes == sum(len(p.data) for p in before)
    assert report.bpp == info.bpp == (report.file_bytes - report.audio_bytes) * 8 / (64 * 48 * 80)
    assert report.audio_bytes > info.audio[0].packet_bytes


def test_a_higher_quality_has_more_layers_and_more_bytes(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path
) -> None:
    clip = make_clip(num_frames=9)
    full = tmp_path / "full.mgv"
    reports = []
    for quality in range(3):
        target = tmp_path / f"{quality}.mgv"
        reports.append(mgv.encode(clip, target, model=tiny_model, coder="raw", quality=quality))
    mgv.encode(clip, full, model=tiny_model, coder="raw")
    assert [report.num_layers for report in reports] == [1, 2, 3]
    assert reports[0].file_bytes < reports[1].file_bytes < reports[2].file_bytes == full.stat().st_size
    by_layers = [psnr_of(clip, full, tiny_model, layers) for layers in (1, 2, 3)]
    assert by_layers[2] > max(by_layers[:2]) + 3
    assert [psnr_of(clip, tmp_path / f"{q}.mgv", tiny_model) for q in range(3)] == by_layers


@pytest.mark.parametrize(("scale", "coded_size"), [(0.5, (48, 40)), (1.5, (144, 120))])
def test_a_picture_coded_at_another_size_is_scaled_back(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path, scale: float, coded_size: tuple[int, int]
) -> None:
    import shutil

    folder = tmp_path / "scaled"
    shutil.copytree(tiny_model, folder)
    (folder / "rate_points.json").write_text(f'[{{"scale": {scale}, "layers": 3}}]')
    clip, coded = make_clip(num_frames=5, size=(96, 80)), tmp_path / "scaled.mgv"
    mgv.encode(clip, coded, model=folder, coder="raw", quality=0)
    with mgv.open(coded, model=folder) as video:
        header = video.info.header
        assert (header.width, header.height, header.coded_width, header.coded_height) == (96, 80, *coded_size)
        assert video.tokens().ids.shape == (1, 2, coded_size[1] // 8, coded_size[0] // 8)
        assert {frame.rgb.shape for frame in video.frames()} == {(80, 96, 3)}
    assert psnr_of(clip, coded, folder) > 24


def test_a_segment_alone_gives_the_slice_of_the_whole(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path
) -> None:
    coded = tmp_path / "out.mgv"
    mgv.encode(make_clip(num_frames=80), coded, model=tiny_model, coder="raw")
    with mgv.open(coded, model=tiny_model) as video:
        assert video.num_segments == 3
        whole = list(video.frames())
        for start_frame, count in [(0, 5), (32, 3), (33, 1), (70, 10), (79, 1)]:
            start, duration = start_frame / 25, count / 25
            part = list(video.frames(start=start, duration=duration))
            assert [frame.index for frame in part] == list(range(start_frame, start_frame + count))
            for frame in part:
                np.testing.assert_array_equal(frame.rgb, whole[frame.index].rgb)
        with pytest.raises(OptionError, match="no frame in the time"):
            list(video.frames(start=4.0))
        with pytest.raises(IndexError, match="no segment 3"):
            video.tokens(3)


def test_a_part_touches_only_its_segments(make_clip: ClipMaker, tiny_model: Path, tmp_path: Path) -> None:
    coded = tmp_path / "out.mgv"
    mgv.encode(make_clip(num_frames=99), coded, model=tiny_model, coder="raw")
    with coded.open("rb") as file:
        entries = Reader(file).index().entries
    data = bytearray(coded.read_bytes())
    for entry in (entries[0], entries[2]):
        data[entry.offset_bytes + 60] ^= 0xFF
    coded.write_bytes(data)
    with mgv.open(coded, model=tiny_model) as video:
        assert [frame.index for frame in video.frames(start=33 / 25, duration=33 / 25)] == list(range(33, 66))


def test_a_part_is_written_from_time_zero_with_its_audio(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path
) -> None:
    clip = make_clip("clip.mp4", num_frames=100, with_audio=True)
    coded, part = tmp_path / "out.mgv", tmp_path / "part.mp4"
    mgv.encode(clip, coded, model=tiny_model, coder="raw")
    report = mgv.decode(coded, part, model=tiny_model, start=2.0, duration=1.0)
    frames, packets = events_of(part)
    assert report.num_frames == len(frames) == 25
    assert frames[0].pts == 0
    inside = [packet for packet in events_of(clip)[1] if 2 <= packet.pts / 16000 < 3]
    assert [packet.data for packet in packets] == [packet.data for packet in inside]
    assert [packet.pts for packet in packets] == [packet.pts - 32000 for packet in inside]


def test_pipes_need_no_seek(make_clip: ClipMaker, tiny_model: Path, tmp_path: Path) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: object) -> int:
            raise io.UnsupportedOperation("seek")

        def tell(self) -> int:
            raise io.UnsupportedOperation("tell")

    clip, coded = make_clip(num_frames=40), tmp_path / "out.mgv"
    mgv.encode(clip, coded, model=tiny_model, coder="raw")
    target, y4m = Pipe(), Pipe()
    mgv.encode(Pipe(clip.read_bytes()), target, model=tiny_model, coder="raw")
    assert target.getvalue() == coded.read_bytes()
    mgv.decode(Pipe(target.getvalue()), y4m, model=tiny_model)
    with av.open(io.BytesIO(y4m.getvalue())) as container:
        assert sum(1 for _ in container.decode(video=0)) == 40
    part = Pipe()
    assert (
        mgv.decode(Pipe(target.getvalue()), part, model=tiny_model, start=1.4, duration=0.08).num_frames == 2
    )


def test_equal_input_gives_equal_bytes(make_clip: ClipMaker, tiny_model: Path, tmp_path: Path) -> None:
    clip = make_clip("clip.mp4", num_frames=70, with_audio=True)
    targets = [tmp_path / f"{number}.mgv" for number in range(2)]
    for target in targets:
        mgv.encode(clip, target, model=tiny_model)
    assert targets[0].read_bytes() == targets[1].read_bytes()


def test_other_weights_are_refused_by_name(make_clip: ClipMaker, tiny_model: Path, tmp_path: Path) -> None:
    from mgv.tokenizer import save_tokenizer

    coded = tmp_path / "out.mgv"
    mgv.encode(make_clip(num_frames=2), coded, model=tiny_model, coder="raw")
    other = load_tokenizer(tiny_model)
    first = other.sha256
    other.decoder.scale.mul_(2)
    save_tokenizer(other, tmp_path / "other", {})
    with pytest.raises(WeightsError, match=rf"{first[:16]}.*{other.sha256[:16]}.*--model"):
        mgv.decode(coded, tmp_path / "out.mkv", model=tmp_path / "other")
    assert not (tmp_path / "out.mkv").exists()


def test_progress_ends_at_the_number_of_frames(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path
) -> None:
    told: list[tuple[int, int | None]] = []
    coded = tmp_path / "out.mgv"

    def progress(done: int, expected: int | None) -> None:
        told.append((done, expected))

    mgv.encode(make_clip(num_frames=40), coded, model=tiny_model, coder="raw", progress=progress)
    assert told[-1][0] == 40
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    told.clear()
    mgv.decode(coded, tmp_path / "out.mkv", model=tiny_model, progress=progress)
    assert told[-1] == (40, 40)


def test_the_tick_is_that_of_the_source(make_clip: ClipMaker, tiny_model: Path, tmp_path: Path) -> None:
    coded = tmp_path / "out.mgv"
    mgv.encode(make_clip("clip.mp4", num_frames=3), coded, model=tiny_model, coder="raw")
    with mgv.open(coded, model=tiny_model) as video:
        header = video.info.header
        assert header.tick * header.time_base == TICK * TIME_BASE
        assert video.info.has_constant_rate
        assert float(video.info.duration_seconds) == pytest.approx(3 / 25)
