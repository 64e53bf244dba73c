"""Scales of the int8 decoder: what its activations reach on training video, and how its weights are rounded."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from .mgv_s import MgvSDecoder, ResidualBlock
from .model import Tokenizer

Floats = NDArray[np.floating[Any]]

MAX_ACTIVATION = 255
"""Of activations after a ReLU, which are unsigned."""

MAX_WEIGHT = 63
"""Of weights: 255 * 63 * 2 fits 16 bits, which x86 without VNNI adds pairs of products in, so no machine saturates."""

MAX_SIGNED = 127
"""Of what is added to something, which has a sign."""

LATENTS_PER_CLIP = 5
"""Latent frames that are decoded of each clip."""

SAMPLES_PER_CLIP = 20_000
"""Values of each activation that are kept of each clip."""

_SHRINKS = np.linspace(1.0, 0.4, 25)


def measure_scales(tokenizer: Tokenizer, clips: Iterable[NDArray[np.int64]]) -> tuple[dict[str, float], int]:
    """Run the decoder in float32 and choose for each of its integer activations the step of least squared error.

    Args:
        tokenizer: an `mgv-s`.
        clips: token ids int64 `[t, h, w]` of training video, at full bit depth. The first latent frames of each are
            decoded, at all bit depths of the tokenizer in turn.

    Returns:
        The step of each activation, and the number of clips. The activations are `NAME.in` and `NAME.mid`, the inputs
        of the two convolutions of block NAME, and `NAME.out`, its result; `up.in`, `out.in`; and `out`, the result of
        the last convolution, in RGB.

    Raises:
        ValueError: there are no clips.
    """
    samples: dict[str, list[Floats]] = {}
    random = np.random.default_rng(0)

    def keep(name: str, values: Tensor) -> None:
        flat = values.detach().flatten().numpy()
        kept = flat[random.integers(0, flat.size, SAMPLES_PER_CLIP)]
        samples.setdefault(name, []).append(kept)

    decoder = decoder_of(tokenizer)
    with _watched(decoder, keep), torch.inference_mode():
        for ids, bit_depth in zip(clips, cycle(tokenizer.config.bit_depths), strict=False):
            tokenizer.reconstruct(torch.from_numpy(ids[:LATENTS_PER_CLIP])[None], bit_depth)
    if not samples:
        raise ValueError("there are no clips to calibrate on")
    scales = {
        name: best_step(np.concatenate(parts), MAX_SIGNED if name.endswith("out") else MAX_ACTIVATION)
        for name, parts in samples.items()
    }
    return scales, len(samples["out"])


def decoder_of(tokenizer: Tokenizer) -> MgvSDecoder:
    """Give the decoder of an `mgv-s` with an extent in time; ValueError for others."""
    decoder = tokenizer.decoder
    if not isinstance(decoder, MgvSDecoder) or decoder.strides[0] == 1:
        raise ValueError(f"only a video tokenizer of kind mgv-s runs in int8, got {tokenizer.config.name}")
    return decoder


def named_blocks(decoder: MgvSDecoder) -> list[tuple[str, ResidualBlock]]:
    """List the residual blocks in the order in which they run, each with its name in the state."""
    found = []
    for stack in ("blocks", "quarter_blocks"):
        for index, block in enumerate(getattr(decoder, stack)):
            assert isinstance(block, ResidualBlock)  # noqa: S101 - the decoder makes no others
            found.append((f"{stack}.{index}", block))
    return found


def best_step(values: Floats, most: int) -> float:
    """Choose the step at which rounding and clamping to `most` steps makes the least squared error."""
    reach = float(np.abs(values).max()) or 1.0
    low = 0 if values.min() >= 0 else -most
    steps = reach / most * _SHRINKS
    errors = [float(np.square(np.clip(np.rint(values / s), low, most) * s - values).mean()) for s in steps]
    return float(steps[int(np.argmin(errors))])


def round_weights(kernel: Floats) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round a kernel to integers within `MAX_WEIGHT`, each output channel with the step that suits it best.

    Args:
        kernel: float `[O, ...]`.

    Returns:
        int8 of the same shape, and the steps, float32 `[O]`.
    """
    rows = kernel.reshape(len(kernel), -1).astype(np.float64)
    reach = np.abs(rows).max(axis=1)
    reach[reach == 0] = 1.0
    steps = reach / MAX_WEIGHT * _SHRINKS[:, None]
    rounded = [np.clip(np.rint(rows / s[:, None]), -MAX_WEIGHT, MAX_WEIGHT) for s in steps]
    errors = [np.square(q * s[:, None] - rows).sum(axis=1) for q, s in zip(rounded, steps, strict=True)]
    best = np.argmin(errors, axis=0)
    channels = np.arange(len(rows))
    integers = np.stack(rounded)[best, channels].astype(np.int8)
    return integers.reshape(kernel.shape), steps[best, channels].astype(np.float32)


@contextmanager
def _watched(decoder: MgvSDecoder, keep: Callable[[str, Tensor], None]) -> Iterator[None]:
    """Show `keep` every activation that becomes integer, by name, while the decoder runs."""
    handles = []

    def watch_input(module: nn.Module, name: str) -> None:
        handles.append(module.register_forward_hook(lambda _, inputs, output: keep(name, inputs[0])))

    def watch_output(module: nn.Module, name: str, then: Callable[[Tensor], Tensor]) -> None:
        handles.append(module.register_forward_hook(lambda _, inputs, output: keep(name, then(output))))

    def to_rgb(patches: Tensor) -> Tensor:
        return torch.einsum(
            "oc,bcpthw->bopthw", decoder.colour, patches.reshape(len(patches), 3, -1, *patches.shape[2:])
        )

    for name, block in named_blocks(decoder):
        watch_input(block.space, f"{name}.in")
        watch_output(block.space, f"{name}.mid", functional.relu)
        watch_output(block.time, f"{name}.out", lambda values: values)
    watch_input(decoder.up, "up.in")
    watch_input(decoder.out, "out.in")
    watch_output(decoder.out, "out", to_rgb)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
