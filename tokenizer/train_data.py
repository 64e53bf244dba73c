"""Random crops of shards as training batches, each a pure function of seed and step: a resumed run sees the same."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from .conv import space_to_depth
from .errors import ShardError
from .recolour import recolour
from .resize import resize_frames
from .shards import map_frames, open_shards
from .train_config import Phase, TrainConfig
from .train_tokens import Fineness, FrozenEncoder, draw_fineness

WINDOW_PATCHES = 8
"""Patches a side of the windows that patches are drawn in: one read from disk gives many."""

SHUFFLED_BATCHES = 32
"""Batches that are taken in a new order each time, where a batch is taken more than once."""


class Batch(NamedTuple):
    """What one training step takes."""

    clip: Tensor
    """`[B, 3, T, H, W]` at the source's size: uint8 as loaded, float in [-1, 1] once on the device; T is 1 in a batch
    of photographs."""
    fineness: list[Fineness]
    """One a sample."""
    given: Tensor | None
    """float32 `[B, D, t, h, w]`, the clips scaled, encoded and quantized, where the encoder is frozen."""


class CropBatches(Dataset[Batch]):
    """Batch number n of a phase; each is for `Phase.batch_uses` steps.

    Args:
        video_folders: shards of video.
        image_folders: shards of photographs.
        phase: says what a batch is.
        ladder: bit depths that a sample may be cut to.
        seed: of everything drawn.
        first_step: to begin with the batch of.
        encoder: where it is not trained; quantizes as batches are loaded.

    Raises:
        ShardError: no shard is long and large enough.
    """

    def __init__(
        self,
        video_folders: tuple[str, ...],
        image_folders: tuple[str, ...],
        phase: Phase,
        ladder: tuple[int, ...],
        seed: int,
        first_step: int = 0,
        encoder: FrozenEncoder | None = None,
    ) -> None:
        self.phase = phase
        self.ladder = ladder
        self.seed = seed
        self.first_step = first_step
        self.first_batch = first_step // _block_steps(phase) * _block_batches(phase)
        self.encoder = encoder
        self.videos = _usable(video_folders, phase.crop, phase.num_frames)
        self.stills = _usable(image_folders, phase.crop, 1)
        if not self.videos and not self.stills:
            raise ShardError(
                f"no shard of {_listed(video_folders + image_folders)} has {phase.num_frames} frames of at least "
                f"{phase.crop}x{phase.crop}; prepare others, or lower num_frames or crop of the {phase.kind} phase"
            )

    def __len__(self) -> int:
        return -(-self.phase.steps // self.phase.batch_uses) - self.first_batch

    def __getitem__(self, index: int) -> Batch:
        number = self.first_batch + index
        clip = self._clips(np.random.default_rng([self.seed, number]))
        random = torch.Generator().manual_seed((self.seed << 24) + number)
        fineness = draw_fineness(self.phase, self.ladder, clip.shape[0], random)
        if self.encoder is None:
            return Batch(_as_tensor(clip), fineness, None)
        coded = _as_tensor(_scaled(clip, self.phase.crop))
        return Batch(_as_tensor(clip), fineness, self.encoder(coded, fineness))

    def _clips(self, random: np.random.Generator) -> np.ndarray:
        """Draw uint8 `[B, T, H, W, 3]`, at the size that scaling brings to the crop."""
        phase = self.phase
        still = phase.kind == "image" or not self.videos or random.random() < phase.still_share
        scale = phase.scales[random.integers(len(phase.scales))]
        if not still:
            fitting, side = _fitting(self.videos, round(phase.crop / scale))
            weights = _length_weights(fitting)
            chosen = random.choice(len(fitting), phase.batch_size, p=weights)
            clips = [self._crop(fitting[i], side, phase.num_frames, random) for i in chosen]
        else:
            share = 0.7 if self.stills and self.videos else float(bool(self.stills))
            fitting, side = _fitting(self.stills + self.videos, round(phase.crop / scale))
            stills = [frames for frames in fitting if frames.shape[0] == 1]
            videos = [frames for frames in fitting if frames.shape[0] > 1]
            # As many pixels as a batch of clips, within reason.
            batch_size = phase.batch_size * min(phase.num_frames, 4)
            clips = []
            for _ in range(batch_size):
                some = (stills if random.random() < share else videos) or fitting
                clips.append(self._crop(some[random.integers(len(some))], side, 1, random))
        return np.stack(
            [recolour(clip, random) if random.random() < phase.recolour_share else clip for clip in clips]
        )

    def _crop(
        self, frames: np.ndarray, side: int, num_frames: int, random: np.random.Generator
    ) -> np.ndarray:
        longest = (frames.shape[0] - 1) // max(num_frames - 1, 1)
        speed = 2 if num_frames > 1 and longest >= 2 and random.random() < 0.15 else 1
        start = random.integers(frames.shape[0] - (num_frames - 1) * speed)
        top, left = random.integers(frames.shape[1] - side + 1), random.integers(frames.shape[2] - side + 1)
        clip = frames[
            start : start + (num_frames - 1) * speed + 1 : speed, top : top + side, left : left + side
        ]
        if num_frames > 1 and random.random() < 0.05:
            clip = np.repeat(clip[:1], num_frames, axis=0)
        if random.random() < 0.5:
            clip = clip[:, :, ::-1]
        if random.random() < 0.1:
            clip = clip[::-1]
        return clip


def check_shards(config: TrainConfig, first_phase: int = 0) -> None:
    """Find out, before a run begins or goes on, whether each phase has what it is to train and be validated on.

    Raises:
        ShardError: a folder is none of shards, or none of them is long and large enough for a phase.
    """
    for phase in config.phases[first_phase:]:
        CropBatches(config.video_shards, config.image_shards, phase, config.tokenizer.bit_depths, config.seed)
    for folder in map(Path, config.validation_shards):
        for shard in open_shards(folder):
            map_frames(folder, shard)


def _listed(folders: tuple[str, ...]) -> str:
    return ", ".join(folders) or "no folder at all"


def _as_tensor(clip: np.ndarray) -> Tensor:
    """Turn uint8 `[B, T, H, W, 3]` to `[B, 3, T, H, W]`."""
    return torch.from_numpy(np.ascontiguousarray(clip.transpose(0, 4, 1, 2, 3)))


def _fitting(pool: list[np.ndarray], side: int) -> tuple[list[np.ndarray], int]:
    """Choose the frames that hold a square of so many pixels a side, or the largest square that any holds."""
    side = min(side, max(min(frames.shape[1:3]) for frames in pool))
    return [frames for frames in pool if min(frames.shape[1:3]) >= side], side


def _length_weights(videos: list[np.ndarray]) -> np.ndarray:
    """Give the share of each clip among those drawn: in proportion to the square root of its length."""
    lengths = np.sqrt([float(array.shape[0]) for array in videos])
    weights: np.ndarray = lengths / lengths.sum()
    return weights


def _scaled(clips: np.ndarray, side: int) -> np.ndarray:
    """Scale square frames, uint8 `[B, T, H, W, 3]`, as an encoder does."""
    frames = resize_frames(clips.reshape(-1, *clips.shape[2:]), side, side)
    return frames.reshape(*clips.shape[:2], side, side, 3)


def batches(dataset: CropBatches, num_workers: int) -> Iterator[Batch]:
    """Give the batch of each step from the dataset's first one on, loaded by worker processes ahead of training.

    Batches that are taken more than once come again with their block of `SHUFFLED_BATCHES`, each time in another order.
    """
    loaded = iter(
        DataLoader(
            dataset,
            batch_size=None,
            shuffle=False,
            num_workers=num_workers,
            pin_memory=torch.cuda.is_available(),
        )
    )
    block_steps = _block_steps(dataset.phase)
    skipped = dataset.first_step % block_steps
    wanted = dataset.phase.steps - dataset.first_step
    return itertools.islice(_in_blocks(loaded, dataset), skipped, skipped + wanted)


def _in_blocks(loaded: Iterator[Batch], dataset: CropBatches) -> Iterator[Batch]:
    """Give what is loaded block by block, each block as often as its batches are used."""
    for block in itertools.count(dataset.first_step // _block_steps(dataset.phase)):
        held = []
        for batch in itertools.islice(loaded, _block_batches(dataset.phase)):
            yield batch
            held.append(batch)
        if not held:
            return
        for use in range(1, dataset.phase.batch_uses):
            order = np.random.default_rng([dataset.seed, block, use]).permutation(len(held))
            yield from (held[index] for index in order)


def _block_batches(phase: Phase) -> int:
    return SHUFFLED_BATCHES if phase.batch_uses > 1 else 1


def _block_steps(phase: Phase) -> int:
    return _block_batches(phase) * phase.batch_uses


def sample_patches(
    folders: tuple[str, ...], strides: tuple[int, int, int], num_patches: int, seed: int
) -> np.ndarray:
    """Draw patches of RGB in [-1, 1] over all shards, one in seven of them still.

    Returns:
        float32 `[N, 3 * s_t * s_h * s_w]`, N at least `num_patches`, channel-major as `space_to_depth` orders them.

    Raises:
        ShardError: no shard is large enough.
    """
    random = np.random.default_rng(seed)
    stride_t, stride_h, stride_w = strides
    height, width = stride_h * WINDOW_PATCHES, stride_w * WINDOW_PATCHES
    videos = _usable(folders, max(height, width), 1)
    if not videos:
        raise ShardError(
            f"no shard of {_listed(folders)} has frames of at least {height}x{width} to fit a transform on; "
            'prepare others, or set transform = "model"'
        )
    patches = []
    for _ in range(-(-num_patches // (len(videos) * WINDOW_PATCHES**2))):
        for frames in videos:
            still = frames.shape[0] < stride_t or random.random() < 1 / 7
            start = random.integers(frames.shape[0] - (0 if still else stride_t - 1))
            top, left = (
                random.integers(frames.shape[1] - height + 1),
                random.integers(frames.shape[2] - width + 1),
            )
            clip = frames[start : start + (1 if still else stride_t), top : top + height, left : left + width]
            pixels = torch.from_numpy(np.array(np.broadcast_to(clip, (stride_t, height, width, 3))))
            folded = space_to_depth(pixels.permute(3, 0, 1, 2)[None], strides)
            patches.append(folded[0].flatten(1).T)
    return torch.cat(patches).float().numpy() / 127.5 - 1


def _usable(folders: tuple[str, ...], crop: int, num_frames: int) -> list[np.ndarray]:
    mapped = [map_frames(Path(folder), shard) for folder in folders for shard in open_shards(Path(folder))]
    return [frames for frames in mapped if frames.shape[0] >= num_frames and min(frames.shape[1:3]) >= crop]
