"""Words in and out of a transformer: tied embeddings of sub-vocabularies, and heads for them (thesis 5.3.2)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from .copying import Copying
from .subvocabulary import SubVocabularies

Choose = Callable[[Tensor], Tensor]
"""Draws words int64 `[N]` from logits float32 `[N, V]`."""


class WordEmbedding(nn.Module):
    """The sum of one embedding a sub-vocabulary; each has two words more, for masked and for absent ones."""

    def __init__(self, vocabularies: SubVocabularies, width: int) -> None:
        super().__init__()
        self.vocabularies = vocabularies
        self.tables = nn.ParameterList(0.02 * torch.randn(size + 2, width) for size in vocabularies.sizes)

    def forward(self, words: Tensor, masked: Tensor, num_known: int) -> Tensor:
        """Embed tokens.

        Args:
            words: int64 `[..., G]`.
            masked: bool `[...]`, tokens that are not to be seen.
            num_known: sub-vocabularies that the tokens have; the others are embedded as absent.

        Returns:
            float `[..., width]`.
        """
        rows: list[Tensor] = []
        for index, (table, size) in enumerate(zip(self.tables, self.vocabularies.sizes, strict=True)):
            if index < num_known:
                word = torch.where(masked, size, words[..., index])
            else:
                word = torch.full_like(words[..., 0], size + 1)
            row: Tensor = functional.embedding(word, table)
            rows.append(row)
        total: Tensor = torch.stack(rows).sum(0)
        return total

    def rows(self, index: int) -> Tensor:
        """Give the embeddings of the words of one sub-vocabulary, float `[V, width]`."""
        table: Tensor = self.tables[index]
        return table[: self.vocabularies.sizes[index]]

    def word(self, index: int, words: Tensor) -> Tensor:
        """Embed words int64 `[N]` of one sub-vocabulary alone, float `[N, width]`."""
        return functional.embedding(words, self.tables[index])


class Heads(nn.Module):
    """What both kinds of heads have: logits of a sub-vocabulary are products with its embeddings (weight tying)."""

    def __init__(self, embedding: WordEmbedding, width: int) -> None:
        super().__init__()
        self.vocabularies = embedding.vocabularies
        self.width = width
        self.biases = nn.ParameterList(torch.zeros(size) for size in self.vocabularies.sizes)

    def features(self, hidden: Tensor, index: int, before: Tensor) -> Tensor:
        """Give what sub-vocabulary `index` is predicted from.

        Args:
            hidden: float `[N, width]`, the transformer's output.
            index: of the sub-vocabulary.
            before: float `[N, width]`, sum of the embeddings of the words before it.
        """
        raise NotImplementedError

    def logits(
        self,
        embedding: WordEmbedding,
        hidden: Tensor,
        words: Tensor,
        num_known: int,
        copying: Copying | None = None,
    ) -> list[Tensor]:
        """Predict each word of tokens that are known, with the words before it in sight.

        Args:
            embedding: the tied one.
            hidden: float `[N, width]`.
            words: int64 `[N, G]`.
            num_known: sub-vocabularies to predict.
            copying: raises the words of tokens nearby.

        Returns:
            For each of them float `[N, V]`.
        """
        before = torch.zeros_like(hidden)
        found = []
        for index in range(num_known):
            found.append(self._predict(embedding, hidden, index, before, copying))
            before = before + embedding.word(index, words[:, index])
            copying = None if copying is None else copying.after(index, words[:, index])
        return found

    def draw(
        self,
        embedding: WordEmbedding,
        hidden: Tensor,
        num_known: int,
        choose: Choose,
        guidance: float = 0.0,
        copying: Copying | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Draw tokens word by word.

        Args:
            embedding: the tied one.
            hidden: float `[1, N, width]`, or `[2, N, width]` to guide: with the class and without (thesis 5.4.2).
            num_known: sub-vocabularies to draw.
            choose: draws words from logits.
            guidance: weight g of `(1 + g) * with - g * without`.
            copying: raises the words of tokens nearby.

        Returns:
            Words int64 `[N, num_known]` and the logarithm of the probability of each token, float32 `[N]`, under the
            distributions that `choose` drew from.
        """
        before = torch.zeros_like(hidden[0])
        words, log_probability = [], hidden.new_zeros(hidden.shape[1], dtype=torch.float32)
        for index in range(num_known):
            each = [self._predict(embedding, part, index, before, copying) for part in hidden]
            logits = each[0] if len(each) == 1 else (1 + guidance) * each[0] - guidance * each[1]
            word = choose(logits.float())
            log_probability += functional.log_softmax(logits.float(), -1).gather(1, word[:, None])[:, 0]
            before = before + embedding.word(index, word)
            copying = None if copying is None else copying.after(index, word)
            words.append(word)
        return torch.stack(words, dim=-1), log_probability

    def _predict(
        self, embedding: WordEmbedding, hidden: Tensor, index: int, before: Tensor, copying: Copying | None
    ) -> Tensor:
        features = self.features(hidden, index, before)
        logits = functional.linear(features, embedding.rows(index), self.biases[index])
        return logits if copying is None else copying.add(logits, index, features)


class IndependentHeads(Heads):
    """The thesis's: each sub-vocabulary is predicted without regard to the others of its token."""

    def __init__(self, embedding: WordEmbedding, width: int) -> None:
        super().__init__(embedding, width)
        self.transform = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))

    def features(self, hidden: Tensor, index: int, before: Tensor) -> Tensor:
        """Transform the hidden state alone."""
        transformed: Tensor = self.transform(hidden)
        return transformed


class ChainedHeads(Heads):
    """Each sub-vocabulary is predicted with the coarser ones of its token in sight.

    Where several sub-vocabularies hold bit planes of one number, independent heads fail: 63 and 64 differ in every
    bit, and drawn one by one the bits of two likely neighbours make 0 or 127.
    """

    def __init__(self, embedding: WordEmbedding, width: int) -> None:
        super().__init__(embedding, width)
        count = len(self.vocabularies.bits)
        self.enter = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(count))
        self.leave = nn.ModuleList(nn.Linear(width, width) for _ in range(count))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(count))

    def features(self, hidden: Tensor, index: int, before: Tensor) -> Tensor:
        """Add to the hidden state what the words before tell."""
        inner = functional.gelu(self.enter[index](torch.cat([hidden, before], -1)))
        features: Tensor = self.norms[index](hidden + self.leave[index](inner))
        return features


HEADS: dict[str, type[Heads]] = {"independent": IndependentHeads, "chained": ChainedHeads}


def word_nats(logits: list[Tensor], words: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Give the cross-entropy of each token, summed over its sub-vocabularies, float32 `[N]`, in nats."""
    total = torch.zeros(words.shape[0], device=words.device)
    for index, each in enumerate(logits):
        total = total + functional.cross_entropy(
            each.float(), words[:, index], reduction="none", label_smoothing=label_smoothing
        )
    return total


def choose_by(temperature: float, random: torch.Generator) -> Choose:
    """Make a chooser: samples at a temperature; the likeliest word at 0."""

    def choose(logits: Tensor) -> Tensor:
        if temperature == 0:
            return logits.argmax(-1)
        probability = functional.softmax(logits / temperature, -1)
        return torch.multinomial(probability.cpu(), 1, generator=random)[:, 0].to(logits.device)

    return choose
