"""Random crops of shards as training batches, each a pure function of seed and step: a resumed run sees the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from .conv import space_to_depth
from .shards import map_frames, open_shards
from .train_config import Phase
from .train_tokens import Fineness, FrozenEncoder, draw_fineness

WINDOW_PATCHES = 8
"""Patches a side of the windows that patches are drawn in: one read from disk gives many."""


class Batch(NamedTuple):
    """What one training step takes."""

    clip: Tensor
    """`[B, 3, T, H, W]`: uint8 as loaded, float in [-1, 1] on the token grid once on the device; T is 1 in a batch of
    photographs."""
    fineness: list[Fineness]
    """One a sample."""
    given: Tensor | None
    """float32 `[B, D, t, h, w]`, the clips encoded and quantized, where the encoder is frozen."""


class CropBatches(Dataset[Batch]):
    """Batch number n of a phase.

    Args:
        video_folders: shards of video.
        image_folders: shards of photographs.
        phase: says what a batch is.
        ladder: bit depths that a sample may be cut to.
        seed: of everything drawn.
        first_step: number of the first batch.
        encoder: where it is not trained; quantizes as batches are loaded.
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
        self.encoder = encoder
        self.videos = _usable(video_folders, phase.crop, phase.num_frames)
        self.stills = _usable(image_folders, phase.crop, 1)
        if not self.videos and not self.stills:
            raise ValueError(f"no shard has {phase.num_frames} frames of at least {phase.crop}x{phase.crop}")

    def __len__(self) -> int:
        return self.phase.steps - self.first_step

    def __getitem__(self, index: int) -> Batch:
        step = self.first_step + index
        clip = self._clips(np.random.default_rng([self.seed, step]))
        random = torch.Generator().manual_seed((self.seed << 24) + step)
        fineness = draw_fineness(self.phase, self.ladder, clip.shape[0], random)
        return Batch(clip, fineness, self.encoder(clip, fineness) if self.encoder else None)

    def _clips(self, random: np.random.Generator) -> Tensor:
        """Draw uint8 `[B, 3, T, H, W]`."""
        phase = self.phase
        still = phase.kind == "image" or not self.videos or random.random() < phase.still_share
        if not still:
            weights = self._weights
            clips = [
                self._crop(self.videos[i], phase.num_frames, random)
                for i in random.choice(len(self.videos), phase.batch_size, p=weights)
            ]
        else:
            pool = self.stills + self.videos
            share = 0.7 if self.stills and self.videos else float(bool(self.stills))
            # As many pixels as a batch of clips, within reason.
            batch_size = phase.batch_size * min(phase.num_frames, 4)
            clips = []
            for _ in range(batch_size):
                some = self.stills if random.random() < share else self.videos
                clips.append(self._crop((some or pool)[random.integers(len(some or pool))], 1, random))
        return torch.from_numpy(np.ascontiguousarray(np.stack(clips).transpose(0, 4, 1, 2, 3)))

    @property
    def _weights(self) -> np.ndarray:
        """A clip is drawn in proportion to the square root of its length."""
        lengths = np.sqrt([float(array.shape[0]) for array in self.videos])
        weights: np.ndarray = lengths / lengths.sum()
        return weights

    def _crop(self, frames: np.ndarray, num_frames: int, random: np.random.Generator) -> np.ndarray:
        crop = self._source_side(frames, random)
        longest = (frames.shape[0] - 1) // max(num_frames - 1, 1)
        speed = 2 if num_frames > 1 and longest >= 2 and random.random() < 0.15 else 1
        start = random.integers(frames.shape[0] - (num_frames - 1) * speed)
        top, left = random.integers(frames.shape[1] - crop + 1), random.integers(frames.shape[2] - crop + 1)
        clip = frames[
            start : start + (num_frames - 1) * speed + 1 : speed, top : top + crop, left : left + crop
        ]
        if crop != self.phase.crop:
            clip = _scaled_down(clip, self.phase.crop)
        if num_frames > 1 and random.random() < 0.05:
            clip = np.repeat(clip[:1], num_frames, axis=0)
        if random.random() < 0.5:
            clip = clip[:, :, ::-1]
        if random.random() < 0.1:
            clip = clip[::-1]
        return clip

    def _source_side(self, frames: np.ndarray, random: np.random.Generator) -> int:
        """Draw the side of the square that is scaled to the crop, as large as the frames allow."""
        scales = self.phase.scales
        scale = scales[random.integers(len(scales))] if len(scales) > 1 else scales[0]
        return int(min(round(self.phase.crop / scale), *frames.shape[1:3]))


def _scaled_down(clip: np.ndarray, side: int) -> np.ndarray:
    """Scale square frames, uint8 `[T, H, W, 3]`, antialiased."""
    frames = [Image.fromarray(frame).resize((side, side), Image.Resampling.BICUBIC) for frame in clip]
    return np.stack([np.asarray(frame) for frame in frames])


def batches(dataset: CropBatches, num_workers: int) -> Iterator[Batch]:
    """Load batches in order, by so many worker processes ahead of the training loop."""
    return iter(
        DataLoader(
            dataset,
            batch_size=None,
            shuffle=False,
            num_workers=num_workers,
            pin_memory=torch.cuda.is_available(),
        )
    )


def sample_patches(
    folders: tuple[str, ...], strides: tuple[int, int, int], num_patches: int, seed: int
) -> np.ndarray:
    """Draw patches of RGB in [-1, 1] over all shards, one in seven of them still.

    Returns:
        float32 `[N, 3 * s_t * s_h * s_w]`, N at least `num_patches`, channel-major as `space_to_depth` orders them.
    """
    random = np.random.default_rng(seed)
    stride_t, stride_h, stride_w = strides
    height, width = stride_h * WINDOW_PATCHES, stride_w * WINDOW_PATCHES
    videos = _usable(folders, max(height, width), 1)
    if not videos:
        raise ValueError(f"no shard has frames of at least {height}x{width} to fit a transform on")
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
