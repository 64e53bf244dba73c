"""Validation of a tokenizer in training: quality at each bit depth, use of the bits, coded size, and a picture."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .config import TokenizerConfig
from .klt import RGB_TO_YCBCR
from .losses import ms_ssim_loss
from .model import Tokenizer, Tokens
from .shards import map_frames, open_shards

CodedBits = Callable[[list[np.ndarray], TokenizerConfig], dict[int, float]]
"""Coded bits of a list of token grids (int64 `[t, h, w]`), summed, at each bit depth of the ladder."""

NUM_FRAMES = 17
LARGEST_SIDE = 256


@torch.no_grad()
def validate(
    tokenizer: Tokenizer,
    folders: tuple[str, ...],
    coded_bits: CodedBits | None = None,
    *,
    rate_weight: float = 0.0,
    perceptual: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> dict[str, Any]:
    """Measure a tokenizer on the middle of the first frames of each validation shard.

    Args:
        tokenizer: to be measured.
        folders: of shards.
        coded_bits: measures the coded size of tokens at full depth and its lower layers.
        rate_weight: with which the tokens of each depth are quantized, see `Tokenizer.quantize`.
        perceptual: distance of clips `[B, 3, T, H, W]` in [-1, 1], on the tokenizer's device.

    Returns:
        `depths`: for each bit depth `psnr_y_db`, `ms_ssim`, with `perceptual` that and with `coded_bits` `bpp`;
        `bit_usage`: share of ones of each token bit at full depth.
    """
    was_training = tokenizer.training
    tokenizer.eval()
    depths: dict[int, dict[str, list[float]]] = {depth: {} for depth in tokenizer.config.bit_depths}
    grids, num_pixels = [], 0
    for clip in _clips(folders):
        for depth, values in depths.items():
            tokens = tokenizer.encode(clip, depth, rate_weight)
            for name, value in _quality(tokenizer, tokens, clip, perceptual).items():
                values.setdefault(name, []).append(value)
        grids.append(tokens.ids[0].cpu().numpy())  # of the last, full depth
        num_pixels += clip.shape[2] * clip.shape[3] * clip.shape[4]
    report = {
        depth: {name: float(np.mean(value)) for name, value in values.items()}
        for depth, values in depths.items()
    }
    if coded_bits is not None:
        for depth, bits in coded_bits(grids, tokenizer.config).items():
            report[depth]["bpp"] = bits / num_pixels
    ids = np.concatenate([grid.ravel() for grid in grids])
    usage = [float(((ids >> bit) & 1).mean()) for bit in range(tokenizer.config.bits_per_token)]
    tokenizer.train(was_training)
    return {"depths": report, "bit_usage": usage}


@torch.no_grad()
def sample_picture(tokenizer: Tokenizer, folders: tuple[str, ...], path: Path, num_clips: int = 4) -> None:
    """Write a PNG of last frames: one row a clip, source first, then each bit depth from full to lowest."""
    rows = []
    for clip, _ in zip(_clips(folders), range(num_clips), strict=False):
        tokens = tokenizer.encode(clip)
        decoded = [tokenizer.decode(tokens, depth).cpu() for depth in tokenizer.config.bit_depths[::-1]]
        frames = [clip[0, :, -1] / 255, *(frame[0, :, -1] for frame in decoded)]
        rows.append(torch.cat([torch.nn.functional.pad(f, _to_square(f)) for f in frames], dim=2))
    picture = (torch.cat(rows, dim=1) * 255).round().byte().permute(1, 2, 0).numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


def _quality(
    tokenizer: Tokenizer, tokens: Tokens, clip: Tensor, perceptual: Callable[[Tensor, Tensor], Tensor] | None
) -> dict[str, float]:
    prediction, target = tokenizer.decode(tokens).float(), clip.to(tokenizer.device) / 255
    luma = torch.tensor(RGB_TO_YCBCR[0], dtype=torch.float32, device=tokenizer.device)
    decoded, source = (torch.einsum("c,bcthw->bthw", luma, x)[:, None] for x in (prediction, target))
    errors = (decoded - source).square().mean(dim=(0, 1, 3, 4)).clamp_min(1e-10)
    ms_ssim = 1 - ms_ssim_loss(decoded * 2 - 1, source * 2 - 1)
    values = {"psnr_y_db": float((-10 * errors.log10()).mean()), "ms_ssim": float(ms_ssim)}
    if perceptual is not None:
        values["perceptual"] = float(perceptual(prediction * 2 - 1, target * 2 - 1))
    return values


def _clips(folders: tuple[str, ...]) -> Iterator[Tensor]:
    for folder in folders:
        for shard in open_shards(Path(folder)):
            frames = map_frames(Path(folder), shard)
            height, width = min(shard.height, LARGEST_SIDE), min(shard.width, LARGEST_SIDE)
            top, left = (shard.height - height) // 2, (shard.width - width) // 2
            part = np.array(frames[:NUM_FRAMES, top : top + height, left : left + width])
            yield torch.from_numpy(part).permute(3, 0, 1, 2)[None]


def _to_square(frame: Tensor) -> tuple[int, int, int, int]:
    return 0, LARGEST_SIDE - frame.shape[2], 0, LARGEST_SIDE - frame.shape[1]
