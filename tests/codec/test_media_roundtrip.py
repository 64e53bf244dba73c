"""Source to sink to source: frames, timestamps and audio packets come back as they were."""

from fractions import Fraction

import numpy as np
import pytest

from mgv.codec.video_in import open_source
from mgv.codec.video_out import VideoSink
from mgv.container import Colour

HALF_MILLISECOND = Fraction(1, 2000)


def assert_same_times(before, after, tolerance=0):
    assert len(after.frames) == len(before.frames)
    assert max(abs(a - b) for a, b in zip(after.seconds, before.seconds, strict=True)) <= tolerance


def assert_same_audio(before, after, tolerance=0):
    assert [packet.data for packet in after.packets] == [packet.data for packet in before.packets]
    assert [packet.is_key for packet in after.packets] == [packet.is_key for packet in before.packets]
    shifts = [abs(a - b) for a, b in zip(after.packet_seconds, before.packet_seconds, strict=True)]
    assert max(shifts, default=0) <= tolerance
    for a, b in zip(after.audio, before.audio, strict=True):
        assert (a.codec, a.extradata, a.sample_rate) == (b.codec, b.extradata, b.sample_rate)


@pytest.mark.parametrize("clip", ["bigbuckbunny", "bikes"])
@pytest.mark.parametrize(("suffix", "tolerance"), [(".mp4", 0), (".mkv", HALF_MILLISECOND)])
def test_real_clip_keeps_frames_times_and_audio(
    clip, suffix, tolerance, tmp_path, real_clip, copy_video, read_all
):
    source = real_clip(clip)
    target = tmp_path / f"out{suffix}"
    copy_video(source, target, shrink=16)
    before, after = read_all(source), read_all(target)
    assert len(before.frames) == {"bigbuckbunny": 132, "bikes": 250}[clip]
    assert_same_times(before, after, tolerance)
    assert len(before.packets) == {"bigbuckbunny": 249, "bikes": 0}[clip]
    assert_same_audio(before, after, tolerance)
    if clip == "bigbuckbunny":
        assert after.audio[0].channel_layout == before.audio[0].channel_layout == "5.1"


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_real_clip_at_full_size_is_visually_the_same(suffix, tmp_path, real_clip, copy_video, read_all):
    source, target = real_clip("bikes"), tmp_path / f"out{suffix}"
    copy_video(source, target)
    before, after = read_all(source), read_all(target)
    mse = np.mean((before.pictures.astype(np.float32) - after.pictures) ** 2)
    assert 10 * np.log10(255**2 / mse) > 44
    assert after.format.colour == before.format.colour


VARIABLE_PTS = [0, 1, 2, 5, 6, 20, 21, 22, 23, 60]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_frame_rate_and_b_frames(suffix, tmp_path, make_source, copy_video, read_all):
    source = make_source(num_frames=10, pts=VARIABLE_PTS, options={"bf": "3"})
    target = tmp_path / f"out{suffix}"
    copy_video(source, target)
    before, after = read_all(source), read_all(target)
    assert before.seconds == [Fraction(pts, 25) for pts in VARIABLE_PTS]
    assert_same_times(before, after)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_matroska_source_is_kept_exactly(suffix, tmp_path, make_source, copy_video, read_all):
    source = make_source(
        "source.mkv", "ffv1", "bgr0", num_frames=10, pts=VARIABLE_PTS, audio="flac", rate=44100
    )
    target = tmp_path / f"out{suffix}"
    copy_video(source, target)
    before, after = read_all(source), read_all(target)
    assert_same_times(before, after)
    assert_same_audio(before, after, Fraction(1, 44100))


AUDIO = [
    ("aac", ".mp4", 44100, "mono"),
    ("aac", ".mp4", 48000, "5.1"),
    ("libopus", ".mkv", 48000, "stereo"),
    ("libopus", ".mp4", 48000, "stereo"),
    ("flac", ".mp4", 44100, "stereo"),
    ("libmp3lame", ".mp4", 44100, "stereo"),
    ("ac3", ".mkv", 48000, "5.1"),
    ("eac3", ".mp4", 48000, "5.1"),
    ("alac", ".mp4", 44100, "stereo"),
    ("pcm_s16be", ".mov", 44100, "stereo"),
    ("pcm_s24le", ".mov", 48000, "stereo"),
]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(("codec", "source_suffix", "rate", "layout"), AUDIO)
def test_audio_codecs(
    codec, source_suffix, rate, layout, suffix, tmp_path, make_source, copy_video, read_all
):
    source = make_source(f"source{source_suffix}", num_frames=25, audio=codec, rate=rate, layout=layout)
    target = tmp_path / f"out{suffix}"
    copy_video(source, target)
    before, after = read_all(source), read_all(target)
    assert before.packets
    assert_same_audio(before, after, 0 if suffix == ".mp4" else HALF_MILLISECOND)
    if not (codec.startswith("pcm") and suffix == ".mkv"):
        assert after.audio[0].channel_layout == before.audio[0].channel_layout


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_priming_and_late_start(suffix, tmp_path, make_source, copy_video, read_all):
    source = make_source(num_frames=30, pts=range(100, 130), audio="aac", audio_start=3 * 48000)
    target = tmp_path / f"out{suffix}"
    copy_video(source, target)
    before, after = read_all(source), read_all(target)
    assert before.seconds[0] == 4
    assert 2 < before.packet_seconds[0] < 3
    tolerance = 0 if suffix == ".mp4" else HALF_MILLISECOND
    assert_same_times(before, after, tolerance)
    assert_same_audio(before, after, tolerance)


