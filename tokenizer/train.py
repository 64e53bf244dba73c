"""Train a tokenizer: image phase, inflation, video phase; stops and resumes at any step."""

import json
import math
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from torch import nn
from torch.nn.utils import convert_conv3d_weight_memory_format

from .adversarial import LeCam
from .discriminator import Discriminator
from .ema import Ema
from .model import Tokenizer
from .perceptual import SqueezeNetDistance
from .precision import training_precision
from .quantize import LookupFreeQuantizer
from .train_config import TrainConfig
from .train_data import Batch, CropBatches, batches, check_shards
from .train_model import build_phase_tokenizer, train_only
from .train_step import Game, Perceptual, discriminated, discriminator_step_loss, tokenizer_loss
from .train_tokens import FrozenEncoder
from .validate import CodedBits, sample_picture, validate
from .weights import save_tokenizer


@dataclass(frozen=True)
class StepReport:
    """What a progress display is told after each step."""

    phase: int
    step: int
    steps: int
    losses: dict[str, float]
    num_pixels: int


def train(
    config: TrainConfig,
    out: Path,
    *,
    time_limit_seconds: float | None = None,
    num_workers: int = 0,
    coded_bits: CodedBits | None = None,
    on_step: Callable[[StepReport], None] = lambda report: None,
) -> bool:
    """Run or resume a training run; the EMA weights are exported to `out/model` whenever it stops.

    Args:
        config: the run.
        out: run folder: `checkpoint/`, `model/`, `samples/`, `tensorboard/`, `validation.jsonl`.
        time_limit_seconds: stop, with a checkpoint, once this long has passed.
        num_workers: processes that load batches.
        coded_bits: measures the coded size of tokens in validation.
        on_step: told after each step.

    Returns:
        Whether all phases are done.

    Raises:
        ShardError: there is nothing to train a phase or to validate on; nothing is written then.
        RunConfigError: the model has no such parts or values, or the one to start from does not fit; likewise.
    """
    deadline = time.monotonic() + time_limit_seconds if time_limit_seconds else None
    torch.manual_seed(config.seed)
    done, state = 0, None
    previous: Tokenizer | None = None
    checkpoint = out / "checkpoint"
    if (checkpoint / "progress.json").exists():
        state = json.loads((checkpoint / "progress.json").read_text())
        done = state["phase"]
    check_shards(config, done)
    for index in range(done, len(config.phases)):
        run = PhaseRun(
            config, index, out, previous, resume=state if state and state["phase"] == index else None
        )
        out.mkdir(parents=True, exist_ok=True)
        finished = run.train(deadline, num_workers, coded_bits, on_step)
        run.export()
        if not finished:
            return False
        previous = run.model
    return True


