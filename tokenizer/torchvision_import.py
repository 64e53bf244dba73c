"""Import torchvision beside a torch that its compiled operators were not built for (a CPU-only one)."""

import importlib
import sys
from types import ModuleType

_registered: list[object] = []
"""Keeps the operator library alive: its operators go when it does."""

OPERATORS = ("nms", "qnms")
"""What torchvision registers shapes for while it is imported, whether or not its binary defines it."""


def import_torchvision() -> ModuleType:
    """Import and return torchvision; call this before importing lpips, piq or anything else that needs it.

    Beside a CPU-only torch its binary does not load and its import dies over operators that are not there.
    Then those operators are declared, without an implementation, and the import is tried again: models and
    transforms work, box operators do not.

    Raises:
        ImportError: torchvision is not installed.
        RuntimeError: the import fails for another reason.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error) or _registered:
            raise
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    from torch.library import Library

    library = Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for operator in OPERATORS:
        signature = f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library.define(signature)  # type: ignore[no-untyped-call]
    _registered.append(library)
    return importlib.import_module("torchvision")
