"""Growth: start a larger network from a trained smaller one of the same kind, computing the same at first."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


@torch.no_grad()
def grow(trained: Mapping[str, Tensor], larger: nn.Module) -> None:
    """Load trained weights into a fresh network that is wider or has more residual blocks (Net2Net, arXiv:1511.05641).

    What was there takes the trained weights and sees nothing of what is new, which keeps its fresh start. So long as
    added blocks start as the identity, as `ResidualBlock` does, the output is what it was.

    Args:
        trained: `state_dict()` of the smaller network.
        larger: freshly built, filled in place.

    Raises:
        ValueError: a trained weight has no place in the larger network, or a larger size than there.
    """
    grown = larger.state_dict()
    for name, source in trained.items():
        target = grown.get(name)
        if target is None:
            raise ValueError(f"{name} has no place in the larger network")
        if source.dim() != target.dim() or any(
            old > new for old, new in zip(source.shape, target.shape, strict=True)
        ):
            raise ValueError(f"{name} is {tuple(source.shape)}, more than the larger {tuple(target.shape)}")
        target = target.clone()
        # Of a weight [outputs, inputs, ...] the first outputs are the trained ones.
        target[: source.shape[0]] = 0
        target[tuple(slice(size) for size in source.shape)] = source
        grown[name] = target
    larger.load_state_dict(grown)
