"""What defines a tokenizer: strides, quantizer and network, as frozen dataclasses that TOML and JSON can hold."""

from collections import Counter
from dataclasses import MISSING, asdict, dataclass, fields
from itertools import pairwise
from typing import Any

MAX_BITS_PER_TOKEN = 62
"""A token id and its arithmetic fit a signed 64-bit integer."""


@dataclass(frozen=True)
class MagvitNetwork:
    """Size of the `magvit` (thesis chapter 3) and `magvit-v2` (chapter 5) networks."""

    base_channels: int
    multipliers: tuple[int, ...]
    """Channels of each resolution, in units of `base_channels`, from the pixels to the latents."""
    num_residual_blocks: int
    """Residual blocks at each resolution, and in the middle."""
    embedding_dimension: int
    """Latent channels D."""


@dataclass(frozen=True)
class MgvSNetwork:
    """Size of the `mgv-s` network: widths at a quarter and an eighth of the resolution, blocks at an eighth."""

    encoder_quarter_width: int
    encoder_width: int
    num_encoder_blocks: int
    decoder_width: int
    num_decoder_blocks: int
    decoder_quarter_width: int
    num_decoder_quarter_blocks: int
    wide_dimensions: tuple[int, ...] = ()
    """Dimensions whose outermost values the decoder's residual network sees apart, see `MgvSDecoder`."""
    inner_bits: tuple[int, ...] = ()
    """For each of them, the bits of the integers that the network sees with all others."""


@dataclass(frozen=True)
class TokenizerConfig:
    """Everything but the weights. Fields are checked; an impossible combination raises ValueError."""

    name: str
    kind: str
    """`magvit`, `magvit-v2` or `mgv-s`: which network and quantizer."""
    strides: tuple[int, int, int]
    """Frames, rows and columns of pixels to one latent step."""
    dimension_bits: tuple[int, ...]
    """Bits b_i of each latent dimension, C_i having 2**b_i values (Eq. 5.2). One entry for a vector quantizer."""
    plane_dimensions: tuple[int, ...]
    """The dimension that each token bit refines, coarse to fine; bit k is bit k of the index of Eq. 5.4."""
    bit_depths: tuple[int, ...]
    """The ladder of nested depths, rising; the last is the whole token."""
    network: MagvitNetwork | MgvSNetwork

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}, expected one of {', '.join(KINDS)}")
        if not isinstance(self.network, KINDS[self.kind]):
            raise ValueError(f"a {self.kind} tokenizer takes a {KINDS[self.kind].__name__}")
        if min(self.strides) < 1 or min(self.dimension_bits) < 1:
            raise ValueError("strides and dimension_bits are positive")
        if not 1 <= self.bits_per_token <= MAX_BITS_PER_TOKEN:
            raise ValueError(f"{self.bits_per_token} bits a token, expected 1 to {MAX_BITS_PER_TOKEN}")
        if Counter(self.plane_dimensions) != Counter(dict(enumerate(self.dimension_bits))):
            raise ValueError("plane_dimensions must name each dimension as often as it has bits")
        if not self.bit_depths or self.bit_depths[-1] != self.bits_per_token:
            raise ValueError(f"the last of bit_depths must be all {self.bits_per_token} bits")
        if isinstance(self.network, MgvSNetwork):
            _check_wide(self.network, self.dimension_bits)
        if self.bit_depths[0] < 1 or any(low >= high for low, high in pairwise(self.bit_depths)):
            raise ValueError(f"bit_depths must rise from at least 1, got {self.bit_depths}")

    @property
    def bits_per_token(self) -> int:
        """Bits of a token at full depth."""
        return sum(self.dimension_bits)

    @property
    def planes(self) -> tuple[tuple[int, int], ...]:
        """For each token bit its (dimension, plane), plane 0 being the dimension's coarsest split."""
        seen: Counter[int] = Counter()
        planes = []
        for dimension in self.plane_dimensions:
            planes.append((dimension, seen[dimension]))
            seen[dimension] += 1
        return tuple(planes)

    def known_planes(self, bit_depth: int) -> tuple[int, ...]:
        """How many planes of each dimension the lowest `bit_depth` bits hold."""
        if not 0 <= bit_depth <= self.bits_per_token:
            raise ValueError(f"bit depth {bit_depth}, expected 0 to {self.bits_per_token}")
        known = Counter(self.plane_dimensions[:bit_depth])
        return tuple(known[dimension] for dimension in range(len(self.dimension_bits)))

    def latent_shape(self, num_frames: int, height: int, width: int) -> tuple[int, int, int]:
        """Token grid `(t, h, w)` of a clip; the first frame has a latent frame of its own unless kind is `magvit`."""
        stride_t, stride_h, stride_w = self.strides
        first = 0 if self.kind == "magvit" else 1
        return first + -(-(num_frames - first) // stride_t), -(-height // stride_h), -(-width // stride_w)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON or TOML; inverse: `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TokenizerConfig":
        """Build from plain values; a missing or unknown field raises ValueError."""
        values = dict(values)
        network = _strict(KINDS.get(values.get("kind", ""), MgvSNetwork), dict(values.pop("network", {})))
        config: TokenizerConfig = _strict(cls, {**values, "network": network})
        return config


KINDS: dict[str, type[MagvitNetwork] | type[MgvSNetwork]] = {
    "magvit": MagvitNetwork,
    "magvit-v2": MagvitNetwork,
    "mgv-s": MgvSNetwork,
}


def _check_wide(network: MgvSNetwork, dimension_bits: tuple[int, ...]) -> None:
    """Raise ValueError if a network's wide dimensions are none of a tokenizer's."""
    wide, inner = network.wide_dimensions, network.inner_bits
    of_many_values = {index for index, bits in enumerate(dimension_bits) if bits > 1}
    if len(set(wide)) < len(wide) or not set(wide) <= of_many_values:
        raise ValueError(f"wide_dimensions are {wide}, expected dimensions of more than one bit, each once")
    if len(inner) != len(wide) or any(
        not 1 < bits <= dimension_bits[dimension] for dimension, bits in zip(wide, inner, strict=True)
    ):
        raise ValueError(f"inner_bits are {inner}, expected 2 bits or more of each of dimensions {wide}")


def _strict(cls: type[Any], values: dict[str, Any]) -> Any:
    names = {field.name for field in fields(cls)}
    needed = {field.name for field in fields(cls) if field.default is MISSING}
    if not needed <= set(values) <= names:
        raise ValueError(
            f"{cls.__name__}: unknown {sorted(set(values) - names)}, missing {sorted(needed - set(values))}"
        )
    return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
