"""Training: phases, inflation, resuming after a kill, time limit, export, and a gradient through every loss."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mgv.tokenizer import (
    MagvitNetwork,
    MgvSNetwork,
    TokenizerConfig,
    load_tokenizer,
)
from mgv.tokenizer.adversarial import LeCam
from mgv.tokenizer.discriminator import Discriminator
from mgv.tokenizer.errors import RunConfigError
from mgv.tokenizer.model import Tokenizer
from mgv.tokenizer.presets import MAGVIT_B, MAGVIT_V2, MGV_S
from mgv.tokenizer.train import StepReport, train
from mgv.tokenizer.train_config import LossWeights, OuterValues, Phase, TrainConfig
from mgv.tokenizer.train_data import Batch, CropBatches
from mgv.tokenizer.train_model import start_linear
from mgv.tokenizer.train_step import (
    Game,
    discriminated,
    discriminator_step_loss,
    reconstruct,
    tokenizer_loss,
)
from mgv.tokenizer.train_tokens import Fineness, FrozenEncoder, draw_fineness

TINY = replace(MGV_S, name="tiny", network=MgvSNetwork(4, 6, 1, 6, 1, 4, 1))
LADDER = MGV_S.bit_depths
IMAGE = Phase("image", steps=3, batch_size=2, crop=32)
VIDEO = Phase("video", steps=4, batch_size=2, crop=32, num_frames=5, still_share=0.3)


def config_of(shards: dict[str, str], *phases: Phase, tokenizer: TokenizerConfig = TINY) -> TrainConfig:
    return TrainConfig(
        tokenizer,
        (shards["video"],),
        (shards["video"],),
        phases,
        (shards["images"],),
        transform="model",
        checkpoint_minutes=0,
        validate_every=2,
    )


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return load_tokenizer(run / "model").state_dict()


def test_a_run_starts_from_a_smaller_model(shards: dict[str, str], tmp_path: Path) -> None:
    assert train(config_of(shards, VIDEO), tmp_path / "small")
    larger = replace(TINY, name="larger", network=replace(TINY.network, num_decoder_blocks=2))
    config = config_of(shards, replace(VIDEO, parts=("decoder",)), tokenizer=larger)
    config = replace(config, start_from=str(tmp_path / "small" / "model"))
    assert train(config, tmp_path / "larger")
    before, after = weights_of(tmp_path / "small"), weights_of(tmp_path / "larger")
    assert torch.equal(before["encoder.shortcut.weight"], after["encoder.shortcut.weight"])
    assert (after["decoder.out.weight"] - before["decoder.out.weight"]).abs().max() < 0.1
    assert after["decoder.blocks.1.time.weight"].any()


def test_a_run_teaches_a_model_the_ends_of_its_range(shards: dict[str, str], tmp_path: Path) -> None:
    assert train(config_of(shards, VIDEO), tmp_path / "plain")
    wide = replace(
        TINY, name="wide", network=replace(TINY.network, wide_dimensions=(0, 5), inner_bits=(7, 4))
    )
    ends = (OuterValues(0, high=(40.0, 75.0)), OuterValues(5, low=(-50.0, -32.0)))
    config = replace(
        config_of(shards, replace(VIDEO, parts=("decoder.outer_in",)), tokenizer=wide),
        start_from=str(tmp_path / "plain" / "model"),
        outer_values=ends,
        calibration_shards=(shards["images"],),
    )
    with pytest.raises(RunConfigError, match=r"outer_values do not fit wide: .* would not rise"):
        train(config, tmp_path / "wide")
    config = replace(config, outer_values=(OuterValues(0, high=(64.0, 75.0)), ends[1]))
    assert train(config, tmp_path / "wide")
    before, after = weights_of(tmp_path / "plain"), weights_of(tmp_path / "wide")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"quantizer.centres"}
    assert after.keys() - before.keys() == {"decoder.outer_in.weight"}
    assert after["quantizer.centres"][0, 254:256].tolist() == [64, 75]
    assert after["quantizer.centres"][5, 64:66].tolist() == [-50, -32]


def test_a_run_starts_from_a_model_with_fewer_bits(shards: dict[str, str], tmp_path: Path) -> None:
    assert train(config_of(shards, VIDEO), tmp_path / "narrow")
    dimension_bits = (8, *TINY.dimension_bits[1:])
    wide = replace(
        TINY,
        name="wide",
        dimension_bits=dimension_bits,
        plane_dimensions=(0, *TINY.plane_dimensions),
        bit_depths=tuple(depth + 1 for depth in TINY.bit_depths),
        network=replace(TINY.network, wide_dimensions=(0,), inner_bits=(7,)),
    )
    config = replace(
        config_of(shards, replace(VIDEO, parts=("decoder.outer_in",)), tokenizer=wide),
        start_from=str(tmp_path / "narrow" / "model"),
    )
    assert train(config, tmp_path / "wide")
    before, after = weights_of(tmp_path / "narrow"), weights_of(tmp_path / "wide")
    assert torch.equal(before["encoder.shortcut.weight"], after["encoder.shortcut.weight"])
    assert torch.equal(before["decoder.out.weight"], after["decoder.out.weight"])
    assert torch.equal(before["quantizer.centres"][1:, :64], after["quantizer.centres"][1:, :64])
    assert after["quantizer.centres"][0, 256:512].tolist() == list(range(-128, 128))


def test_a_part_that_is_none_is_refused(shards: dict[str, str], tmp_path: Path) -> None:
    config = config_of(shards, replace(VIDEO, parts=("decoder.tail",)))
    with pytest.raises(RunConfigError, match=r"tiny has no part decoder\.tail to train"):
        train(config, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_run_does_not_start_from_a_model_of_other_tokens(shards: dict[str, str], tmp_path: Path) -> None:
    assert train(config_of(shards, VIDEO), tmp_path / "small")
    other = replace(TINY, bit_depths=(20, 59))
    config = replace(config_of(shards, VIDEO, tokenizer=other), start_from=str(tmp_path / "small" / "model"))
    with pytest.raises(RunConfigError, match="makes other tokens"):
        train(config, tmp_path / "other")


def test_an_image_phase_is_inflated_and_goes_on_with_video(shards: dict[str, str], tmp_path: Path) -> None:
    reports: list[StepReport] = []

    def coded_bits(grids: list[np.ndarray], config: TokenizerConfig) -> dict[int, float]:
        return {depth: float(depth * sum(grid.size for grid in grids)) for depth in config.bit_depths}

    config = config_of(shards, IMAGE, VIDEO)
    assert train(config, tmp_path, coded_bits=coded_bits, on_step=reports.append)
    assert [(report.phase, report.step) for report in reports] == [
        (0, 1),
        (0, 2),
        (0, 3),
        *((1, n) for n in (1, 2, 3, 4)),
    ]
    assert load_tokenizer(tmp_path / "model").config == TINY
    entries = [json.loads(line) for line in (tmp_path / "validation.jsonl").read_text().splitlines()]
    assert entries[-1]["step"] == 4
    assert set(entries[-1]["depths"]) == {str(depth) for depth in TINY.bit_depths}
    for values in entries[-1]["depths"].values():
        assert set(values) == {"psnr_y_db", "ms_ssim", "bpp"}
    assert entries[-1]["depths"]["59"]["psnr_y_db"] > entries[-1]["depths"]["18"]["psnr_y_db"]
    assert len(entries[-1]["bit_usage"]) == 59
    assert list((tmp_path / "samples").glob("*.png"))
    assert list((tmp_path / "tensorboard").iterdir())


class Killed(BaseException):
    """Stands for a kill: nothing of the loop runs after it."""


def test_a_killed_run_resumes_to_the_same_weights(shards: dict[str, str], tmp_path: Path) -> None:
    config = config_of(shards, IMAGE, VIDEO)
    assert train(config, tmp_path / "whole")

    for kill_at in (2, 6):
        steps = 0

        def kill(report: StepReport, kill_at: int = kill_at) -> None:
            nonlocal steps
            steps += 1
            if steps == kill_at:
                raise Killed

        with pytest.raises(Killed):
            train(config, tmp_path / "killed", on_step=kill)
    assert train(config, tmp_path / "killed")
    whole, killed = weights_of(tmp_path / "whole"), weights_of(tmp_path / "killed")
    for name, tensor in whole.items():
        assert torch.equal(tensor, killed[name]), name


def test_a_resumed_run_quantizes_as_one_that_was_never_stopped(
    shards: dict[str, str], tmp_path: Path
) -> None:
    phase = replace(VIDEO, parts=("decoder",), rate_weights=(0.3,), learning_rate=0.03, warmup_steps=0)
    config = config_of(shards, phase)
    assert train(config, tmp_path / "whole")
    while not train(config, tmp_path / "stopped", time_limit_seconds=1e-9):
        pass  # a step at a time
    whole, stopped = weights_of(tmp_path / "whole"), weights_of(tmp_path / "stopped")
    assert all(torch.equal(tensor, stopped[name]) for name, tensor in whole.items())


def test_a_time_limit_stops_with_a_checkpoint(shards: dict[str, str], tmp_path: Path) -> None:
    config = config_of(shards, VIDEO)
    assert not train(config, tmp_path, time_limit_seconds=1e-6)
    assert json.loads((tmp_path / "checkpoint" / "progress.json").read_text()) == {"phase": 0, "step": 1}
    assert train(config, tmp_path)


def test_only_the_parts_of_a_phase_move(shards: dict[str, str], tmp_path: Path) -> None:
    train(config_of(shards, replace(VIDEO, parts=("decoder",))), tmp_path)
    fresh = Tokenizer(TINY)
    trained = weights_of(tmp_path)
    moved = {
        name for name, tensor in trained.items() if name.startswith("encoder.blocks.0.time") and tensor.any()
    }
    assert not moved
    assert any(trained[name].any() for name in fresh.state_dict() if name.startswith("decoder.blocks.0.time"))


def test_samples_are_quantized_as_an_encoder_does_it(shards: dict[str, str]) -> None:
    phase = replace(VIDEO, rate_weights=(0.0, 0.4))
    drawn = draw_fineness(phase, MGV_S.bit_depths, 200, torch.Generator().manual_seed(0))
    assert {how.rate_weight for how in drawn} == {0.0, 0.4}

    torch.manual_seed(0)
    tokenizer = Tokenizer(TINY)
    start_linear(tokenizer, config_of(shards, phase))
    clip = torch.rand(1, 3, 9, 32, 32).repeat(2, 1, 1, 1, 1)
    fineness = [Fineness(38, 0.0), Fineness(38, 0.4)]
    pixels = reconstruct(tokenizer, Batch(clip * 2 - 1, fineness, None), phase)[0].detach()
    for one, how in zip(pixels, fineness, strict=True):
        tokens = tokenizer.encode(clip[:1], how.bit_depth, how.rate_weight)
        expected = tokenizer.reconstruct(tokens.ids, how.bit_depth)[0].detach()
        assert torch.allclose(one, expected, atol=1e-4), how
    assert (pixels[0] - pixels[1]).abs().max() > 0.01
    with pytest.raises(ValueError, match="rate_weights"):
        replace(VIDEO, rate_weights=(-0.1,))


def test_a_frozen_encoder_quantizes_as_batches_are_loaded(shards: dict[str, str]) -> None:
    phase = replace(VIDEO, parts=("decoder",), rate_weights=(0.0, 0.4))
    torch.manual_seed(0)
    tokenizer = Tokenizer(TINY)
    start_linear(tokenizer, config_of(shards, phase))
    with torch.no_grad():
        tokenizer.decoder.blocks[0].time.weight.add_(0.1)  # type: ignore[index]
    folders = (shards["video"],), (shards["images"],)
    data = CropBatches(*folders, phase, LADDER, seed=5, encoder=FrozenEncoder(tokenizer))
    for step in range(3):
        loaded = data[step]
        assert loaded.given is not None
        batch = loaded._replace(clip=loaded.clip.float() / 127.5 - 1)
        losses = [
            tokenizer_loss(tokenizer, one, phase, step)[0] for one in (batch, batch._replace(given=None))
        ]
        assert float(losses[0].detach()) == pytest.approx(float(losses[1].detach()), rel=1e-5)


def test_dear_terms_look_at_some_frames_and_at_all_in_turn(shards: dict[str, str]) -> None:
    phase = replace(
        VIDEO, structure_stride=2, discriminator_frames=2, loss=LossWeights(charbonnier=0, perceptual=1)
    )
    tokenizer = Tokenizer(TINY)
    seen = []

    def perceptual(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        seen.append([int(frame) for frame in target[0, 0, :, 0, 0]])
        return prediction.sum()

    numbers = torch.arange(5.0)[None, None, :, None, None].expand(1, 3, 5, 32, 32)
    for step in range(2):
        tokenizer_loss(
            tokenizer, Batch(numbers, [Fineness(59, 0.0)], None), phase, step, perceptual=perceptual
        )
    assert seen == [[0, 2, 4], [1, 3]]
    starts = [
        [int(frame) for frame in discriminated(numbers, phase, step)[0, 0, :, 0, 0]] for step in range(5)
    ]
    assert starts == [[0, 1], [1, 2], [2, 3], [3, 4], [0, 1]]
    with pytest.raises(ValueError, match="discriminator_frames"):
        replace(VIDEO, discriminator_frames=6)


def test_tokens_stay_what_they_are_while_the_encoder_is_frozen(
    shards: dict[str, str], tmp_path: Path
) -> None:
    both = replace(VIDEO, rate_weights=(0.1,))
    config = config_of(shards, replace(both, parts=("decoder",)), both)
    trained = {}
    for count in (1, 2):
        assert train(replace(config, phases=config.phases[:count]), tmp_path / str(count))
        trained[count] = load_tokenizer(tmp_path / str(count) / "model")
    torch.manual_seed(config.seed)
    start = Tokenizer(TINY)
    start_linear(start, config)
    shortcut = "decoder.shortcut.weight"
    frozen, moved = (trained[count].state_dict()[shortcut] for count in (1, 2))
    assert torch.equal(frozen, start.state_dict()[shortcut].half().float())
    assert not torch.equal(moved, frozen)
    assert trained[1].state_dict()["decoder.out.weight"].any()


EVERY_LOSS = LossWeights(
    charbonnier=1, mse=1, gradient=1, ms_ssim=1, perceptual=1, commitment=0.25, entropy=0.1, rate=0.1, adversarial=0.1,
    feature_matching=1,
)  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in EVERY_LOSS.__dataclass_fields__
        if name not in ("entropy_steps", "r1", "r1_interval", "lecam")
    ],
)
def test_every_term_alone_has_a_finite_gradient(name: str) -> None:
    torch.manual_seed(0)
    small = replace(
        MGV_S,
        dimension_bits=(3, 2),
        plane_dimensions=(0, 1, 0, 1, 0),
        bit_depths=(2, 5),
        network=TINY.network,
    )
    tokenizer = Tokenizer(small)
    with torch.no_grad():
        for parameter in tokenizer.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    weights = replace(LossWeights(charbonnier=0), **{name: getattr(EVERY_LOSS, name)})
    game = Game(Discriminator(4, (1, 2)), LeCam()) if name in ("adversarial", "feature_matching") else None

    def perceptual(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return (prediction - target).square().mean()

    clip = torch.rand(2, 3, 5, 32, 32) * 2 - 1
    phase = replace(VIDEO, loss=weights)
    fineness = [Fineness(5, 0.0), Fineness(2, 0.3)]
    batch = Batch(clip, fineness, None)
    loss, terms, _ = tokenizer_loss(tokenizer, batch, phase, 0, perceptual=perceptual, game=game)
    assert set(terms) == {name}
    loss.backward()
    gradients = [parameter.grad for parameter in tokenizer.encoder.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
    assert any(gradient.any() for gradient in gradients if gradient is not None)


@pytest.mark.parametrize(
    "config",
    [
        replace(
            MAGVIT_B,
            dimension_bits=(4,),
            plane_dimensions=(0,) * 4,
            bit_depths=(4,),
            network=MagvitNetwork(4, (1, 1, 1, 2), 1, 6),
        ),
        replace(MAGVIT_V2, network=MagvitNetwork(4, (1, 1, 1, 2), 1, 18)),
    ],
    ids=lambda config: config.name,
)
def test_the_thesis_models_train_with_a_discriminator(
    config: TokenizerConfig, shards: dict[str, str], tmp_path: Path
) -> None:
    loss = LossWeights(commitment=0.25, entropy=0.1 if config.kind == "magvit-v2" else 0)
    image = Phase("image", steps=1, batch_size=1, crop=32, loss=loss)
    frames = 4 if config.kind == "magvit" else 5
    video = Phase("video", steps=2, batch_size=1, crop=32, num_frames=frames, loss=loss)
    assert train(replace(config_of(shards, image, video, tokenizer=config), validation_shards=()), tmp_path)
    tokenizer = load_tokenizer(tmp_path / "model")
    clip = torch.rand(1, 3, frames, 32, 40)
    assert tokenizer.decode(tokenizer.encode(clip)).shape == clip.shape
    game = Game(Discriminator(4, (1, 2)), LeCam())
    clips = clip.repeat(2, 1, 1, 1, 1)
    discriminator_step_loss(game, clips, clips.roll(1, 3), LossWeights(), step=16).backward()
    gradients = [parameter.grad for parameter in game.discriminator.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
