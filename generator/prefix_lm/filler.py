"""The prefix language model as a filler of windows, so that it generates wherever the masked transformer does."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...tokenizer import WeightsError
from ..trained import TrainedFiller, load_trained
from ..window import Condition, Sampling, TokenWindow
from .config import PrefixConfig
from .decoding import Decoding, decode
from .model import PrefixLM
from .places import Part
from .prompts import Conditions, Example, Prompts, Text
from .text import T5TextEncoder


class PrefixFiller(TrainedFiller):
    """A `WindowFiller`: the tokens that are not kept, one after the other in raster order."""

    def __init__(self, model: PrefixLM, tokenizer_sha256: str, **facts: Any) -> None:
        """Take a model; `facts` are those of `TrainedFiller`."""
        super().__init__(model.config, tokenizer_sha256, **facts)
        self.model = model.eval()
        self.prompts = Prompts(model.config)
        self.text: Text | None = None
        """Embeddings of a prompt that every window is filled for."""
        self.num_passes = 0
        """Runs of the transformer so far."""

    def fill(
        self,
        window: TokenWindow,
        condition: Condition,
        task: str,
        label: str | None,
        sampling: Sampling,
        random: torch.Generator,
    ) -> NDArray[np.int64]:
        """Make the tokens that are not kept; see `WindowFiller.fill`.

        What is kept and hinted tells the prompt, so that `task` plays no part; of `sampling`, the temperature of
        tokens and the guidance do.

        Raises:
            ValueError: the window is larger than those of the training, or the label is not known.
        """
        self.check_label(label)
        if condition.kept.all():
            return window.ids.copy()
        example = window_example(self.prompts, window, condition, Conditions(label), self.text)
        config: PrefixConfig = self.model.config
        is_guided = label is not None or self.text is not None
        decoding = Decoding(
            temperature=sampling.token_temperature, guidance=sampling.guidance if is_guided else 0.0
        )
        unconditional = example.unconditional().sequence(config) if decoding.guidance > 0 else None
        decoded = decode(self.model, example.sequence(config), decoding, random, unconditional)
        self.num_passes += decoded.num_passes
        made = decoded.sequence.ids[decoded.sequence.indices(Part.VIDEO_OUT)]
        ids = window.ids.copy()
        ids[~condition.kept] = config.vocabulary.to_visual(made)
        return ids


def window_example(
    prompts: Prompts,
    window: TokenWindow,
    condition: Condition,
    conditions: Conditions,
    text: Text | None = None,
) -> Example:
    """Choose the task of thesis 8.3.3 that fits what is given of a window.

    Nothing at all is unconditional generation, whole latent frames at the beginning are prediction, all else is
    painting.
    """
    if not condition.hinted.any():
        per_frame = condition.kept.reshape(len(condition.kept), -1)
        num_given = int(per_frame.all(1).cumprod().sum())
        if not per_frame[num_given:].any() and num_given:
            return prompts.future(window, num_given, conditions, text=text)
        if not per_frame.any():
            return prompts.video(window, conditions, text=text)
    return prompts.painting(window, condition, conditions, text=text)


def load_prefix_lm(name_or_folder: str | Path) -> PrefixFiller:
    """Load a trained prefix language model.

    Raises:
        WeightsError: missing, damaged, or of another kind.
    """
    model, facts = load_trained(
        name_or_folder, lambda config: PrefixLM(PrefixConfig.from_dict(config)), "prefix language model"
    )
    return PrefixFiller(model, **facts)


def load_for_text(name_or_folder: str | Path, prompt: str, encoder_folder: Path) -> PrefixFiller:
    """Load a trained prefix language model that fills every window for a prompt.

    Args:
        name_or_folder: of the model.
        prompt: what is to be seen.
        encoder_folder: a T5 on disk, the one that the model was trained with.

    Raises:
        WeightsError: the model is missing, damaged, of another kind, or takes no text of that encoder.
        MissingToolError: transformers or the encoder are not there.
    """
    filler = load_prefix_lm(name_or_folder)
    encoder = T5TextEncoder(encoder_folder)
    if encoder.width != filler.model.config.text_width:
        raise WeightsError(
            f"{name_or_folder}: takes text embeddings of width {filler.model.config.text_width}, "
            f"{encoder_folder} gives {encoder.width}; choose another generator or encoder"
        )
    filler.text = encoder(prompt)
    return filler
