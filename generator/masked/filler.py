"""A trained masked transformer as a `WindowFiller`: what `mgv generate` runs."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..tasks import TASKS
from ..trained import TrainedFiller, load_trained
from ..window import Condition, Sampling, TokenWindow
from .config import MaskedConfig
from .decoding import Prompt, decode_masked
from .transformer import MaskedTransformer


class MaskedFiller(TrainedFiller):
    """Completes windows by Algorithm 1; see `WindowFiller`."""

    def __init__(self, model: MaskedTransformer, tokenizer_sha256: str, **facts: Any) -> None:
        """Take a model; `facts` are those of `TrainedFiller`."""
        super().__init__(model.config, tokenizer_sha256, **facts)
        self.model = model.eval()

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
        self.check_label(label)
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
    model, facts = load_trained(
        name_or_folder, lambda config: MaskedTransformer(MaskedConfig.from_dict(config)), "masked transformer"
    )
    return MaskedFiller(model, **facts)
