"""Entropy coding: token bits <-> payload bytes, one payload a layer. Numba is imported only when a coder needs it."""

from .coder import CODER_NAMES, LayerCoder, get_coder
from .layers import Planes, check_planes, layer_bounds, layer_crc, pack_layer, unpack_layer

__all__ = [
    "CODER_NAMES",
    "LayerCoder",
    "Planes",
    "check_planes",
    "get_coder",
    "layer_bounds",
    "layer_crc",
    "pack_layer",
    "unpack_layer",
]
