"""Import the package transformers, which text and audio need and nothing else does."""

from importlib import import_module
from pathlib import Path
from typing import Any

from ...codec import MissingToolError
from ...tokenizer.torchvision_import import import_torchvision


def import_transformers(what_for: str) -> Any:
    """Import transformers, quietly.

    Args:
        what_for: begins the message when it is not there.

    Raises:
        MissingToolError: it is not installed.
    """
    try:
        transformers = import_module("transformers")
    except ImportError as error:
        raise MissingToolError(f"{what_for} needs transformers: pip install 'mgv[text]'") from error
    import_torchvision()  # transformers imports it
    transformers.utils.logging.disable_progress_bar()
    return transformers


def require_weights(folder: Path, what: str) -> None:
    """Refuse a folder that holds no model of transformers; nothing is ever downloaded.

    Raises:
        MissingToolError: it holds none.
    """
    if not (folder / "config.json").is_file() or not list(folder.glob("*.safetensors")):
        raise MissingToolError(
            f"{folder}: there is no {what} in it; save one with transformers' save_pretrained and name its folder"
        )
