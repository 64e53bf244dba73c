"""Sinks: formats and codecs, refusals, what is warned of, and output that is whole or not there."""

import io
import os
from contextlib import suppress
from fractions import Fraction

import av
import numpy as np
import pytest

from mgv.codec.errors import OutputError
from mgv.codec.output import atomic_output, open_output
from mgv.codec.video_format import VideoFormat
from mgv.codec.video_out import VideoSink
from mgv.container import AudioHeader, Colour, Header


def write(target, picture, frames, **options):
    with VideoSink(target, picture, **options) as sink:
        for index, rgb in enumerate(frames):
            sink.write_frame(rgb, index * picture.tick)
    return sink


@pytest.mark.parametrize(
    ("size", "pixel_format"), [((64, 48), "yuv420p"), ((63, 48), "yuv444p"), ((64, 47), "yuv444p")]
)
def test_x264_takes_4_2_0_where_sizes_are_even(size, pixel_format, tmp_path, make_format, pictures):
    write(tmp_path / "out.mp4", make_format(*size), pictures(3, *size))
    with av.open(tmp_path / "out.mp4") as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == pixel_format
        assert (stream.width, stream.height) == size


def test_not_every_frame_is_a_key_frame(tmp_path, make_format, make_source, read_all):
    """Decoded frames say that they are intra pictures; encoded as such they take ten times the bytes."""
    found = read_all(make_source(num_frames=40))
    write(tmp_path / "out.mp4", make_format(), [frame.rgb for frame in found.frames])
    with av.open(tmp_path / "out.mp4") as container:
        keys = [packet.is_keyframe for packet in container.demux(video=0) if packet.size]
    assert keys == [True] + [False] * 39


@pytest.mark.parametrize(
    ("name", "codec", "reason"),
    [
        ("out.webp", None, "'.webp' is no known format"),
        ("out", None, "is no known format"),
        ("out.mp4", "ffv1", ".mp4 does not hold ffv1, expected x264"),
        ("out.mkv", "y4m", ".mkv does not hold y4m"),
        ("out.y4m", "x264", ".y4m does not hold x264"),
    ],
)
def test_unknown_formats_are_refused(name, codec, reason, tmp_path, make_format):
    with pytest.raises(OutputError, match=reason):
        VideoSink(tmp_path / name, make_format(), codec=codec)
    assert list(tmp_path.iterdir()) == []


def test_unknown_codec_of_a_pipe_is_refused(make_format):
    with pytest.raises(OutputError, match="no codec 'h265'"):
        VideoSink(io.BytesIO(), make_format(), codec="h265")


@pytest.mark.parametrize(
    ("codec", "suffix", "reason"),
    [("opus", ".mov", "mov can't hold x264, opus"), ("pcm_mulaw", ".mp4", r"audio stream 0 \(pcm_mulaw\)")],
)
def test_audio_that_a_format_cannot_hold_is_refused(codec, suffix, reason, tmp_path, make_format):
    header = AudioHeader(
        0, codec, b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0", 48000, "stereo", Fraction(1, 48000)
    )
    with pytest.raises(OutputError, match=reason):
        VideoSink(tmp_path / f"out{suffix}", make_format(), audio=[header])
    assert list(tmp_path.iterdir()) == []


def test_audio_of_an_unknown_codec_is_refused(tmp_path, make_format):
    with pytest.raises(OutputError, match="is gramophone, which can't be written"):
        VideoSink(
            tmp_path / "out.mkv",
            make_format(),
            audio=[AudioHeader(0, "gramophone", b"", 78, "mono", Fraction(1))],
        )


@pytest.mark.parametrize("rgb", [np.zeros((48, 63, 3), np.uint8), np.zeros((48, 64, 3), np.float32)])
def test_frames_of_another_shape_are_refused(rgb, tmp_path, make_format):
    with (
        pytest.raises(ValueError, match="expected uint8"),
        VideoSink(tmp_path / "out.mp4", make_format()) as sink,
    ):
        sink.write_frame(rgb, 0)
    assert list(tmp_path.iterdir()) == []


def test_ffv1_warns_of_the_sample_aspect(tmp_path, make_format, pictures):
    picture = make_format(sample_aspect=Fraction(4, 3))
    assert (
        "loses the sample aspect 4/3"
        in write(tmp_path / "a.mkv", picture, pictures(2, 64, 48), codec="ffv1").warnings[0]
    )
    assert write(tmp_path / "b.mkv", picture, pictures(2, 64, 48)).warnings == []


