"""The filled region in pixels, against what the tokenizer makes of the true tokens."""

import numpy as np
import torch
from numpy.typing import NDArray

from ...tokenizer import Tokenizer, Tokens
from ...tokenizer.perceptual import PerceptualDistance
from ..metrics import psnr_db
from .interface import Case, Clip, Ids, Pad

SIX_DIRECTIONS = tuple((axis, reverse) for axis in range(3) for reverse in (False, True))


class CasePixels:
    """Decodes cases; the given pixels of a baseline too come from the true tokens, not from the source."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def decode(self, case: Case, ids: Ids) -> Clip:
        """Decode tokens in place of the case's own."""
        num_frames, height, width = case.given.shape
        tokens = Tokens(torch.from_numpy(ids)[None], case.bit_depth, num_frames, height, width)
        clip: Clip = self._tokenizer.decode(tokens)[0].permute(1, 2, 3, 0).numpy()
        return clip

    def padded(self, case: Case, truth: Clip, pad: Pad) -> Clip:
        """Pad in pixels, and pass the result through the tokenizer, as all that a generator makes has to."""
        padded = torch.from_numpy(np.ascontiguousarray(pad(truth, case.given))).permute(3, 0, 1, 2)[None]
        return self.decode(case, self._tokenizer.encode(padded, case.bit_depth).ids[0].numpy())


def region_psnr_db(truth: Clip, made: Clip, given: NDArray[np.bool_]) -> float:
    """Give the PSNR of RGB over the pixels of all frames that are not given."""
    return psnr_db(_bytes(truth)[~given], _bytes(made)[~given])


def region_distance(truth: Clip, made: Clip, given: NDArray[np.bool_], distance: PerceptualDistance) -> float:
    """Give the mean distance of those frames of which a part is not given; given pixels are those of the truth."""
    frames = np.flatnonzero(~given.all((1, 2)))
    pasted = np.where(given[..., None], truth, made)
    pair = [
        torch.from_numpy(np.ascontiguousarray(clip[frames])).permute(0, 3, 1, 2) * 2 - 1
        for clip in (pasted, truth)
    ]
    with torch.inference_mode():
        return float(distance.image_distance(*pair).mean())


def fill_from_six_sides(clip: Clip, given: NDArray[np.bool_]) -> Clip:
    """Fill each pixel with the nearest given ones up, down, left, right, before and after, weighted by 1/distance.

    Within one frame and one gap this is linear interpolation. A pixel that sees none of the six has the nearest of
    the frame: those that do see some are taken for given.
    """
    total, weight = np.zeros_like(clip), np.zeros(given.shape, np.float32)
    for axis, reverse in SIX_DIRECTIONS:
        value, distance = _nearest_along(clip, given, axis, reverse)
        share = np.where(distance > 0, 1 / np.maximum(distance, 1), 0).astype(np.float32)
        total += share[..., None] * value
        weight += share
    seen = weight > 0
    filled = np.where(given[..., None], clip, total / np.maximum(weight, 1e-9)[..., None]).astype(np.float32)
    left = ~given & ~seen
    if left.any() and not left.all():
        filled[left] = fill_from_six_sides(filled, ~left)[left]
    return filled


def _nearest_along(
    clip: Clip, given: NDArray[np.bool_], axis: int, reverse: bool
) -> tuple[Clip, NDArray[np.int64]]:
    """Give the last given pixel along an axis, and how far away it is; 0 where there is none."""
    moved, inside = np.moveaxis(clip, axis, 0), np.moveaxis(given, axis, 0)
    if reverse:
        moved, inside = moved[::-1], inside[::-1]
    places = np.arange(len(inside))[:, None, None]
    last = np.maximum.accumulate(np.where(inside, places, -1), axis=0)
    value = np.take_along_axis(moved, np.maximum(last, 0)[..., None], axis=0)
    distance = np.where(last >= 0, places - last, 0)
    if reverse:
        value, distance = value[::-1], distance[::-1]
    return np.moveaxis(value, 0, axis), np.moveaxis(distance, 0, axis)


def _bytes(clip: Clip) -> NDArray[np.uint8]:
    return (clip * 255).round().clip(0, 255).astype(np.uint8)
