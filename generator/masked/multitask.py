"""Multi-task sampling (thesis 6.4): training batches of windows, each with a task, its condition and a class."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ..dataset import TokenFile, TokenFolders
from ..errors import DataError
from ..tasks import TASKS, task_condition
from ..window import Condition, GridShape, TokenWindow
from .config import MaskedConfig


class WindowBatch(NamedTuple):
    """Windows of one shape and one bit depth."""

    ids: Tensor
    """int64 `[B, t, h, w]`."""
    is_image: Tensor
    """bool `[B, t]`."""
    kept: Tensor
    """bool `[B, t, h, w]`."""
    hinted: Tensor
    """bool `[B, t, h, w]`."""
    hints: Tensor
    """int64 `[B, t, h, w]`."""
    task: Tensor
    """int64 `[B]`."""
    label: Tensor
    """int64 `[B]`."""
    bit_depth: int


@dataclass(frozen=True)
class Mixture:
    """What is drawn how often."""

    task_weights: dict[str, float]
    """Of each task that is trained, relative."""
    varied_share: float = 0.5
    """Share of samples whose region is drawn at random rather than that of the thesis, so that windows into a larger
    grid, whatever is known of them, are nothing new."""
    full_depth_share: float = 0.5
    """Share of batches at the largest bit depth; the others have one of the model's depths."""
    label_drop: float = 0.1
    """Share of the labels that are left out, for classifier-free guidance."""

    def __post_init__(self) -> None:
        unknown = set(self.task_weights) - set(TASKS)
        if unknown or not self.task_weights or min(self.task_weights.values()) <= 0:
            raise ValueError(
                f"task weights are for {', '.join(TASKS)}, each above 0; got {self.task_weights}"
            )


class WindowBatches(Dataset[WindowBatch]):
    """Batch number n is a pure function of the seed and n: a resumed run sees the same."""

    def __init__(
        self,
        folders: TokenFolders,
        config: MaskedConfig,
        mixture: Mixture,
        *,
        batch_size: int,
        num_batches: int,
        seed: int,
        first_batch: int = 0,
    ) -> None:
        """Find what can be drawn.

        Raises:
            DataError: no file is as large as a window, or no segment is as long.
        """
        self.folders, self.config, self.mixture = folders, config, mixture
        self.batch_size, self.num_batches, self.first_batch, self.seed = (
            batch_size,
            num_batches,
            first_batch,
            seed,
        )
        usable = folders.usable(config.window)
        starting = [n for n in usable if folders.files[n].long_segments(config.window[0])]
        if not starting:
            raise DataError(
                f"no file has a segment that holds a window of {config.window} latent frames, rows and columns"
            )
        self._usable, self._starting = _Pool(folders.files, usable), _Pool(folders.files, starting)
        self._tokenizer = folders.tokenizer

    def __len__(self) -> int:
        return self.num_batches - self.first_batch

    def __getitem__(self, index: int) -> WindowBatch:
        random = np.random.default_rng([self.seed, self.first_batch + index])
        depths = self.config.bit_depths
        full = random.random() < self.mixture.full_depth_share
        depth = depths[-1] if full else depths[random.integers(len(depths))]
        names = list(self.mixture.task_weights)
        weights = np.array(list(self.mixture.task_weights.values()))
        drawn = []
        for _ in range(self.batch_size):
            name = names[random.choice(len(names), p=weights / weights.sum())]
            drawn.append((name, *self._sample(name, depth, random)))
        depth = min(window.bit_depth for _, window, _, _ in drawn)
        mask = (1 << depth) - 1
        return WindowBatch(
            ids=_stacked([window.ids & mask for _, window, _, _ in drawn]),
            is_image=_stacked([window.is_image for _, window, _, _ in drawn]),
            kept=_stacked([condition.kept for _, _, condition, _ in drawn]),
            hinted=_stacked([condition.hinted for _, _, condition, _ in drawn]),
            hints=_stacked([condition.hints & mask for _, _, condition, _ in drawn]),
            task=torch.tensor([list(TASKS).index(name) for name, *_ in drawn]),
            label=torch.tensor([label for *_, label in drawn]),
            bit_depth=depth,
        )

    def _sample(
        self, name: str, depth: int, random: np.random.Generator
    ) -> tuple[TokenWindow, Condition, int]:
        shape = self.config.window
        varied = random.random() < self.mixture.varied_share
        kept = varied_region(name, shape, random) if varied else None
        task = TASKS[name]
        number, start = self._place(random, begins_segment=kept is None)
        file = self.folders.files[number]
        top, left = (
            random.integers(size - length + 1) for size, length in zip(file.grid, shape[1:], strict=True)
        )
        window = self.folders.read(number, start, int(top), int(left), shape)
        window = TokenWindow(window.ids & ((1 << depth) - 1), window.is_image, min(depth, window.bit_depth))
        condition = (
            Condition.of_kept(kept) if kept is not None else task_condition(task, window, self._tokenizer)
        )
        labels = self.config.labels
        labelled = task.takes_label and file.label in labels and random.random() >= self.mixture.label_drop
        return window, condition, labels.index(str(file.label)) if labelled else len(labels)

    def _place(self, random: np.random.Generator, *, begins_segment: bool) -> tuple[int, int]:
        """Draw a file and a latent frame to start at."""
        length = self.config.window[0]
        pool = self._starting if begins_segment else self._usable
        number = pool.draw(random)
        file = self.folders.files[number]
        if not begins_segment:
            return number, int(random.integers(file.num_latents - length + 1))
        starts = file.long_segments(length)
        return number, starts[random.integers(len(starts))]


