"""The model of a training phase: what it starts from, and which of its weights are trained."""

import math
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from .config import TokenizerConfig
from .errors import RunConfigError
from .grow import grow
from .inflate import Placement, inflate
from .klt import RGB_TO_YCBCR, fit_klt, model_klt
from .mgv_s import MgvSDecoder, MgvSEncoder, inflation_map, set_linear_transform
from .model import Tokenizer
from .presets import image_config
from .quantize import LookupFreeQuantizer
from .train_config import Phase, TrainConfig
from .train_data import sample_patches
from .weights import load_tokenizer
from .widen import is_wider, new_cells, widen

NUM_START_PATCHES = 250_000


def build_phase_tokenizer(
    config: TrainConfig, phase: Phase, previous: Tokenizer | None, *, fresh: bool
) -> Tokenizer:
    """Build the model of a phase: started from data, carried on, or inflated from the image model before it."""
    wanted = image_config(config.tokenizer) if phase.kind == "image" else config.tokenizer
    if previous is not None and previous.config == wanted:
        return previous
    tokenizer = Tokenizer(wanted)
    if previous is not None:
        inflate_tokenizer(previous, tokenizer)
    elif fresh and config.start_from:
        start_trained(tokenizer, config)
    elif fresh and isinstance(tokenizer.encoder, MgvSEncoder):
        start_linear(tokenizer, config)
    if fresh and previous is None and config.outer_values:
        set_outer_values(tokenizer, config)
    return tokenizer


def start_trained(tokenizer: Tokenizer, config: TrainConfig) -> None:
    """Fill a tokenizer from the model that a run starts from, which may be smaller and have fewer bits.

    Raises:
        RunConfigError: it makes other tokens, or is larger.
    """
    wanted, start = tokenizer.config, load_tokenizer(config.start_from)
    makes_same_tokens = replace(start.config, name=wanted.name, network=wanted.network) == wanted
    if not makes_same_tokens and not is_wider(wanted, start.config):
        raise RunConfigError(f"{config.start_from} makes other tokens than this run's {wanted.name}")
    state = start.state_dict() if makes_same_tokens else widen(start.state_dict(), start.config, wanted)
    try:
        grow(state, tokenizer)
    except ValueError as error:
        raise RunConfigError(f"a run cannot start from {config.start_from}: {error}") from error
    if not makes_same_tokens:
        calibrate_new_cells(tokenizer, start.config, config)


@torch.no_grad()
def calibrate_new_cells(tokenizer: Tokenizer, start: TokenizerConfig, config: TrainConfig) -> None:
    """Set the centres of undecided cells that a start with fewer bits did not have, or that ended its range."""
    encoder, quantizer = tokenizer.encoder, tokenizer.quantizer
    if not (isinstance(encoder, MgvSEncoder) and isinstance(quantizer, LookupFreeQuantizer)):
        raise RunConfigError(f"a {tokenizer.config.kind} tokenizer has no cells to calibrate")
    latent = _sample_latents(encoder, config)
    quantizer.calibrate_centres(latent, new_cells(start, tokenizer.config))


def train_only(tokenizer: Tokenizer, phase: Phase) -> list[nn.Parameter]:
    """Let nothing but the parts have gradients, and of them not the shortcut that inverts a frozen encoder.

    The errors that quantizing weighs follow that shortcut, so the tokens of a video then stay what they were.

    Returns:
        The parameters that are trained.

    Raises:
        RunConfigError: a part names none.
    """
    shortcut_stays = isinstance(tokenizer.decoder, MgvSDecoder) and not phase.trains_encoder
    for part in phase.parts:
        if not any(name.startswith(f"{part}.") for name, _ in tokenizer.named_parameters()):
            raise RunConfigError(f"{tokenizer.config.name} has no part {part} to train")
    parts = tuple(f"{part}." for part in phase.parts)
    trained = []
    for name, parameter in tokenizer.named_parameters():
        stays = shortcut_stays and name.startswith("decoder.shortcut.")
        parameter.requires_grad_(name.startswith(parts) and not stays)
        if parameter.requires_grad:
            trained.append(parameter)
    return trained


