"""The scenes of the golden files: what is in each, and the pictures and sound it is made of.

Needs nothing but numpy, so that the tests can make the reference pictures again.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

TICK = 3600
TIME_BASE = Fraction(1, 90000)
SAMPLE_RATE = 1000
PACKET_SAMPLES = 40


@dataclass(frozen=True)
class Scene:
    """A short video."""

    width: int
    height: int
    segments: tuple[int, ...]
    """Frames of each segment."""
    coded_size: tuple[int, int] | None = None
    """Coded width and height where they are not those of the source."""
    layers: tuple[int, ...] | None = None
    """Layers kept of each segment, where not all are."""
    start_pts: int = 0
    is_uneven: bool = False
    """Whether frames are off the nominal tick in every segment but the first."""
    has_audio: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    """Fields of the header that are not the usual ones."""

    @property
    def num_frames(self) -> int:
        return sum(self.segments)

    @property
    def pts(self) -> list[int]:
        """Times of all frames, in ticks, and one more: the end of the last one."""
        durations = [TICK] * self.num_frames
        if self.is_uneven:
            for index in range(self.segments[0], self.num_frames):
                durations[index] = 1 + index * 7919 % 9001
        return [self.start_pts + sum(durations[:index]) for index in range(self.num_frames + 1)]


SCENES = {
    "still": Scene(24, 16, (1,)),
    "odd-size": Scene(37, 23, (9, 9, 4)),
    "moving": Scene(96, 80, (17, 6), facts={"segment_frames": 17}),
    "uneven-times": Scene(
        40,
        24,
        (5, 5, 3),
        start_pts=-1234,
        is_uneven=True,
        has_audio=True,
        metadata={
            "title": "Grüße, 你好",
            "creation_time": "2025-02-03T04:05:06Z",
            "list": [1, -2.5, None, {}],
        },
        facts={"rotation_degrees": 270, "sample_aspect": Fraction(4, 3), "segment_frames": 5},
    ),
    "fewer-layers": Scene(24, 16, (5, 5, 5), layers=(3, 1, 2), facts={"segment_frames": 5}),
    "half-size": Scene(50, 34, (5,), coded_size=(25, 17)),
    "enlarged": Scene(30, 18, (5,), coded_size=(45, 27)),
}


def picture(index: int, width: int, height: int) -> NDArray[np.uint8]:
    """Make picture `index` of any scene: smooth waves that drift; uint8 `[height, width, 3]`."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = [np.sin((x + 2 * index) / 15 + k) + np.cos((y - index) / 12 + 2 * k) for k in range(3)]
    return np.clip(np.stack(waves, axis=-1) * 50 + 120, 0, 255).astype(np.uint8)


def pictures(scene: Scene) -> NDArray[np.uint8]:
    """Make all pictures of a scene; uint8 `[T, H, W, 3]`."""
    return np.stack([picture(index, scene.width, scene.height) for index in range(scene.num_frames)])


def sound(packet: int) -> bytes:
    """Make the samples of a packet: a tone in 16-bit PCM."""
    samples = np.arange(PACKET_SAMPLES) + packet * PACKET_SAMPLES
    return (samples * 37 % 400 * 20 - 4000).astype("<i2").tobytes()
