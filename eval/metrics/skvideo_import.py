"""Import scikit-video 1.1.11 beside a numpy and scipy that are newer than it."""

import sys
import warnings
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

OLD_NUMPY_NAMES: dict[str, Any] = {
    "int": int,
    "float": float,
    "complex": complex,
    "bool": bool,
    "product": np.prod,
}
"""Names that numpy no longer has, or has for something else, and what they meant."""

_PROXIES: dict[str, "_Overlay"] = {}


class _Overlay(ModuleType):
    """A module with some names replaced."""

    def __init__(self, module: ModuleType, names: dict[str, Any]) -> None:
        super().__init__(module.__name__)
        self._module = module
        self.__dict__.update(names)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def import_skvideo_measure() -> ModuleType:
    """Import and return `skvideo.measure`, with what it misses put into its own modules and into no others.

    Its warnings about numpy and scipy are silenced while it is imported.
    """
    import scipy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import skvideo.measure
        import skvideo.utils
    if not _PROXIES:
        misc = SimpleNamespace(imresize=imresize)
        _PROXIES["np"] = _Overlay(np, OLD_NUMPY_NAMES)
        _PROXIES["scipy"] = _Overlay(scipy, {"misc": misc})
        for name, module in list(sys.modules.items()):
            if name.startswith("skvideo."):
                for attribute, proxy in _PROXIES.items():
                    if hasattr(module, attribute):
                        setattr(module, attribute, proxy)
    measure: ModuleType = skvideo.measure
    return measure


def imresize(
    image: NDArray[np.floating[Any]], size: float, interp: str = "bilinear", mode: str = "F"
) -> NDArray[np.float32]:
    """Scale an image as scipy.misc once did.

    Args:
        image: `[H, W]`.
        size: share of the size where it is a float, percent where it is an int.
        interp: `bilinear` or `bicubic`.
        mode: `F` only, 32-bit floats.
    """
    from PIL import Image

    share = size if isinstance(size, float) else size / 100
    picture = Image.fromarray(np.asarray(image, np.float32), mode=mode)
    wanted = (int(picture.width * share), int(picture.height * share))
    return np.asarray(picture.resize(wanted, Image.Resampling[interp.upper()]), np.float32)
