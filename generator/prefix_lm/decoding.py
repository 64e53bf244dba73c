"""Autoregressive decoding with a cache of keys and values, and classifier-free guidance."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..heads import Choose
from .backbone import KeyValueCache
from .batch import SequenceBatch, collate
from .layout import Sequence, without
from .model import AUDIO_SYMBOLS, VISUAL_SYMBOL, PrefixLM
from .places import Part, Place
from .vocabulary import AUDIO_CODES, NUM_SPECIAL, Special


@dataclass(frozen=True)
class Decoding:
    """How elements are drawn."""

    temperature: float = 1.0
    """Of every distribution; 0 takes the likeliest."""

    top_k: int = 0
    """Only the so many likeliest words may be drawn; 0 for all."""

    top_p: float = 1.0
    """Only the likeliest words that together reach this probability may be drawn."""

    guidance: float = 0.0
    """Weight of classifier-free guidance by text and label; 0 for none."""

    may_end_early: bool = False
    """Whether the model may draw `<eov_o>` where another latent frame would begin."""

    def __post_init__(self) -> None:
        if self.temperature < 0 or self.top_k < 0 or not 0 < self.top_p <= 1 or self.guidance < 0:
            raise ValueError("temperature, top_k and guidance are at least 0, top_p above 0 and at most 1")

    def chooser(self, random: torch.Generator) -> Choose:
        """Make what draws from logits `[N, V]`."""

        def choose(logits: Tensor) -> Tensor:
            if self.temperature == 0:
                return logits.argmax(-1)
            probability = functional.softmax(
                narrow(logits.cpu() / self.temperature, self.top_k, self.top_p), -1
            )
            return torch.multinomial(probability, 1, generator=random)[:, 0].to(logits.device)

        return choose


def narrow(logits: Tensor, top_k: int, top_p: float) -> Tensor:
    """Forbid all but the likeliest: `top_k` of them (0 for all), and as few as reach `top_p` together.

    Args:
        logits: float `[N, V]`.
        top_k: 0 or more.
        top_p: above 0, at most 1.

    Returns:
        The same with -inf where a word is forbidden; at least one a row is not.
    """
    if 0 < top_k < logits.shape[-1]:
        weakest = logits.topk(top_k).values[:, -1:]
        logits = logits.masked_fill(logits < weakest, -torch.inf)
    if top_p < 1:
        ordered, order = logits.sort(descending=True)
        probability = functional.softmax(ordered, -1)
        beyond = probability.cumsum(-1) - probability >= top_p
        logits = logits.masked_fill(torch.zeros_like(beyond).scatter(1, order, beyond), -torch.inf)
    return logits


@dataclass(frozen=True)
class Decoded:
    """A sequence whose output was drawn."""

    sequence: Sequence
    num_passes: int
    """Runs of the transformer that it took; a guided one counts as two."""


class Stream:
    """A sequence that is run through a model bit by bit."""

    def __init__(self, model: PrefixLM, sequence: Sequence) -> None:
        weight = model.symbols.weight
        self.model, self.sequence = model, sequence
        self.batch: SequenceBatch = collate([sequence]).to(weight.device)
        self.cache = KeyValueCache.empty(model.config, 1, len(sequence), weight)
        self.num_fed = self.num_passes = 0

    def before(self, index: int) -> Tensor:
        """Give what element `index` is predicted from, float `[1, width]`; all before it must be known."""
        hidden = self.model.hidden(self.batch, self.cache, self.num_fed, index)
        self.num_fed = index
        self.num_passes += 1
        return hidden[:, -1]

    def put(self, index: int, nominal: int) -> None:
        """Fill element `index` in."""
        self.batch.ids[0, index] = nominal

    def cut(self, start: int, stop: int) -> None:
        """Leave out elements that were not fed yet."""
        self.sequence = without(self.filled(), start, stop)
        self.batch = collate([self.sequence]).to(self.batch.ids.device)

    def filled(self) -> Sequence:
        """Give the sequence as it is now."""
        return replace(self.sequence, ids=self.batch.ids[0].cpu().numpy())


@torch.inference_mode()
def decode(
    model: PrefixLM,
    sequence: Sequence,
    decoding: Decoding,
    random: torch.Generator,
    unconditional: Sequence | None = None,
) -> Decoded:
    """Draw the output of a sequence, element by element; special tokens are as the sequence has them.

    Args:
        model: in eval mode.
        sequence: visual and audio ids after the prefix are ignored.
        decoding: how elements are drawn.
        random: on the CPU; the same state gives the same tokens.
        unconditional: the same without text or label; needed to guide.

    Raises:
        ValueError: to guide there is no unconditional sequence, or one of another output.
    """
    guided = decoding.guidance > 0
    if guided and (unconditional is None or len(_output(unconditional)) != len(_output(sequence))):
        raise ValueError("guidance needs an unconditional sequence with the same output")
    streams = [Stream(model, sequence)]
    if guided and unconditional is not None:
        streams.append(Stream(model, unconditional))
    drawer = _Drawer(model, decoding, decoding.chooser(random), sequence.bit_depth)
    offsets = [stream.sequence.num_prefix - sequence.num_prefix for stream in streams]
    index = sequence.num_prefix
    while index < len(streams[0].sequence):
        place = streams[0].sequence.places[index]
        if place[Place.PART] == Part.CONTROL:
            index += 1
            continue
        hidden = torch.stack(
            [stream.before(index + shift) for stream, shift in zip(streams, offsets, strict=True)]
        )
        if _may_end(streams[0].sequence, index, decoding) and drawer.ends(hidden):
            stop = int(streams[0].sequence.indices(Part.VIDEO_OUT)[-1]) + 1
            for stream, shift in zip(streams, offsets, strict=True):
                stream.cut(index + shift, stop + shift)
            continue
        nominal = (
            drawer.visual(hidden) if place[Place.PART] == Part.VIDEO_OUT else drawer.audio(hidden, place)
        )
        for stream, shift in zip(streams, offsets, strict=True):
            stream.put(index + shift, nominal)
        index += 1
    return Decoded(streams[0].filled(), sum(stream.num_passes for stream in streams))


class _Drawer:
    """Draws an element from hidden states float `[1 or 2, 1, width]`: with the condition, and without."""

    def __init__(self, model: PrefixLM, decoding: Decoding, choose: Choose, bit_depth: int) -> None:
        self.model, self.choose, self.guidance = model, choose, decoding.guidance
        self.num_known = model.vocabularies.known_at(bit_depth)

    def visual(self, hidden: Tensor) -> int:
        words, _ = self.model.heads.draw(self.model.words, hidden, self.num_known, self.choose, self.guidance)
        return NUM_SPECIAL + int(self.model.vocabularies.join(words)[0])

    def audio(self, hidden: Tensor, place: NDArray[np.int64]) -> int:
        start = int(place[Place.LEVEL]) * AUDIO_CODES
        codes = self._logits(hidden)[:, AUDIO_SYMBOLS + start : AUDIO_SYMBOLS + start + AUDIO_CODES]
        return self.model.audio_start + start + int(self.choose(codes)[0])

    def ends(self, hidden: Tensor) -> bool:
        """Draw whether `<eov_o>` comes in place of a visual token."""
        either = self._logits(hidden)[:, [VISUAL_SYMBOL, Special.EOV_O]]
        return bool(self.choose(either)[0])

    def _logits(self, hidden: Tensor) -> Tensor:
        logits = self.model.symbol_logits(hidden).float()
        return logits[0] if len(logits) == 1 else (1 + self.guidance) * logits[0] - self.guidance * logits[1]


def _output(sequence: Sequence) -> NDArray[np.int64]:
    return sequence.ids[sequence.num_prefix :]


def _may_end(sequence: Sequence, index: int, decoding: Decoding) -> bool:
    """Tell whether a latent frame begins here that isn't the first of the output."""
    before, here = sequence.places[index - 1], sequence.places[index]
    return (
        decoding.may_end_early
        and before[Place.PART] == here[Place.PART] == Part.VIDEO_OUT
        and before[Place.FRAME] < here[Place.FRAME]
    )
