"""Following the camera: what it passes over stays where it is in the coded picture."""

from .follow import can_look_at, follow_camera
from .similarity import Similarity, Size
from .warp import size_of

__all__ = ["Similarity", "Size", "can_look_at", "follow_camera", "size_of"]
