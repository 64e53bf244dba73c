"""ColorVideoVDP: how visible the differences are, in just-objectionable differences; an optional extra, and slow."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...tokenizer.torchvision_import import import_torchvision
from .frames import Frame
from .interface import ClipMetric, ClipPair, Column, MetricUnavailable

if TYPE_CHECKING:
    from torch import Tensor

DISPLAY = "standard_fhd"


class Cvvdp(ClipMetric):
    """CVVDP in JOD (10: no difference to be seen), for a 24-inch full HD display at 0.6 m, frames at their own size.

    Raises:
        MetricUnavailable: cvvdp is not installed.
    """

    name = "cvvdp"
    columns = (Column("cvvdp", "CVVDP (JOD)"),)

    def __init__(self) -> None:
        import_torchvision()
        try:
            import pycvvdp
        except ImportError as error:
            raise MetricUnavailable(f"pip install 'mgv[cvvdp]' brings it ({error})") from error
        self._metric = pycvvdp.cvvdp(display_name=DISPLAY, quiet=True)

    def measure_clip(self, pair: ClipPair, scratch: Path) -> list[Sequence[float]]:
        """Give one score."""
        import torch

        source, decoded = [], []
        for frame in pair.frames():
            source.append(frame.rgb[0])
            decoded.append(frame.rgb[1])
        with torch.inference_mode():
            score, _ = self._metric.predict(
                _clip_tensor(decoded),
                _clip_tensor(source),
                "BCFHW",
                frames_per_second=float(pair.format.frame_rate),
            )
        return [[float(score)]]


def _clip_tensor(frames: list[Frame]) -> "Tensor":
    import torch

    return torch.from_numpy(np.stack(frames)).permute(3, 0, 1, 2)[None]
