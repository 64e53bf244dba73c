"""The ten tasks of thesis 6.4.2: which pixels are given, how the rest is padded, and what that makes of the tokens."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..tokenizer import Tokenizer, Tokens
from .padding import Padding, pad_edge, pad_interpolated, pad_repeated, pad_zero
from .window import Condition, TokenWindow

Region = NDArray[np.bool_]
"""`[T, H, W]`: pixels that are given."""


@dataclass(frozen=True)
class Task:
    """One of the ten; its settings are those of the thesis unless others are made with `replace`."""

    name: str
    title: str
    region: Callable[[int, int, int], Region]
    """Pixels that are given of a clip of T, H, W."""
    pad: Padding
    """Fills the other pixels of a clip, to make the padded condition."""
    takes_label: bool = False


def first_and_last_frames(first: int, last: int = 0) -> Callable[[int, int, int], Region]:
    """Give `first` frames at the beginning and `last` at the end."""

    def region(num_frames: int, height: int, width: int) -> Region:
        given = np.zeros((num_frames, height, width), bool)
        given[:first] = True
        given[num_frames - last :] = True
        return given

    return region


def centred_box(rows: float, columns: float) -> Callable[[int, int, int], Region]:
    """Give a box in the middle of every frame, its sides as shares of the frame's."""

    def region(num_frames: int, height: int, width: int) -> Region:
        given = np.zeros((num_frames, height, width), bool)
        top, bottom = _middle(height, rows)
        left, right = _middle(width, columns)
        given[:, top:bottom, left:right] = True
        return given

    return region


def moving_box(rows: float, columns: float) -> Callable[[int, int, int], Region]:
    """Give a box that moves from the left edge to the right one, vertically centred."""

    def region(num_frames: int, height: int, width: int) -> Region:
        given = np.zeros((num_frames, height, width), bool)
        top, bottom = _middle(height, rows)
        extent = max(1, round(width * columns))
        for index in range(num_frames):
            left = round((width - extent) * index / max(1, num_frames - 1))
            given[index, top:bottom, left : left + extent] = True
        return given

    return region


def all_but(inner: Callable[[int, int, int], Region]) -> Callable[[int, int, int], Region]:
    """Give what another region leaves out."""
    return lambda num_frames, height, width: ~inner(num_frames, height, width)


def nothing(num_frames: int, height: int, width: int) -> Region:
    """Give no pixel at all."""
    return np.zeros((num_frames, height, width), bool)


def _middle(length: int, share: float) -> tuple[int, int]:
    extent = max(1, round(length * share))
    start = (length - extent) // 2
    return start, start + extent


TASKS = {
    task.name: task
    for task in (
        Task("FP", "frame prediction", first_and_last_frames(1), pad_repeated),
        Task("FI", "frame interpolation", first_and_last_frames(1, 1), pad_interpolated),
        Task("OPC", "central outpainting", centred_box(0.5, 0.5), pad_edge),
        Task("OPV", "vertical outpainting", centred_box(1.0, 0.5), pad_edge),
        Task("OPH", "horizontal outpainting", centred_box(0.5, 1.0), pad_edge),
        Task("OPD", "dynamic outpainting", moving_box(1.0, 0.5), pad_zero),
        Task("IPC", "central inpainting", all_but(centred_box(0.5, 0.5)), pad_zero),
        Task("IPD", "dynamic inpainting", all_but(moving_box(0.5, 0.5)), pad_zero),
        Task("CG", "class-conditional generation", nothing, pad_zero, takes_label=True),
        Task(
            "CFP",
            "class-conditional frame prediction",
            first_and_last_frames(1),
            pad_repeated,
            takes_label=True,
        ),
    )
}
"""By name, in the order of the thesis."""


def supervoxels(
    region: Region, strides: tuple[int, int, int], *, starts_with_image: bool
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell of each token whether its supervoxel is given wholly, and whether any of it is.

    Args:
        region: pixels that are given; a frame, row or column that completes a supervoxel but is not there counts
            as not given in time (a latent frame with padding is made anew) and as its neighbour in space (where
            the padding repeats the edge).
        strides: of the tokenizer.
        starts_with_image: whether the first frame has a latent frame of its own.

    Returns:
        Two of bool `[t, h, w]`.
    """
    stride_t, stride_h, stride_w = strides
    height, width = region.shape[1:]
    lead = stride_t - 1 if starts_with_image else 0
    rows, columns = -height % stride_h, -width % stride_w
    padded = np.pad(region, ((0, 0), (0, rows), (0, columns)), mode="edge")
    # Copies of the first frame stand for the frames that an image latent does without.
    padded = np.concatenate([padded[:1].repeat(lead, 0), padded], 0)
    tail = -padded.shape[0] % stride_t
    padded = np.pad(padded, ((0, tail), (0, 0), (0, 0)))
    t, h, w = (size // stride for size, stride in zip(padded.shape, strides, strict=True))
    blocks = padded.reshape(t, stride_t, h, stride_h, w, stride_w)
    wholly: NDArray[np.bool_] = blocks.min((1, 3, 5))
    partly: NDArray[np.bool_] = blocks.max((1, 3, 5))
    return wholly, partly


def task_condition(
    task: Task, window: TokenWindow, tokenizer: Tokenizer, size: tuple[int, int, int] | None = None
) -> Condition:
    """Find what a task gives of a window: whole supervoxels as they are, parts of one re-tokenised (COMMIT).

    Pixels are decoded only where a supervoxel is given in part.

    Args:
        task: one of `TASKS`.
        window: that begins with an image latent and has no other.
        tokenizer: of the window's tokens.
        size: frames, rows and columns of the clip; as many as the tokens can hold if None.
    """
    stride_t, stride_h, stride_w = tokenizer.config.strides
    t, h, w = window.shape
    num_frames, height, width = size or (1 + (t - 1) * stride_t, h * stride_h, w * stride_w)
    if not window.is_image[0] or window.is_image[1:].any():
        raise ValueError("a task needs a window that begins a segment and lies within it")
    region = task.region(num_frames, height, width)
    kept, given = supervoxels(region, (stride_t, stride_h, stride_w), starts_with_image=True)
    hinted = given & ~kept
    if not hinted.any():
        return Condition.of_kept(kept)
    tokens = Tokens(torch.from_numpy(window.ids)[None], window.bit_depth, num_frames, height, width)
    clip = tokenizer.decode(tokens)[0].permute(1, 2, 3, 0).numpy()
    padded = torch.from_numpy(task.pad(clip, region)).permute(3, 0, 1, 2)[None]
    hints = tokenizer.encode(padded, window.bit_depth).ids[0].numpy()
    return Condition(kept, hinted, np.where(hinted, hints, 0))
