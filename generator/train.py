"""Train a generator with accelerate: mixed precision, moving average, checkpoints; stops and resumes at any step."""

import json
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ..tokenizer.ema import Ema
from .train_config import RunSettings


class Objective(Protocol):
    """What one kind of generator brings to the loop."""

    settings: RunSettings

    def build_model(self) -> nn.Module:
        """Make the model, with fresh weights or those of `start_from`."""

    def batches(self, first_step: int, process: int) -> Dataset[Any]:
        """Give the batches from a step on; each a pure function of the seed, the process and its number."""

    def loss(
        self, model: nn.Module, batch: Any, step: int, random: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Give the loss of a batch (moved to the model's device here) and figures to report."""

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Measure the averaged model on validation data."""

    def save(self, model: nn.Module, folder: Path, facts: dict[str, Any]) -> None:
        """Write weights and card of the averaged model."""


@dataclass(frozen=True)
class StepReport:
    """What a progress display is told after each step."""

    step: int
    steps: int
    losses: dict[str, float]


def train(
    objective: Objective,
    out: Path,
    *,
    time_limit_seconds: float | None = None,
    num_workers: int = 0,
    on_step: Callable[[StepReport], None] = lambda report: None,
) -> bool:
    """Run or resume a training run; the averaged weights are exported to `out/model` whenever it stops.

    Args:
        objective: what is trained, and on what.
        out: run folder: `checkpoint/`, `model/`, `tensorboard/`, `validation.jsonl`.
        time_limit_seconds: stop, with a checkpoint, once this long has passed.
        num_workers: processes that load batches.
        on_step: told after each step.

    Returns:
        Whether all steps are done.
    """
    deadline = time.monotonic() + time_limit_seconds if time_limit_seconds else math.inf
    out.mkdir(parents=True, exist_ok=True)
    run = Run(objective, out)
    finished = run.train(deadline, num_workers, on_step)
    run.export()
    return finished


class Run:
    """Model, optimizer and their checkpoint."""

    def __init__(self, objective: Objective, out: Path) -> None:
        self.objective, self.out = objective, out
        settings = self.settings = objective.settings
        progress = out / "checkpoint" / "progress.json"
        self.step = json.loads(progress.read_text())["step"] if progress.exists() else 0
        torch.manual_seed(settings.seed)
        cuda = torch.cuda.is_available()
        self.accelerator = Accelerator(mixed_precision="bf16" if cuda else "no", log_with=None)
        model = objective.build_model()
        self.model = self.accelerator.prepare_model(model)
        self.ema = Ema(self._unwrapped(), settings.ema_decay).to(self.accelerator.device)
        decayed = [p for p in self.model.parameters() if p.dim() >= 2]
        others = [p for p in self.model.parameters() if p.dim() < 2]
        groups = [
            {"params": decayed, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, settings.learning_rate, betas=settings.betas, fused=cuda)
        self.optimizer = self.accelerator.prepare_optimizer(optimizer)
        self.accelerator.register_for_checkpointing(self.ema)
        if self.step:
            self.accelerator.load_state(str(out / "checkpoint" / "state"))

    def train(self, deadline: float, num_workers: int, on_step: Callable[[StepReport], None]) -> bool:
        """Go on to the last step or the deadline; returns whether the last was done."""
        settings = self.settings
        data = self.objective.batches(self.step, self.accelerator.process_index)
        loader = DataLoader(
            data, batch_size=None, num_workers=num_workers, pin_memory=torch.cuda.is_available()
        )
        saved = time.monotonic()
        writer = self._tensorboard()
        for batch in loader:
            losses = self._one_step(batch)
            self.step += 1
            on_step(StepReport(self.step, settings.steps, losses))
            for name, value in losses.items():
                writer.add_scalar(f"train/{name}", value, self.step)
            now = time.monotonic()
            is_last = self.step == settings.steps
            if self.step % settings.validate_every == 0 or is_last:
                self._validate(writer)
            if now > deadline or is_last or now - saved > 60 * settings.checkpoint_minutes:
                self._save()
                saved = now
            if now > deadline:
                break
        writer.close()
        return self.step >= settings.steps

    def _one_step(self, batch: Any) -> dict[str, float]:
        settings = self.settings
        process = self.accelerator.process_index
        random = torch.Generator().manual_seed((settings.seed << 32) + (self.step << 8) + process)
        self._set_learning_rate()
        self.model.train()
        with self.accelerator.autocast():
            loss, figures = self.objective.loss(self.model, batch, self.step, random)
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.model.parameters(), settings.gradient_clip)
        self.optimizer.step()
        self.ema.update(self._unwrapped())
        return {"loss": float(loss.detach()), **figures}

    def _unwrapped(self) -> nn.Module:
        model: nn.Module = self.accelerator.unwrap_model(self.model)
        return model

    def _set_learning_rate(self) -> None:
        settings = self.settings
        warm = min(1.0, (self.step + 1) / max(settings.warmup_steps, 1))
        cosine = 0.5 * (1 + math.cos(math.pi * self.step / settings.steps))
        for group in self.optimizer.param_groups:
            group["lr"] = settings.learning_rate * warm * max(cosine, 0.01)

    def _tensorboard(self) -> Any:
        from torch.utils.tensorboard import SummaryWriter

        return SummaryWriter(str(self.out / "tensorboard"))

    def _validate(self, writer: Any) -> None:
        if not self.settings.validation_folders or not self.accelerator.is_main_process:
            return
        report = self.objective.validate(self.ema.model)
        with (self.out / "validation.jsonl").open("a") as file:
            file.write(json.dumps({"step": self.step, **report}) + "\n")
        for name, value in report.items():
            writer.add_scalar(f"validation/{name}", value, self.step)

    def _save(self) -> None:
        """Write the checkpoint beside the old one, then put it in its place: a kill at any moment leaves one whole."""
        if not self.accelerator.is_main_process:
            return
        new, current, old = (self.out / name for name in ("checkpoint.part", "checkpoint", "checkpoint.old"))
        shutil.rmtree(new, ignore_errors=True)
        self.accelerator.save_state(str(new / "state"))
        (new / "progress.json").write_text(json.dumps({"step": self.step}))
        shutil.rmtree(old, ignore_errors=True)
        if current.exists():
            current.rename(old)
        new.rename(current)
        shutil.rmtree(old, ignore_errors=True)

    def export(self) -> None:
        """Write the averaged weights and their card to `out/model`."""
        if self.accelerator.is_main_process:
            self.objective.save(self.ema.model, self.out / "model", {"steps": self.step})
