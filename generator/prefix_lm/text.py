"""Text to embeddings: what a text encoder is, and T5's (thesis 8.3.1)."""

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from .layout import MAX_TEXT
from .transformers_import import import_transformers, require_weights


class TextEncoder(Protocol):
    """Frozen; any sentence encoder will do, one that gives a single vector too."""

    width: int
    """Of its embeddings: `PrefixConfig.text_width` of a model that is to read them."""

    def __call__(self, text: str) -> NDArray[np.float32]:
        """Embed a text, `[n, width]`, n from 1 to `MAX_TEXT`."""


class T5TextEncoder:
    """The encoder of a T5 that lies on disk; the thesis uses T5 XL."""

    def __init__(self, folder: Path) -> None:
        """Load encoder and tokenizer.

        Args:
            folder: as transformers' `save_pretrained` leaves it.

        Raises:
            MissingToolError: transformers or the weights are not there.
        """
        transformers = import_transformers("text by T5")
        require_weights(folder, "T5")
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model = transformers.T5EncoderModel.from_pretrained(folder, local_files_only=True).eval()
        self.width: int = self._model.config.d_model

    @torch.inference_mode()
    def __call__(self, text: str) -> NDArray[np.float32]:
        """Embed a text, of which all beyond `MAX_TEXT` tokens is cut off, `[n, width]`."""
        tokens = self._tokenizer(text, return_tensors="pt", truncation=True, max_length=MAX_TEXT)
        hidden = self._model(
            input_ids=tokens.input_ids, attention_mask=tokens.attention_mask
        ).last_hidden_state
        embeddings: NDArray[np.float32] = hidden[0].float().numpy()
        return embeddings
