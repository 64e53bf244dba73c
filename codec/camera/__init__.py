"""Following the camera: what it passes over stays where it is in the coded picture."""

from .follow import FEWEST_PIXELS, follow_camera
from .similarity import Similarity, Size
from .warp import size_of

__all__ = ["FEWEST_PIXELS", "Similarity", "Size", "follow_camera", "size_of"]