def test_y4m_is_readable_text_and_planes(tmp_path, make_format, pictures):
    write(tmp_path / "out.y4m", make_format(5, 3, sample_aspect=Fraction(4, 3)), pictures(2, 5, 3))
    header, *frames = (tmp_path / "out.y4m").read_bytes().split(b"FRAME\n")
    assert header == b"YUV4MPEG2 W5 H3 F25:1 Ip A4:3 C444 XCOLORRANGE=LIMITED\n"
    assert [len(frame) for frame in frames] == [45, 45]


@pytest.mark.parametrize("rotation_degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("full_range", [False, True])
def test_y4m_turns_pixels_and_keeps_range(rotation_degrees, full_range, make_format, pictures, read_all):
    """It has no tag for the matrix: BT.709 where readers guess BT.601 must not change the colours."""
    frames = pictures(2, 63, 47)
    picture = make_format(
        63,
        47,
        rotation_degrees=rotation_degrees,
        sample_aspect=Fraction(4, 3),
        colour=Colour(1, 1, 1, full_range),
    )
    file = io.BytesIO()
    write(file, picture, frames)
    file.seek(0)
    found = read_all(file)
    expected = np.rot90(np.stack(frames), -rotation_degrees // 90, axes=(1, 2))
    assert int(np.abs(found.pictures.astype(int) - expected).max()) <= 3
    assert found.format.sample_aspect == (Fraction(4, 3) if rotation_degrees % 180 == 0 else Fraction(3, 4))
    assert found.format.colour.full_range == full_range
    assert found.seconds == [0, Fraction(1, 25)]


def test_y4m_says_what_it_leaves_out(tmp_path, make_format, pictures):
    header = AudioHeader(0, "aac", b"\x11\x90", 48000, "stereo", Fraction(1, 48000))
    with VideoSink(tmp_path / "out.y4m", make_format(), audio=[header]) as sink:
        for pts, rgb in zip((0, 512, 2048), pictures(3, 64, 48), strict=True):
            sink.write_frame(rgb, pts)
    assert sink.warnings[0] == "y4m holds no audio; it is left out"
    assert "1 frames are off the nominal rate" in sink.warnings[1]


def test_an_existing_file_is_kept_unless_forced(tmp_path, make_format, pictures):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists already"):
        VideoSink(path, make_format())
    assert path.read_bytes() == b"precious"
    write(path, make_format(), pictures(2, 64, 48), force=True)
    assert len(path.read_bytes()) > 500


@pytest.mark.parametrize("codec", ["x264", "ffv1"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_of_a_failure(codec, error, tmp_path, make_format, pictures):
    path = tmp_path / "out.mkv"
    path.write_bytes(b"precious")
    sink = VideoSink(path, make_format(), codec=codec, force=True)
    sink.write_frame(pictures(1, 64, 48)[0], 0)
    assert (tmp_path / "out.mkv.part").exists()
    with pytest.raises(error), sink:
        raise error
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.mkv"]
    assert path.read_bytes() == b"precious"


def test_the_name_appears_when_the_sink_is_closed(tmp_path, make_format, pictures):
    with VideoSink(tmp_path / "out.mp4", make_format()) as sink:
        sink.write_frame(pictures(1, 64, 48)[0], 0)
        assert [entry.name for entry in tmp_path.iterdir()] == ["out.mp4.part"]
        sink.close()
        assert [entry.name for entry in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize("codec", ["x264", "ffv1", "y4m"])
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, which Linux has")
def test_a_full_disk_is_an_output_error(codec, make_format, pictures):
    with open("/dev/full", "wb", buffering=0) as file, pytest.raises(OutputError, match="No space left"):
        write(file, make_format(), pictures(3, 64, 48), codec=codec)


@pytest.mark.parametrize("codec", ["x264", "ffv1", "y4m"])
def test_a_reader_that_goes_away_is_a_broken_pipe(codec, make_format, pictures):
    read_end, write_end = os.pipe()
    os.close(read_end)
    with open(write_end, "wb", buffering=0) as file, pytest.raises(BrokenPipeError):
        write(file, make_format(), pictures(3, 64, 48), codec=codec)


def test_the_file_object_of_the_caller_stays_open(make_format, pictures):
    file = io.BytesIO()
    write(file, make_format(), pictures(2, 64, 48), codec="x264")
    assert not file.closed
    assert file.getvalue().startswith(b"\x1a\x45\xdf\xa3")


class TestAtomicOutput:
    def test_missing_folder(self, tmp_path):
        with (
            pytest.raises(OutputError, match="there is no such folder"),
            atomic_output(tmp_path / "no" / "file"),
        ):
            pass

    def test_folder_in_place_of_a_file(self, tmp_path):
        with pytest.raises(OutputError, match="is a folder"), atomic_output(tmp_path, force=True):
            pass

    @pytest.mark.skipif(os.geteuid() == 0, reason="needs a user whom permissions bind, not root")
    def test_folder_without_permission(self, tmp_path):
        tmp_path.chmod(0o500)
        with pytest.raises(OutputError, match="can't be written"), atomic_output(tmp_path / "file"):
            pass
        tmp_path.chmod(0o700)

    def test_a_device_is_written_in_place(self):
        with atomic_output("/dev/null") as file:
            file.write(b"x")
        assert not os.path.isfile("/dev/null")

    def test_content_and_seeking(self, tmp_path):
        with atomic_output(str(tmp_path / "file")) as file:
            assert file.write(b"hello world") == 11
            file.seek(0)
            file.write(b"J")
            assert file.tell() == 1
        assert (tmp_path / "file").read_bytes() == b"Jello world"

    def test_a_left_over_part_is_written_over(self, tmp_path):
        (tmp_path / "file.part").write_bytes(b"left over from a crash")
        with atomic_output(tmp_path / "file") as file:
            file.write(b"new")
        assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("file", b"new")]

    def test_an_unfinished_mgv_is_not_written_over_unless_asked(self, tmp_path):
        part = tmp_path / "file.mgv.part"
        part.write_bytes(b"\x89MGV\r\n\x1a\n and what a killed run had finished")
        before = part.read_bytes()
        with (
            pytest.raises(OutputError, match="save it with mgv repair"),
            atomic_output(tmp_path / "file.mgv"),
        ):
            pass
        assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [(part.name, before)]
        with atomic_output(tmp_path / "file.mgv", force=True) as file:
            file.write(b"new")
        assert [entry.name for entry in tmp_path.iterdir()] == ["file.mgv"]

    @pytest.mark.parametrize("fails", [False, True])
    def test_the_source_is_not_written_over_when_it_is_the_part(self, tmp_path, fails):
        part = tmp_path / "file.mgv.part"
        part.write_bytes(b"\x89MGV\r\n\x1a\n saved")
        before = part.read_bytes()
        with suppress(RuntimeError), atomic_output(tmp_path / "file.mgv", source=str(part)) as file:
            file.write(part.read_bytes()[8:])
            if fails:
                raise RuntimeError
        assert part.read_bytes() == before
        assert sorted(entry.name for entry in tmp_path.iterdir()) == [*["file.mgv"][fails:], part.name]

    @pytest.mark.parametrize("force", [False, True])
    def test_the_source_is_never_replaced(self, tmp_path, force):
        source = tmp_path / "file"
        source.write_bytes(b"precious")
        (tmp_path / "link").symlink_to(source)
        for target in (source, tmp_path / "link", tmp_path / "." / "file"):
            with (
                pytest.raises(OutputError, match="is the source itself"),
                atomic_output(target, force=force, source=source),
            ):
                pass
        assert source.read_bytes() == b"precious"

    def test_two_runs_at_once_do_not_mix(self, tmp_path):
        """The earlier run must not give its name to the unfinished part of the later."""
        earlier, later = atomic_output(tmp_path / "file"), atomic_output(tmp_path / "file")
        earlier.__enter__().write(b"the earlier run")
        later.__enter__().write(b"the later ")
        with pytest.raises(OutputError, match="another run took it"):
            earlier.__exit__(None, None, None)
        assert not (tmp_path / "file").exists()
        later.__exit__(None, None, None)
        assert [entry.read_bytes() for entry in tmp_path.iterdir()] == [b"the later "]

    def test_the_name_of_a_folder_is_no_file(self, tmp_path):
        with pytest.raises(OutputError, match="name of a folder"), atomic_output(f"{tmp_path}/new/"):
            pass
        assert list(tmp_path.iterdir()) == []

    def test_open_output_takes_files_too(self, tmp_path):
        file = io.BytesIO()
        with open_output(file) as output:
            output.write(b"abc")
        assert file.getvalue() == b"abc"
        with open_output(tmp_path / "file") as output:
            output.write(b"abc")
        assert (tmp_path / "file").read_bytes() == b"abc"


def test_format_from_an_mgv_header(make_format):
    picture = make_format(rotation_degrees=90)
    header = Header(
        width=64,
        height=48,
        coded_width=32,
        coded_height=24,
        sample_aspect=Fraction(1),
        rotation_degrees=90,
        colour=picture.colour,
        time_base=picture.time_base,
        tick=512,
        start_pts=0,
        tokenizer="t",
        tokenizer_sha256=bytes(32),
        strides=(4, 8, 8),
        bits_per_token=18,
        bit_depths=(18,),
        coder=0,
    )
    assert VideoFormat.from_header(header) == picture
    assert picture.frame_rate == 25
