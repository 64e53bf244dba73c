"""Pipes: sources and sinks that can't seek."""

import os
import threading
from fractions import Fraction

import numpy as np
import pytest

from mgv.codec.errors import MediaError
from mgv.codec.video_in import open_source
from mgv.codec.video_out import VideoSink


@pytest.fixture
def piped():
    """Give the reading end of a pipe into which a thread writes `data`."""
    threads = []
    files = []

    def feed(data, buffering=-1):
        read_end, write_end = os.pipe()

        def run():
            try:
                with open(write_end, "wb") as file:
                    file.write(data)
            except BrokenPipeError:
                pass

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        files.append(open(read_end, "rb", buffering=buffering))
        return files[-1]

    yield feed
    for file in files:
        file.close()
    for thread in threads:
        thread.join()


@pytest.fixture
def collected():
    """Give the writing end of a pipe, and a function that gives what came out of the other one."""
    read_end, write_end = os.pipe()
    chunks = []

    def run():
        with open(read_end, "rb") as file:
            chunks.append(file.read())

    thread = threading.Thread(target=run)
    thread.start()
    file = open(write_end, "wb")

    def collect():
        file.close()
        thread.join()
        return chunks[0]

    yield file, collect
    file.close()
    thread.join()


@pytest.mark.parametrize("buffering", [-1, 0])
@pytest.mark.parametrize(("codec", "tolerance"), [("y4m", 3), ("x264", 40), ("ffv1", 0)])
def test_out_of_one_pipe_and_into_another(
    codec, tolerance, buffering, piped, collected, make_format, pictures, read_all
):
    frames = pictures(20, 63, 47)
    output, collect = collected
    picture = make_format(63, 47)
    with VideoSink(output, picture, codec=codec) as sink:
        for index, rgb in enumerate(frames):
            sink.write_frame(rgb, index * picture.tick)
    found = read_all(piped(collect(), buffering))
    assert int(np.abs(found.pictures.astype(int) - np.stack(frames)).max()) <= tolerance
    assert found.seconds == [Fraction(index, 25) for index in range(20)]


def test_matroska_with_audio_through_pipes(piped, collected, make_source, read_all):
    source = make_source("source.mkv", "ffv1", "bgr0", num_frames=50, audio="flac")
    output, collect = collected
    with open_source(piped(source.read_bytes())) as video:
        assert [header.codec for header in video.audio] == ["flac"]
        with VideoSink(output, video.format, codec="ffv1", audio=video.audio) as sink:
            for event in video.events():
                if hasattr(event, "rgb"):
                    sink.write_frame(event.rgb, event.pts, event.duration)
                else:
                    sink.write_audio(event)
    before, after = read_all(source), read_all(piped(collect()))
    assert np.array_equal(after.pictures, before.pictures)
    assert after.seconds == before.seconds
    assert [packet.data for packet in after.packets] == [packet.data for packet in before.packets]
    assert after.packet_seconds == before.packet_seconds


@pytest.mark.parametrize("size", [(640, 480), (64, 48)])
def test_frames_arrive_before_the_pipe_ends(size, make_format, pictures):
    """A live source is not read to its end first, nor in blocks of many small frames."""
    read_end, write_end = os.pipe()
    waited_in_vain = threading.Event()
    may_finish = threading.Event()

    def run():
        with open(write_end, "wb", buffering=0) as file, VideoSink(file, make_format(*size)) as sink:
            for index, rgb in enumerate(pictures(8, *size)):
                sink.write_frame(rgb, index * 512)
            if not may_finish.wait(30):
                waited_in_vain.set()

    thread = threading.Thread(target=run)
    thread.start()
    with open(read_end, "rb") as file, open_source(file) as video:
        frames = video.frames()
        next(frames)
        assert not waited_in_vain.is_set()
        may_finish.set()
        assert sum(1 for _ in frames) == 7
    thread.join()


def test_an_mp4_with_its_index_at_the_end_is_refused_with_advice(piped, make_source):
    with (
        pytest.raises(MediaError, match="can't come through a pipe"),
        open_source(piped(make_source(num_frames=200).read_bytes())) as video,
    ):
        list(video.events())


def test_an_mp4_with_its_index_in_front_passes(piped, make_source, read_all):
    data = make_source(num_frames=20, container_options={"movflags": "faststart"}).read_bytes()
    assert len(read_all(piped(data)).frames) == 20


@pytest.mark.parametrize("codec", ["y4m"])
def test_a_y4m_pipe_that_breaks_off_is_refused(codec, piped, collected, make_format, pictures):
    output, collect = collected
    with VideoSink(output, make_format(), codec=codec) as sink:
        for index, rgb in enumerate(pictures(10, 64, 48)):
            sink.write_frame(rgb, index * 512)
    with (
        open_source(piped(collect()[:-1000])) as video,
        pytest.raises(MediaError, match="breaks off at frame 9"),
    ):
        list(video.events())


def test_an_empty_pipe_is_refused(piped):
    with pytest.raises(MediaError, match="is empty"):
        open_source(piped(b""))