class _Pool:
    """Files, each drawn in proportion to the square root of its tokens."""

    def __init__(self, files: list[TokenFile], numbers: list[int]) -> None:
        self.numbers = numbers
        roots = np.sqrt([files[n].num_latents * files[n].grid[0] * files[n].grid[1] for n in numbers])
        self.shares = roots / roots.sum()

    def draw(self, random: np.random.Generator) -> int:
        return self.numbers[random.choice(len(self.numbers), p=self.shares)]


def varied_region(name: str, shape: GridShape, random: np.random.Generator) -> NDArray[np.bool_] | None:
    """Draw kept tokens in the manner of a task, with sizes and places of their own.

    Returns:
        bool `[t, h, w]`; None for a task that has only one way (a moving box, or nothing).
    """
    t, h, w = shape
    kept = np.zeros(shape, bool)
    top, bottom = _interval(h, random)
    left, right = _interval(w, random)
    if name in ("FP", "CFP") and t > 1:
        kept[: random.integers(1, t)] = True
        if random.random() < 0.3:  # a neighbouring window has been there before
            kept |= _strip(shape, random)
    elif name == "FI" and t > 2:
        first = random.integers(1, t - 1)
        last = random.integers(1, t - first)
        kept[:first] = True
        kept[t - last :] = True
        if random.random() < 0.3:
            kept |= _strip(shape, random)
    elif name == "OPC":
        kept[:, top:bottom, left:right] = True
    elif name == "OPV":
        kept[:, :, left:right] = True
    elif name == "OPH":
        kept[:, top:bottom] = True
    elif name == "IPC":
        kept[:] = True
        early, late = _interval(t, random) if random.random() < 0.5 else (0, t)
        kept[early:late, top:bottom, left:right] = False
    else:
        return None
    return kept if not kept.all() else None


def _interval(length: int, random: np.random.Generator) -> tuple[int, int]:
    """Draw a part of a line, at least a sixth of it long."""
    extent = int(random.integers(max(1, length // 6), length + 1))
    start = int(random.integers(length - extent + 1))
    return start, start + extent


def _strip(shape: GridShape, random: np.random.Generator) -> NDArray[np.bool_]:
    """Mark rows or columns along one edge of the window, less than half of it."""
    marked = np.zeros(shape, bool)
    axis = 1 + int(random.integers(2))
    extent = int(random.integers(1, max(2, shape[axis] // 2)))
    moved = np.moveaxis(marked, axis, 0)
    if random.random() < 0.5:
        moved[:extent] = True
    else:
        moved[-extent:] = True
    return marked


def _stacked(arrays: list[NDArray[np.generic]]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.stack(arrays)))
