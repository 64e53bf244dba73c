"""Inflation: start a video model from an image model so that it treats each frame as that would."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from .magvit_v2 import DepthToSpaceUp

Placement = Literal["last", "central"]
"""The temporal slice of a kernel that takes the image weights: `last` for causal models (thesis 5.4.2),
`central` for non-causal ones (3.2.1)."""


def inflate(
    image_state: Mapping[str, Tensor],
    video: nn.Module,
    placement: Placement,
    *,
    unfolded: Mapping[str, int] | None = None,
    folded: Mapping[str, int] | None = None,
) -> None:
    """Load the weights of an image model, inflated, into a video model of the same structure.

    A convolution's image kernel goes to one temporal slice, the others are zero. Where a convolution's output
    is unfolded into s sub-frames (depth to space), each sub-frame gets the image weights; where its input is
    s frames folded into channels (space to depth), the last sub-frame gets them. All else is copied. On a
    still clip every frame of the video model then equals the image model's output.

    Args:
        image_state: `state_dict()` of the image model; kernels `[O, I, 1, kh, kw]` or `[O, I, kh, kw]`.
        video: the model to fill, in place.
        placement: where in time the image kernel goes.
        unfolded: name of each convolution whose output is unfolded in time -> channels of one sub-frame's
            block, that is s_h * s_w. The convolutions of `DepthToSpaceUp` are found without it.
        folded: the same for inputs folded in time.

    Raises:
        ValueError: a weight is missing or unknown, or its shape cannot be inflated to the video model's.
    """
    unfolded = {**find_unfolded(video), **(unfolded or {})}
    folded = folded or {}
    video_state = video.state_dict()
    if set(image_state) != set(video_state):
        name = min(set(image_state) ^ set(video_state))
        raise ValueError(f"{name} is in only one of the image and the video model")
    inflated = {}
    for name, target in video_state.items():
        owner = name.rpartition(".")[0]
        source = image_state[name]
        if source.dim() == 4 and target.dim() == 5:
            source = source.unsqueeze(2)
        if owner in unfolded:
            source = repeat_sub_frames(source, target.shape[0], unfolded[owner])
        if owner in folded and source.dim() == 5:
            source = place_last_sub_frame(source, target.shape[1], folded[owner])
        inflated[name] = place_in_time(name, source, target, placement)
    video.load_state_dict(inflated)


def find_unfolded(video: nn.Module) -> dict[str, int]:
    """Name the convolutions of a model's `DepthToSpaceUp`, with the channels of one sub-frame's block."""
    return {
        f"{name}.conv".removeprefix("."): module.strides[1] * module.strides[2]
        for name, module in video.named_modules()
        if isinstance(module, DepthToSpaceUp)
    }


def repeat_sub_frames(source: Tensor, channels: int, block: int) -> Tensor:
    """Copy a weight or bias `[C * block, ...]` to each sub-frame of `[C * s * block, ...]`, channel-major."""
    sub_frames = channels // source.shape[0]
    parts = source.reshape(-1, 1, block, *source.shape[1:])
    return parts.expand(-1, sub_frames, *parts.shape[2:]).flatten(0, 2)


def place_last_sub_frame(source: Tensor, channels: int, block: int) -> Tensor:
    """Put a kernel `[O, C * block, ...]` at the last sub-frame of a zero `[O, C * s * block, ...]`."""
    sub_frames = channels // source.shape[1]
    parts = source.reshape(source.shape[0], -1, 1, block, *source.shape[2:])
    before = torch.zeros_like(parts).expand(-1, -1, sub_frames - 1, *parts.shape[3:])
    return torch.cat([before, parts], dim=2).flatten(1, 3)


def place_in_time(name: str, source: Tensor, target: Tensor, placement: Placement) -> Tensor:
    """Put a kernel `[O, I, 1, kh, kw]` at one temporal slice of a zero `[O, I, kt, kh, kw]`; else copy."""
    if source.shape == target.shape:
        return source
    if (
        source.dim() != 5
        or source.shape[2] != 1
        or source.shape[:2] + source.shape[3:] != target.shape[:2] + target.shape[3:]
    ):
        raise ValueError(
            f"{name}: image weight {tuple(source.shape)} cannot be inflated to {tuple(target.shape)}"
        )
    kernel_frames = target.shape[2]
    position = kernel_frames - 1 if placement == "last" else (kernel_frames - 1) // 2
    inflated = torch.zeros_like(target)
    inflated[:, :, position] = source[:, :, 0]
    return inflated
