"""What trained generators of all kinds share: the facts of their card, and how they are loaded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from torch import nn

from ..tokenizer import WeightsError
from .card import generator_folder, load_weights, read_card
from .window import DEFAULT_SAMPLING, GridShape, Sampling

Model = TypeVar("Model", bound=nn.Module)


class WindowConfig(Protocol):
    """What every generator's configuration tells of its windows."""

    @property
    def window(self) -> GridShape:
        """What it is trained on."""

    @property
    def bit_depths(self) -> tuple[int, ...]:
        """Depths of tokens that it knows."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Classes that it knows."""


class TrainedFiller:
    """The attributes of a `WindowFiller`, from a model's configuration and card."""

    def __init__(
        self,
        config: WindowConfig,
        tokenizer_sha256: str,
        name: str = "",
        sha256: str = "",
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> None:
        self._config = config
        self.tokenizer_sha256, self.name, self.sha256 = tokenizer_sha256, name, sha256
        self.sampling = sampling

    @property
    def window_shape(self) -> GridShape:
        """What it was trained on."""
        return self._config.window

    @property
    def bit_depths(self) -> tuple[int, ...]:
        """Depths that it was trained for."""
        return self._config.bit_depths

    @property
    def labels(self) -> tuple[str, ...]:
        """Classes that it knows."""
        return self._config.labels

    def check_label(self, label: str | None) -> None:
        """Refuse a class that is not known: ValueError."""
        if label is not None and label not in self.labels:
            raise ValueError(f"label {label!r}, expected one of {', '.join(self.labels)}")


def load_trained(
    name_or_folder: str | Path, build: Callable[[dict[str, Any]], Model], what: str
) -> tuple[Model, dict[str, Any]]:
    """Load a trained model.

    Args:
        name_or_folder: a shipped generator's name, or a folder.
        build: makes the model of the configuration in a card; TypeError or ValueError if it is none.
        what: the model is, for messages.

    Returns:
        The model, frozen, and the arguments of `TrainedFiller` that the card has.

    Raises:
        WeightsError: missing, damaged, or of another kind.
    """
    folder = generator_folder(name_or_folder)
    card = read_card(folder)
    try:
        model = build(card["generator"])
        sampling = Sampling(**card.get("sampling", {}))
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{folder}: the card describes no {what}: {error}") from error
    load_weights(model, folder, card["sha256"])
    facts = {name: card[name] for name in ("tokenizer_sha256", "sha256")}
    return model.requires_grad_(False), {**facts, "name": folder.name, "sampling": sampling}
