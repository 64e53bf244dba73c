"""Sources: what is refused in one line, what is warned of, and what is read off a file."""

import io
import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from mgv.codec.errors import MediaError
from mgv.codec.video_in import SourceFrame, open_source
from mgv.codec.video_out import VideoSink


def refusal(source):
    """The one line in which `source` is refused, on opening or while it is read."""
    with pytest.raises(MediaError) as caught, open_source(source) as video:
        for _ in video.events():
            pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing(tmp_path):
    assert "no such file" in refusal(tmp_path / "missing.mp4")


def test_folder(tmp_path):
    assert "is a folder" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.mp4", b"", "is empty"),
        ("text.txt", b"hello world\n" * 500, "can't be read as video"),
        ("text.mp4", b"hello world\n" * 500, "can't be read as video"),
        ("zeros.mp4", bytes(100_000), "can't be read as video"),
        ("noise.mkv", np.random.default_rng(0).bytes(100_000), "can't be read as video"),
        ("words.srt", b"1\n00:00:01,000 --> 00:00:02,000\nhi\n\n" * 20, "holds no video (found: subtitle)"),
        ("done.mgv", b"\x89MGV\r\n\x1a\n" + bytes(1000), "is an .mgv file already"),
    ],
)
def test_no_video_inside(name, content, reason, tmp_path):
    (tmp_path / name).write_bytes(content)
    message = refusal(tmp_path / name)
    assert reason in message
    assert name in message


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{}'\n",
    ],
)
def test_a_list_of_other_files_does_not_open_them(text, tmp_path, make_source):
    (tmp_path / "list.mp4").write_text(text.format(make_source()))
    assert "can't be read as video" in refusal(tmp_path / "list.mp4")


def test_audio_alone(tmp_path):
    with av.open(tmp_path / "sound.m4a", "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 4096), np.float32), "fltp", "stereo")
        frame.sample_rate, frame.pts = 44100, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert "holds no video (found: audio)" in refusal(tmp_path / "sound.m4a")


CUTS = [
    ("mp4", "libx264", {"movflags": "faststart"}),
    ("mkv", "libx264", None),
    ("mkv", "ffv1", None),
    ("webm", "libvpx-vp9", None),
    ("avi", "mpeg4", None),
    ("y4m", "wrapped", None),
]


@pytest.mark.parametrize("share", [0.7, 0.9])
@pytest.mark.parametrize(("suffix", "codec", "container_options"), CUTS)
def test_a_video_that_breaks_off_is_refused_by_frame(
    suffix, codec, container_options, share, tmp_path, make_source, make_format, pictures
):
    if suffix == "y4m":
        path = tmp_path / "source.y4m"
        with VideoSink(path, make_format()) as sink:
            for index, rgb in enumerate(pictures(50, 64, 48)):
                sink.write_frame(rgb, index * 512)
    else:
        options = {"g": "10", "bf": "0"}
        path = make_source(
            f"source.{suffix}", codec, num_frames=50, options=options, container_options=container_options
        )
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert "breaks off at frame" in refusal(path)


def test_an_mp4_that_ends_before_its_index_is_refused(make_source):
    path = make_source(num_frames=50)
    path.write_bytes(path.read_bytes()[:-200])
    assert "can't be read as video" in refusal(path)


def test_only_the_index_of_a_matroska_file_is_missing(make_source, read_all):
    path = make_source("source.mkv", "ffv1", num_frames=10)
    path.write_bytes(path.read_bytes()[:-10])
    found = read_all(path)
    assert len(found.frames) == 10
    assert any("lacks its last 10 bytes" in line for line in found.warnings)


def test_damage_that_the_decoder_stops_at_names_the_frame(make_source):
    path = make_source("source.mkv", "ffv1", "bgr0", num_frames=50)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = bytes(300)
    path.write_bytes(data)
    assert "breaks off at frame 2" in refusal(path)


def test_a_frame_of_another_size_is_refused(tmp_path, pictures):
    parts = []
    for size in ((64, 48), (32, 48)):
        with av.open(tmp_path / "part.h264", "w") as container:
            stream = container.add_stream("libx264", rate=25, width=size[0], height=size[1])
            stream.pix_fmt = "yuv420p"
            for picture in pictures(4, *size):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture).reformat(format="yuv420p")))
            container.mux(stream.encode(None))
        parts.append((tmp_path / "part.h264").read_bytes())
    (tmp_path / "both.h264").write_bytes(b"".join(parts))
    assert "frame 4 is 32x48, the first was 64x48" in refusal(tmp_path / "both.h264")


