"""The prefix language model's side of training: its part of the TOML, its data, its loss, what it reports."""

import math
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from ...tokenizer import load_tokenizer
from ..card import save_trained, start_from
from ..dataset import TokenFolders
from ..errors import DataError
from ..train_config import RunSettings, from_table
from .batch import SequenceBatch
from .config import SIZES, PrefixConfig
from .model import PrefixLM
from .multitask import Corpus, SequenceBatches, SequenceMixture
from .prompts import Text
from .stages import TwoStages
from .text import T5TextEncoder

KIND = "prefix-lm"
TABLES = ("model", "mixture", "text")
VALIDATED = ("image", "video", "future", "painting")


def read_prefix_run(
    settings: RunSettings, tables: dict[str, dict[str, Any]], place: str
) -> "PrefixObjective":
    """Build the objective of a run from the tables `[model]`, `[mixture]` and `[text]` of its TOML.

    Raises:
        DataError: what they say is impossible, or the data are no good.
        MissingToolError: `[text]` names an encoder that is not there.
    """
    unknown = sorted(set(tables) - set(TABLES))
    if unknown:
        raise DataError(f"{place}: unknown table {', '.join(unknown)}")
    mixture = dict(tables.get("mixture", {}))
    mixture["images"] = from_table(TwoStages, mixture.get("images", {}), f"{place}: [mixture.images]")
    text = tables.get("text", {})
    if set(text) - {"t5"}:
        raise DataError(
            f"{place}: [text]: unknown field {', '.join(sorted(set(text) - {'t5'}))}, expected t5"
        )
    return PrefixObjective(
        settings,
        tables.get("model", {}),
        from_table(SequenceMixture, mixture, f"{place}: [mixture]"),
        T5TextEncoder(Path(text["t5"])) if text else None,
    )


class PrefixObjective:
    """An `Objective` of `train`."""

    def __init__(
        self,
        settings: RunSettings,
        model: dict[str, Any],
        mixture: SequenceMixture,
        encoder: T5TextEncoder | None = None,
    ) -> None:
        """Find the data and check the model's configuration.

        Args:
            settings: of the run.
            model: `size` of `SIZES`, `window`, and any other field of `PrefixConfig`; labels are those of the data.
            mixture: of tasks.
            encoder: of captions, for a model that reads text.
        """
        self.settings, self.mixture = settings, mixture
        self.tokenizer = load_tokenizer(settings.tokenizer)
        embed: Callable[[str], Text] | None = cache(encoder) if encoder else None
        folders = TokenFolders([Path(name) for name in settings.train_folders], self.tokenizer)
        self.corpus = Corpus(folders, embed)
        self.config = self._config(model, encoder.width if encoder else 0)

    def _config(self, model: dict[str, Any], text_width: int) -> PrefixConfig:
        values = dict(model)
        size = values.pop("size", "300M")
        if size not in SIZES:
            raise DataError(f"model size is {size!r}, expected one of {', '.join(SIZES)}")
        defaults = {
            "bit_depths": self.tokenizer.config.bit_depths,
            "labels": self.corpus.folders.labels,
            "text_width": text_width,
        }
        try:
            return PrefixConfig.from_dict({**SIZES[size], **defaults, **values})
        except (TypeError, ValueError) as error:
            raise DataError(f"[model]: {error}") from error

    def build_model(self) -> nn.Module:
        """Make the model, with fresh weights or those of `start_from`."""
        model = PrefixLM(self.config)
        start_from(model, self.config, self.settings.start_from)
        return model

    def batches(self, first_step: int, process: int) -> Dataset[SequenceBatch]:
        """Give the training batches from a step on."""
        return SequenceBatches(
            self.corpus,
            self.config,
            self.mixture,
            batch_size=self.settings.batch_size,
            num_batches=self.settings.steps,
            seed=self.settings.seed + 100_003 * process,
            first_batch=first_step,
        )

    def loss(
        self, model: nn.Module, batch: SequenceBatch, step: int, random: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Give the cross-entropy of all elements after the prefixes, in nats an element."""
        predicted = model(batch.to(next(model.parameters()).device))
        visual = predicted.nats[predicted.is_visual].detach().mean()
        return predicted.nats.mean(), {"bits_per_token": float(visual) / math.log(2)}

    @torch.inference_mode()
    def validate(self, model: nn.Module) -> dict[str, float]:
        """Give the bits a visual token takes in each task, at full depth, without label or text."""
        report = {}
        device = next(model.parameters()).device
        for task in VALIDATED:
            nats, count = 0.0, 0
            batches = self._validation_batches(task)
            for index in range(len(batches)):
                predicted = model(batches[index].to(device))
                nats += float(predicted.nats[predicted.is_visual].sum())
                count += int(predicted.is_visual.sum())
            report[task] = nats / math.log(2) / count
        return report

    @cached_property
    def _validation(self) -> Corpus:
        folders = [Path(name) for name in self.settings.validation_folders]
        return Corpus(TokenFolders(folders, self.tokenizer))

    def _validation_batches(self, task: str) -> SequenceBatches:
        images = float(task == "image")
        mixture = SequenceMixture(
            {"video" if task == "image" else task: 1.0},
            TwoStages(first_images=images, then_images=images),
            full_depth_share=1.0,
            varied_share=0.0,
            drop_share=1.0,
        )
        return SequenceBatches(
            self._validation,
            self.config,
            mixture,
            batch_size=self.settings.batch_size,
            num_batches=max(1, self.settings.validation_batches // len(VALIDATED)),
            seed=1,
        )

    def save(self, model: nn.Module, folder: Path, facts: dict[str, Any]) -> None:
        """Write weights and card."""
        save_trained(model, folder, KIND, self.config, self.tokenizer, facts)
