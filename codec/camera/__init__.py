"""Following the camera: what it passes over stays where it is in the coded picture."""

from .follow import follow_camera
from .similarity import Similarity
from .warp import pick_up

__all__ = ["Similarity", "follow_camera", "pick_up"]
