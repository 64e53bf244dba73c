"""A generator on disk: a folder with `generator.safetensors` (fp16) and the card `generator.json`."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ..tokenizer import WeightsError

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


def weights_sha256(model: nn.Module) -> str:
    """Give SHA-256 over the fp16 tensors in name order, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(repr(tuple(tensor.shape)).encode())
        digest.update(tensor.detach().to("cpu", torch.float16).numpy().tobytes())
    return digest.hexdigest()


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
