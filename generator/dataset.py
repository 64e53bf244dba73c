"""Folders of `.mgv` as training data: windows of tokens, labels and captions; no pixel is decoded."""

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..codec import open as open_mgv
from ..tokenizer import Tokenizer
from .errors import DataError
from .window import GridShape, TokenWindow

SIDECAR = "labels.json"
"""Beside the files: a JSON object of relative path -> {"label": ..., "caption": ...}, either of them left out."""

NAME_SEPARATOR = "__"
"""What stands before it in a file's name is its label where no sidecar says otherwise."""

CACHE_BYTES = 1 << 30


@dataclass(frozen=True)
class TokenFile:
    """One file of a data set."""

    path: Path
    grid: tuple[int, int]
    """Rows and columns of tokens."""
    segment_latents: tuple[int, ...]
    """Latent frames of each segment."""
    label: str | None
    caption: str | None

    @property
    def num_latents(self) -> int:
        """Latent frames of all segments."""
        return sum(self.segment_latents)

    def long_segments(self, length: int) -> list[int]:
        """Give the first latent frame of each segment that has at least `length`."""
        firsts = (0, *accumulate(self.segment_latents))
        return [first for first, size in zip(firsts, self.segment_latents, strict=False) if size >= length]


class TokenFolders:
    """All `.mgv` below some folders, read segment by segment when they are needed."""

    def __init__(
        self, folders: Sequence[Path], tokenizer: Tokenizer, *, cache_bytes: int = CACHE_BYTES
    ) -> None:
        """Find the files and their sizes; of one that was cut off, the segments before the cut are used.

        Args:
            folders: searched with what lies below them.
            tokenizer: the one that all files must have been made with.
            cache_bytes: decoded tokens to hold at most.

        Raises:
            DataError: a folder is missing or has no `.mgv`, or a sidecar is no good.
            FormatError, WeightsError: a file is no `.mgv`, or of another tokenizer.
        """
        self.tokenizer = tokenizer
        self.files = [file for folder in folders for file in _list_files(folder, tokenizer)]
        self._cache: OrderedDict[tuple[int, int], tuple[NDArray[np.int64], int]] = OrderedDict()
        self._room = cache_bytes

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, sorted."""
        return tuple(sorted({file.label for file in self.files if file.label is not None}))

    def usable(self, shape: GridShape) -> list[int]:
        """Number the files that hold a window of this shape."""
        return [
            number
            for number, file in enumerate(self.files)
            if file.num_latents >= shape[0] and file.grid[0] >= shape[1] and file.grid[1] >= shape[2]
        ]

    def read(self, number: int, start: int, top: int, left: int, shape: GridShape) -> TokenWindow:
        """Read a window.

        Args:
            number: of the file.
            start: latent frame, counted over all segments; the window may reach over their ends.
            top: row of tokens.
            left: column of tokens.
            shape: latent frames, rows and columns.
        """
        t, h, w = shape
        file = self.files[number]
        firsts = [0, *accumulate(file.segment_latents)]
        pieces, depths = [], []
        for segment, first in enumerate(firsts[:-1]):
            low, high = max(start, first), min(start + t, firsts[segment + 1])
            if low < high:
                ids, depth = self._segment(number, segment)
                pieces.append(ids[low - first : high - first, top : top + h, left : left + w])
                depths.append(depth)
        ids, depth = np.concatenate(pieces), min(depths)
        is_image = np.isin(np.arange(start, start + t), firsts)
        return TokenWindow(ids & ((1 << depth) - 1), is_image, depth)

    def _segment(self, number: int, segment: int) -> tuple[NDArray[np.int64], int]:
        key = number, segment
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        with open_mgv(self.files[number].path, model=self.tokenizer) as video:
            tokens = video.tokens(segment)
            is_placed = video.views(segment).any() or video.motion(segment).any()
        if is_placed:
            raise DataError(
                f"{self.files[number].path}: segment {segment} follows the camera or what moves, so that its "
                "tokens are not of the picture as it is; encode with --no-follow-camera --no-align-motion"
            )
        ids: NDArray[np.int64] = tokens.ids[0].numpy()
        self._cache[key] = ids, tokens.bit_depth
        self._room -= ids.nbytes
        while self._room < 0 and len(self._cache) > 1:
            _, (dropped, _) = self._cache.popitem(last=False)
            self._room += dropped.nbytes
        return self._cache[key]


def _list_files(folder: Path, tokenizer: Tokenizer) -> list[TokenFile]:
    if not folder.is_dir():
        raise DataError(
            f"{folder}: is no folder; give one with .mgv files, as `mgv encode DIR DIR --no-follow-camera "
            "--no-align-motion` makes it"
        )
    sidecar = _read_sidecar(folder / SIDECAR)
    paths = sorted(path for path in folder.rglob("*.mgv") if path.is_file())
    if not paths:
        raise DataError(
            f"{folder}: there is no .mgv file in it; make some with `mgv encode DIR DIR --no-follow-camera "
            "--no-align-motion`"
        )
    files = []
    for path in paths:
        entry = sidecar.get(path.relative_to(folder).as_posix(), {})
        with open_mgv(path, model=tokenizer) as video:
            _ = video.tokenizer
            grid, latents = video.grid, video.segment_latents
        if not latents:
            raise DataError(f"{path}: holds no whole segment; remove it, or make it anew")
        files.append(
            TokenFile(path, grid, latents, entry.get("label", _label_by_name(path)), entry.get("caption"))
        )
    return files


def _label_by_name(path: Path) -> str | None:
    label, separator, _ = path.stem.partition(NAME_SEPARATOR)
    return label if separator and label else None


def _read_sidecar(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        return {}
    try:
        entries: dict[str, dict[str, str]] = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: is no JSON: {error}") from error
    is_good = isinstance(entries, dict) and all(
        isinstance(entry, dict)
        and set(entry) <= {"label", "caption"}
        and all(isinstance(text, str) for text in entry.values())
        for entry in entries.values()
    )
    if not is_good:
        raise DataError(f'{path}: expected an object of path -> {{"label": text, "caption": text}}')
    return entries
