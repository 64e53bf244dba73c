"""Loading a generator of any kind by its name or folder."""

from importlib import import_module
from pathlib import Path

from ..tokenizer import WeightsError
from .card import generator_folder, read_card
from .window import WindowFiller

LOADERS = {"masked": "masked.filler:load_masked"}
"""Kind of a card -> what loads it."""


def load_generator(name_or_folder: str | Path) -> WindowFiller:
    """Load a generator, ready to fill windows.

    Args:
        name_or_folder: a shipped generator's name, or a folder.

    Raises:
        WeightsError: missing, damaged, or of a kind that is not known here.
    """
    kind = read_card(generator_folder(name_or_folder))["kind"]
    if kind not in LOADERS:
        raise WeightsError(
            f"{name_or_folder} is a generator of kind {kind!r}, expected {' or '.join(LOADERS)}"
        )
    module, _, name = LOADERS[kind].partition(":")
    filler: WindowFiller = getattr(import_module(f".{module}", __package__), name)(name_or_folder)
    return filler
