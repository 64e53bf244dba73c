import itertools
import math

import pytest
import torch

from mgv.generator.masked.commit import SCHEDULES, corrupt, draw_replaced, lowest, masked_share, num_masked
from mgv.generator.masked.multitask import WindowBatch
from mgv.generator.masked.objective import LossTerms, commit_loss, prediction_bits
from mgv.generator.subvocabulary import SubVocabularies


def test_each_case_of_the_multivariate_mask() -> None:
    """Eq. 6.2 by hand: one token of each of the three cases, and one that is hinted but not replaced."""
    words = torch.tensor([10, 11, 12, 13]).view(1, 1, 1, 4, 1)
    hints = torch.tensor([20, 21, 22, 23]).view(1, 1, 1, 4, 1)
    hinted = torch.tensor([True, False, False, True]).view(1, 1, 1, 4)
    replaced = torch.tensor([True, True, False, False]).view(1, 1, 1, 4)
    seen = corrupt(words, hints, hinted, replaced)
    assert seen.words.flatten().tolist() == [20, 11, 12, 13]
    assert seen.masked.flatten().tolist() == [False, True, False, False]
    assert seen.refined.flatten().tolist() == [True, False, False, False]


class Embedding:
    vocabularies = SubVocabularies((2,))


class FixedHeads:
    """Predicts word 0 with probability 1/2 and each of the others with 1/6."""

    def logits(
        self, embedding: object, hidden: torch.Tensor, words: torch.Tensor, known: int, copying: None
    ) -> list[torch.Tensor]:
        return [torch.tensor([math.log(3), 0.0, 0.0, 0.0]).expand(len(words), 4)]


class FixedModel(torch.nn.Module):
    words = Embedding()
    heads = FixedHeads()

    def copying(self, *arguments: object) -> None:
        return None

    def forward(self, words: torch.Tensor, masked: torch.Tensor, *rest: object) -> torch.Tensor:
        self.seen = words, masked
        return torch.zeros(*masked.shape, 1)


def batch_of(ids: list[int], kept: list[bool], hinted: list[bool]) -> WindowBatch:
    shape = 1, 1, 1, len(ids)
    return WindowBatch(
        ids=torch.tensor(ids).view(shape),
        is_image=torch.ones(1, 1, dtype=torch.bool),
        kept=torch.tensor(kept).view(shape),
        hinted=torch.tensor(hinted).view(shape),
        hints=torch.full(shape, 3),
        task=torch.zeros(1, dtype=torch.int64),
        label=torch.zeros(1, dtype=torch.int64),
        bit_depth=2,
    )


def test_the_loss_is_that_of_a_hand_computed_example(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eq. 6.4: tokens 0 1 | 0 2 | 1 with two replaced hints, two masks, one left alone; and one that is kept."""
    batch = batch_of([0, 1, 0, 2, 1, 3], [False] * 5 + [True], [True, True] + [False] * 4)
    replaced = torch.tensor([True, True, True, True, False, False]).view(1, 1, 1, 6)
    monkeypatch.setattr("mgv.generator.masked.objective.draw_replaced", lambda *_: replaced)
    model = FixedModel()
    loss, terms = commit_loss(model, batch, LossTerms(label_smoothing=0.0), torch.Generator())
    half, sixth = math.log(2), math.log(6)
    refine, mask, reconstruct = (half + sixth) / 2, (half + sixth) / 2, sixth
    assert terms["refine"] == pytest.approx(refine / math.log(2))
    assert terms["mask"] == pytest.approx(mask / math.log(2))
    assert terms["reconstruct"] == pytest.approx(reconstruct / math.log(2))
    assert float(loss) == pytest.approx((2 * refine + 2 * mask + reconstruct) / 5)
    assert model.seen[0].flatten().tolist() == [3, 3, 0, 2, 1, 3]
    weighted, _ = commit_loss(
        model, batch, LossTerms(refine=0.0, mask=2.0, label_smoothing=0.0), torch.Generator()
    )
    assert float(weighted) == pytest.approx((2 * 2 * mask + reconstruct) / 5)


def test_prediction_bits_are_those_of_tokens_to_generate() -> None:
    bits = prediction_bits(FixedModel(), batch_of([0, 1, 2], [True, False, False], [False] * 3))
    assert bits.flatten().tolist() == pytest.approx([0, math.log2(6), math.log2(6)])


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_falls_from_all_to_none(schedule: str) -> None:
    counts = [num_masked(schedule, step / 12, 720) for step in range(13)]
    assert counts[-1] == 0
    assert counts[0] >= 719
    assert all(late <= early for early, late in itertools.pairwise(counts))


def test_schedules_have_their_closed_forms() -> None:
    assert masked_share("cosine", 2 / 3, 9) == pytest.approx(0.5)
    assert masked_share("uniform", 0.25, 9) == 0.75
    assert masked_share("exponential", 0.5, 100) == pytest.approx(0.9)


def test_an_unknown_schedule_is_refused() -> None:
    with pytest.raises(ValueError, match="cosine, uniform, exponential"):
        masked_share("linear", 0.5, 9)


def test_the_lowest_are_marked_and_never_the_infinite() -> None:
    scores = torch.tensor([3.0, 1.0, torch.inf, 1.0, -2.0])
    assert lowest(scores, 2).tolist() == [False, True, False, False, True]
    assert lowest(scores, 5).tolist() == [True, True, False, True, True]


def test_kept_tokens_are_never_replaced_and_one_other_always_is() -> None:
    kept = torch.zeros(64, 2, 3, 4, dtype=torch.bool)
    kept[:, 0] = True
    replaced = draw_replaced(kept, "cosine", torch.Generator().manual_seed(0))
    assert not (replaced & kept).any()
    counts = replaced.flatten(1).sum(1)
    assert counts.min() >= 1
    assert counts.max() == 12
    assert counts.float().mean() / 12 == pytest.approx(
        2 / math.pi, abs=0.1
    )  # the mean of the cosine schedule
