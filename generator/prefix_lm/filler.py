"""The prefix language model as a filler of windows, so that it generates wherever the masked transformer does."""

import numpy as np
import torch
from numpy.typing import NDArray

from ..window import Condition, Sampling, TokenWindow
from .config import PrefixConfig
from .decoding import Decoding, decode
from .layout import Part
from .model import PrefixLM
from .prompts import Conditions, Example, Prompts


class PrefixFiller:
    """A `WindowFiller`: the tokens that are not kept, one after the other in raster order."""

    def __init__(self, model: PrefixLM, tokenizer_sha256: str) -> None:
        self.model = model.eval()
        self.prompts = Prompts(model.config)
        self.window_shape = model.config.window
        self.bit_depths = model.config.bit_depths
        self.labels = model.config.labels
        self.tokenizer_sha256 = tokenizer_sha256
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
        """
        if condition.kept.all():
            return window.ids.copy()
        example = window_example(self.prompts, window, condition, Conditions(label))
        config: PrefixConfig = self.model.config
        decoding = Decoding(
            temperature=sampling.token_temperature, guidance=sampling.guidance if label else 0.0
        )
        unconditional = example.unconditional().sequence(config) if decoding.guidance > 0 else None
        decoded = decode(self.model, example.sequence(config), decoding, random, unconditional)
        self.num_passes += decoded.num_passes
        made = decoded.sequence.ids[decoded.sequence.indices(Part.VIDEO_OUT)]
        ids = window.ids.copy()
        ids[~condition.kept] = config.vocabulary.to_visual(made)
        return ids


def window_example(
    prompts: Prompts, window: TokenWindow, condition: Condition, conditions: Conditions
) -> Example:
    """Choose the task of thesis 8.3.3 that fits what is given of a window.

    Nothing at all is unconditional generation, whole latent frames at the beginning are prediction, all else is
    painting.
    """
    if not condition.hinted.any():
        per_frame = condition.kept.reshape(len(condition.kept), -1)
        num_given = int(per_frame.all(1).cumprod().sum())
        if not per_frame[num_given:].any():
            return (
                prompts.future(window, num_given, conditions)
                if num_given
                else prompts.video(window, conditions)
            )
    return prompts.painting(window, condition, conditions)
