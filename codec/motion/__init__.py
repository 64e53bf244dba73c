"""Aligning what moves: within a latent frame, frames are bent so that they show it in one place."""

from .align import align_motion
from .coding import pack_motion, unpack_motion
from .mesh import Field, Motion, displacements, exact_every, look_up, num_groups, settle, spread

__all__ = [
    "Field",
    "Motion",
    "align_motion",
    "displacements",
    "exact_every",
    "look_up",
    "num_groups",
    "pack_motion",
    "settle",
    "spread",
    "unpack_motion",
]
