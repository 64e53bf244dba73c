import itertools

import pytest
import torch

from mgv.generator.heads import HEADS, WordEmbedding, choose_by, word_nats
from mgv.generator.subvocabulary import SubVocabularies

BITS = SubVocabularies((2, 1, 2))


@pytest.fixture(params=sorted(HEADS))
def parts(request: pytest.FixtureRequest) -> tuple:
    torch.manual_seed(0)
    embedding = WordEmbedding(BITS, 8)
    heads = HEADS[request.param](embedding, 8)
    for parameter in [*embedding.parameters(), *heads.parameters()]:
        torch.nn.init.normal_(parameter)
    return embedding.requires_grad_(False), heads.requires_grad_(False)


def all_words(known: int) -> torch.Tensor:
    rows = list(itertools.product(*(range(size) for size in BITS.sizes[:known])))
    return torch.nn.functional.pad(torch.tensor(rows), (0, 3 - known))


@pytest.mark.parametrize("known", [1, 2, 3])
def test_the_probabilities_of_all_tokens_add_up_to_one(parts: tuple, known: int) -> None:
    embedding, heads = parts
    words = all_words(known)
    hidden = torch.randn(1, 8).expand(len(words), 8)
    nats = word_nats(heads.logits(embedding, hidden, words, known), words)
    assert (-nats).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_a_drawn_token_has_the_probability_that_logits_give_it(parts: tuple) -> None:
    embedding, heads = parts
    hidden = torch.randn(50, 8)
    words, log_probability = heads.draw(
        embedding, hidden[None], 3, choose_by(1.0, torch.Generator().manual_seed(0))
    )
    nats = word_nats(heads.logits(embedding, hidden, words, 3), words)
    assert torch.allclose(-nats, log_probability, atol=1e-5)


def test_temperature_0_takes_the_likeliest(parts: tuple) -> None:
    embedding, heads = parts
    hidden = torch.randn(20, 8)
    words, _ = heads.draw(embedding, hidden[None], 3, choose_by(0.0, torch.Generator()))
    logits = heads.logits(embedding, hidden, words, 3)
    assert all(torch.equal(each.argmax(-1), words[:, index]) for index, each in enumerate(logits))


def test_guidance_of_equal_halves_changes_nothing(parts: tuple) -> None:
    embedding, heads = parts
    hidden = torch.randn(20, 8)
    choose = choose_by(0.0, torch.Generator())
    plain, _ = heads.draw(embedding, hidden[None], 3, choose)
    guided, _ = heads.draw(embedding, hidden.expand(2, 20, 8), 3, choose, guidance=3.0)
    assert torch.equal(plain, guided)


def test_guidance_moves_away_from_the_unconditional(parts: tuple) -> None:
    embedding, heads = parts
    both = torch.randn(2, 1, 8)
    seen: list[torch.Tensor] = []

    def choose(logits: torch.Tensor) -> torch.Tensor:
        seen.append(logits)
        return torch.zeros(1, dtype=torch.int64)

    heads.draw(embedding, both, 1, choose, guidance=2.0)
    heads.draw(embedding, both[:1], 1, choose)
    heads.draw(embedding, both[1:], 1, choose)
    assert torch.allclose(seen[0], 3 * seen[1] - 2 * seen[2], atol=1e-4)


def test_chained_heads_can_learn_what_independent_ones_cannot() -> None:
    """Two words that are equal with certainty but each of them uniform: a carry in small."""
    vocabularies = SubVocabularies((2, 2))
    target = torch.arange(4).repeat_interleave(8)
    words = torch.stack([target, target], -1)
    bits = {}
    for name, heads_of in HEADS.items():
        torch.manual_seed(0)
        embedding = WordEmbedding(vocabularies, 16)
        heads = heads_of(embedding, 16)
        hidden = torch.zeros(len(words), 16)
        optimizer = torch.optim.Adam([*embedding.parameters(), *heads.parameters()], 0.01)
        for _ in range(200):
            loss = word_nats(heads.logits(embedding, hidden, words, 2), words).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        bits[name] = loss.item() / 0.6931
    assert bits["independent"] > 3.9
    assert bits["chained"] < 2.1
