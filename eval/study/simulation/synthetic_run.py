"""A run that no codec made: small moving pictures under made-up names, to try a study without one."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..run_reader import Frame

CODECS = ("alder", "birch", "cedar", "dogwood")
RATES_BPP = (0.01, 0.02, 0.04)
BYTES_JITTER = 0.03
"""Largest share by which made-up sizes are off their nominal rate."""


@dataclass(frozen=True)
class SyntheticClip:
    """A clip that is drawn when asked for."""

    name: str
    seed: int
    width: int
    height: int
    num_frames: int
    frame_rate: Fraction
    sha256: str = "0" * 64


@dataclass(frozen=True)
class SyntheticPoint:
    """A made-up codec at a made-up size."""

    clip: str
    codec: str
    label: str
    num_bytes: int
    bpp: float
    noise: float
    """Standard deviation of the noise it adds, in 8-bit levels."""
    target_bpp: float


class SyntheticRun:
    """Has every clip in every codec at every rate.

    Args:
        num_clips: drawn from `seed`.
        codecs: names, the later the better.
        rates_bpp: nominal.
        size: width and height of the pictures.
        num_frames: of each clip.
        seed: of pictures and sizes.
    """

    def __init__(
        self,
        num_clips: int = 8,
        codecs: tuple[str, ...] = CODECS,
        rates_bpp: tuple[float, ...] = RATES_BPP,
        size: tuple[int, int] = (96, 64),
        num_frames: int = 10,
        seed: int = 0,
    ) -> None:
        rng = np.random.default_rng(seed)
        width, height = size
        self.clips = [
            SyntheticClip(f"clip{index}", seed * 1000 + index, width, height, num_frames, Fraction(25))
            for index in range(num_clips)
        ]
        self.points: list[SyntheticPoint] = []
        for clip in self.clips:
            for place, codec in enumerate(codecs):
                for rate, bpp in enumerate(rates_bpp):
                    jitter = 1 + rng.uniform(-BYTES_JITTER, BYTES_JITTER)
                    num_bytes = round(bpp * jitter * width * height * num_frames / 8)
                    noise = 24.0 / (1 + place) / (1 + rate)
                    real_bpp = num_bytes * 8 / (width * height * num_frames)
                    self.points.append(
                        SyntheticPoint(clip.name, codec, f"r{rate}", num_bytes, real_bpp, noise, bpp)
                    )

    def frames(self, point: SyntheticPoint) -> Iterator[Frame]:
        """Draw the clip with the point's noise, the same in every frame."""
        (clip,) = (clip for clip in self.clips if clip.name == point.clip)
        rng = np.random.default_rng(_number_of(point.codec + point.label) + clip.seed)
        noise = rng.normal(0, point.noise, (clip.height // 4 + 1, clip.width // 4 + 1, 1))
        noise = noise.repeat(4, axis=0).repeat(4, axis=1)[: clip.height, : clip.width]
        for frame in self.source_frames(clip):
            yield np.clip(np.rint(frame + noise), 0, 255).astype(np.uint8)

    def source_frames(self, clip: SyntheticClip) -> Iterator[Frame]:
        """Draw drifting waves."""
        rng = np.random.default_rng(clip.seed)
        speed, phase = rng.uniform(0.5, 3, 3), rng.uniform(0, 6, 3)
        y, x = np.mgrid[0 : clip.height, 0 : clip.width].astype(np.float64)
        for index in range(clip.num_frames):
            waves = [
                np.sin((x + speed[c] * index) / 9 + phase[c]) + np.cos((y - index) / 7 + phase[c])
                for c in range(3)
            ]
            yield np.clip(np.stack(waves, axis=-1) * 50 + 120, 0, 255).astype(np.uint8)


def _number_of(text: str) -> int:
    """Give a number for a text, the same in every process."""
    return sum((index + 1) * byte for index, byte in enumerate(text.encode()))