class PhaseRun:
    """One phase: models, optimizers and their checkpoint."""

    def __init__(
        self,
        config: TrainConfig,
        index: int,
        out: Path,
        previous: Tokenizer | None,
        resume: dict[str, Any] | None,
    ) -> None:
        self.config, self.index, self.out = config, index, out
        self.phase = phase = config.phases[index]
        cuda = torch.cuda.is_available()
        self.accelerator = Accelerator(mixed_precision=training_precision(), log_with=None)
        self.step = resume["step"] if resume else 0
        tokenizer = build_phase_tokenizer(config, phase, previous, fresh=resume is None)
        if cuda:
            # MS-SSIM takes differences of squares, for which TF32 is too coarse; the networks run in bfloat16 anyway.
            torch.backends.cudnn.allow_tf32 = False
            tokenizer = convert_conv3d_weight_memory_format(tokenizer, torch.channels_last_3d)
        self.ema = Ema(tokenizer, config.ema_decay).to(self.accelerator.device)
        self.parameters = train_only(tokenizer, phase)
        optimizer = torch.optim.AdamW(
            self.parameters, phase.learning_rate, betas=(0.9, 0.99), weight_decay=0.0, fused=cuda
        )
        self.tokenizer, self.optimizer = self.accelerator.prepare(tokenizer, optimizer)
        self.game, self.game_optimizer = None, None
        if phase.loss.adversarial > 0 or phase.loss.feature_matching > 0:
            discriminator = Discriminator(kernel_frames=1 if phase.kind == "image" else 3)
            game_optimizer = torch.optim.Adam(
                discriminator.parameters(), phase.learning_rate, betas=(0.0, 0.99)
            )
            discriminator, self.game_optimizer = self.accelerator.prepare(discriminator, game_optimizer)
            self.game = Game(discriminator, LeCam().to(self.accelerator.device))
            self.accelerator.register_for_checkpointing(self.game.lecam)
        self.accelerator.register_for_checkpointing(self.ema)
        self.frozen_encoder: FrozenEncoder | None = None
        if not phase.trains_encoder and isinstance(tokenizer.quantizer, LookupFreeQuantizer):
            self.frozen_encoder = FrozenEncoder(self.model)
            self.accelerator.register_for_checkpointing(self.frozen_encoder)
        self.perceptual = self._load_perceptual()
        if resume:
            self.accelerator.load_state(str(out / "checkpoint" / "state"))

    @property
    def model(self) -> Tokenizer:
        """The tokenizer without accelerate's wrapping."""
        model: Tokenizer = self.accelerator.unwrap_model(self.tokenizer)
        return model

    @property
    def averaged(self) -> Tokenizer:
        """The tokenizer with the moving average of its weights."""
        return cast(Tokenizer, self.ema.model)

    def train(
        self,
        deadline: float | None,
        num_workers: int,
        coded_bits: CodedBits | None,
        on_step: Callable[[StepReport], None],
    ) -> bool:
        """Go on to the end of the phase or the deadline; returns whether the phase is done."""
        phase, config = self.phase, self.config
        seed = config.seed + 1000 * self.index + 100_003 * self.accelerator.process_index
        data = CropBatches(
            config.video_shards,
            config.image_shards,
            phase,
            config.tokenizer.bit_depths,
            seed,
            self.step,
            self.frozen_encoder,
        )
        saved = time.monotonic()
        writer = self._tensorboard()
        for batch in self._loaded(batches(data, num_workers)):
            self._set_learning_rate()
            losses = self._one_step(batch)
            self.step += 1
            on_step(StepReport(self.index, self.step, phase.steps, losses, batch.clip.numel() // 3))
            for name, value in losses.items():
                writer.add_scalar(f"{phase.kind}/{name}", value, self.step)
            now = time.monotonic()
            out_of_time = deadline is not None and now > deadline
            if self.step % config.validate_every == 0 or self.step == phase.steps:
                self._validate(writer, coded_bits)
            if out_of_time or now - saved > 60 * config.checkpoint_minutes or self.step == phase.steps:
                self._save()
                saved = now
            if out_of_time:
                break
        writer.close()
        return self.step >= phase.steps

    def _one_step(self, batch: Batch) -> dict[str, float]:
        clip, phase = batch.clip, self.phase
        with self.accelerator.autocast():
            loss, terms, pixels = tokenizer_loss(
                self.model,
                batch,
                phase,
                self.step,
                perceptual=self.perceptual,
                game=self.game,
            )
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.parameters, self.config.gradient_clip)
        self.optimizer.step()
        self.ema.update(self.model)
        if self.game is not None and self.game_optimizer is not None:
            self.game_optimizer.zero_grad(set_to_none=True)
            with self.accelerator.autocast():
                real, fake = (discriminated(part, phase, self.step) for part in (clip, pixels))
                game_loss = discriminator_step_loss(self.game, real, fake, phase.loss, self.step)
            self.accelerator.backward(game_loss)
            self.game_optimizer.step()
            terms["discriminator"] = float(game_loss.detach())
        return {"loss": float(loss.detach()), **terms}

    def _loaded(self, source: Iterator[Batch]) -> Iterator[Batch]:
        device = self.accelerator.device
        for batch in source:
            clip = batch.clip.to(device, non_blocking=True).float() / 127.5 - 1
            given = None if batch.given is None else batch.given.to(device, non_blocking=True)
            yield Batch(clip, batch.fineness, given)

    def _set_learning_rate(self) -> None:
        phase = self.phase
        warm = min(1.0, (self.step + 1) / max(phase.warmup_steps, 1))
        cosine = 0.5 * (1 + math.cos(math.pi * self.step / phase.steps))
        for optimizer in filter(None, (self.optimizer, self.game_optimizer)):
            for group in optimizer.param_groups:
                group["lr"] = phase.learning_rate * warm * max(cosine, 0.01)

    def _load_perceptual(self) -> Perceptual | None:
        if self.phase.loss.perceptual <= 0:
            return None
        distance: nn.Module = SqueezeNetDistance(Path(self.config.perceptual_weights))
        return distance.to(self.accelerator.device)

    def _tensorboard(self) -> Any:
        from torch.utils.tensorboard import SummaryWriter

        return SummaryWriter(str(self.out / "tensorboard"))

    def _validate(self, writer: Any, coded_bits: CodedBits | None) -> None:
        if not self.config.validation_shards or not self.accelerator.is_main_process:
            return
        report = validate(
            self.averaged,
            self.config.validation_shards,
            coded_bits,
            rate_weight=statistics.median(self.phase.rate_weights),
            perceptual=self.perceptual,
        )
        entry = {"phase": self.index, "step": self.step, **report}
        with (self.out / "validation.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\n")
        for depth, values in report["depths"].items():
            for name, value in values.items():
                writer.add_scalar(f"validation/{name}/{depth}", value, self.step)
        sample_picture(
            self.averaged,
            self.config.validation_shards,
            self.out / "samples" / f"{self.index}_{self.step:07d}.png",
        )

    def _save(self) -> None:
        """Write the checkpoint beside the old one, then put it in its place: a kill at any moment leaves one whole."""
        if not self.accelerator.is_main_process:
            return
        new, current = self.out / "checkpoint.part", self.out / "checkpoint"
        shutil.rmtree(new, ignore_errors=True)
        self.accelerator.save_state(str(new / "state"))
        (new / "progress.json").write_text(json.dumps({"phase": self.index, "step": self.step}))
        old = self.out / "checkpoint.old"
        shutil.rmtree(old, ignore_errors=True)
        if current.exists():
            current.rename(old)
        new.rename(current)
        shutil.rmtree(old, ignore_errors=True)

    def export(self) -> None:
        """Write the EMA weights and their card to `out/model`."""
        if self.accelerator.is_main_process:
            training = {"phase": self.index, "step": self.step, "config": self.config.to_dict()}
            save_tokenizer(self.averaged, self.out / "model", {"training": training})
