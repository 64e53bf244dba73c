"""The unified vocabulary of thesis 8.4.6: 256 special ids, then the visual ones, then 4096 of audio.

A nominal id is one int64 number. Visual ids are as many as tokens, up to 2**62, so that nothing is ever a table of
them: the model takes them apart into words (see `mgv.generator.subvocabulary`).
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

NUM_SPECIAL = 256
AUDIO_LEVELS = 4
"""Levels of the residual quantizer of audio, each with codes of its own (thesis 8.3.1)."""
AUDIO_CODES = 1024
"""Codes of a level."""
NUM_AUDIO = AUDIO_LEVELS * AUDIO_CODES
MAX_VISUAL_BITS = 62
"""256 + 2**62 + 4096 still fits int64."""

TEXT = -1
"""Stands in a sequence where a text embedding does; text has no id (thesis 8.3.1)."""


class Special(IntEnum):
    """The special tokens of Table 8.3, in its order.

    `TASK`, `SOURCE` and `RES` have values: ids of their own further on. Under these ids themselves they stand for a
    value that has none.
    """

    BOS = 0
    TASK = 1
    BOT_I = 2
    EOT_I = 3
    BOV_I = 4
    EOV_I = 5
    BOA_I = 6
    EOA_I = 7
    SOURCE = 8
    RES = 9
    BOV_O = 10
    EOV_O = 11
    BOA_O = 12
    EOA_O = 13
    EOS = 14


OUTPUTS = ("video", "future", "painting", "style", "audio", "rest")
"""Values of `<task>`: one for each kind of output, not for each kind of input (thesis 8.3.3)."""


@dataclass(frozen=True)
class SpecialRange:
    """Ids of the values of one condition."""

    name: str
    start: int
    count: int

    def id(self, value: int) -> int:
        """Give the nominal id of a value.

        Raises:
            ValueError: there is none for it.
        """
        if not 0 <= value < self.count:
            raise ValueError(f"{self.name} {value}: there are ids for 0 to {self.count - 1} only")
        return self.start + value


TASK_VALUES = SpecialRange("task", 16, 16)
SOURCE_VALUES = SpecialRange("source", 32, 16)
RES_VALUES = SpecialRange("res", 48, 16)
LENGTH_VALUES = SpecialRange("length", 64, 64)
"""Latent frames of the whole video, less one."""
LABEL_VALUES = SpecialRange("label", 128, 128)
RANGES = (TASK_VALUES, SOURCE_VALUES, RES_VALUES, LENGTH_VALUES, LABEL_VALUES)


@dataclass(frozen=True)
class Vocabulary:
    """Where the ids of each modality lie; all conversions are exact integer arithmetic."""

    visual_bits: int
    """Bits of a visual token at full depth; one of lower depth has the id that zeros in the others' place give."""

    def __post_init__(self) -> None:
        if not 1 <= self.visual_bits <= MAX_VISUAL_BITS:
            raise ValueError(f"visual tokens have {self.visual_bits} bits, expected 1 to {MAX_VISUAL_BITS}")

    @property
    def audio_start(self) -> int:
        """First id of audio; those from `NUM_SPECIAL` up to it are visual."""
        return NUM_SPECIAL + (1 << self.visual_bits)

    @property
    def size(self) -> int:
        """Number of ids."""
        return self.audio_start + NUM_AUDIO

    def from_visual(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number visual tokens, int64 of any shape, each in `[0, 2**visual_bits)`. Inverse: `to_visual`."""
        if tokens.size and not 0 <= int(tokens.min()) <= int(tokens.max()) < 1 << self.visual_bits:
            raise ValueError(f"a visual token is not one of {self.visual_bits} bits")
        return tokens + NUM_SPECIAL

    def to_visual(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the visual tokens that ids stand for. Inverse: `from_visual`."""
        if not self.is_visual(ids).all():
            raise ValueError("an id is not a visual one")
        return ids - NUM_SPECIAL

    def from_audio(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number audio codes and put them one level after the other (thesis 8.3.1). Inverse: `to_audio`.

        Args:
            codes: int64 `[K, T]`, K levels of T steps, each in `[0, AUDIO_CODES)`.

        Returns:
            int64 `[K * T]`, all of the first level first.
        """
        if codes.ndim != 2 or not 1 <= codes.shape[0] <= AUDIO_LEVELS:
            raise ValueError(
                f"audio codes of shape {codes.shape}, expected 1 to {AUDIO_LEVELS} levels of steps"
            )
        if codes.size and not 0 <= int(codes.min()) <= int(codes.max()) < AUDIO_CODES:
            raise ValueError(f"an audio code is not in 0 to {AUDIO_CODES - 1}")
        levels = np.arange(codes.shape[0], dtype=np.int64)[:, None] * AUDIO_CODES
        return (self.audio_start + levels + codes).reshape(-1)

    def to_audio(self, ids: NDArray[np.int64], num_levels: int) -> NDArray[np.int64]:
        """Give the audio codes, int64 `[K, T]`, that ids stand for. Inverse: `from_audio`."""
        by_level = ids.reshape(num_levels, -1) - self.audio_start
        levels, codes = np.divmod(by_level, AUDIO_CODES)
        if (levels != np.arange(num_levels)[:, None]).any():
            raise ValueError("an id is not an audio one of its level")
        return codes

    def is_visual(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which ids are visual."""
        return (ids >= NUM_SPECIAL) & (ids < self.audio_start)

    def is_audio(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which ids are of audio."""
        return (ids >= self.audio_start) & (ids < self.size)

    def spell(self, nominal: int) -> str:
        """Write an id for people: `<bov_o>`, `<task:video>`, `visual`, `audio`, `text`."""
        if nominal == TEXT:
            return "text"
        if nominal >= NUM_SPECIAL:
            return "visual" if nominal < self.audio_start else "audio"
        if nominal < len(Special):
            return f"<{Special(nominal).name.lower()}>"
        for values in RANGES:
            if values.start <= nominal < values.start + values.count:
                value = nominal - values.start
                return f"<{values.name}:{OUTPUTS[value] if values is TASK_VALUES else value}>"
        return f"<special {nominal}>"
