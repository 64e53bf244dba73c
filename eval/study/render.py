"""Stimuli: decoded frames as files that every browser plays, alike in size, rate and length, no visible loss added."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

from .errors import StudyError

Frame = NDArray[np.uint8]

CRF_LADDER = (10, 6, 2)
"""Of x264, tried in turn until a stimulus is close enough to the frames that it shows."""
SPOILED_BLOCK = 12
"""Pixels a side that a spoiled stimulus shows as one: an obvious answer."""
MAX_RATE_DENOMINATOR = 100_000


@dataclass(frozen=True)
class Rendering:
    """A stimulus as it is served."""

    data: bytes
    """MP4 with H.264 video alone."""
    psnr_y_db: float
    """Of its luma against the decoded frames' luma: mean over frames, 100 where equal."""
    crf: int
    """0 for lossless."""


def render(
    frames: list[Frame], frame_rate: Fraction, *, lossless: bool, min_psnr_db: float, name: str
) -> Rendering:
    """Encode frames for the browser.

    An odd last row or column is cut off, on both sides of a pair alike: H.264 4:2:0 has none.

    Args:
        frames: uint8 `[H, W, 3]` RGB.
        frame_rate: frames per second.
        lossless: 4:4:4 without loss in YUV in place of 4:2:0.
        min_psnr_db: luma PSNR to reach.
        name: of the stimulus, for the error.

    Raises:
        StudyError: the finest encoding is not close enough.
    """
    best = 0.0
    for crf in (0,) if lossless else CRF_LADDER:
        data = _encode(frames, frame_rate, crf)
        psnr = _luma_psnr_db(frames, data)
        if psnr >= min_psnr_db:
            return Rendering(data, psnr, crf)
        best = max(best, psnr)
    raise StudyError(
        f"{name}: its rendering reaches {best:.1f} dB of the {min_psnr_db:.1f} dB asked for; lower "
        'playback.min_render_psnr_db, or set playback.rendering = "lossless"'
    )


def even(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Cut frames to even sides."""
    for frame in frames:
        height, width = frame.shape[:2]
        yield np.ascontiguousarray(frame[: height // 2 * 2, : width // 2 * 2])


def spoil(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Show each block of pixels as their mean: what anyone who looks will call worse than the source."""
    for frame in frames:
        height, width = frame.shape[:2]
        padding = (-height % SPOILED_BLOCK, -width % SPOILED_BLOCK)
        padded = np.pad(frame, ((0, padding[0]), (0, padding[1]), (0, 0)), mode="edge")
        rows, columns = padded.shape[0] // SPOILED_BLOCK, padded.shape[1] // SPOILED_BLOCK
        blocks = padded.reshape(rows, SPOILED_BLOCK, columns, SPOILED_BLOCK, 3).mean(axis=(1, 3))
        coarse = np.rint(blocks).astype(np.uint8).repeat(SPOILED_BLOCK, axis=0).repeat(SPOILED_BLOCK, axis=1)
        yield coarse[:height, :width]


def _encode(frames: list[Frame], frame_rate: Fraction, crf: int) -> bytes:
    height, width = frames[0].shape[:2]
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        rate = frame_rate.limit_denominator(MAX_RATE_DENOMINATOR)
        pixel_format = "yuv444p" if crf == 0 else "yuv420p"
        stream = container.add_stream("libx264", rate=rate, width=width, height=height, pix_fmt=pixel_format)
        stream.options = {"preset": "medium", **({"qp": "0"} if crf == 0 else {"crf": str(crf)})}
        context = stream.codec_context
        context.time_base = 1 / rate
        context.thread_count = 1  # the same bytes on every machine
        context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1
        context.color_range = ColorRange.MPEG
        for index, frame in enumerate(frames):
            container.mux(stream.encode(_to_yuv(frame, pixel_format, index, 1 / rate)))
        container.mux(stream.encode(None))
    return file.getvalue()


def _to_yuv(frame: Frame, pixel_format: str, index: int, time_base: Fraction) -> av.VideoFrame:
    rgb = av.VideoFrame.from_ndarray(frame, format="rgb24")
    yuv = rgb.reformat(
        format=pixel_format,
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        interpolation=Interpolation.BICUBIC,
    )
    yuv.pts, yuv.time_base, yuv.pict_type = index, time_base, PictureType.NONE
    return yuv


def _luma_psnr_db(frames: list[Frame], data: bytes) -> float:
    """Compare what a browser will decode with the frames, both as limited-range BT.709 luma."""
    values = []
    num_shown = 0
    with av.open(io.BytesIO(data), "r") as container:
        for index, shown in enumerate(container.decode(video=0)):
            if index < len(frames):
                wanted = _luma_plane(_to_yuv(frames[index], "yuv444p", 0, Fraction(1)))
                mse = float(np.mean(np.square(wanted - _luma_plane(shown))))
                values.append(100.0 if mse == 0 else min(100.0, 10 * float(np.log10(219**2 / mse))))
            num_shown = index + 1
    if num_shown != len(frames):
        raise StudyError(f"a rendering has {num_shown} frames, expected {len(frames)}")
    return float(np.mean(values))


def _luma_plane(frame: av.VideoFrame) -> NDArray[np.float64]:
    plane = frame.planes[0]
    rows = np.frombuffer(bytes(plane), np.uint8).reshape(frame.height, plane.line_size)
    luma: NDArray[np.float64] = rows[:, : frame.width].astype(np.float64)
    return luma
