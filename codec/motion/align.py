"""The stage of an encoding that aligns what moves: chunks of pictures to chunks of aligned ones and their vectors."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ..camera import Size, can_look_at
from ..segmenter import Chunk, SegmentEnd
from .mesh import Motion, group_field, look_up, spread
from .search import NARROWEST, MotionSearch, search_size


def align_motion(
    items: Iterable[Chunk | SegmentEnd], size: Size, stride: int, weight: float = 1.0
) -> Iterator[Chunk | SegmentEnd]:
    """Bend the frames of each latent frame so that they show what moves where it is in the middle of them.

    Chunks that nothing is to be gained in stay as they are, and so do all where frames are too small or too large to
    be looked at, or too narrow.

    Args:
        items: from `cut_segments` or `follow_camera`.
        size: of the frames.
        stride: frames of a latent frame after the first of a segment.
        weight: what it is worth that frames are alike; below 1 where few bits are spent on them anyway.
    """
    if not can_look_at(size) or min(search_size(size)) < NARROWEST or stride < 2:
        yield from items
        return
    search, is_first = MotionSearch(size, weight), True
    for item in items:
        if isinstance(item, SegmentEnd):
            search, is_first = MotionSearch(size, weight), True
            yield item
        else:
            yield _align(item, size, stride, search, first=1 if is_first else 0)
            is_first = False


def _align(chunk: Chunk, size: Size, stride: int, search: MotionSearch, first: int) -> Chunk:
    """Align a chunk's groups; before them stand `first` frames that belong to none."""
    starts = range(first, len(chunk.rgb), stride)
    found = [search.find(list(chunk.rgb[start : start + stride])) for start in starts]
    if not any(vectors.any() for vectors in found):
        return chunk
    motion: Motion = np.stack(found)
    aligned = chunk.rgb.copy()
    for start, vectors in zip(starts, motion, strict=True):
        if vectors.any():
            for place in range(stride):
                aligned[start + place] = _moved(chunk.rgb[start + place], vectors, place, stride, size)
    return replace(chunk, rgb=aligned, motion=motion)


def _moved(
    picture: NDArray[np.uint8], vectors: NDArray[np.int16], place: int, stride: int, size: Size
) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    at = spread(group_field(vectors, place, stride), (width, height))
    at *= np.array([width / size[0], height / size[1]], np.float32)
    at[..., 0] += np.arange(width, dtype=np.float32)
    at[..., 1] += np.arange(height, dtype=np.float32)[:, None]
    return look_up(picture, at, cv2.INTER_CUBIC)
