"""mgv: a neural video codec. Video to MAGVIT-v2 tokens in a compact, seekable `.mgv` file, and back.

The names below are loaded when first used, so that `import mgv` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .codec import (
        MediaError,
        OptionError,
        OutputError,
        decode,
        encode,
        encode_tree,
        open,  # noqa: A004 - `mgv.open` is the name users expect
    )
    from .container import FormatError
    from .tokenizer import Tokenizer, Tokens, WeightsError, load_tokenizer

__version__ = "0.1.0"

_HOMES = {
    "FormatError": ".container",
    "MediaError": ".codec",
    "OptionError": ".codec",
    "OutputError": ".codec",
    "Tokenizer": ".tokenizer",
    "Tokens": ".tokenizer",
    "WeightsError": ".tokenizer",
    "decode": ".codec",
    "encode": ".codec",
    "encode_tree": ".codec",
    "load_tokenizer": ".tokenizer",
    "open": ".codec",
}

__all__ = [
    "FormatError",
    "MediaError",
    "OptionError",
    "OutputError",
    "Tokenizer",
    "Tokens",
    "WeightsError",
    "__version__",
    "decode",
    "encode",
    "encode_tree",
    "load_tokenizer",
    "open",
]


def __getattr__(name: str) -> object:
    """Import a public name from the folder it lives in (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home, __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
