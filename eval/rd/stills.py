"""Frames of a run for a report: the middle frame of each clip, from every codec at about the same rate."""

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ..metrics import Frame
from .curves import codecs_of
from .store import Run, RunClip, RunPoint

TARGETS_BPP = (0.01, 0.02, 0.05)
FARTHEST_FACTOR = 1.5
"""A point whose rate is farther from the target is not shown beside others."""

JPEG_QUALITY = 90


@dataclass(frozen=True)
class Still:
    """One picture."""

    clip: str
    target_bpp: float
    codec: str
    caption: str
    jpeg_base64: str


def nearest_point(points: Sequence[RunPoint], clip: str, codec: str, target_bpp: float) -> RunPoint | None:
    """Give the point of a codec on a clip whose rate is nearest by factor; None if that is too far."""
    own = [point for point in points if (point.clip, point.codec) == (clip, codec)]
    if not own:
        return None

    def factor(point: RunPoint) -> float:
        return max(point.bpp / target_bpp, target_bpp / point.bpp)

    best = min(own, key=factor)
    return best if factor(best) <= FARTHEST_FACTOR else None


def collect_stills(
    run: Run, targets: Sequence[float] = TARGETS_BPP, on_point: Callable[[str], None] = lambda text: None
) -> list[Still]:
    """Decode what is needed; the source's frame has the target 0.

    Args:
        run: with its coded files.
        targets: rates in bits per pixel.
        on_point: told each clip as it is done.
    """
    stills = []
    for clip in run.clips:
        index = clip.num_frames // 2
        stills.append(
            Still(clip.name, 0.0, "source", "source", _jpeg(_frame(run.source_frames(clip), index)))
        )
        pictures: dict[str, str] = {}
        for target in targets:
            for codec in codecs_of(run.points):
                point = nearest_point(run.points, clip.name, codec, target)
                if point is None:
                    continue
                key = f"{point.codec} {point.label}"
                if key not in pictures:
                    pictures[key] = _jpeg(_frame(run.frames(point), index))
                stills.append(Still(clip.name, target, codec, _caption(point, clip, index), pictures[key]))
        on_point(clip.name)
    return stills


def _frame(frames: Iterator[Frame], index: int) -> Frame:
    return next(islice(frames, index, None))


def _caption(point: RunPoint, clip: RunClip, index: int) -> str:
    values = " ".join(
        f"{name} {point.metrics[name]:.2f}" for name in ("psnr_y", "vmaf") if name in point.metrics
    )
    return f"{point.codec} {point.label}: {point.bpp:.4f} bpp; clip: {values}; frame {index} of {clip.num_frames}"


def _jpeg(frame: Frame) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
