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
from accelerate import Accelerator, DistributedDataParallelKwargs, DistributedType
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ..tokenizer.ema import Ema
from ..tokenizer.precision import training_precision
from .errors import DataError
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
    """Run or resume a training run; the (averaged) weights are exported to `out/model` whenever it stops.

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


class ModelWithLoss(nn.Module):
    """A model whose forward pass ends in the loss, so that what wraps it for several devices sees all of it."""

    def __init__(self, model: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.model = model
        self._loss = objective.loss

    def forward(self, batch: Any, step: int, random: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Give the objective's loss and figures."""
        return self._loss(self.model, batch, step, random)


class Run:
    """Model, optimizer and their checkpoint."""

    def __init__(self, objective: Objective, out: Path) -> None:
        self.objective, self.out = objective, out
        settings = self.settings = objective.settings
        progress = out / "checkpoint" / "progress.json"
        self.step = json.loads(progress.read_text())["step"] if progress.exists() else 0
        torch.manual_seed(settings.seed)
        cuda = torch.cuda.is_available()
        # Which parameters a batch needs depends on its bit depth.
        parallel = DistributedDataParallelKwargs(find_unused_parameters=True)
        self.accelerator = Accelerator(
            mixed_precision=training_precision(), log_with=None, kwargs_handlers=[parallel]
        )
        model = objective.build_model()
        is_sharded = self.accelerator.distributed_type == DistributedType.FSDP
        if is_sharded and settings.ema_decay > 0:
            raise DataError("under FSDP there is no moving average of weights: set ema_decay = 0 in [run]")
        self.ema = None
        if settings.ema_decay > 0:
            self.ema = Ema(model, settings.ema_decay).to(self.accelerator.device)
            self.accelerator.register_for_checkpointing(self.ema)
        decayed = [p for p in model.parameters() if p.dim() >= 2]
        others = [p for p in model.parameters() if p.dim() < 2]
        groups = [
            {"params": decayed, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, settings.learning_rate, betas=settings.betas, fused=cuda)
        wrapped = ModelWithLoss(model, objective)
        self.wrapped, self.optimizer = self.accelerator.prepare(wrapped, optimizer)
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
        self.wrapped.train()
        with self.accelerator.autocast():
            loss, figures = self.wrapped(batch, self.step, random)
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.wrapped.parameters(), settings.gradient_clip)
        self.optimizer.step()
        if self.ema is not None:
            self.ema.update(self.model)
        return {"loss": float(loss.detach()), **figures}

    @property
    def model(self) -> nn.Module:
        """The model without accelerate's wrapping; under FSDP its parameters are still shared out."""
        wrapped: ModelWithLoss = self.accelerator.unwrap_model(self.wrapped)
        return wrapped.model

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
        if not self.settings.validation_folders:
            return
        if self.ema is None:  # of a sharded model every process has a part
            report = self.objective.validate(self.model.eval())
        elif self.accelerator.is_main_process:
            report = self.objective.validate(self.ema.model)
        if not self.accelerator.is_main_process:
            return
        with (self.out / "validation.jsonl").open("a") as file:
            file.write(json.dumps({"step": self.step, **report}) + "\n")
        for name, value in report.items():
            writer.add_scalar(f"validation/{name}", value, self.step)

    def _save(self) -> None:
        """Write the checkpoint beside the old one, then put it in its place: a kill at any moment leaves one whole."""
        new, current, old = (self.out / name for name in ("checkpoint.part", "checkpoint", "checkpoint.old"))
        if self.accelerator.is_main_process:
            shutil.rmtree(new, ignore_errors=True)
        self.accelerator.wait_for_everyone()
        self.accelerator.save_state(str(new / "state"))
        self.accelerator.wait_for_everyone()
        if not self.accelerator.is_main_process:
            return
        (new / "progress.json").write_text(json.dumps({"step": self.step}))
        shutil.rmtree(old, ignore_errors=True)
        if current.exists():
            current.rename(old)
        new.rename(current)
        shutil.rmtree(old, ignore_errors=True)

    def export(self) -> None:
        """Write the averaged weights, or the weights where there is no average, and their card to `out/model`."""
        if self.ema is not None:
            model: nn.Module = self.ema.model
        else:
            state = self.accelerator.get_state_dict(self.wrapped)
            model = self.objective.build_model()
            if self.accelerator.is_main_process:
                ModelWithLoss(model, self.objective).load_state_dict(state)
        if self.accelerator.is_main_process:
            self.objective.save(model, self.out / "model", {"steps": self.step})
