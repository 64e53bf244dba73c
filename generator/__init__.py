"""New tokens from old: the masked transformer (thesis chapter 6) and the prefix language model (chapter 8).

The names below are loaded when first used: `mgv generate --help` needs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .errors import DataError

if TYPE_CHECKING:
    from .registry import load_generator
    from .window import Condition, Sampling, TokenWindow, WindowFiller

_HOMES = {
    "Condition": "window",
    "Sampling": "window",
    "TokenWindow": "window",
    "WindowFiller": "window",
    "load_generator": "registry",
}

__all__ = ["Condition", "DataError", "Sampling", "TokenWindow", "WindowFiller", "load_generator"]


def __getattr__(name: str) -> object:
    """Import a public name from the file it lives in (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{home}", __name__), name)