def test_audio_before_time_zero_stays_there(tmp_path, make_source, copy_video, read_all):
    source = make_source(num_frames=30, audio="aac")
    copy_video(source, tmp_path / "out.mp4")
    before, after = read_all(source), read_all(tmp_path / "out.mp4")
    assert before.packet_seconds[0] < 0
    assert_same_audio(before, after)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("rotation_degrees", [0, 90, 180, 270])
def test_rotation_and_sample_aspect(suffix, rotation_degrees, tmp_path, make_format, pictures, read_all):
    picture = make_format(sample_aspect=Fraction(16, 15), rotation_degrees=rotation_degrees)
    with VideoSink(tmp_path / f"out{suffix}", picture) as sink:
        for index, rgb in enumerate(pictures(3, 64, 48)):
            sink.write_frame(rgb, index * picture.tick)
    after = read_all(tmp_path / f"out{suffix}")
    assert after.format.rotation_degrees == rotation_degrees
    assert after.format.sample_aspect == Fraction(16, 15)


COLOURS = [(1, 1, 1), (6, 6, 6), (5, 6, 5), (9, 16, 9), (9, 18, 9), (12, 13, 1), (7, 7, 7), (4, 4, 4)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("tags", COLOURS)
def test_colour_tags(suffix, full_range, tags, tmp_path, make_format, pictures, read_all):
    picture = make_format(63, 47, colour=Colour(*tags, full_range))
    frames = pictures(3, 63, 47)
    with VideoSink(tmp_path / f"out{suffix}", picture) as sink:
        for index, rgb in enumerate(frames):
            sink.write_frame(rgb, index * picture.tick)
    after = read_all(tmp_path / f"out{suffix}")
    assert after.format.colour == picture.colour
    error = after.pictures.astype(int) - np.stack(frames)
    per_channel = np.abs(error.mean(axis=(0, 1, 2)))
    assert per_channel.max() < 0.7
    assert float(np.abs(error).mean()) < 2.5


@pytest.mark.parametrize(
    ("time_base", "tick", "pts"),
    [
        (Fraction(1001, 30000), 1, [0, 1, 2, 5, 9]),
        (Fraction(1, 90000), 3003, [7, 3010, 6013, 9016, 12019]),
        (Fraction(1, 10**9), 33_366_667, [33_366_667 * k for k in range(5)]),
        (Fraction(7, 13), 2, [1, 2, 3, 8, 9]),
    ],
)
@pytest.mark.parametrize(("suffix", "tolerance"), [(".mp4", 0), (".mkv", HALF_MILLISECOND)])
def test_time_bases(time_base, tick, pts, suffix, tolerance, tmp_path, make_format, pictures, read_all):
    picture = make_format(time_base=time_base, tick=tick)
    with VideoSink(tmp_path / f"out{suffix}", picture) as sink:
        for at, rgb in zip(pts, pictures(5, 64, 48), strict=True):
            sink.write_frame(rgb, at)
    after = read_all(tmp_path / f"out{suffix}")
    assert all(abs(a - b * time_base) <= tolerance for a, b in zip(after.seconds, pts, strict=True))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_duration_of_the_last_frame(suffix, tmp_path, make_format, pictures, read_all):
    with VideoSink(tmp_path / f"out{suffix}", make_format()) as sink:
        for index, rgb in enumerate(pictures(4, 64, 48)):
            sink.write_frame(rgb, index * 512, 512 if index < 3 else 5120)
    after = read_all(tmp_path / f"out{suffix}")
    assert after.frames[-1].duration * after.format.time_base == Fraction(4, 10)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_metadata(suffix, tmp_path, make_source, copy_video, read_all):
    tags = {"title": "Zoë’s holiday", "creation_time": "2021-05-04T03:02:01.000000Z"}
    source = make_source(metadata=tags)
    copy_video(source, tmp_path / f"out{suffix}")
    assert read_all(source).metadata == tags
    assert read_all(tmp_path / f"out{suffix}").metadata == tags


@pytest.mark.slow
def test_memory_grows_with_neither_side_s_length(tmp_path, make_format, pictures):
    resource = pytest.importorskip("resource", reason="needs the resource module, which Unix has")

    def peak_bytes():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    frames, picture = pictures(10, 640, 360), make_format(640, 360)
    peaks = []
    with VideoSink(tmp_path / "out.mp4", picture) as sink:
        for index in range(900):
            sink.write_frame(frames[index % 10], index * picture.tick)
            if index in (100, 899):
                peaks.append(peak_bytes())
    with open_source(tmp_path / "out.mp4") as video:
        for index, _ in enumerate(video.frames()):
            if index in (100, 899):
                peaks.append(peak_bytes())
    assert len(peaks) == 4
    assert peaks[1] - peaks[0] < 30 * frames[0].nbytes
    assert peaks[3] - peaks[2] < 30 * frames[0].nbytes
