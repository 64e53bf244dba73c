"""What defines a masked transformer, and the sizes of thesis Table 6.1."""

from dataclasses import asdict, dataclass
from typing import Any

from ..heads import HEADS
from ..subvocabulary import SubVocabularies
from ..window import GridShape


@dataclass(frozen=True)
class MaskedConfig:
    """Everything but the weights."""

    num_layers: int
    num_heads: int
    width: int
    """Hidden size."""
    mlp_width: int
    window: GridShape
    """Latent frames, rows and columns that it was trained on."""
    bit_depths: tuple[int, ...]
    """Depths of tokens that it knows, rising; sub-vocabularies end at each of them."""
    labels: tuple[str, ...] = ()
    """Classes, each with an embedding; there is one more for none."""
    heads: str = "independent"
    """`independent`, as in the thesis, or `chained`, where a token's words come one after the other."""
    local_mixing: bool = False
    """Whether every block first mixes each token with its six neighbours, channel by channel."""
    guesses: bool = False
    """Whether a masked token is shown the nearest one that is seen."""
    copies: bool = False
    """Whether words of tokens nearby gain in prediction, by what the transformer says."""
    plane_dimensions: tuple[int, ...] = ()
    """The dimension that each token bit refines, where bits are planes of numbers; what the best guess goes by."""
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.heads not in HEADS:
            raise ValueError(f"heads are {self.heads!r}, expected {' or '.join(HEADS)}")
        if self.width % self.num_heads:
            raise ValueError(f"width {self.width} does not divide by {self.num_heads} heads")
        if self.plane_dimensions and len(self.plane_dimensions) < max(self.bit_depths):
            raise ValueError("plane_dimensions name a dimension for each token bit")
        if min(self.window) < 1 or not self.bit_depths:
            raise ValueError("a window has at least one token, and tokens at least one bit depth")

    @property
    def vocabularies(self) -> SubVocabularies:
        """How its tokens are factorised."""
        return SubVocabularies.of_depths(self.bit_depths)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; inverse: `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "MaskedConfig":
        """Build from plain values; an unknown field raises TypeError."""
        plain: Any = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return cls(**plain)


SIZES: dict[str, dict[str, Any]] = {
    "tiny": {"num_layers": 2, "num_heads": 2, "width": 32, "mlp_width": 64},
    "S": {"num_layers": 6, "num_heads": 6, "width": 192, "mlp_width": 768},
    "M": {"num_layers": 8, "num_heads": 8, "width": 512, "mlp_width": 2048},
    "B": {"num_layers": 12, "num_heads": 12, "width": 768, "mlp_width": 3072},
    "L": {"num_layers": 24, "num_heads": 16, "width": 1024, "mlp_width": 4096},
    "H": {"num_layers": 32, "num_heads": 16, "width": 1280, "mlp_width": 5120},
}
"""B, L and H are those of Table 6.1; S is what ships, M fits a small GPU."""
