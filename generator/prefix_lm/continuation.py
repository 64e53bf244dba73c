"""Long video: each piece is generated from the end of what there is so far (thesis 8.4.5)."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from ..window import TokenWindow
from .decoding import Decoding, decode
from .model import PrefixLM
from .places import Part
from .prompts import NO_CONDITIONS, Conditions, Prompts, Text


def continue_video(  # noqa: PLR0913 - a whole request
    model: PrefixLM,
    beginning: TokenWindow,
    num_latents: int,
    num_context: int,
    decoding: Decoding,
    random: torch.Generator,
    *,
    conditions: Conditions = NO_CONDITIONS,
    text: Text | None = None,
    starts_segment: Callable[[int], bool] = lambda latent: False,
) -> Iterator[NDArray[np.int64]]:
    """Go on with a video for as long as is wanted, in constant memory.

    Args:
        model: in eval mode.
        beginning: latent frames that there are, one at least.
        num_latents: latent frames to make.
        num_context: latent frames, the last that there are, from which the next are made; the thesis takes a second
            of video. Fewer than the model's window has.
        decoding: how tokens are drawn.
        random: on the CPU.
        conditions: of every piece.
        text: of every piece.
        starts_segment: whether a latent frame, counted from 0 for the first that is made, begins a new segment.

    Yields:
        int64 `[n, h, w]`, the next n latent frames.
    """
    longest = model.config.window[0]
    if not 1 <= num_context < longest:
        raise ValueError(f"context of {num_context} latent frames, expected 1 to {longest - 1}")
    prompts, vocabulary = Prompts(model.config), model.config.vocabulary
    context, is_image = beginning.ids[-num_context:], beginning.is_image[-num_context:]
    made = 0
    while made < num_latents:
        count = min(longest - len(context), num_latents - made)
        coming = np.zeros((count, *context.shape[1:]), np.int64)
        flags = np.array([starts_segment(made + index) for index in range(count)])
        window = TokenWindow(
            np.concatenate([context, coming]), np.concatenate([is_image, flags]), beginning.bit_depth
        )
        example = prompts.future(window, len(context), conditions, text=text)
        bare = example.unconditional().sequence(model.config) if decoding.guidance > 0 else None
        decoded = decode(
            model, example.sequence(model.config), replace(decoding, may_end_early=False), random, bare
        ).sequence
        piece = vocabulary.to_visual(decoded.ids[decoded.indices(Part.VIDEO_OUT)]).reshape(coming.shape)
        yield piece
        made += count
        context = np.concatenate([context, piece])[-num_context:]
        is_image = window.is_image[-num_context:]
