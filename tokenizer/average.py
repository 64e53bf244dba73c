"""Averages of trained weights: one model that is better than those it is made of, if they lie in one basin."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from .errors import WeightsError
from .model import Tokenizer


@torch.no_grad()
def average_tokenizers(parts: Sequence[tuple[Tokenizer, float]]) -> Tokenizer:
    """Average the weights of tokenizers that were trained on from the same start ("model soups", Wortsman et al. 2022).

    Args:
        parts: tokenizers of the same networks, at least one, each with its share, above 0; shares count relative to
            their sum.

    Returns:
        A new tokenizer, on the CPU, with the name of the first. Its float weights are averages; whatever is an integer
        is the first one's.

    Raises:
        ValueError: there is none, or a share is not above 0.
        WeightsError: their networks or tokens differ, so that weights do not correspond.
    """
    if not parts or min(share for _, share in parts) <= 0:
        raise ValueError("an average is of at least one model, with shares above 0")
    first = parts[0][0]
    for other, _ in parts[1:]:
        if replace(other.config, name=first.config.name) != first.config:
            raise WeightsError(
                f"{other.config.name} has other networks or tokens than {first.config.name}: "
                "their weights have no average"
            )
    whole = sum(share for _, share in parts)
    states = [(tokenizer.state_dict(), share / whole) for tokenizer, share in parts]
    averaged = {
        name: sum((share * state[name].float().cpu() for state, share in states), torch.zeros(()))
        if tensor.is_floating_point()
        else tensor.cpu()
        for name, tensor in first.state_dict().items()
    }
    tokenizer = Tokenizer(first.config)
    tokenizer.load_state_dict(averaged)
    return tokenizer
