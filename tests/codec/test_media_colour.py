"""Colour: conversion against the formulas of H.273, and what stands in for missing tags."""

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgv.codec.colour import FrameToRgb, RgbToFrame, colour_of, with_matrix, yuv_colour
from mgv.codec.errors import MediaError
from mgv.codec.video_out import VideoSink
from mgv.container import Colour

WEIGHTS = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087)} | {
    9: (0.2627, 0.0593)
}
"""Matrix -> weights of red and blue in luma (H.273 table 4)."""


def expected_rgb(yuv, matrix, full_range, bits):
    scale = 2 ** (bits - 8)
    y, u, v = yuv
    if full_range:
        luma, blue, red = (
            y / (2**bits - 1),
            (u - 128 * scale) / (2**bits - 1),
            (v - 128 * scale) / (2**bits - 1),
        )
    else:
        luma, blue, red = (y - 16 * scale) / 219, (u - 128 * scale) / 224, (v - 128 * scale) / 224
        luma, blue, red = luma / scale, blue / scale, red / scale
    weight_r, weight_b = WEIGHTS[matrix]
    r, b = luma + 2 * (1 - weight_r) * red, luma + 2 * (1 - weight_b) * blue
    g = (luma - weight_r * r - weight_b * b) / (1 - weight_r - weight_b)
    return np.clip(np.array([r, g, b]) * 255, 0, 255)


def flat_frame(values, pixel_format, width=31, height=17):
    frame = av.VideoFrame(width, height, pixel_format)
    for plane, value in zip(frame.planes, values, strict=False):
        kind = np.uint16 if frame.format.components[0].bits > 8 else np.uint8
        plane.update(np.full(plane.buffer_size // kind().itemsize, value, kind).tobytes())
    return frame


@pytest.mark.parametrize(
    ("pixel_format", "bits"),
    [("yuv420p", 8), ("yuv422p", 8), ("yuv444p", 8), ("yuv420p10le", 10), ("yuv444p12le", 12), ("nv12", 8)],
)
@pytest.mark.parametrize("full_range", [False, True])
@given(data=st.data())
@settings(max_examples=25)
def test_yuv_to_rgb_follows_the_formula(pixel_format, bits, full_range, data):
    matrix = data.draw(st.sampled_from(sorted(WEIGHTS)))
    yuv = [data.draw(st.integers(16, 240)) * 2 ** (bits - 8) for _ in range(3)]
    if pixel_format == "nv12":
        yuv[2] = yuv[1]  # its second plane holds both
    frame = flat_frame(yuv, pixel_format)
    rgb = FrameToRgb(Colour(1, 1, matrix, full_range)).convert(frame)
    assert rgb.shape == (17, 31, 3)
    worst = float(np.abs(rgb - expected_rgb(np.array(yuv, float), matrix, full_range, bits)).max())
    assert worst < 1.6


@given(grey=st.integers(0, 255))
@settings(max_examples=20)
def test_gray_is_of_full_range_unless_tagged(grey):
    frame = flat_frame([grey], "gray")
    assert FrameToRgb(Colour(1, 1, 1, True)).convert(frame)[3, 3].tolist() == [grey] * 3
    frame = flat_frame([grey], "gray")
    frame.color_range = 1
    limited = min(255, max(0, round((grey - 16) * 255 / 219)))
    assert FrameToRgb(Colour(1, 1, 1, False)).convert(frame)[3, 3].tolist() == [limited] * 3


@pytest.mark.parametrize("pixel_format", ["rgb24", "bgr0", "gbrp"])
def test_rgb_formats_are_exact(pixel_format, pictures):
    picture = pictures(1, 31, 17)[0]
    to_frame = RgbToFrame(pixel_format, Colour(1, 13, 0, True))
    assert np.array_equal(FrameToRgb(Colour(1, 13, 0, True)).convert(to_frame.convert(picture)), picture)


@pytest.mark.parametrize("matrix", sorted(WEIGHTS))
@pytest.mark.parametrize("full_range", [False, True])
def test_yuv_444_there_and_back_is_off_by_rounding_only(matrix, full_range, pictures):
    picture = pictures(1, 63, 47)[0]
    colour = Colour(1, 1, matrix, full_range)
    back = FrameToRgb(colour).convert(RgbToFrame("yuv444p", colour).convert(picture))
    assert int(np.abs(back.astype(int) - picture).max()) <= 3
    assert float(np.abs(back.astype(int) - picture).mean()) < 0.8


def tagged(pixel_format="yuv420p", height=48, **tags):
    frame = av.VideoFrame(64, height, pixel_format)
    for name, value in {
        "colorspace": 2,
        "color_primaries": 2,
        "color_trc": 2,
        "color_range": 0,
        **tags,
    }.items():
        setattr(frame, name, value)
    return frame


@pytest.fixture
def untagged_stream():
    return av.CodecContext.create("h264", "r")


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (tagged(), Colour(6, 6, 6, False)),
        (tagged(height=718), Colour(6, 6, 6, False)),
        (tagged(height=720), Colour(1, 1, 1, False)),
        (tagged(color_range=2), Colour(6, 6, 6, True)),
        (tagged("yuvj420p"), Colour(6, 6, 6, True)),
        (tagged("gray"), Colour(6, 6, 6, True)),
        (tagged("gray", color_range=1), Colour(6, 6, 6, False)),
        (tagged(colorspace=9), Colour(9, 14, 9, False)),
        (tagged(colorspace=10), Colour(9, 14, 9, False)),
        (tagged(colorspace=9, color_trc=16), Colour(9, 16, 9, False)),
        (tagged(colorspace=1, color_primaries=12), Colour(12, 1, 1, False)),
        (tagged(colorspace=0), Colour(6, 6, 6, False)),
        (tagged("rgb24"), Colour(1, 13, 0, True)),
        (tagged("gbrp", color_primaries=9, color_trc=16), Colour(9, 16, 0, True)),
    ],
)
def test_missing_tags_are_guessed(frame, expected, untagged_stream):
    assert colour_of(frame, untagged_stream) == expected


