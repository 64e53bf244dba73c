"""Growth: a larger network computes what the smaller did, and all of it can learn."""

from dataclasses import replace

import pytest
import torch

from mgv.tokenizer import MgvSNetwork, Tokenizer
from mgv.tokenizer.grow import grow
from mgv.tokenizer.presets import MGV_S

SMALL = replace(MGV_S, name="small", network=MgvSNetwork(8, 12, 1, 12, 1, 8, 1))


def shaken(network: MgvSNetwork) -> Tokenizer:
    torch.manual_seed(0)
    tokenizer = Tokenizer(replace(SMALL, network=network))
    with torch.no_grad():
        for parameter in tokenizer.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return tokenizer.requires_grad_(True)


@pytest.mark.parametrize(
    "network",
    [
        MgvSNetwork(8, 12, 1, 12, 3, 8, 1),
        MgvSNetwork(8, 12, 1, 12, 1, 8, 2),
        MgvSNetwork(8, 12, 1, 12, 1, 11, 1),
        MgvSNetwork(10, 16, 2, 14, 2, 10, 2),
    ],
)
def test_a_grown_tokenizer_starts_where_the_small_one_ended(network: MgvSNetwork) -> None:
    small = shaken(SMALL.network)
    larger = Tokenizer(replace(SMALL, network=network))
    grow(small.state_dict(), larger)
    clip = torch.rand(1, 3, 9, 32, 40)
    tokens = small.encode(clip)
    assert torch.equal(larger.encode(clip).ids, tokens.ids)
    torch.testing.assert_close(larger.decode(tokens), small.decode(tokens), atol=1e-5, rtol=0)


def test_what_is_new_gets_a_gradient() -> None:
    small, larger = (
        shaken(SMALL.network),
        Tokenizer(replace(SMALL, network=MgvSNetwork(8, 12, 1, 12, 2, 10, 2))),
    )
    grow(small.state_dict(), larger)
    latent = torch.randn(1, 18, 2, 4, 5)
    larger.decode_latent(latent, 59).square().mean().backward()
    decoder = larger.decoder
    for name, new in (
        ("blocks.1.time.weight", slice(None)),
        ("quarter_blocks.1.time.weight", slice(None)),
        ("out.weight", (slice(None), slice(8, None))),
    ):
        gradient = decoder.get_parameter(name).grad
        assert gradient is not None
        assert gradient[new].any(), name


def test_what_does_not_fit_is_named() -> None:
    small = shaken(SMALL.network)
    with pytest.raises(ValueError, match=r"decoder.blocks.0.* has no place"):
        grow(small.state_dict(), Tokenizer(replace(SMALL, network=MgvSNetwork(8, 12, 1, 12, 0, 8, 1))))
    with pytest.raises(ValueError, match=r"decoder.* more than the larger"):
        grow(small.state_dict(), Tokenizer(replace(SMALL, network=MgvSNetwork(8, 12, 1, 10, 1, 8, 1))))
