"""The clock that gives frames rising timestamps, and the bytes that tell of a cut."""

import io
from fractions import Fraction
from itertools import pairwise

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgv.codec.errors import MediaError
from mgv.codec.input_file import announced_bytes
from mgv.codec.matroska_header import MATROSKA_CODECS, audio_track_header
from mgv.codec.timing import FrameClock, nominal_tick
from mgv.container import AudioHeader


def stamps(values, tick=40):
    clock = FrameClock(tick, Fraction(1, 1000))
    return [clock.stamp(value) for value in values], clock


@given(st.lists(st.integers(0, 500), max_size=50))
def test_pts_always_rise(values):
    found, clock = stamps(values)
    assert all(a < b for a, b in pairwise(found))
    assert clock.num_frames == len(values)


@given(st.lists(st.integers(-(2**40), 2**40), unique=True, max_size=50))
def test_rising_pts_are_left_alone(values):
    found, clock = stamps(sorted(values))
    assert found == sorted(values)
    assert clock.warnings() == []


def test_missing_pts_follow_the_tick():
    found, clock = stamps([None, None, 100, None])
    assert found == [0, 40, 100, 140]
    assert clock.warnings() == ["3 frames had no timestamp; the nominal frame rate stands in"]


def test_missing_pts_follow_the_steps_of_dts():
    clock = FrameClock(40, Fraction(1, 1000))
    assert [clock.stamp(None, dts) for dts in (80, 120, 240, None, None)] == [0, 40, 160, 200, 240]


def test_equal_pts_are_moved_apart():
    found, clock = stamps([0, 40, 40, 80])
    assert found == [0, 40, 41, 80]
    assert clock.warnings() == ["1 frames had timestamps out of order, which were moved"]


def test_a_long_way_back_is_refused():
    with pytest.raises(MediaError, match=r"go back by 1\.000 s at frame 2"):
        stamps([0, 1040, 40])


@pytest.mark.parametrize(
    ("rate", "time_base", "tick"),
    [
        (Fraction(25), Fraction(1, 12800), 512),
        (Fraction(30000, 1001), Fraction(1, 30000), 1001),
        (Fraction(30000, 1001), Fraction(1, 1000), 33),
        (None, Fraction(1, 1000), 40),
        (Fraction(1000), Fraction(1, 25), 1),
    ],
)
def test_nominal_tick(rate, time_base, tick):
    assert nominal_tick(rate, time_base) == tick


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"", 0),
        (b"RIFF\x10\0\0\0AVI ", 24),
        (b"RIFF", 0),
        (bytes.fromhex("1a45dfa3 82 0000 18538067 83 000000"), 5 + 2 + 4 + 1 + 3),
        (bytes.fromhex("1a45dfa3 82 0000 18538067 01ffffffffffffff"), 0),
        (bytes.fromhex("1a45dfa3 82 0000 18538067 ff"), 0),
        (bytes.fromhex("1a45dfa3 82 0000 18538067 4020"), 5 + 2 + 4 + 2 + 32),
        (bytes.fromhex("1a45dfa3 82 0000 1853"), 0),
        (bytes.fromhex("1a45dfa3 00"), 0),
        (b"ftypisom", 0),
    ],
)
def test_announced_length(head, expected):
    assert announced_bytes(head) == expected


@given(st.binary(max_size=40))
def test_no_head_is_too_odd(tail):
    assert announced_bytes(b"\x1a\x45\xdf\xa3" + tail) >= 0


@pytest.mark.parametrize("codec", sorted(MATROSKA_CODECS))
def test_every_codec_of_the_table_is_what_ffmpeg_reads(codec):
    extradata = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0" if codec == "opus" else b""
    header = AudioHeader(0, codec, extradata, 48000, "stereo", Fraction(1, 48000), initial_padding=312)
    with av.open(io.BytesIO(audio_track_header(header, 2)), format="matroska") as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.codec.canonical_name == codec
        assert stream.codec_context.sample_rate == 48000
