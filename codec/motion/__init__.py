"""Aligning what moves: within a latent frame, frames are bent so that they show it in one place."""

from .align import align_motion
from .coding import pack_motion, still_motion, unpack_motion
from .mesh import Field, Motion, displacements, look_up, num_groups, settle, spread

__all__ = [
    "Field",
    "Motion",
    "align_motion",
    "displacements",
    "look_up",
    "num_groups",
    "pack_motion",
    "settle",
    "spread",
    "still_motion",
    "unpack_motion",
]
