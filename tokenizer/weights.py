"""Tokenizer weights on disk: a folder with `tokenizer.safetensors` (fp16) and the card `model.json`."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.nn.utils import convert_conv3d_weight_memory_format

from .config import TokenizerConfig
from .errors import WeightsError
from .model import Tokenizer

SHIPPED = Path(__file__).parent / "models"
WEIGHTS_NAME = "tokenizer.safetensors"
CARD_NAME = "model.json"
DEFAULT_MODEL = "mgv-s"


def list_models() -> dict[str, Path]:
    """Name the models that come with the package, each with its folder."""
    return {card.parent.name: card.parent for card in sorted(SHIPPED.glob(f"*/{CARD_NAME}"))}


def model_folder(name_or_folder: str | Path) -> Path:
    """Find the folder of a shipped model's name, or take the path of one.

    Raises:
        WeightsError: neither.
    """
    models = list_models()
    if str(name_or_folder) in models:
        return models[str(name_or_folder)]
    folder = Path(name_or_folder)
    if not (folder / CARD_NAME).is_file():
        raise WeightsError(
            f"{name_or_folder} is no model: expected one of {', '.join(models) or '(none shipped)'} or a folder with "
            f"{CARD_NAME} and {WEIGHTS_NAME}"
        )
    return folder


def read_card(folder: Path) -> dict[str, Any]:
    """Read a model's card; WeightsError if it is not JSON with a `tokenizer` entry."""
    try:
        card = json.loads((folder / CARD_NAME).read_text())
        card["tokenizer"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{folder / CARD_NAME} is no model card: {error}") from error
    return dict(card)


def load_tokenizer(name_or_folder: str | Path = DEFAULT_MODEL) -> Tokenizer:
    """Load a tokenizer, ready to run; inverse: `save_tokenizer`.

    Args:
        name_or_folder: a shipped model's name, or a folder.

    Raises:
        WeightsError: missing, damaged, or of another shape or hash than the card says.
    """
    folder = model_folder(name_or_folder)
    card = read_card(folder)
    try:
        tokenizer = Tokenizer(TokenizerConfig.from_dict(card["tokenizer"]))
        state = load_file(folder / WEIGHTS_NAME)
        tokenizer.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise WeightsError(f"the weights in {folder} cannot be loaded: {reason}") from error
    if card.get("sha256") != tokenizer.sha256:
        raise WeightsError(
            f"the weights in {folder} have hash {tokenizer.sha256[:16]}, the card says {str(card.get('sha256'))[:16]}: "
            "they do not belong together; get both anew"
        )
    tokenizer.folder = folder
    # Channels last is the layout in which convolutions run fastest on a CPU.
    convert_conv3d_weight_memory_format(tokenizer, torch.channels_last_3d)
    return tokenizer.eval().requires_grad_(False)


def save_tokenizer(tokenizer: Tokenizer, folder: Path, facts: dict[str, Any]) -> None:
    """Write weights (fp16) and card; inverse: `load_tokenizer`.

    Args:
        tokenizer: any device.
        folder: made if missing.
        facts: what else the card says: data, recipe, steps, measurements.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        name: tensor.detach().to("cpu", torch.float16).contiguous()
        for name, tensor in tokenizer.state_dict().items()
    }
    part = folder / f"{WEIGHTS_NAME}.part"
    save_file(state, part)
    part.rename(folder / WEIGHTS_NAME)
    card = {"tokenizer": tokenizer.config.to_dict(), "sha256": tokenizer.sha256, **facts}
    part = folder / f"{CARD_NAME}.part"
    part.write_text(json.dumps(card, indent=2) + "\n")
    part.rename(folder / CARD_NAME)
