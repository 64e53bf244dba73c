"""Memory-mapped uint8 frames on disk, so that training never decodes a video."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

FrameReader = Callable[[Path], Iterator[np.ndarray]]
"""Yields the uint8 `[H, W, 3]` RGB frames of one video file or photograph."""

INDEX_NAME = "index.json"


@dataclass(frozen=True)
class Shard:
    """One source file as an array on disk."""

    name: str
    """File name inside the shard folder, a `.npy` of uint8 `[T, H, W, 3]`."""
    source: str
    """Name of the file that the frames came from."""
    num_frames: int
    height: int
    width: int


def write_shards(
    sources: Sequence[Path],
    folder: Path,
    read_frames: FrameReader,
    *,
    max_frames: int | None = None,
    on_done: Callable[[Path], None] = lambda path: None,
) -> list[Shard]:
    """Decode each source once and write its frames to a `.npy`; inverse: `open_shards`.

    A shard whose file is already whole is kept, so that an interrupted preparation goes on where it stopped.

    Args:
        sources: videos and photographs.
        folder: made if missing.
        read_frames: the decoder.
        max_frames: frames taken of each source at most.
        on_done: called after each source.

    Returns:
        The shards in the order of `sources`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = {shard.source: shard for shard in open_shards(folder)} if (folder / INDEX_NAME).exists() else {}
    shards = []
    for source in sources:
        shard = known.get(source.name)
        if shard is None or not (folder / shard.name).exists():
            shard = _write_one(source, folder, _limited(read_frames(source), max_frames))
        shards.append(shard)
        on_done(source)
    known.update({shard.source: shard for shard in shards})
    _write_index(folder, known.values())
    return shards


def open_shards(folder: Path) -> list[Shard]:
    """Read the index of a shard folder; inverse: `write_shards`.

    Raises:
        FileNotFoundError: the folder holds no index; it says how to make one.
    """
    index = folder / INDEX_NAME
    if not index.exists():
        raise FileNotFoundError(f"{folder} holds no {INDEX_NAME}; make it with `mgv train prepare`")
    return [Shard(**entry) for entry in json.loads(index.read_text())]


def map_frames(folder: Path, shard: Shard) -> np.ndarray:
    """Map a shard's frames, uint8 `[T, H, W, 3]`, without reading them."""
    mapped: np.ndarray = np.load(folder / shard.name, mmap_mode="r")
    return mapped


def _limited(frames: Iterator[np.ndarray], max_frames: int | None) -> Iterator[np.ndarray]:
    for index, frame in enumerate(frames):
        if max_frames is not None and index >= max_frames:
            return
        yield frame


def _write_one(source: Path, folder: Path, frames: Iterator[np.ndarray]) -> Shard:
    array = np.stack(list(frames))
    shard = Shard(f"{source.stem}.npy", source.name, *array.shape[:3])
    part = folder / f"{shard.name}.part"
    with part.open("wb") as file:
        np.save(file, array)
    part.rename(folder / shard.name)
    return shard


def _write_index(folder: Path, shards: Iterable[Shard]) -> None:
    part = folder / f"{INDEX_NAME}.part"
    part.write_text(json.dumps([asdict(shard) for shard in shards], indent=1))
    part.rename(folder / INDEX_NAME)
