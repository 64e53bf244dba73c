"""Memory-mapped uint8 frames on disk, so that training never decodes a video."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from .errors import ShardError

FrameReader = Callable[[Path], Iterator[np.ndarray]]
"""Yields the uint8 `[H, W, 3]` RGB frames of one video file or photograph."""

INDEX_NAME = "index.json"
HEADER_BYTES = 128
"""Of a `.npy` that holds one array of four dimensions."""


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
    on_error: Callable[[Path, Exception], None] | None = None,
    expected_errors: tuple[type[Exception], ...] = (),
) -> list[Shard]:
    """Decode each source once and write its frames to a `.npy`; inverse: `open_shards`.

    A shard whose file is already whole is kept, so that an interrupted preparation goes on where it stopped.

    Args:
        sources: videos and photographs.
        folder: made if missing.
        read_frames: the decoder.
        max_frames: frames taken of each source at most.
        on_done: called after each source.
        on_error: told of a source that raised one of `expected_errors`, which is then left out; raised on if None.
        expected_errors: what the decoder raises for a source that it cannot read.

    Returns:
        The shards in the order of `sources`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = {shard.source: shard for shard in open_shards(folder)} if (folder / INDEX_NAME).exists() else {}
    shards = []
    for source in sources:
        shard = known.get(source.name)
        try:
            if shard is None or not (folder / shard.name).exists():
                shard = _write_one(source, folder, islice(read_frames(source), max_frames))
                known[source.name] = shard
                _write_index(folder, known.values())
            shards.append(shard)
        except expected_errors as error:
            if on_error is None:
                raise
            on_error(source, error)
        on_done(source)
    _write_index(folder, known.values())
    return shards


def open_shards(folder: Path) -> list[Shard]:
    """Read the index of a shard folder; inverse: `write_shards`.

    Raises:
        ShardError: the folder holds no index, or none that can be read; it says how to make one.
    """
    index = folder / INDEX_NAME
    if not index.exists():
        raise ShardError(f"{folder} holds no {INDEX_NAME}; make it with `mgv train prepare`")
    try:
        return [Shard(**entry) for entry in json.loads(index.read_text())]
    except (OSError, ValueError, TypeError) as error:
        raise ShardError(
            f"{index}: is no index of shards: {error}; make it with `mgv train prepare`"
        ) from error


def map_frames(folder: Path, shard: Shard) -> np.ndarray:
    """Map a shard's frames, uint8 `[T, H, W, 3]`, without reading them.

    Raises:
        ShardError: its file is missing or damaged.
    """
    try:
        mapped: np.ndarray = np.load(folder / shard.name, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ShardError(
            f"{folder / shard.name}: can't be mapped: {error}; make it with `mgv train prepare`"
        ) from error
    return mapped


def _write_one(source: Path, folder: Path, frames: Iterable[np.ndarray]) -> Shard:
    """Append frame after frame to a `.npy` whose header is written last: memory does not grow with length."""
    name = f"{source.name}.npy"
    part = folder / f"{name}.part"
    num_frames, shape = 0, (0, 0, 3)
    try:
        with part.open("wb") as file:
            file.seek(HEADER_BYTES)
            for frame in frames:
                shape = frame.shape
                file.write(np.ascontiguousarray(frame).tobytes())
                num_frames += 1
            file.seek(0)
            header = {"descr": "|u1", "fortran_order": False, "shape": (num_frames, *shape)}
            np.lib.format.write_array_header_1_0(file, header)
            if file.tell() != HEADER_BYTES:
                raise ValueError(f"{source}: frames of {shape} do not fit the header of a shard")
        part.rename(folder / name)
    finally:
        part.unlink(missing_ok=True)
    return Shard(name, source.name, num_frames, shape[0], shape[1])


def _write_index(folder: Path, shards: Iterable[Shard]) -> None:
    part = folder / f"{INDEX_NAME}.part"
    part.write_text(json.dumps([asdict(shard) for shard in shards], indent=1))
    part.rename(folder / INDEX_NAME)
