"""A trained masked transformer as a `WindowFiller`: what `mgv generate` runs."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...tokenizer import WeightsError
from ..card import generator_folder, load_weights, read_card
from ..tasks import TASKS
from ..window import DEFAULT_SAMPLING, Condition, GridShape, Sampling, TokenWindow
from .config import MaskedConfig
from .decoding import Prompt, decode_masked
from .transformer import MaskedTransformer


class MaskedFiller:
    """Completes windows by Algorithm 1; see `WindowFiller`."""

    def __init__(
        self,
        model: MaskedTransformer,
        tokenizer_sha256: str,
        name: str = "",
        sha256: str = "",
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> None:
        self.model = model.eval()
        self.name, self.sha256 = name, sha256
        self.tokenizer_sha256, self.sampling = tokenizer_sha256, sampling

    @property
    def window_shape(self) -> GridShape:
        """What it was trained on."""
        return self.model.config.window

    @property
    def bit_depths(self) -> tuple[int, ...]:
        """Depths that it was trained for."""
        return self.model.config.bit_depths

    @property
    def labels(self) -> tuple[str, ...]:
        """Classes that it knows."""
        return self.model.config.labels

    def fill(
        self,
        window: TokenWindow,
        condition: Condition,
        task: str,
        label: str | None,
        sampling: Sampling,
        random: torch.Generator,
    ) -> NDArray[np.int64]:
        """Make the tokens that are not kept; see `WindowFiller.fill`."""
        prompt = self.prompt(window, condition, task, label)
        words = decode_masked(self.model, prompt, sampling, random)
        ids = self.model.words.vocabularies.join(words)[0].cpu().numpy()
        filled: NDArray[np.int64] = np.where(condition.kept, window.ids, ids)
        return filled

    def prompt(self, window: TokenWindow, condition: Condition, task: str, label: str | None) -> Prompt:
        """Put a window and what is given of it into tensors.

        Raises:
            ValueError: the window is larger than those of the training, or the label is not known.
        """
        if any(size > most for size, most in zip(window.shape, self.window_shape, strict=True)):
            raise ValueError(f"a window of {window.shape}, expected at most {self.window_shape}")
        if label is not None and label not in self.labels:
            raise ValueError(f"label {label!r}, expected one of {', '.join(self.labels)}")
        device = next(self.model.parameters()).device
        vocabularies = self.model.words.vocabularies

        def tensor(array: NDArray[np.generic]) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(array))[None].to(device)

        return Prompt(
            words=vocabularies.split(tensor(np.where(condition.kept, window.ids, 0))),
            kept=tensor(condition.kept),
            hinted=tensor(condition.hinted),
            hints=vocabularies.split(tensor(condition.hints)),
            is_image=tensor(window.is_image),
            num_known=vocabularies.known_at(window.bit_depth),
            task=torch.tensor([list(TASKS).index(task)], device=device),
            label=torch.tensor(
                [self.model.no_label if label is None else self.labels.index(label)], device=device
            ),
        )


def load_masked(name_or_folder: str | Path) -> MaskedFiller:
    """Load a trained masked transformer.

    Raises:
        WeightsError: missing, damaged, or of another kind.
    """
    folder = generator_folder(name_or_folder)
    card = read_card(folder)
    try:
        model = MaskedTransformer(MaskedConfig.from_dict(card["generator"]))
        sampling = Sampling(**card.get("sampling", {}))
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{folder}: the card describes no masked transformer: {error}") from error
    load_weights(model, folder, card["sha256"])
    model.requires_grad_(False)
    return MaskedFiller(model, card["tokenizer_sha256"], folder.name, card["sha256"], sampling)
