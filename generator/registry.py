"""The kinds of generators: loading one by its name or folder, and reading a training run's TOML."""

import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

from ..tokenizer import WeightsError
from .card import generator_folder, read_card
from .errors import DataError
from .train import Objective
from .train_config import RunSettings, from_table
from .window import WindowFiller

LOADERS = {"masked": "masked.filler:load_masked", "prefix-lm": "prefix_lm.filler:load_prefix_lm"}
"""Kind of a card -> what loads it."""

OBJECTIVES = {
    "masked": "masked.training:read_masked_run",
    "prefix-lm": "prefix_lm.training:read_prefix_run",
}
"""Kind of a run -> what makes its objective from `RunSettings`, the other tables and the place for messages."""


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
    filler: WindowFiller = _imported(LOADERS[kind])(name_or_folder)
    return filler


def read_run(path: Path) -> Objective:
    """Read a training run from TOML: `kind`, the table `[run]` of `RunSettings`, and those of its kind.

    Raises:
        DataError: not TOML, an unknown or missing field, an impossible value, or no data; names the file.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: is no TOML: {error}") from error
    kind, run = tables.pop("kind", None), tables.pop("run", {})
    if kind not in OBJECTIVES:
        raise DataError(f"{path}: kind is {kind!r}, expected {' or '.join(OBJECTIVES)}")
    if not isinstance(run, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise DataError(f"{path}: expected tables, [run] and those of a {kind} generator, beside `kind`")
    settings = from_table(RunSettings, run, f"{path}: [run]")
    objective: Objective = _imported(OBJECTIVES[kind])(settings, tables, str(path))
    return objective


def _imported(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(f".{module}", __package__), name)