def inflate_tokenizer(image: Tokenizer, video: Tokenizer) -> None:
    """Fill the video model from the image model: last slice for causal models, central for `magvit` (thesis 3.2.1)."""
    folded, unfolded = inflation_map(video.config) if video.config.kind == "mgv-s" else ({}, {})
    placement: Placement = "central" if video.config.kind == "magvit" else "last"
    inflate(image.state_dict(), video, placement, folded=folded, unfolded=unfolded)


def default_steps(config: TokenizerConfig) -> list[float]:
    """Give the quantization steps of a run that states none, in `TrainConfig.quantization_steps`' units."""
    # The mean needs the whole range in its 2**b values: pixels in [-1, 1] reach sqrt(samples of luma) either way.
    mean = 2 * math.sqrt(math.prod(config.strides)) / 2 ** config.dimension_bits[0]
    return [mean] + [0.6] * (len(config.dimension_bits) - 1)


def start_linear(tokenizer: Tokenizer, config: TrainConfig) -> None:
    """Set the linear shortcuts of `mgv-s` to the KLT, of shards or of a model source, and the centres to match."""
    encoder, decoder, quantizer = tokenizer.encoder, tokenizer.decoder, tokenizer.quantizer
    if not (
        isinstance(encoder, MgvSEncoder)
        and isinstance(decoder, MgvSDecoder)
        and isinstance(quantizer, LookupFreeQuantizer)
    ):
        raise ValueError(f"a {tokenizer.config.kind} tokenizer has no linear shortcut")
    strides, num_dimensions = tokenizer.config.strides, len(tokenizer.config.dimension_bits)
    if config.transform == "klt":
        ycbcr = _sample_ycbcr(config)
        transform = fit_klt(ycbcr, num_dimensions)
    else:
        transform = model_klt(strides, num_dimensions)
    steps = np.array(config.quantization_steps or default_steps(tokenizer.config))
    set_linear_transform(encoder, decoder, transform, steps)
    if config.transform == "klt":
        latent = (ycbcr - transform.mean) @ (transform.basis / steps)
        quantizer.calibrate_centres(torch.from_numpy(latent.astype(np.float32)))


@torch.no_grad()
def set_outer_values(tokenizer: Tokenizer, config: TrainConfig) -> None:
    """Move the ends of dimensions as a run wants them, and calibrate the cells that they are in on shards.

    Raises:
        RunConfigError: the values do not fit the tokenizer.
    """
    encoder, quantizer = tokenizer.encoder, tokenizer.quantizer
    if not (isinstance(encoder, MgvSEncoder) and isinstance(quantizer, LookupFreeQuantizer)):
        raise RunConfigError(f"a {tokenizer.config.kind} tokenizer takes no outer_values")
    before = quantizer.centres.clone()
    try:
        for ends in config.outer_values:
            quantizer.set_outer_values(ends.dimension, ends.low, ends.high)
    except (TypeError, ValueError) as error:
        raise RunConfigError(f"outer_values do not fit {tokenizer.config.name}: {error}") from error
    moved = quantizer.centres != before
    quantizer.calibrate_centres(_sample_latents(encoder, config), moved)


def _sample_latents(encoder: MgvSEncoder, config: TrainConfig) -> torch.Tensor:
    """Draw what a linear encoder makes of patches of shards, float32 `[N, D]`."""
    patches = torch.from_numpy(_sample_ycbcr(config))
    latent: torch.Tensor = encoder.shortcut(patches[:, :, None, None, None])[:, :, 0, 0, 0]
    return latent


def _sample_ycbcr(config: TrainConfig) -> np.ndarray:
    """Draw patches of shards, float32 `[N, 3 * s_t * s_h * s_w]`: what a linear encoder sees."""
    folders = config.calibration_shards or config.video_shards or config.image_shards
    patches = sample_patches(folders, config.tokenizer.strides, NUM_START_PATCHES, config.seed)
    by_channel = patches.reshape(len(patches), 3, -1)
    ycbcr: np.ndarray = np.einsum("oc,ncp->nop", RGB_TO_YCBCR.astype(np.float32), by_channel)
    return ycbcr.reshape(len(patches), -1)
