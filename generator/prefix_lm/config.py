"""What defines a prefix language model, and named sizes."""

from dataclasses import asdict, dataclass
from typing import Any

from ..heads import HEADS
from ..subvocabulary import SubVocabularies
from ..window import GridShape
from .vocabulary import LABEL_VALUES, LENGTH_VALUES, RES_VALUES, Vocabulary


@dataclass(frozen=True)
class PrefixConfig:
    """Everything but the weights."""

    num_layers: int
    num_heads: int
    width: int
    """Hidden size."""
    mlp_width: int
    window: GridShape
    """Latent frames, rows and columns at most; windows of so many rows and columns need no `<res>`."""
    bit_depths: tuple[int, ...]
    """Depths of tokens that it knows, rising; sub-vocabularies end at each of them."""
    labels: tuple[str, ...] = ()
    """Classes; each has a special token."""
    resolutions: tuple[tuple[int, int], ...] = ()
    """Other rows and columns with a value of `<res>`; all the rest share one."""
    text_width: int = 0
    """Width of text embeddings; 0 for a model that takes no text."""
    audio_steps: int = 0
    """Steps of audio at most; 0 for a model without audio."""
    heads: str = "chained"
    """`independent`, as in the thesis, or `chained`, where a token's words come one after the other."""
    guesses: bool = False
    """Whether each visual token to come is shown the nearest one that is known by then."""
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.heads not in HEADS:
            raise ValueError(f"heads are {self.heads!r}, expected {' or '.join(HEADS)}")
        if self.width % (2 * self.num_heads):
            raise ValueError(f"width {self.width} does not divide by twice {self.num_heads} heads")
        if min(self.window) < 1 or not self.bit_depths:
            raise ValueError("a window has at least one token, and tokens at least one bit depth")
        for name, count, values in (
            ("labels", len(self.labels), LABEL_VALUES),
            ("resolutions", len(self.resolutions), RES_VALUES),
            ("latent frames", self.window[0], LENGTH_VALUES),
        ):
            if count > values.count:
                raise ValueError(f"{count} {name}, there are special tokens for {values.count}")

    @property
    def vocabularies(self) -> SubVocabularies:
        """How its visual tokens are factorised."""
        return SubVocabularies.of_depths(self.bit_depths)

    @property
    def vocabulary(self) -> Vocabulary:
        """Its nominal ids."""
        return Vocabulary(self.bit_depths[-1])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; inverse: `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "PrefixConfig":
        """Build from plain values; an unknown field raises TypeError."""
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        values["resolutions"] = tuple(map(tuple, values.get("resolutions", ())))
        return cls(**values)


SIZES: dict[str, dict[str, Any]] = {
    "tiny": {"num_layers": 2, "num_heads": 2, "width": 32, "mlp_width": 64},
    "small": {"num_layers": 4, "num_heads": 4, "width": 128, "mlp_width": 384},
    "300M": {"num_layers": 22, "num_heads": 16, "width": 1024, "mlp_width": 2816},
    "1B": {"num_layers": 18, "num_heads": 16, "width": 2048, "mlp_width": 5632},
    "8B": {"num_layers": 38, "num_heads": 32, "width": 4096, "mlp_width": 11008},
}
"""The three that thesis 8.4.2 and 8.4.3 name have its parameter counts; it gives no more than those."""
