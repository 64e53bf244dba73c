"""What a camera sees of a large picture that stands still."""

from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from mgv.codec.camera import Similarity

Size = tuple[int, int]


def scenery(side: int = 900, seed: int = 0) -> NDArray[np.uint8]:
    """A picture with detail at every size, uint8 `[side, side, 3]`."""
    random = np.random.default_rng(seed)
    total = np.zeros((side, side, 3), np.float32)
    for coarse in (8, 16, 32, 64):
        noise = random.standard_normal((side // coarse + 2, side // coarse + 2, 3)).astype(np.float32)
        total += cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC) * 25 * (coarse / 16) ** 0.5
    return np.clip(total + 128, 0, 255).astype(np.uint8)


def seen_from(picture: NDArray[np.uint8], places: Sequence[Similarity], size: Size) -> NDArray[np.uint8]:
    """Show what a camera sees from each place (frame to picture, from the middle of each), uint8 `[T, H, W, 3]`."""
    side = picture.shape[0]
    frames = []
    for place in places:
        # the middle of a frame of `size` lies on the middle of the picture; both are in the same units
        matrix = place.matrix(size, size, size)
        matrix[:, 2] += (side - np.array(size)) / 2
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        frames.append(cv2.warpAffine(picture, matrix, size, flags=flags))
    return np.stack(frames)


def write_clip(path: Path, frames: NDArray[np.uint8]) -> None:
    """Write frames, uint8 `[T, H, W, 3]`, as lossless video of 25 a second."""
    height, width = frames.shape[1:3]
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=25, width=width, height=height, pix_fmt="bgr0")
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def pan(num_frames: int, step: complex, turn: complex = 1) -> list[Similarity]:
    """Move the camera by `step` pixels a frame, and turn it by a factor."""
    return [Similarity(turn**index, step * (index - num_frames / 2)) for index in range(num_frames)]
