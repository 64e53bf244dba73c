"""The masked transformer's side of training: its part of the TOML, its data, its loss, what it reports."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from ...tokenizer import load_tokenizer
from ..card import save_trained, start_from
from ..dataset import TokenFolders
from ..errors import DataError
from ..tasks import TASKS
from ..train_config import RunSettings, from_table
from .config import SIZES, MaskedConfig
from .multitask import Mixture, WindowBatch, WindowBatches
from .objective import LossTerms, commit_loss, prediction_bits, to_device
from .transformer import MaskedTransformer

KIND = "masked"


@dataclass(frozen=True)
class MaskedRun:
    """A whole configuration."""

    settings: RunSettings
    model: dict[str, Any]
    """`size` of `SIZES`, `window`, and any other field of `MaskedConfig`; labels are those of the data."""
    loss: LossTerms
    mixture: Mixture


def read_masked_run(
    settings: RunSettings, tables: dict[str, dict[str, Any]], place: str
) -> "MaskedObjective":
    """Build the objective of a run from the tables `[model]`, `[loss]` and `[mixture]` of its TOML.

    Raises:
        DataError: what they say is impossible, or the data are no good.
    """
    unknown = sorted(set(tables) - {"model", "loss", "mixture"})
    if unknown:
        raise DataError(f"{place}: unknown table {', '.join(unknown)}")
    mixture = {"task_weights": dict.fromkeys(TASKS, 1.0), **tables.get("mixture", {})}
    run = MaskedRun(
        settings,
        tables.get("model", {}),
        from_table(LossTerms, tables.get("loss", {}), f"{place}: [loss]"),
        from_table(Mixture, mixture, f"{place}: [mixture]"),
    )
    return MaskedObjective(run)


class MaskedObjective:
    """An `Objective` of `train`."""

    def __init__(self, run: MaskedRun) -> None:
        self.run, self.settings = run, run.settings
        self.tokenizer = load_tokenizer(self.settings.tokenizer)
        self.folders = TokenFolders([Path(name) for name in self.settings.train_folders], self.tokenizer)
        self.config = self._config()

    @cached_property
    def _validation_folders(self) -> TokenFolders:
        return TokenFolders([Path(name) for name in self.settings.validation_folders], self.tokenizer)

    def _config(self) -> MaskedConfig:
        values = dict(self.run.model)
        size = values.pop("size", "B")
        if size not in SIZES:
            raise DataError(f"model size is {size!r}, expected one of {', '.join(SIZES)}")
        tokenizer = self.tokenizer.config
        defaults = {
            "bit_depths": tokenizer.bit_depths,
            "labels": self.folders.labels,
            # The ids of a vector quantizer are no numbers.
            "plane_dimensions": () if tokenizer.kind == "magvit" else tokenizer.plane_dimensions,
        }
        try:
            return MaskedConfig.from_dict({**SIZES[size], **defaults, **values})
        except (TypeError, ValueError) as error:
            raise DataError(f"[model]: {error}") from error

    def build_model(self) -> nn.Module:
        """Make the transformer, with fresh weights or those of `start_from`."""
        model = MaskedTransformer(self.config)
        start_from(model, self.config, self.settings.start_from)
        return model

    def batches(self, first_step: int, process: int) -> Dataset[WindowBatch]:
        """Give the training batches from a step on."""
        return WindowBatches(
            self.folders,
            self.config,
            self.run.mixture,
            batch_size=self.settings.batch_size,
            num_batches=self.settings.steps,
            seed=self.settings.seed + 100_003 * process,
            first_batch=first_step,
        )

    def loss(
        self, model: nn.Module, batch: WindowBatch, step: int, random: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Give COMMIT's loss."""
        device = next(model.parameters()).device
        return commit_loss(cast(MaskedTransformer, model), to_device(batch, device), self.run.loss, random)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Give the bits a token at full depth that each task takes when all is predicted at once."""
        report = {}
        device = next(model.parameters()).device
        for name in self.run.mixture.task_weights:
            bits = count = 0.0
            data = self._validation_batches(name)
            for index in range(len(data)):
                batch = to_device(data[index], device)
                bits += float(prediction_bits(cast(MaskedTransformer, model), batch).sum())
                count += int((~batch.kept).sum())
            report[name] = bits / max(count, 1.0)
        return {**report, "mean": sum(report.values()) / len(report)}

    def _validation_batches(self, task: str) -> WindowBatches:
        mixture = Mixture({task: 1.0}, varied_share=0.0, full_depth_share=1.0)
        return WindowBatches(
            self._validation_folders,
            self.config,
            mixture,
            batch_size=self.settings.batch_size,
            num_batches=max(1, self.settings.validation_batches // len(TASKS)),
            seed=1,
        )

    def save(self, model: nn.Module, folder: Path, facts: dict[str, Any]) -> None:
        """Write weights and card."""
        save_trained(model, folder, KIND, self.config, self.tokenizer, facts)
