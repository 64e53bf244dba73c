"""Named tokenizer configurations: `magvit`, `magvit-v2` and the shipped `mgv-s`."""

from dataclasses import replace

from .config import MagvitNetwork, MgvSNetwork, TokenizerConfig

MAGVIT_B = TokenizerConfig(
    name="magvit",
    kind="magvit",
    strides=(4, 8, 8),
    dimension_bits=(10,),
    plane_dimensions=(0,) * 10,
    bit_depths=(10,),
    network=MagvitNetwork(
        base_channels=64, multipliers=(1, 2, 2, 4), num_residual_blocks=2, embedding_dimension=256
    ),
)
"""Thesis chapter 3, base: 41M parameters in encoder and decoder."""

MAGVIT_L = replace(
    MAGVIT_B,
    name="magvit-l",
    network=MagvitNetwork(
        base_channels=128, multipliers=(1, 2, 2, 4), num_residual_blocks=2, embedding_dimension=256
    ),
)
"""Thesis chapter 3, large: 158M parameters."""

MAGVIT_V2 = TokenizerConfig(
    name="magvit-v2",
    kind="magvit-v2",
    strides=(4, 8, 8),
    dimension_bits=(1,) * 18,
    plane_dimensions=tuple(range(18)),
    bit_depths=(6, 9, 12, 15, 18),
    network=MagvitNetwork(
        base_channels=128, multipliers=(1, 2, 2, 4), num_residual_blocks=4, embedding_dimension=18
    ),
)
"""Thesis chapter 5: 17x128x128 pixels to 5x16x16 tokens of 18 signs.

The sizes listed in 5.4.1 make 376M parameters in encoder and decoder. The 58M of Table 5.7a fit an ablation of half the
width and two residual blocks: 57.8M with the 4x4x4 strided convolutions taken here, whose extent the thesis does not
state, 56.4M with 3x3x3."""

# fmt: off
MGV_S_PLANES = (
    0, 0, 1, 1, 1, 0, 4, 4, 3, 3, 2, 2, 5, 5, 5, 5, 1, 0, 9, 9, 6, 6, 4, 7, 7, 2, 3, 8, 8, 5, 1, 0,
    11, 11, 10, 10, 14, 14, 12, 12, 9, 13, 13, 15, 15, 17, 17, 4, 1, 16, 3, 6, 2, 16, 7, 5, 8, 0, 0,
)
# fmt: on
"""The bits of `mgv-s`, coarse to fine: `klt.order_planes` on training video, with the error of the two chroma means
(1 and 5) counted fourfold so that colour comes early. The second bit of dimension 1, the second and third of 5 say
whether a colour is stronger than nearly all are; they came later, and stand at the first bit of theirs."""

MGV_S = TokenizerConfig(
    name="mgv-s",
    kind="mgv-s",
    strides=(4, 8, 8),
    dimension_bits=(7, 6, 4, 4, 4, 6, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2),
    plane_dimensions=MGV_S_PLANES,
    bit_depths=(18, 25, 32, 41, 49, 59),
    network=MgvSNetwork(
        encoder_quarter_width=16,
        encoder_width=16,
        num_encoder_blocks=0,
        decoder_width=176,
        num_decoder_blocks=10,
        decoder_quarter_width=80,
        num_decoder_quarter_blocks=3,
        wide_dimensions=(0, 1, 5),
        inner_bits=(7, 5, 4),
    ),
)
"""The shipped codec. Its 59 bits a token are many raw bits and few coded ones: each dimension has a
value at zero, where most latents fall. The encoder is linear, its network the least there can be."""

PRESETS = {config.name: config for config in (MAGVIT_B, MAGVIT_L, MAGVIT_V2, MGV_S)}


def image_config(config: TokenizerConfig) -> TokenizerConfig:
    """Give the image model in a matching architecture: the same with no extent in time."""
    return replace(config, name=f"{config.name}-image", strides=(1, *config.strides[1:]))
