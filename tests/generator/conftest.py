"""A folder of tiny `.mgv` files to learn from."""

from pathlib import Path

import av
import numpy as np
import pytest

import mgv

NUM_FRAMES = 78
"""One segment of 65 frames and one of 13, 17 and 4 latent frames; where nothing moves, one of 21."""
SIZE = 64, 48
GRID = 6, 8


@pytest.fixture(scope="session")
def token_folder(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Two files of two segments each: `still__a.mgv`, where nothing moves, and `b.mgv` in a folder below."""
    sources = tmp_path_factory.mktemp("videos")
    folder = tmp_path_factory.mktemp("tokens")
    (folder / "deeper").mkdir()
    for name, speed in (("still__a", 0.0), ("deeper/b", 0.7)):
        clip = sources / f"{Path(name).name}.mkv"
        write_clip(clip, speed)
        mgv.encode(clip, folder / f"{name}.mgv", model=tiny_model, coder="raw")
    return folder


def write_clip(path: Path, speed: float) -> None:
    width, height = SIZE
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    with av.open(path, "w") as container:
        video = container.add_stream("ffv1", rate=25, width=width, height=height, pix_fmt="bgr0")
        for index in range(NUM_FRAMES):
            waves = [np.sin((x + speed * index) / 17 + k) + np.cos(y / 13 + 2 * k) for k in range(3)]
            rgb = np.clip(np.stack(waves, axis=-1) * 50 + 120, 0, 255).astype(np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(video.encode(None))
