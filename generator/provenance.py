"""The entry that says in META what of a file was generated, and how."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .geometry import Box
from .painter import Painter

KEY = "generated"
"""Of META: a list with an entry for each command that changed the file, the oldest first."""


@dataclass(frozen=True)
class GeneratedRegion:
    """A part of a video that was made up."""

    first_frame: int
    num_frames: int
    box: Box | None = None
    """In pixels of the stored picture; None for all of it, or where it is no box."""


def with_entry(
    metadata: Mapping[str, Any], painter: Painter, task: str, regions: Sequence[GeneratedRegion]
) -> dict[str, Any]:
    """Add an entry to META.

    The entry is an object with `task`, `generator`, `generator_sha256`, `seed`, `label` and `prompt` (null for none),
    `sampling` (the fields of `Sampling`) and `regions`, a list of objects with `first_frame`, `num_frames` and
    `box`, `[x, y, width, height]` or null. Frames and pixels are counted as in the file that the entry came with.

    Args:
        metadata: of the file before.
        painter: that makes the tokens.
        task: the command, or a task's name.
        regions: what it makes; tokens at the edge of a region count wholly.
    """
    earlier = metadata.get(KEY)
    entry = {
        "task": task,
        "generator": painter.filler.name,
        "generator_sha256": painter.filler.sha256,
        "seed": painter.seed,
        "label": painter.label,
        "prompt": painter.prompt,
        "sampling": asdict(painter.sampling),
        "regions": [
            {
                "first_frame": region.first_frame,
                "num_frames": region.num_frames,
                "box": None
                if region.box is None
                else [region.box.x, region.box.y, region.box.width, region.box.height],
            }
            for region in regions
        ],
    }
    return {**metadata, KEY: [*(earlier if isinstance(earlier, list) else ()), entry]}
