"""Chapter 5's networks: causality, images as clips of one frame, chunks, published size."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from mgv.tokenizer.conv import Cache
from mgv.tokenizer.magvit_v2 import DepthToSpaceUp, MagvitV2Decoder, MagvitV2Encoder, NearestUp

TINY = {"latent_channels": 5, "base_channels": 8, "multipliers": (1, 1, 2, 2), "num_residual_blocks": 1}


@pytest.fixture
def encoder() -> MagvitV2Encoder:
    torch.manual_seed(0)
    return MagvitV2Encoder(**TINY).eval().requires_grad_(False)


@pytest.fixture
def decoder() -> MagvitV2Decoder:
    torch.manual_seed(0)
    decoder = MagvitV2Decoder(**TINY).eval().requires_grad_(False)
    for module in decoder.controls:
        nn.init.normal_(module.modulation.weight, std=0.3)  # from zero, where the control is mute
    return decoder


def changed_frames(network: nn.Module, x: Tensor, frame: int) -> list[int]:
    """Output frames that change when one input frame does."""
    other = x.clone()
    other[:, :, frame] += torch.randn_like(other[:, :, frame])
    equal = (network(x) == network(other)).transpose(1, 2).flatten(2).all(dim=2).all(dim=0)
    return [t for t, same in enumerate(equal.tolist()) if not same]


def test_thesis_clip_gives_the_thesis_grid() -> None:
    with torch.device("meta"):
        latent = MagvitV2Encoder(base_channels=8, num_residual_blocks=1)(torch.zeros(1, 3, 17, 128, 128))
        clip = MagvitV2Decoder(base_channels=8, num_residual_blocks=1)(latent)
    assert latent.shape == (1, 18, 5, 16, 16)
    assert clip.shape == (1, 3, 17, 128, 128)


def test_size_beside_the_published_ones() -> None:
    """Half the listed width and blocks give Table 5.7a's 58M; the listed 128 channels and 4 blocks 376M."""

    def num_parameters(base_channels: int, num_residual_blocks: int) -> float:
        with torch.device("meta"):
            sizes = {"base_channels": base_channels, "num_residual_blocks": num_residual_blocks}
            networks = nn.ModuleList([MagvitV2Encoder(**sizes), MagvitV2Decoder(**sizes)])
        return sum(p.numel() for p in networks.parameters()) / 1e6

    assert round(num_parameters(64, 2)) == 58
    assert round(num_parameters(128, 4)) == 376


@pytest.mark.parametrize("frame", range(9))
def test_encoder_is_strictly_causal(encoder: MagvitV2Encoder, frame: int) -> None:
    # Frame f is the newest that latent frame ceil(f / 4) sees.
    first = -(-frame // 4)
    assert changed_frames(encoder, torch.randn(1, 3, 9, 16, 16), frame)[0] == first


@pytest.mark.parametrize("frame", range(3))
def test_decoder_is_strictly_causal(decoder: MagvitV2Decoder, frame: int) -> None:
    first = 0 if frame == 0 else 4 * frame - 3
    assert changed_frames(decoder, torch.randn(1, 5, 3, 2, 2), frame)[0] == first


def test_first_frame_alone_is_the_first_frame_of_a_clip(
    encoder: MagvitV2Encoder, decoder: MagvitV2Decoder
) -> None:
    clip, latent = torch.randn(2, 3, 9, 16, 24), torch.randn(2, 5, 3, 2, 3)
    torch.testing.assert_close(encoder(clip[:, :, :1]), encoder(clip)[:, :, :1], atol=1e-5, rtol=0)
    torch.testing.assert_close(decoder(latent[:, :, :1]), decoder(latent)[:, :, :1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("cuts", [(1, 5, 9, 13, 17), (5, 17), (9, 13, 17), (1, 17)])
def test_encoding_in_chunks_is_encoding_at_once(encoder: MagvitV2Encoder, cuts: tuple[int, ...]) -> None:
    clip, cache = torch.randn(1, 3, 17, 16, 16), Cache()
    parts = [encoder(clip[:, :, start:stop], cache) for start, stop in pairwise((0, *cuts))]
    torch.testing.assert_close(torch.cat(parts, dim=2), encoder(clip), atol=1e-4, rtol=0)


@pytest.mark.parametrize("cuts", [(1, 2, 3, 4, 5), (2, 5), (4, 5), (1, 5)])
def test_decoding_in_chunks_is_decoding_at_once(decoder: MagvitV2Decoder, cuts: tuple[int, ...]) -> None:
    latent, cache = torch.randn(1, 5, 5, 2, 2), Cache()
    parts = [decoder(latent[:, :, start:stop], cache) for start, stop in pairwise((0, *cuts))]
    assert [part.shape[2] for part in parts[1:]] == [4 * (stop - start) for start, stop in pairwise(cuts)]
    torch.testing.assert_close(torch.cat(parts, dim=2), decoder(latent), atol=1e-4, rtol=0)


def test_memory_between_chunks_does_not_grow(encoder: MagvitV2Encoder) -> None:
    cache, sizes = Cache(), []
    for num_frames in (5, 8, 16, 4):
        encoder(torch.randn(1, 3, num_frames, 16, 16), cache)
        sizes.append(sum(tensor.numel() for tensor in cache.values()))
    assert len(set(sizes)) == 1


def test_control_reaches_the_picture(decoder: MagvitV2Decoder) -> None:
    latent = torch.randn(1, 5, 2, 2, 2)
    before = decoder(latent)
    for norm in decoder.controls:
        norm.modulation.weight.zero_()
    assert not torch.allclose(before, decoder(latent))


def test_depth_to_space_and_the_control_fill_the_same_frames() -> None:
    """A convolution that copies each channel to its block must land where nearest repetition puts it."""
    up, nearest = DepthToSpaceUp(3, 2, 3, "reflect"), NearestUp(2)
    nn.init.zeros_(up.conv.weight)
    nn.init.zeros_(up.conv.bias)
    for channel in range(3):
        up.conv.weight.data[8 * channel : 8 * channel + 8, channel, -1, 1, 1] = 1
    x = torch.randn(1, 3, 4, 2, 2)
    torch.testing.assert_close(up(x), nearest(x))
    assert up(x).shape == (1, 3, 7, 4, 4)


@pytest.mark.parametrize("size", [(1, 8, 8), (5, 8, 40), (1, 16, 8)])
def test_small_and_narrow_clips(
    encoder: MagvitV2Encoder, decoder: MagvitV2Decoder, size: tuple[int, ...]
) -> None:
    latent = encoder(torch.randn(1, 3, *size))
    assert decoder(latent).shape == (1, 3, *size)


@pytest.mark.parametrize("size", [(4, 16, 16), (0, 16, 16), (5, 12, 16), (5, 16, 4)])
def test_other_sizes_are_refused(encoder: MagvitV2Encoder, size: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected T = 1"):
        encoder(torch.zeros(1, 3, *size))


def test_a_later_chunk_has_whole_steps(encoder: MagvitV2Encoder) -> None:
    cache = Cache()
    encoder(torch.zeros(1, 3, 5, 16, 16), cache)
    with pytest.raises(ValueError, match="expected T = 0"):
        encoder(torch.zeros(1, 3, 5, 16, 16), cache)


def test_every_parameter_gets_a_gradient() -> None:
    encoder, decoder = MagvitV2Encoder(**TINY), MagvitV2Decoder(**TINY)
    decoder(encoder(torch.randn(1, 3, 5, 16, 16))).square().mean().backward()
    assert all(
        p.grad is not None and p.grad.isfinite().all() for m in (encoder, decoder) for p in m.parameters()
    )
