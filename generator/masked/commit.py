"""COMMIT: conditional masked modelling by interior tokens (thesis 6.4.1, Eq. 6.2 to 6.4)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

SCHEDULES = ("cosine", "uniform", "exponential")


def masked_share(schedule: str, progress: float, num_tokens: int) -> float:
    """Give the share of tokens that is masked, gamma of thesis 6.3.

    Args:
        schedule: one of `SCHEDULES`.
        progress: 0 at the start, where all are masked, to 1 at the end.
        num_tokens: to generate; the exponential schedule leaves all but one in the beginning.
    """
    if schedule == "cosine":
        return math.cos(math.pi / 2 * progress)
    if schedule == "uniform":
        return 1 - progress
    if schedule == "exponential":
        return 1 - math.pow(num_tokens, progress - 1)
    raise ValueError(f"schedule is {schedule!r}, expected one of {', '.join(SCHEDULES)}")


def num_masked(schedule: str, progress: float, num_tokens: int) -> int:
    """Give the number of tokens that stay masked, all of them at the start and none at the end."""
    if progress >= 1:
        return 0
    return min(num_tokens, math.ceil(masked_share(schedule, progress, num_tokens) * num_tokens))


@dataclass(frozen=True)
class CorruptedTokens:
    """What the transformer gets in place of the tokens, and which part of the loss each belongs to."""

    words: Tensor
    """int64 `[B, t, h, w, G]`: of the token itself, or of the condition where that stands in for it."""
    masked: Tensor
    """bool `[B, t, h, w]`: [MASK]; the loss there is L_mask."""
    refined: Tensor
    """bool `[B, t, h, w]`: a condition token; the loss there is L_refine. The rest belongs to L_recons."""


def corrupt(words: Tensor, hints: Tensor, hinted: Tensor, replaced: Tensor) -> CorruptedTokens:
    """Apply the multivariate mask m(z | z~) of Eq. 6.2.

    Args:
        words: int64 `[B, t, h, w, G]`, z by sub-vocabulary.
        hints: int64 `[B, t, h, w, G]`, z~, tokens of the padded condition.
        hinted: bool `[B, t, h, w]`, not ispad: supervoxels with condition pixels in them.
        replaced: bool `[B, t, h, w]`, s_i <= s*.
    """
    refined = replaced & hinted
    return CorruptedTokens(torch.where(refined[..., None], hints, words), replaced & ~hinted, refined)


def lowest(scores: Tensor, count: int) -> Tensor:
    """Mark the `count` lowest scores, those up to s* of thesis 6.3; ties go to the earlier token.

    Args:
        scores: float `[N]`; infinite ones are never marked.
        count: of tokens.

    Returns:
        bool `[N]`.
    """
    marked = torch.zeros(scores.shape, dtype=torch.bool, device=scores.device)
    marked[scores.argsort(stable=True)[:count]] = True
    return marked & scores.isfinite()


def draw_replaced(kept: Tensor, schedule: str, random: torch.Generator) -> Tensor:
    """Draw which tokens a training step replaces: a share gamma(r) of those that are not kept, r uniform.

    Args:
        kept: bool `[B, t, h, w]`, tokens that generation copies, so that there is nothing to learn from.
        schedule: of the masked share.
        random: on the CPU.

    Returns:
        bool `[B, t, h, w]`; at least one token of each window that has one to generate.
    """
    flat = kept.flatten(1).cpu()
    scores = torch.rand(flat.shape, generator=random).masked_fill(flat, torch.inf)
    replaced = torch.zeros_like(flat)
    for row, row_scores in enumerate(scores):
        count = int((~flat[row]).sum())
        progress = float(torch.rand((), generator=random))
        replaced[row] = lowest(row_scores, max(1, num_masked(schedule, progress, count)))
    return replaced.view_as(kept).to(kept.device)
