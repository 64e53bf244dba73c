"""Tokens that go with those of an `.mgv`: depth, flow and audio, in an `.npz` of the same name beside it."""

import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..dataset import TokenFile
from ..errors import DataError
from ..window import GridShape, TokenWindow
from .elements import AudioCodes


@dataclass(frozen=True)
class Companion:
    """Of a whole file; each part may be missing."""

    depth: NDArray[np.int64] | None = None
    """`[n, h, w]`, tokens of the painted depth, for all latent frames of the file."""
    flow: NDArray[np.int64] | None = None
    """Likewise of the optical flow."""
    audio: NDArray[np.int64] | None = None
    """`[K, T]`, codes of the whole sound."""
    audio_starts: NDArray[np.int64] | None = None
    """`[n + 1]`: the step of audio with which each latent frame begins, and the step after the last."""

    def picture(self, name: str, place: tuple[int, int, int], like: TokenWindow) -> TokenWindow:
        """Cut a window out of `depth` or `flow`, at a latent frame, row and column, the size and depth of another."""
        start, top, left = place
        t, h, w = like.shape
        ids = getattr(self, name)[start : start + t, top : top + h, left : left + w]
        return TokenWindow(ids & ((1 << like.bit_depth) - 1), like.is_image, like.bit_depth)

    def sound(self, start: int, num_latents: int) -> tuple[AudioCodes, int]:
        """Cut out the audio of latent frames; give it with the number of steps that the first of them has."""
        if self.audio is None or self.audio_starts is None:
            raise ValueError("this companion has no audio")
        first, second, end = self.audio_starts[[start, start + 1, start + num_latents]].tolist()
        return AudioCodes(self.audio[:, first:end]), second - first

    def longest_sound(self, num_latents: int) -> int:
        """Count the steps of audio that so many latent frames have at most; 0 without audio."""
        if self.audio_starts is None:
            return 0
        starts = self.audio_starts
        return int((starts[num_latents:] - starts[:-num_latents]).max(initial=0))


def companion_path(file: TokenFile) -> Path:
    """Say where a file's companion is, if it has one."""
    return file.path.with_suffix(".npz")


def write_companion(path: Path, companion: Companion) -> None:
    """Write an `.npz`. Inverse: `read_companion`."""
    np.savez_compressed(path, **{name: part for name, part in vars(companion).items() if part is not None})


def companion_parts(file: TokenFile) -> frozenset[str]:
    """Name what the companion of a file has, without reading it."""
    path = companion_path(file)
    try:
        with zipfile.ZipFile(path) as parts:
            return frozenset(name.removesuffix(".npy") for name in parts.namelist())
    except FileNotFoundError:
        return frozenset()
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: is no companion of {file.path.name}: {error}") from error


@lru_cache(maxsize=64)
def read_companion(file: TokenFile) -> Companion:
    """Read the companion of a file; an empty one where there is none. Inverse: `write_companion`.

    Raises:
        DataError: it does not fit the file.
    """
    path = companion_path(file)
    if not path.is_file():
        return Companion()
    try:
        with np.load(path, allow_pickle=False) as parts:
            companion = Companion(
                **{name: parts[name].astype(np.int64, casting="safe") for name in parts.files}
            )
    except (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: is no companion of {file.path.name}: {error}") from error
    grid: GridShape = (file.num_latents, *file.grid)
    for name in ("depth", "flow"):
        part = getattr(companion, name)
        if part is not None and part.shape != grid:
            raise DataError(f"{path}: {name} is {part.shape}, expected {grid} as {file.path.name} has it")
    _check_audio(path, companion, file)
    return companion


def _check_audio(path: Path, companion: Companion, file: TokenFile) -> None:
    audio, starts = companion.audio, companion.audio_starts
    if audio is None and starts is None:
        return
    if audio is None or starts is None:
        raise DataError(f"{path}: audio and audio_starts go together")
    if audio.ndim != 2 or starts.shape != (file.num_latents + 1,):
        raise DataError(
            f"{path}: audio is {audio.shape} and audio_starts {starts.shape}, "
            f"expected (levels, steps) and ({file.num_latents + 1},)"
        )
    if starts[0] < 0 or (np.diff(starts) < 0).any() or starts[-1] > audio.shape[1]:
        raise DataError(f"{path}: audio_starts must rise, up to at most the {audio.shape[1]} steps of audio")
