"""The layout of a sequence (thesis 8.3.3 and Table 8.3): what is given, and then what is to be generated."""

from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from .elements import AudioCodes, VisualTokens
from .guess import nearest_known
from .places import Part, Place
from .vocabulary import (
    LABEL_VALUES,
    LENGTH_VALUES,
    OUTPUTS,
    RES_VALUES,
    SOURCE_VALUES,
    TASK_VALUES,
    TEXT,
    Special,
    Vocabulary,
)

MAX_TEXT = 64
"""Text embeddings at most (thesis 8.4.6)."""


@dataclass(frozen=True)
class Prompt:
    """All that is given; what is None leaves out its special tokens too."""

    output: str
    """Of `OUTPUTS`: the value of `<task>`."""
    text: NDArray[np.float32] | None = None
    """`[n, E]`, embeddings, 64 at most."""
    given: VisualTokens | None = None
    """Tokens as they are."""
    hints: VisualTokens | None = None
    """Tokens of a padded condition (COMMIT, thesis 6.4.1)."""
    depth: VisualTokens | None = None
    flow: VisualTokens | None = None
    audio: AudioCodes | None = None
    label: int | None = None
    source: int | None = None
    resolution: int | None = None
    """Place among the resolutions that have an id; the usual one goes without saying."""
    other_resolution: bool = False
    """Whether the resolution is neither the usual one nor one that has an id."""
    length: int | None = None
    """Latent frames of the whole video."""


@dataclass(frozen=True)
class Output:
    """What is to be generated; before it is, the tokens are anything and only their places count."""

    video: VisualTokens | None = None
    audio: AudioCodes | None = None
    open_ended: bool = False
    """Whether `<eov_o>` and `<eos>` are left out, so that an image is a video that goes on (thesis 8.3.3)."""


@dataclass(frozen=True)
class Sequence:
    """A sequence as the model sees it."""

    ids: NDArray[np.int64]
    """`[L]`, nominal ids; `TEXT` where an embedding stands."""
    places: NDArray[np.int64]
    """`[L, 7]`, columns of `Place`."""
    goals: NDArray[np.int64]
    """`[L, 7]`: the place of what follows, if the output goes on: the model is told where, never whether."""
    guesses: NDArray[np.int64]
    """`[L]`: where the visual element is that is nearest to each goal, -1 for none; see `nearest_known`."""
    num_prefix: int
    """Elements that are given; the rest is generated."""
    bit_depth: int
    """Low bits of each visual token that are known."""
    text: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def indices(self, part: Part) -> NDArray[np.int64]:
        """Tell where the elements of a part are."""
        return np.flatnonzero(self.places[:, Place.PART] == part)

    def spell(self, vocabulary: Vocabulary) -> str:
        """Write the sequence for people, `|` between what is given and what is generated."""
        halves = []
        for ids in (self.ids[: self.num_prefix], self.ids[self.num_prefix :]):
            runs = [(word, len(list(run))) for word, run in groupby(map(vocabulary.spell, ids.tolist()))]
            halves.append(" ".join(word if count == 1 else f"{word}*{count}" for word, count in runs))
        return " | ".join(halves)


def lay_out(prompt: Prompt, output: Output, vocabulary: Vocabulary, bit_depth: int) -> Sequence:
    """Lay out a sequence: `<bos> <task> [text] [visual] [audio] [conditions] | [video] [audio] <eos>`.

    Args:
        prompt: what is given.
        output: what is to be generated.
        vocabulary: of the tokens.
        bit_depth: of all of them.

    Raises:
        ValueError: nothing is to be generated, or something has no id.
    """
    if output.video is None and output.audio is None:
        raise ValueError("a sequence has video, audio or both to generate")
    if prompt.text is not None and len(prompt.text) > MAX_TEXT:
        raise ValueError(f"{len(prompt.text)} text embeddings, expected {MAX_TEXT} at most")
    rows = _Rows(vocabulary)
    _lay_prefix(rows, prompt)
    num_prefix = rows.length
    _lay_output(rows, output)
    ids, places = np.concatenate(rows.ids), np.concatenate(rows.places)
    goals = goals_of(ids, places)
    return Sequence(
        ids, places, goals, nearest_known(places, goals, num_prefix), num_prefix, bit_depth, prompt.text
    )


