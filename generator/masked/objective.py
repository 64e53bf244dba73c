"""What the masked transformer is trained for: the three terms of Eq. 6.4, over all tasks."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..heads import word_nats
from .commit import corrupt, draw_replaced
from .multitask import WindowBatch
from .transformer import MaskedTransformer


@dataclass(frozen=True)
class LossTerms:
    """Weight of each term of Eq. 6.4; a term of weight 0 is not computed."""

    refine: float = 1.0
    mask: float = 1.0
    reconstruct: float = 1.0
    label_smoothing: float = 1e-4
    schedule: str = "cosine"
    """Of the share of tokens that is replaced."""


def commit_loss(
    model: MaskedTransformer, batch: WindowBatch, terms: LossTerms, random: torch.Generator
) -> tuple[Tensor, dict[str, float]]:
    """Corrupt a batch and predict its tokens (thesis Eq. 6.3 and 6.4), those that generation copies left out.

    Args:
        model: in training mode.
        batch: on the model's device.
        terms: weights.
        random: on the CPU, draws the mask.

    Returns:
        Weighted mean over predicted tokens, in nats a token, and each term in bits a token.
    """
    words, num_known = batch_words(model, batch)
    hints = model.words.vocabularies.split(batch.hints)
    replaced = draw_replaced(batch.kept, terms.schedule, random)
    seen = corrupt(words, hints, batch.hinted, replaced)
    hidden = model(seen.words, seen.masked, batch.is_image, num_known, batch.task, batch.label)
    parts = {
        "refine": (terms.refine, seen.refined),
        "mask": (terms.mask, seen.masked),
        "reconstruct": (terms.reconstruct, ~replaced & ~batch.kept),
    }
    total, weight, report = hidden.sum() * 0, 0.0, {}
    for name, (share, where) in parts.items():
        if share > 0 and bool(where.any()):
            copying = model.copying(seen.words, seen.masked, seen.refined, where)
            logits = model.heads.logits(model.words, hidden[where], words[where], num_known, copying)
            nats = word_nats(logits, words[where], terms.label_smoothing)
            total, weight = total + share * nats.sum(), weight + share * len(nats)
            report[name] = float(nats.detach().mean()) / 0.6931471805599453
    return total / max(weight, 1.0), report


@torch.inference_mode()
def prediction_bits(model: MaskedTransformer, batch: WindowBatch) -> Tensor:
    """Give the bits that each token takes when all that are not kept are predicted at once, float32 `[B, t, h, w]`.

    It is the cross-entropy at the first step of Algorithm 1; 0 where a token is kept.
    """
    words, num_known = batch_words(model, batch)
    hints = model.words.vocabularies.split(batch.hints)
    wanted = ~batch.kept
    seen = corrupt(words, hints, batch.hinted, wanted)
    hidden = model(seen.words, seen.masked, batch.is_image, num_known, batch.task, batch.label)
    copying = model.copying(seen.words, seen.masked, seen.refined, wanted)
    logits = model.heads.logits(model.words, hidden[wanted], words[wanted], num_known, copying)
    bits = torch.zeros(wanted.shape, device=words.device)
    bits[wanted] = word_nats(logits, words[wanted]) / 0.6931471805599453
    return bits


def batch_words(model: MaskedTransformer, batch: WindowBatch) -> tuple[Tensor, int]:
    """Split a batch's ids to words int64 `[B, t, h, w, G]`, and count those that its depth holds."""
    vocabularies = model.words.vocabularies
    return vocabularies.split(batch.ids), vocabularies.known_at(batch.bit_depth)


def to_device(batch: WindowBatch, device: torch.device) -> WindowBatch:
    """Move the tensors of a batch."""
    moved: dict[str, Any] = {
        name: value.to(device, non_blocking=True) if isinstance(value, Tensor) else value
        for name, value in batch._asdict().items()
    }
    return WindowBatch(**moved)