def test_time_that_goes_back_is_refused(tmp_path, pictures):
    with av.open(tmp_path / "back.ts", "w") as container:
        stream = container.add_stream("mpeg2video", rate=25, width=64, height=48)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.max_b_frames = 0
        for index, picture in enumerate(pictures(60, 64, 48)):
            frame = av.VideoFrame.from_ndarray(picture).reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    data = (tmp_path / "back.ts").read_bytes()
    (tmp_path / "back.ts").write_bytes(data + data)
    message = refusal(tmp_path / "back.ts")
    assert "timestamps go back by 2.3" in message


FORMATS = [
    ("source.mkv", "ffv1", "gray", ()),
    ("source.mkv", "ffv1", "gray10le", ("10 bits",)),
    ("source.mp4", "libx264", "yuv420p10le", ("10 bits",)),
    ("source.mkv", "ffv1", "rgb48le", ("16 bits",)),
    ("source.mkv", "ffv1", "bgr0", ()),
    ("source.mov", "png", "rgb24", ()),
    ("source.mov", "png", "rgba", ("transparency",)),
    ("source.avi", "mjpeg", "yuvj420p", ()),
    ("source.mp4", "libx264", "yuvj420p", ()),
    ("source.mkv", "ffv1", "yuv422p", ()),
    ("source.webm", "libvpx-vp9", "yuv420p", ()),
    ("source.nut", "rawvideo", "yuv420p", ()),
]


@pytest.mark.parametrize(("name", "codec", "pixel_format", "expected"), FORMATS)
def test_pixel_formats(name, codec, pixel_format, expected, make_source, read_all, pictures):
    frames = pictures(3, 64, 48)
    found = read_all(make_source(name, codec, pixel_format, pictures=frames, options={"q": "1", "crf": "4"}))
    assert len(found.frames) == 3
    assert len(found.warnings) == len(expected)
    assert all(part in line for part, line in zip(expected, found.warnings, strict=True))
    if pixel_format.startswith("gray"):
        weights = np.array([0.299, 0.587, 0.114])
        frames = [np.repeat((frame @ weights)[..., None], 3, axis=2) for frame in frames]
    error = found.pictures - np.stack(frames).astype(float)
    assert float(np.abs(error).mean()) < 5
    assert float(np.abs(error.mean())) < 1


def test_hdr_is_warned_of(make_source, read_all):
    def prepare(stream):
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace = 9, 16, 9

    found = read_all(make_source("source.mp4", "libx264", "yuv420p10le", prepare=prepare))
    assert [line[:24] for line in found.warnings] == ["the source has 10 bits p", "the source is HDR (PQ); "]
    assert found.format.colour.transfer == 16


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (63, 48), (64, 47)])
@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "x264"), ("mkv", "ffv1"), ("y4m", "y4m")])
def test_odd_sizes(size, suffix, codec, tmp_path, make_format, pictures, read_all):
    with VideoSink(tmp_path / f"out.{suffix}", make_format(*size), codec=codec) as sink:
        for index, rgb in enumerate(pictures(3, *size)):
            sink.write_frame(rgb, index * 512)
    found = read_all(tmp_path / f"out.{suffix}")
    assert found.pictures.shape == (3, size[1], size[0], 3)


@pytest.mark.parametrize("name", ["source.mp4", "source.mkv"])
def test_one_frame(name, make_source, read_all):
    found = read_all(make_source(name, num_frames=1))
    assert len(found.frames) == 1
    assert found.frames[0].pts == 0
    assert found.frames[0].duration == found.format.tick


def test_a_photograph_is_a_video_of_one_frame(tmp_path, read_all, pictures):
    from PIL import Image

    picture = pictures(1, 33, 21)[0]
    Image.fromarray(picture).save(tmp_path / "photo.png")
    found = read_all(tmp_path / "photo.png")
    assert np.array_equal(found.pictures, picture[None])


def test_frames_without_timestamps_get_the_nominal_rate(make_source, read_all):
    found = read_all(make_source("source.h264", num_frames=12, options={"bf": "3"}))
    assert found.seconds == [Fraction(index, 25) for index in range(12)]
    assert any("12 frames had no timestamp" in line for line in found.warnings)


def test_avi_with_reordered_frames(make_source, read_all, pictures):
    """AVI has no pts; FFmpeg's guesses from dts put B-frames in the wrong place."""
    frames = pictures(14, 64, 48)
    found = read_all(
        make_source("source.avi", pictures=frames, options={"bf": "3", "b_strategy": "0", "crf": "4"})
    )
    assert found.seconds == [Fraction(index, 25) for index in range(14)]
    distances = np.abs(found.pictures[:, None].astype(int) - np.stack(frames)[None]).mean(axis=(2, 3, 4))
    assert distances.argmin(axis=1).tolist() == list(range(14))