def _lay_prefix(rows: "_Rows", prompt: Prompt) -> None:
    rows.special(Special.BOS)
    rows.special(TASK_VALUES.id(OUTPUTS.index(prompt.output)))
    if prompt.text is not None:
        rows.special(Special.BOT_I)
        rows.text(len(prompt.text))
        rows.special(Special.EOT_I)
    parts = (
        (Part.GIVEN, prompt.given),
        (Part.HINT, prompt.hints),
        (Part.DEPTH, prompt.depth),
        (Part.FLOW, prompt.flow),
    )
    visual = [(part, tokens) for part, tokens in parts if tokens is not None]
    if visual:
        rows.special(Special.BOV_I)
        for part, tokens in visual:
            rows.visual(part, tokens)
        rows.special(Special.EOV_I)
    if prompt.audio is not None:
        rows.special(Special.BOA_I)
        rows.audio(Part.AUDIO_IN, prompt.audio)
        rows.special(Special.EOA_I)
    for special in _conditions(prompt):
        rows.special(special)


def _lay_output(rows: "_Rows", output: Output) -> None:
    if output.video is not None:
        rows.special(Special.BOV_O)
        rows.visual(Part.VIDEO_OUT, output.video)
        if not output.open_ended:
            rows.special(Special.EOV_O)
    if output.audio is not None:
        rows.special(Special.BOA_O)
        rows.audio(Part.AUDIO_OUT, output.audio)
        rows.special(Special.EOA_O)
    if not output.open_ended:
        rows.special(Special.EOS)


def goals_of(ids: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the place that each element's successor has, or would have had, `[L, 7]`.

    `<eov_o>` stands where another latent frame could have begun; telling the model so much leaves it to find out
    whether the video ends.
    """
    goals = np.concatenate([places[1:], _control(1)])
    video = np.flatnonzero(places[:, Place.PART] == Part.VIDEO_OUT)
    if len(video):
        last = video[-1]
        goals[last] = (Part.VIDEO_OUT, places[last, Place.FRAME] + 1, 0, 0, 0, -1, -1)
    return goals


def without(sequence: Sequence, start: int, stop: int) -> Sequence:
    """Leave out the elements `start` to `stop - 1`, which a video that ended early did not get to."""
    keep = np.r_[0:start, stop : len(sequence)]
    ids, places = sequence.ids[keep], sequence.places[keep]
    goals = goals_of(ids, places)
    guesses = nearest_known(places, goals, sequence.num_prefix)
    return replace(sequence, ids=ids, places=places, goals=goals, guesses=guesses)


def _conditions(prompt: Prompt) -> list[int]:
    found: list[int] = []
    if prompt.label is not None:
        found.append(LABEL_VALUES.id(prompt.label))
    if prompt.source is not None:
        found.append(SOURCE_VALUES.id(prompt.source))
    if prompt.resolution is not None:
        found.append(RES_VALUES.id(prompt.resolution))
    elif prompt.other_resolution:
        found.append(Special.RES)
    if prompt.length is not None:
        found.append(LENGTH_VALUES.id(prompt.length - 1))
    return found


def _control(count: int) -> NDArray[np.int64]:
    return np.tile(np.array([Part.CONTROL, -1, -1, -1, -1, -1, -1], np.int64), (count, 1))


class _Rows:
    """Collects ids and places."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.ids: list[NDArray[np.int64]] = []
        self.places: list[NDArray[np.int64]] = []

    @property
    def length(self) -> int:
        return sum(map(len, self.ids))

    def special(self, nominal: int) -> None:
        self.ids.append(np.array([nominal], np.int64))
        self.places.append(_control(1))

    def text(self, count: int) -> None:
        places = _control(count)
        places[:, Place.PART] = Part.TEXT
        self.ids.append(np.full(count, TEXT, np.int64))
        self.places.append(places)

    def visual(self, part: Part, tokens: VisualTokens) -> None:
        places = _control(len(tokens))
        places[:, Place.PART] = part
        places[:, Place.FRAME : Place.COLUMN + 1] = tokens.at
        places[:, Place.IS_IMAGE] = tokens.is_image
        self.ids.append(self.vocabulary.from_visual(tokens.ids))
        self.places.append(places)

    def audio(self, part: Part, audio: AudioCodes) -> None:
        places = _control(len(audio))
        levels, steps = np.indices(audio.codes.shape)
        places[:, Place.PART] = part
        places[:, Place.LEVEL] = levels.reshape(-1)
        places[:, Place.STEP] = steps.reshape(-1) + audio.start
        self.ids.append(self.vocabulary.from_audio(audio.codes))
        self.places.append(places)
