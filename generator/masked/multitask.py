"""Multi-task sampling (thesis 6.4): training batches of windows, each with a task, its condition and a class."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ..dataset import TokenFolders
from ..drawing import WindowPlaces, varied_region
from ..tasks import TASKS, task_condition
from ..window import Condition, TokenWindow
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
        self._places = WindowPlaces(folders, config.window)
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
        number, start, top, left = self._places.draw(random, begins_segment=kept is None)
        file = self.folders.files[number]
        window = self.folders.read(number, start, top, left, shape)
        window = TokenWindow(window.ids & ((1 << depth) - 1), window.is_image, min(depth, window.bit_depth))
        condition = (
            Condition.of_kept(kept) if kept is not None else task_condition(task, window, self._tokenizer)
        )
        labels = self.config.labels
        labelled = task.takes_label and file.label in labels and random.random() >= self.mixture.label_drop
        return window, condition, labels.index(str(file.label)) if labelled else len(labels)


def _stacked(arrays: list[NDArray[np.generic]]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.stack(arrays)))
