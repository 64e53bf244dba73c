"""Following the camera: what it passes over stays where it is in the coded picture."""

from .follow import can_look_at, follow_camera
from .layout import UNSEEN
from .similarity import Similarity, Size
from .track import Luma
from .warp import size_of

__all__ = ["UNSEEN", "Luma", "Similarity", "Size", "can_look_at", "follow_camera", "size_of"]
