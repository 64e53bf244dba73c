"""Shards of synthetic video and photographs, for what trains on them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mgv.tokenizer.shards import write_shards


def drifting_noise(path: Path) -> Iterator[np.ndarray]:
    random = np.random.default_rng(list(path.name.encode()))
    coarse = random.integers(0, 256, (12, 12, 3)).astype(np.uint8)
    picture = np.kron(coarse, np.ones((6, 6, 1), np.uint8))
    for shift in range(1 if path.suffix == ".jpg" else 9):
        yield np.roll(picture, shift, axis=1)[:70, :66]


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("shards")
    write_shards([Path("a.mp4"), Path("b.mp4")], root / "video", drifting_noise)
    write_shards([Path("c.jpg"), Path("d.jpg")], root / "images", drifting_noise)
    return {"video": str(root / "video"), "images": str(root / "images")}
