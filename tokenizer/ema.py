"""Exponential moving average of a model's weights."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Ema(nn.Module):
    """A frozen copy of a model that follows it: each weight moves by `1 - decay` of the way at every update.

    Early on the decay is lower, (1 + n) / (10 + n) after n updates, so that the random start is soon
    forgotten. Being a module, it saves and resumes with `state_dict`; buffers are copied as they are.
    """

    num_updates: torch.Tensor

    def __init__(self, model: nn.Module, decay: float = 0.999) -> None:
        super().__init__()
        if not 0 <= decay < 1:
            raise ValueError(f"decay {decay}, expected 0 up to but not 1")
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.register_buffer("num_updates", torch.zeros((), dtype=torch.int64))

    def current_decay(self) -> float:
        """Decay that the next update will use."""
        count = int(self.num_updates)
        return min(self.decay, (1 + count) / (10 + count))

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Follow `model`, which has the structure of the one given at the start."""
        ours = list(self.model.parameters())
        theirs = [p.to(own.dtype) for own, p in zip(ours, model.parameters(), strict=True)]
        average = get_ema_multi_avg_fn(self.current_decay())  # type: ignore[no-untyped-call]
        average(ours, theirs, None)
        for own, buffer in zip(self.model.buffers(), model.buffers(), strict=True):
            own.copy_(buffer)
        self.num_updates += 1

    @contextmanager
    def swapped(self, model: nn.Module) -> Iterator[None]:
        """Lend the averaged weights to `model`, to validate or export; its own come back at the end."""
        own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        model.load_state_dict(self.model.state_dict())
        try:
            yield
        finally:
            model.load_state_dict(own)
