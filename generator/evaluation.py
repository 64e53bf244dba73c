"""A generator on clips that it never saw: which windows, what each task gives of them, what is asked of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ..tokenizer import Tokenizer, WeightsError
from .dataset import TokenFolders
from .errors import DataError
from .masked.decoding import decode_one_by_one
from .masked.filler import MaskedFiller
from .masked.multitask import WindowBatch
from .masked.objective import prediction_bits
from .tasks import TASKS, Region, Task, task_condition
from .window import Condition, GridShape, Sampling, TokenWindow, WindowFiller


@dataclass(frozen=True)
class PlacedWindow:
    """A window that begins a segment."""

    clip: str
    """Name of its file, without `.mgv`."""
    label: str | None
    window: TokenWindow


@dataclass(frozen=True)
class TaskCase:
    """A window and what a task gives of it."""

    number: int
    """Of the window, which fixes what is drawn for it."""
    clip: str
    label: str | None
    task: str
    window: TokenWindow
    condition: Condition
    given: Region

    @property
    def ids(self) -> NDArray[np.int64]:
        """The truth, `[t, h, w]`."""
        return self.window.ids

    @property
    def bit_depth(self) -> int:
        """Bits of each id."""
        return self.window.bit_depth

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Tokens that are copied, `[t, h, w]`."""
        return self.condition.kept


def check_tokenizer(filler: WindowFiller, tokenizer: Tokenizer) -> None:
    """Refuse a generator of another tokenizer's tokens.

    Raises:
        WeightsError: it is one.
    """
    if filler.tokenizer_sha256 != tokenizer.sha256:
        raise WeightsError(
            f"the generator knows tokens of the tokenizer {filler.tokenizer_sha256[:16]}, {tokenizer.config.name} "
            f"is {tokenizer.sha256[:16]}: give the tokenizer that it was trained for (--model), or another generator"
        )


