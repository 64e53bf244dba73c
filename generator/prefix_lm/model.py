"""The prefix language model of thesis chapter 8 over factorised tokens."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..heads import HEADS, WordEmbedding, word_nats
from .backbone import Backbone, KeyValueCache
from .batch import SequenceBatch
from .config import PrefixConfig
from .guess import COORDINATES, NO_GUESS, KnownGuess
from .places import Part, Place
from .vocabulary import AUDIO_LEVELS, NUM_AUDIO, NUM_SPECIAL, TEXT

AUDIO_SYMBOLS = NUM_SPECIAL
VISUAL_SYMBOL = NUM_SPECIAL + NUM_AUDIO
NUM_SYMBOLS = VISUAL_SYMBOL + 1
"""Every special and audio id, and one that stands for all visual ones."""


class TokenNats(NamedTuple):
    """Cross-entropy of each element that is to be predicted."""

    nats: Tensor
    """float32 `[N]`."""
    is_visual: Tensor
    """bool `[N]`."""


class PrefixLM(nn.Module):
    """p(element | those before) = p(symbol) times, for a visual one, p(word | words before it of the token).

    The product over all symbols and words is a distribution over the whole unified vocabulary, of which no table
    is ever made.
    """

    def __init__(self, config: PrefixConfig) -> None:
        super().__init__()
        self.config = config
        self.vocabularies = config.vocabularies
        self.audio_start = config.vocabulary.audio_start
        width = config.width
        self.symbols = nn.Embedding(NUM_SYMBOLS, width)
        self.symbol_bias = nn.Parameter(torch.zeros(NUM_SYMBOLS))
        self.words = WordEmbedding(self.vocabularies, width)
        self.heads = HEADS[config.heads](self.words, width)
        self.places, self.goals = PlaceEmbedding(config), PlaceEmbedding(config)
        self.guess = KnownGuess(config.window, width) if config.guesses else None
        self.text = nn.Linear(config.text_width, width) if config.text_width else None
        self.dropout = nn.Dropout(config.dropout)
        self.backbone = Backbone(config)
        nn.init.normal_(self.symbols.weight, std=0.02)

    def forward(self, batch: SequenceBatch) -> TokenNats:
        """Predict every element after each prefix, each with those before it in sight."""
        is_target = batch.is_target()
        hidden = self.hidden(batch)[:, :-1][is_target[:, 1:]]
        targets = batch.ids[is_target]
        symbols, is_visual = self.symbols_of(targets)
        nats = functional.cross_entropy(self.symbol_logits(hidden).float(), symbols, reduction="none")
        num_known = self.vocabularies.known_at(batch.bit_depth)
        words = self.words_of(targets[is_visual])
        logits = self.heads.logits(self.words, hidden[is_visual], words, num_known)
        return TokenNats(nats.index_add(0, is_visual.nonzero()[:, 0], word_nats(logits, words)), is_visual)

    def hidden(
        self,
        batch: SequenceBatch,
        cache: KeyValueCache | None = None,
        start: int = 0,
        stop: int | None = None,
    ) -> Tensor:
        """Give what each element's successor is predicted from.

        Args:
            batch: sequences.
            cache: holds the elements before `start`, and gets the others.
            start: first element to run; only 0 without a cache, and with text or a prefix not yet in the cache.
            stop: one after the last; the end if None.

        Returns:
            float `[B, stop - start, width]`.
        """
        span = slice(start, stop)
        ids = batch.ids[:, span]
        symbols, is_visual = self.symbols_of(ids)
        words = self.words(
            self.words_of(ids), torch.zeros_like(is_visual), self.vocabularies.known_at(batch.bit_depth)
        )
        x = self.symbols(symbols) + torch.where(is_visual[..., None], words, 0)
        if batch.text is not None and start == 0:
            if self.text is None:
                raise ValueError("this model takes no text")
            embedded = self.text(batch.text.to(self.text.weight.dtype)).to(x.dtype)
            x = x.masked_scatter((ids == TEXT)[..., None], embedded)
        x = x + self.places(batch.places[:, span]) + self.goals(batch.goals[:, span])
        if self.guess is not None:
            x = x + self._guessed(self.guess, batch, span)
        hidden: Tensor = self.backbone(self.dropout(x), batch.num_prefix, start, cache)
        return hidden

    def _guessed(self, guess: KnownGuess, batch: SequenceBatch, span: slice) -> Tensor:
        where = batch.guesses[:, span]
        index = where.clamp(min=0)
        coordinates = batch.places[..., COORDINATES]
        found = coordinates.gather(1, index[..., None].expand(-1, -1, coordinates.shape[-1]))
        embedded: Tensor = guess(
            self.words,
            self.words_of(batch.ids.gather(1, index)),
            found - batch.goals[:, span, COORDINATES],
            where != NO_GUESS,
            self.vocabularies.known_at(batch.bit_depth),
        )
        return embedded

    def symbols_of(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Give the symbol of each nominal id, 0 for text, and tell which are visual, both of the shape of `ids`."""
        is_visual = (ids >= NUM_SPECIAL) & (ids < self.audio_start)
        audio = (ids - self.audio_start + AUDIO_SYMBOLS).clamp(max=VISUAL_SYMBOL)
        symbols = torch.where(
            ids < NUM_SPECIAL, ids.clamp(min=0), torch.where(is_visual, VISUAL_SYMBOL, audio)
        )
        return symbols, is_visual

    def words_of(self, ids: Tensor) -> Tensor:
        """Take visual nominal ids apart, int64 `[..., G]`; others give words that mean nothing."""
        return self.vocabularies.split((ids - NUM_SPECIAL).clamp(min=0))

    def symbol_logits(self, hidden: Tensor) -> Tensor:
        """Predict symbols: products with their embeddings (weight tying), float `[..., NUM_SYMBOLS]`."""
        return functional.linear(hidden, self.symbols.weight, self.symbol_bias)


class PlaceEmbedding(nn.Module):
    """The sum of an embedding for each coordinate of a place; what an element does not have adds nothing."""

    def __init__(self, config: PrefixConfig) -> None:
        super().__init__()
        frames, rows, columns = config.window
        sizes = {
            Place.PART: len(Part),
            Place.FRAME: frames + 1,
            Place.ROW: rows,
            Place.COLUMN: columns,
            Place.IS_IMAGE: 2,
            Place.LEVEL: AUDIO_LEVELS,
            Place.STEP: config.audio_steps,
        }
        tables = [nn.Embedding(sizes[column] + 1, config.width, padding_idx=0) for column in Place]
        for table in tables:
            nn.init.normal_(table.weight, std=0.02)
            with torch.no_grad():
                table.weight[0].zero_()
        self.tables = nn.ModuleList(tables)

    def forward(self, places: Tensor) -> Tensor:
        """Embed places, int64 `[B, L, 7]` to float `[B, L, width]`."""
        total: Tensor = self.tables[0](places[..., 0] + 1)
        for column, table in enumerate(self.tables[1:], start=1):
            total = total + table(places[..., column] + 1)
        return total
