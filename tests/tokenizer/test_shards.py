"""Shards: what goes in comes out, an interrupted preparation goes on, a bad source is left out."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mgv.tokenizer import ShardError
from mgv.tokenizer.shards import map_frames, open_shards, write_shards


class Reader:
    """Decodes a 'video' whose frames are drawn from its name; counts what it reads."""

    def __init__(self, *, fail_at: str | None = None) -> None:
        self.fail_at, self.read = fail_at, list[str]()

    def __call__(self, path: Path) -> Iterator[np.ndarray]:
        self.read.append(path.name)
        for frame in frames_of(path):
            yield frame
            if path.name == self.fail_at:
                raise OSError(f"{path} broke")


def frames_of(path: Path) -> np.ndarray:
    random = np.random.default_rng(list(path.name.encode()))
    return random.integers(0, 256, (5, 6, 7, 3), np.uint8)


SOURCES = [Path("a.mp4"), Path("b.mkv"), Path("c.jpg")]


def test_frames_come_back_memory_mapped(tmp_path: Path) -> None:
    shards = write_shards(SOURCES, tmp_path, Reader())
    assert open_shards(tmp_path) == shards
    for source, shard in zip(SOURCES, shards, strict=True):
        frames = map_frames(tmp_path, shard)
        assert isinstance(frames, np.memmap)
        assert np.array_equal(frames, frames_of(source))
        assert (shard.num_frames, shard.height, shard.width) == (5, 6, 7)


def test_max_frames_cuts(tmp_path: Path) -> None:
    (shard,) = write_shards(SOURCES[:1], tmp_path, Reader(), max_frames=2)
    assert np.array_equal(map_frames(tmp_path, shard), frames_of(SOURCES[0])[:2])


def test_an_interrupted_preparation_goes_on(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="broke"):
        write_shards(SOURCES, tmp_path, Reader(fail_at="b.mkv"))
    reader = Reader()
    assert len(write_shards(SOURCES, tmp_path, reader)) == 3
    assert reader.read == ["b.mkv", "c.jpg"]
    assert not list(tmp_path.glob("*.part"))


def test_a_source_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    failed: list[Path] = []
    shards = write_shards(
        SOURCES,
        tmp_path,
        Reader(fail_at="a.mp4"),
        on_error=lambda path, error: failed.append(path),
        expected_errors=(OSError,),
    )
    assert failed == [Path("a.mp4")]
    assert [shard.source for shard in shards] == ["b.mkv", "c.jpg"]
    assert open_shards(tmp_path) == shards


@pytest.mark.parametrize("index", [None, "{", "[1]", '[{"name": "a"}]'])
def test_a_folder_without_an_index_is_named(index: str | None, tmp_path: Path) -> None:
    if index is not None:
        (tmp_path / "index.json").write_text(index)
    with pytest.raises(ShardError, match=r"index\.json.*mgv train prepare"):
        open_shards(tmp_path)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"cut")])
def test_a_damaged_shard_is_named(damage: Callable[[Path], object], tmp_path: Path) -> None:
    (shard,) = write_shards(SOURCES[:1], tmp_path, Reader())
    damage(tmp_path / shard.name)
    with pytest.raises(ShardError, match=r"a\.mp4\.npy"):
        map_frames(tmp_path, shard)
