"""The `mgv-s` network: causality, first frame, streaming, tiles, inflation, and what its closed-form start achieves."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mgv.tokenizer import EncoderStream, MgvSNetwork, Tokenizer, TokenizerConfig, Tokens
from mgv.tokenizer.conv import Cache, depth_to_space
from mgv.tokenizer.grow import grow
from mgv.tokenizer.klt import model_klt
from mgv.tokenizer.mgv_s import MgvSDecoder, MgvSEncoder, set_linear_transform
from mgv.tokenizer.presets import MGV_S, image_config
from mgv.tokenizer.quantize import LookupFreeQuantizer
from mgv.tokenizer.stream import DecoderStream
from mgv.tokenizer.train_model import inflate_tokenizer

CONFIG = replace(MGV_S, name="tiny", network=MgvSNetwork(8, 12, 1, 12, 2, 8, 1))


def tokenizer_of(config: TokenizerConfig = CONFIG, *, shaken: bool = True) -> Tokenizer:
    """A small tokenizer on the model KLT; `shaken` gives the residual networks, zero at first, something to do."""
    torch.manual_seed(0)
    tokenizer = Tokenizer(config)
    assert isinstance(tokenizer.encoder, MgvSEncoder)
    assert isinstance(tokenizer.decoder, MgvSDecoder)
    dimensions = len(config.dimension_bits)
    steps = np.full(dimensions, 0.3)
    steps[0] = 2 * np.sqrt(np.prod(config.strides)) / 2 ** config.dimension_bits[0]
    set_linear_transform(tokenizer.encoder, tokenizer.decoder, model_klt(config.strides, dimensions), steps)
    if shaken:
        with torch.no_grad():
            for name, parameter in tokenizer.named_parameters():
                if "shortcut" not in name:
                    parameter.add_(torch.randn_like(parameter) * 0.05)
    return tokenizer.eval()


def moving_clip(frames: int, height: int, width: int) -> torch.Tensor:
    """Smooth shapes that drift, RGB float `[1, 3, T, H, W]` in [0, 1]."""
    t, y, x = torch.meshgrid(torch.arange(frames), torch.arange(height), torch.arange(width), indexing="ij")
    phases = torch.tensor([0.0, 0.1, 0.2])[:, None, None, None]
    return (0.5 + 0.4 * torch.sin((x + 2 * t) / 9.0 + phases) * torch.cos(y / 7.0 - t / 5.0))[None]


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        (np.zeros((1, 3, 5, 16, 16)), "a tensor, got a ndarray"),
        (torch.zeros(3, 5, 16, 16), "not empty, got"),
        (torch.full((1, 3, 5, 16, 16), 128.0), r"in \[0, 1\], got 128 to 128"),
        (torch.full((1, 3, 5, 16, 16), -1.0), r"in \[0, 1\], got -1 to -1"),
        (torch.full((1, 3, 5, 16, 16), torch.nan), "got nan to nan"),
        (torch.zeros((1, 3, 5, 16, 16), dtype=torch.int32), "got torch.int32"),
    ],
    ids=["array", "four axes", "bytes as floats", "minus one to one", "nan", "int32"],
)
def test_what_is_no_clip_is_refused(clip: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tokenizer_of().encode(clip)


def test_the_encoder_sees_no_later_frame() -> None:
    encoder = tokenizer_of().encoder
    clip = torch.rand(1, 3, 13, 16, 16)
    with torch.no_grad():
        before = encoder(clip)
        for latent_frame in range(1, 4):
            changed = clip.clone()
            changed[:, :, 4 * latent_frame - 3 :] = torch.rand(1, 3, 13 - (4 * latent_frame - 3), 16, 16)
            after = encoder(changed)
            assert torch.equal(after[:, :, :latent_frame], before[:, :, :latent_frame])
            assert not torch.equal(after[:, :, latent_frame:], before[:, :, latent_frame:])


def test_the_decoder_sees_no_later_latent() -> None:
    tokenizer = tokenizer_of()
    latent = torch.randn(1, 18, 4, 2, 3)
    with torch.no_grad():
        before = tokenizer.decode_latent(latent, 59)
        assert before.shape == (1, 3, 13, 16, 24)
        for latent_frame in range(1, 4):
            changed = latent.clone()
            changed[:, :, latent_frame:] += 1
            after = tokenizer.decode_latent(changed, 59)
            cut = 4 * latent_frame - 3
            assert torch.equal(after[:, :, :cut], before[:, :, :cut])
            assert not torch.equal(after[:, :, cut:], before[:, :, cut:])


def test_the_first_frame_alone_is_the_first_frame_of_a_clip() -> None:
    tokenizer = tokenizer_of()
    clip = moving_clip(9, 24, 32)
    whole, alone = tokenizer.encode(clip), tokenizer.encode(clip[:, :, :1])
    assert torch.equal(whole.ids[:, :1], alone.ids)
    torch.testing.assert_close(tokenizer.decode(whole)[:, :, :1], tokenizer.decode(alone), atol=1e-5, rtol=0)


def test_chunks_give_what_the_whole_clip_gives() -> None:
    tokenizer = tokenizer_of()
    clip = moving_clip(17, 24, 32) * 2 - 1
    with torch.no_grad():
        whole = tokenizer.encoder(clip)
        cache = Cache()
        parts = [tokenizer.encoder(part, cache) for part in clip.split([5, 4, 8], dim=2)]
        torch.testing.assert_close(torch.cat(parts, dim=2), whole, atol=1e-4, rtol=0)
        pixels = tokenizer.decode_latent(whole, 59)
        cache = Cache()
        parts = [tokenizer.decode_latent(part, 59, cache) for part in whole.split([1, 2, 2], dim=2)]
        torch.testing.assert_close(torch.cat(parts, dim=2), pixels, atol=1e-4, rtol=0)


@pytest.mark.parametrize("tile", [1000, 8])
def test_streams_of_tiles_leave_no_seam(tile: int) -> None:
    tokenizer = tokenizer_of()
    clip = moving_clip(13, 131, 150)
    frames = (clip[0].permute(1, 2, 3, 0) * 255).round().byte()
    tokens = tokenizer.encode(frames.permute(3, 0, 1, 2)[None])
    encoder = EncoderStream(tokenizer, 131, 150, tile)
    ids = np.concatenate([encoder.push(frames[:5].numpy()), encoder.push(frames[5:].numpy())])
    assert (ids != tokens.ids[0].numpy()).mean() < 1e-3  # ties
    decoded = (tokenizer.decode(tokens)[0].permute(1, 2, 3, 0) * 255).round()
    decoder = DecoderStream(tokenizer, 131, 150, 59, tile=tile)
    streamed = np.concatenate(
        [decoder.push(tokens.ids[0, :2].numpy()), decoder.push(tokens.ids[0, 2:].numpy())]
    )
    assert streamed.shape == (13, 131, 150, 3)
    difference = np.abs(streamed.astype(int) - decoded.numpy())
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


def test_a_still_clip_has_still_tokens() -> None:
    tokenizer = tokenizer_of()
    still = moving_clip(1, 16, 24).expand(-1, -1, 9, -1, -1)
    ids = tokenizer.encode(still).ids
    assert torch.equal(ids[:, 1:], ids[:, :1].expand(-1, 2, -1, -1))


def test_inflation_treats_a_still_clip_as_the_image_model_does() -> None:
    image = tokenizer_of(image_config(CONFIG))
    video = Tokenizer(CONFIG).eval()
    inflate_tokenizer(image, video)
    frame = moving_clip(1, 16, 24) * 2 - 1
    clip = frame.expand(-1, -1, 9, -1, -1)
    with torch.no_grad():
        latent = image.encoder(frame)
        torch.testing.assert_close(video.encoder(clip), latent.expand(-1, -1, 3, -1, -1), atol=1e-4, rtol=0)
        pixels = image.decode_latent(latent, 59)
        inflated = video.decode_latent(latent.expand(-1, -1, 3, -1, -1), 59)
        torch.testing.assert_close(inflated, pixels.expand(-1, -1, 9, -1, -1), atol=1e-4, rtol=0)


def test_every_bit_depth_decodes_and_deeper_is_better() -> None:
    tokenizer = tokenizer_of(shaken=False)
    clip = moving_clip(9, 45, 51)
    tokens = tokenizer.encode(clip)
    assert isinstance(tokenizer.quantizer, LookupFreeQuantizer)
    errors = []
    for depth in CONFIG.bit_depths:
        decoded = tokenizer.decode(tokens, depth)
        assert decoded.shape == clip.shape
        errors.append(float((decoded - clip).square().mean()))
    assert errors[-1] < errors[2] < errors[0]
    assert -10 * np.log10(errors[-1]) > 25


def test_tokens_know_their_depth() -> None:
    tokens = Tokens(torch.tensor([[[[0b1011]]]]), 4, 1, 8, 8)
    assert tokens.at_depth(2).ids.item() == 0b11
    with pytest.raises(ValueError, match="bit depth 5"):
        tokens.at_depth(5)


@pytest.mark.parametrize("shape", [(3, 5, 8, 8), (1, 1, 5, 8, 8), (1, 3, 0, 8, 8)])
def test_a_clip_of_the_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="a clip is"):
        tokenizer_of().encode(torch.zeros(shape))


def test_an_encoder_network_that_adds_nothing_is_not_run() -> None:
    tokenizer = tokenizer_of(shaken=False)
    clip = torch.rand(1, 3, 5, 16, 16)
    with torch.no_grad():
        short = tokenizer.encoder(clip)
    whole = tokenizer.encoder(clip).detach()  # with gradients the network runs
    assert torch.equal(short, whole)


def test_what_lies_beyond_the_integers_reaches_the_network_apart() -> None:
    tokenizer = tokenizer_of(
        replace(CONFIG, network=replace(CONFIG.network, wide_dimensions=(0, 5), inner_bits=(7, 4)))
    )
    decoder = tokenizer.decoder
    assert isinstance(decoder, MgvSDecoder)
    latent = torch.zeros(1, 18, 2, 3, 3)
    latent[0, 0], latent[0, 5] = 70.0, -20.0  # of -64..63 and -8..7
    clamped = latent.clone()
    clamped[0, 0], clamped[0, 5] = 63.0, -8.0
    with torch.no_grad():
        change = tokenizer.decode_latent(latent, 59) - tokenizer.decode_latent(clamped, 59)
        linear = decoder.shortcut(latent) - decoder.shortcut(clamped)
        assert change.abs().max() > 0.1
        decoder.outer_in.weight.zero_()
        change = tokenizer.decode_latent(latent, 59) - tokenizer.decode_latent(clamped, 59)
        expected = torch.einsum("oc,bcthw->bothw", decoder.colour, depth_to_space(linear, decoder.strides))
        # Untaught, only the shortcut sees it.
        torch.testing.assert_close(change, expected[:, :, 3:], atol=1e-4, rtol=0)


def test_within_the_integers_wide_dimensions_change_nothing() -> None:
    plain = tokenizer_of()
    wide = Tokenizer(
        replace(CONFIG, network=replace(CONFIG.network, wide_dimensions=(0, 1, 5), inner_bits=(7, 5, 4)))
    )
    grow(plain.state_dict(), wide)
    latent = torch.empty(1, 18, 3, 4, 4).uniform_(-6, 6)
    with torch.no_grad():
        assert torch.equal(plain.decode_latent(latent, 59), wide.decode_latent(latent, 59))
