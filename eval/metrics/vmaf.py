"""VMAF and VMAF-NEG by the libvmaf that is in ffmpeg."""

import json
from collections.abc import Sequence
from pathlib import Path

from ..codecs import CodecError
from ..codecs.ffmpeg import QUIET, find_ffmpeg
from ..codecs.process import run_measured
from .interface import ClipMetric, ClipPair, Column, MetricUnavailable

MODELS = "version=vmaf_v0.6.1\\\\:name=vmaf|version=vmaf_v0.6.1neg\\\\:name=vmaf_neg"


class Vmaf(ClipMetric):
    """VMAF 0.6.1 and its NEG variant, models for 1080p on a television, at the clip's own size.

    Args:
        ffmpeg: path of a binary; that of imageio-ffmpeg if None.

    Raises:
        MetricUnavailable: it has no libvmaf.
    """

    name = "vmaf"
    columns = (Column("vmaf", "VMAF"), Column("vmaf_neg", "VMAF-NEG"))

    def __init__(self, ffmpeg: str | None = None) -> None:
        self._ffmpeg = find_ffmpeg(ffmpeg)
        filters = run_measured([self._ffmpeg, "-nostdin", "-hide_banner", "-filters"]).stdout
        if b" libvmaf " not in filters:
            raise MetricUnavailable(f"{self._ffmpeg} has no libvmaf; the one of imageio-ffmpeg does")

    def measure_clip(self, pair: ClipPair, scratch: Path) -> list[Sequence[float]]:
        """Give both for every frame; frames are paired by their numbers, not their times."""
        clip_format, log = pair.format, scratch / "vmaf.json"
        log.unlink(missing_ok=True)
        size = f"{clip_format.width}x{clip_format.height}"
        raw = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", size, "-framerate", "25")
        clock = "settb=1/25,setpts=N"
        graph = (
            f"[0:v]{clock}[decoded];[1:v]{clock}[source];"
            f"[decoded][source]libvmaf=model={MODELS}:n_threads=1:log_fmt=json:log_path={log.name}"
        )
        arguments = [self._ffmpeg, *QUIET, *raw, "-i", str(pair.decoded.resolve())]
        arguments += [*raw, "-i", str(pair.source.resolve()), "-lavfi", graph, "-f", "null", "-"]
        try:
            run_measured(arguments, folder=scratch)
        except CodecError as error:
            raise MetricUnavailable(f"libvmaf failed: {error}") from error
        frames = sorted(
            json.loads(log.read_text("utf-8"))["frames"], key=lambda frame: int(frame["frameNum"])
        )
        if len(frames) != clip_format.num_frames:
            raise MetricUnavailable(f"libvmaf paired {len(frames)} frames of {clip_format.num_frames}")
        return [[float(frame["metrics"][column.name]) for frame in frames] for column in self.columns]
