"""A generator on disk: a folder with `generator.safetensors` (fp16) and the card `generator.json`."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ..tokenizer import Tokenizer, WeightsError
from ..tokenizer.fingerprint import weights_sha256
from .errors import DataError

SHIPPED = Path(__file__).parent / "models"
WEIGHTS_NAME = "generator.safetensors"
CARD_NAME = "generator.json"
DEFAULT_GENERATOR = "mgv-s-masked"


def list_generators() -> dict[str, Path]:
    """Name the generators that come with the package, each with its folder."""
    return {card.parent.name: card.parent for card in sorted(SHIPPED.glob(f"*/{CARD_NAME}"))}


def generator_folder(name_or_folder: str | Path) -> Path:
    """Find the folder of a shipped generator's name, or take the path of one.

    Raises:
        WeightsError: neither.
    """
    shipped = list_generators()
    if str(name_or_folder) in shipped:
        return shipped[str(name_or_folder)]
    folder = Path(name_or_folder)
    if not (folder / CARD_NAME).is_file():
        raise WeightsError(
            f"{name_or_folder} is no generator: expected one of {', '.join(shipped) or '(none shipped)'} or a folder "
            f"with {CARD_NAME} and {WEIGHTS_NAME}"
        )
    return folder


def read_card(folder: Path) -> dict[str, Any]:
    """Read a generator's card; WeightsError if it is none."""
    try:
        card = json.loads((folder / CARD_NAME).read_text())
        for name in ("kind", "generator", "tokenizer", "tokenizer_sha256", "sha256"):
            card[name]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{folder / CARD_NAME} is no generator's card: {error}") from error
    return dict(card)


def load_weights(model: nn.Module, folder: Path, sha256: str) -> None:
    """Fill a model from a folder. Inverse: `save_generator`.

    Raises:
        WeightsError: the weights are missing, damaged, or of another shape or hash than the card's.
    """
    try:
        state = load_file(folder / WEIGHTS_NAME)
        model.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise WeightsError(f"the weights in {folder} cannot be loaded: {reason}") from error
    found = weights_sha256(model)
    if found != sha256:
        raise WeightsError(
            f"the weights in {folder} have hash {found[:16]}, the card says {sha256[:16]}: "
            "they do not belong together; get both anew"
        )


def save_generator(model: nn.Module, folder: Path, card: dict[str, Any]) -> None:
    """Write weights (fp16) and card, to which the hash is added. Inverse: `load_weights`.

    Args:
        model: any device.
        folder: made if missing.
        card: `kind`, `generator` (its configuration), `tokenizer`, `tokenizer_sha256`, and facts for people.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        name: tensor.detach().to("cpu", torch.float16).contiguous()
        for name, tensor in model.state_dict().items()
    }
    part = folder / f"{WEIGHTS_NAME}.part"
    save_file(state, part)
    part.rename(folder / WEIGHTS_NAME)
    part = folder / f"{CARD_NAME}.part"
    part.write_text(json.dumps({**card, "sha256": weights_sha256(model)}, indent=2) + "\n")
    part.rename(folder / CARD_NAME)


def start_from(model: nn.Module, config: Any, name_or_folder: str) -> None:
    """Fill a new model with the weights of a trained one of the same configuration; none if no name is given.

    Raises:
        DataError: it has another configuration.
        WeightsError: it is missing or damaged.
    """
    if not name_or_folder:
        return
    folder = generator_folder(name_or_folder)
    card = read_card(folder)
    if type(config).from_dict(card["generator"]) != config:
        raise DataError(f"{folder} has another configuration than this run")
    load_weights(model, folder, card["sha256"])


def save_trained(
    model: nn.Module, folder: Path, kind: str, config: Any, tokenizer: Tokenizer, facts: dict[str, Any]
) -> None:
    """Write the weights and card of a training run; see `save_generator`."""
    card = {
        "kind": kind,
        "generator": config.to_dict(),
        "tokenizer": tokenizer.config.name,
        "tokenizer_sha256": tokenizer.sha256,
        "training": facts,
    }
    save_generator(model, folder, card)