def draw_windows(
    folders: TokenFolders, filler: WindowFiller, num_windows: int, seed: int
) -> list[PlacedWindow]:
    """Draw windows that begin segments: one of each file in turn, its segments in turn, places at random.

    Raises:
        DataError: see `segment_starts`.
    """
    t, h, w = filler.window_shape
    starts = segment_starts(folders, filler)
    random = np.random.default_rng(seed)
    drawn = []
    for count in range(num_windows):
        number = list(starts)[count % len(starts)]
        file = folders.files[number]
        start = starts[number][count // len(starts) % len(starts[number])]
        top, left = (int(random.integers(size - n + 1)) for size, n in zip(file.grid, (h, w), strict=True))
        window = folders.read(number, start, top, left, (t, h, w))
        drawn.append(PlacedWindow(file.path.stem, file.label, _at_full_depth(window, filler, file.path.name)))
    return drawn


def tile_windows(
    folders: TokenFolders, filler: WindowFiller, num_segments: int, seed: int
) -> Iterator[list[PlacedWindow]]:
    """Cut the beginnings of segments into windows side by side.

    Args:
        folders: to read from.
        filler: whose windows are wanted.
        num_segments: at most, spread over the files.
        seed: of their choice.

    Yields:
        The windows of each segment; those of one file stand together.

    Raises:
        DataError: see `segment_starts`.
    """
    t, h, w = filler.window_shape
    starts = segment_starts(folders, filler)
    every = [(number, start) for number, places in starts.items() for start in places]
    chosen = np.random.default_rng(seed).permutation(len(every))[:num_segments]
    for number, start in (every[place] for place in sorted(chosen)):
        file = folders.files[number]
        rows, columns = (range(0, size - n + 1, n) for size, n in zip(file.grid, (h, w), strict=True))
        yield [
            PlacedWindow(
                file.path.stem,
                file.label,
                _at_full_depth(folders.read(number, start, top, left, (t, h, w)), filler, file.path.name),
            )
            for top in rows
            for left in columns
        ]


def segment_starts(folders: TokenFolders, filler: WindowFiller) -> dict[int, list[int]]:
    """Number the files that are large enough, each with the latent frames at which long enough segments begin.

    Raises:
        DataError: there is none.
    """
    shape: GridShape = filler.window_shape
    starts = {number: folders.files[number].long_segments(shape[0]) for number in folders.usable(shape)}
    starts = {number: places for number, places in starts.items() if places}
    if not starts:
        raise DataError(
            f"no file has a segment that holds a window of {shape} latent frames, rows and columns"
        )
    return starts


def make_case(
    number: int, placed: PlacedWindow, task: Task, tokenizer: Tokenizer, filler: WindowFiller
) -> TaskCase:
    """Find what a task gives of a window; its label only where the task takes one and the generator knows it."""
    stride_t, stride_h, stride_w = tokenizer.config.strides
    t, h, w = placed.window.shape
    given = task.region(1 + (t - 1) * stride_t, h * stride_h, w * stride_w)
    condition = task_condition(task, placed.window, tokenizer)
    label = placed.label if task.takes_label and placed.label in filler.labels else None
    return TaskCase(number, placed.clip, label, task.name, placed.window, condition, given)


def filling(filler: WindowFiller, sampling: Sampling, seed: int) -> Callable[[TaskCase], NDArray[np.int64]]:
    """Give what fills cases; the truth is out of its sight."""

    def fill(case: TaskCase) -> NDArray[np.int64]:
        blind = replace(case.window, ids=np.where(case.kept, case.ids, 0))
        random = torch.Generator().manual_seed(seed + case.number)
        label = case.label if case.label in filler.labels else None
        return filler.fill(blind, case.condition, case.task, label, sampling, random)

    return fill


def filling_one_by_one(
    filler: MaskedFiller, sampling: Sampling, seed: int
) -> Callable[[TaskCase], NDArray[np.int64]]:
    """Give what fills cases with one token a pass of the same transformer; the truth is out of its sight."""

    def fill(case: TaskCase) -> NDArray[np.int64]:
        blind = replace(case.window, ids=np.where(case.kept, case.ids, 0))
        prompt = filler.prompt(blind, case.condition, case.task, case.label)
        random = torch.Generator().manual_seed(seed + case.number)
        words = decode_one_by_one(filler.model, prompt, sampling, random)
        ids = filler.model.words.vocabularies.join(words)[0].cpu().numpy()
        filled: NDArray[np.int64] = np.where(case.kept, case.ids, ids)
        return filled

    return fill


def pass_counter(filler: WindowFiller) -> Callable[[], int]:
    """Count the runs of a filler's transformer from now on; a filler that counts them itself has `num_passes`."""
    if isinstance(filler, MaskedFiller):
        passes = 0

        def count(*_: object) -> None:
            nonlocal passes
            passes += 1

        filler.model.register_forward_hook(count)
        return lambda: passes
    return lambda: int(getattr(filler, "num_passes", 0))


def predicting(filler: WindowFiller) -> Callable[[TaskCase], NDArray[np.float32]] | None:
    """Give what tells the bits of each token, all predicted at once; None if the generator is not a masked one."""
    if not isinstance(filler, MaskedFiller):
        return None
    model = filler.model
    device = next(model.parameters()).device

    def predict(case: TaskCase) -> NDArray[np.float32]:
        label = model.no_label if case.label is None else filler.labels.index(case.label)

        def tensor(array: NDArray[np.generic]) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(array))[None].to(device)

        batch = WindowBatch(
            ids=tensor(case.ids),
            is_image=tensor(case.window.is_image),
            kept=tensor(case.kept),
            hinted=tensor(case.condition.hinted),
            hints=tensor(case.condition.hints),
            task=torch.tensor([list(TASKS).index(case.task)], device=device),
            label=torch.tensor([label], device=device),
            bit_depth=case.bit_depth,
        )
        bits: NDArray[np.float32] = prediction_bits(model, batch)[0].cpu().numpy()
        return bits

    return predict


def _at_full_depth(window: TokenWindow, filler: WindowFiller, name: str) -> TokenWindow:
    depth = filler.bit_depths[-1]
    if window.bit_depth < depth:
        raise DataError(
            f"{name} has {window.bit_depth} bits a token, the generator is measured at {depth}: "
            "encode at the highest quality, without thinning"
        )
    return TokenWindow(window.ids & ((1 << depth) - 1), window.is_image, depth)