def test_negative_start_moves_to_zero_and_audio_with_it(make_source, read_all, tmp_path):
    path = make_source(
        "source.mkv",
        "ffv1",
        num_frames=10,
        pts=range(-5, 5),
        audio="pcm_s16le",
        container_options={"avoid_negative_ts": "disabled"},
    )
    with av.open(path) as container:
        packets = [packet for packet in container.demux() if packet.pts is not None]
        first = {packet.stream.type: packet.pts * packet.time_base for packet in reversed(packets)}
    found = read_all(path)
    assert first["video"] < 0
    assert found.seconds[0] == 0
    assert abs(found.packet_seconds[0] - (first["audio"] - first["video"])) < Fraction(1, 1000)


EIGHT_WAYS = [(degrees, mirrored) for degrees in (0, 90, 180, 270) for mirrored in (False, True)]


@pytest.mark.parametrize(("degrees", "mirrored"), EIGHT_WAYS)
def test_orientation(degrees, mirrored, make_source, read_all, pictures):
    """Turned as the source asks, the picture is upright: mirrored pixels are put right, turns are told."""
    upright = pictures(1, 48, 48)[0]
    stored = np.rot90(upright, degrees // 90)
    stored = stored[:, ::-1] if mirrored else stored
    turn = round(np.cos(np.radians(degrees))), round(np.sin(np.radians(degrees)))
    sign = -1 if mirrored else 1
    matrix = [sign * turn[0], sign * turn[1], 0, -turn[1], turn[0], 0, 0, 0, 1 << 14]
    fixed_point = [value << 16 for value in matrix]
    path = make_source(
        pictures=[stored], size=(48, 48), options={"crf": "4"},
        prepare=lambda stream: stream.set_display_matrix(fixed_point),
    )  # fmt: skip
    found = read_all(path)
    assert found.format.rotation_degrees == degrees
    shown = np.rot90(found.pictures[0], -degrees // 90)
    assert float(np.abs(shown.astype(int) - upright).mean()) < 4


def test_skewed_display_is_warned_of(make_source, read_all):
    path = make_source(prepare=lambda stream: stream.set_display_rotation(40))
    assert any("only quarter turns" in line for line in read_all(path).warnings)


def test_a_cover_picture_is_no_video(tmp_path):
    with av.open(tmp_path / "song.m4a", "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=44100)
        cover = container.add_stream("mjpeg", rate=1, width=64, height=48, pix_fmt="yuvj420p")
        cover.disposition = av.stream.Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame(64, 48, "yuvj420p")))
        container.mux(cover.encode(None))
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 4096), np.float32), "fltp", "stereo")
        frame.sample_rate, frame.pts = 44100, 0
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    assert "holds no video (found: audio, video)" in refusal(tmp_path / "song.m4a")


def test_estimates_the_number_of_frames(make_source, read_all):
    assert read_all(make_source(num_frames=7)).num_frames_estimated == 7
    assert read_all(make_source("source.mkv", num_frames=7)).num_frames_estimated == 7


def test_events_come_in_the_order_of_the_file_and_early(make_source):
    """Audio is not held back until the video ends."""
    path = make_source(num_frames=100, audio="flac", options={"g": "5", "bf": "0"})
    with open_source(path) as video:
        kinds = [isinstance(event, SourceFrame) for event in video.events()]
    assert kinds.count(True) == 100
    assert kinds.index(False) < 90


def test_the_file_object_of_the_caller_stays_open(make_source):
    file = io.BytesIO(make_source().read_bytes())
    with open_source(file) as video:
        assert sum(1 for _ in video.frames()) == 5
    assert not file.closed


def test_reading_on_after_closing_is_an_error_not_a_crash(make_source):
    with open_source(make_source(num_frames=50)) as video:
        events = video.events()
        next(events)
    with pytest.raises(ValueError, match="is closed"):
        list(events)


def test_unknown_audio_is_left_out_with_a_warning(make_source, read_all):
    found = read_all(make_source("source.mkv", "ffv1", audio="tta", rate=44100))
    assert found.audio == ()
    assert found.packets == []
    assert any("audio stream 1" in line for line in found.warnings)


def test_a_dropped_frame_of_avi_does_not_end_the_video(make_source, read_all):
    """It is a chunk of no bytes, which a decoder would take for the end."""
    path = make_source("source.avi", "mpeg4", num_frames=12, options={"g": "1"})
    data = bytearray(path.read_bytes())
    start = data.index(b"movi") + 4
    for _ in range(4):
        size = struct.unpack_from("<I", data, start + 4)[0]
        start += 8 + size + size % 2
    size = struct.unpack_from("<I", data, start + 4)[0]
    struct.pack_into("<4sI4sI", data, start, b"00dc", 0, b"JUNK", size - 8)
    struct.pack_into("<I", data, data.index(b"idx1") + 8 + 4 * 16 + 12, 0)
    path.write_bytes(data)
    found = read_all(path)
    assert found.seconds == [Fraction(index, 25) for index in range(12) if index != 4]