def test_tags_of_the_stream_stand_in(untagged_stream):
    untagged_stream.colorspace = 1
    untagged_stream.color_range = 2
    assert colour_of(tagged(), untagged_stream) == Colour(1, 1, 1, True)
    assert colour_of(tagged(colorspace=6, color_range=1), untagged_stream) == Colour(6, 6, 6, False)


def test_a_matrix_that_nobody_converts_is_refused(untagged_stream):
    with pytest.raises(MediaError, match="matrix 8"):
        colour_of(tagged(colorspace=8), untagged_stream)


def test_rgb_gets_a_conventional_matrix_for_yuv():
    assert yuv_colour(Colour(1, 13, 0, True), 480) == Colour(1, 13, 6, False)
    assert yuv_colour(Colour(1, 13, 0, True), 1080) == Colour(1, 13, 1, False)
    assert yuv_colour(Colour(9, 16, 9, True), 480) == Colour(9, 16, 9, True)
    assert with_matrix(Colour(9, 16, 9, False), 0) == Colour(9, 16, 0, True)


def test_interlaced_chroma_is_not_mixed_between_fields(make_source, read_all):
    """Rows alternate between red and blue; taking the frame for a progressive one would give purple."""
    rows = np.zeros((64, 64, 3), np.uint8)
    rows[0::2, :, 0] = rows[1::2, :, 2] = 255

    def weave(frame):
        planes = [(81, 41), (90, 240), (240, 110)]
        for plane, (even, odd) in zip(frame.planes, planes, strict=True):
            samples = np.full((plane.height, plane.line_size), even, np.uint8)
            samples[1::2] = odd
            plane.update(samples.tobytes())

    path = make_source("woven.mp4", num_frames=1, size=(64, 64), pictures=[])
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25, width=64, height=64)
        stream.options = {"crf": "1", "x264-params": "tff=1:interlaced=1"}
        frame = av.VideoFrame(64, 64, "yuv420p")
        weave(frame)
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    found = read_all(path)
    assert any("interlaced" in line for line in found.warnings)
    assert int(np.abs(found.pictures[0].astype(int) - rows).max()) < 12


def test_ffv1_is_lossless(tmp_path, make_format, pictures, read_all):
    frames = pictures(4, 63, 47)
    with VideoSink(tmp_path / "out.mkv", make_format(63, 47), codec="ffv1") as sink:
        for index, rgb in enumerate(frames):
            sink.write_frame(rgb, index * 512)
    found = read_all(tmp_path / "out.mkv")
    assert np.array_equal(found.pictures, np.stack(frames))
    assert found.format.colour == Colour(1, 1, 0, True)
