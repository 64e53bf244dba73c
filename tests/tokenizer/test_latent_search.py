"""The search for better tokens: what it gains, what it keeps to, what it does not depend on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mgv.tokenizer import LatentSearch, MagvitNetwork, Tokenizer, load_tokenizer
from mgv.tokenizer.presets import MAGVIT_V2
from mgv.tokenizer.quantize import LookupFreeQuantizer, unpack_token
from mgv.tokenizer.rate_quantizer import RateQuantizer

Frames = NDArray[np.uint8]

DEPTH = 20
HEIGHT, WIDTH = 40, 60


@pytest.fixture
def model(tiny_model: Path, one_thread: None) -> Tokenizer:
    """The tiny tokenizer with a decoder network that adds to its linear shortcut."""
    tokenizer = load_tokenizer(str(tiny_model))
    torch.manual_seed(2)
    for module in (tokenizer.decoder.out, *(block.time for block in tokenizer.decoder.blocks)):
        torch.nn.init.normal_(module.weight, std=0.02)
    return tokenizer


def texture(num_frames: int) -> Frames:
    """A texture that drifts, uint8 `[T, HEIGHT, WIDTH, 3]`, no multiple of a token's size."""
    rng = np.random.default_rng(0)
    wide = np.kron(rng.integers(40, 215, (20, 30, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    return np.stack([np.roll(wide, 2 * index, axis=1)[:HEIGHT, :WIDTH] for index in range(num_frames)])


def smooth(num_frames: int) -> Frames:
    """A drifting slope, which few latents hold, uint8 `[T, HEIGHT, WIDTH, 3]`."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [128 + 90 * np.sin((x + y + index) / 25) for index in range(num_frames)]
    return np.stack(planes)[..., None].repeat(3, axis=-1).astype(np.uint8)


def latent_of(tokenizer: Tokenizer, frames: Frames) -> torch.Tensor:
    return tokenizer.encoder_stream(HEIGHT, WIDTH).push_latent(frames)


def luma_and_colour(tokenizer: Tokenizer) -> torch.Tensor:
    """RGB to luma and both colour differences, which the transform has at half their size."""
    return torch.tensor([[1.0], [2.0], [2.0]]) * torch.linalg.inv(tokenizer.decoder.colour)


@torch.no_grad()
def squared_error(tokenizer: Tokenizer, ids: NDArray[np.int64], frames: Frames) -> float:
    """Of luma and colour alike, in 8-bit units, of the whole clip decoded at once and not rounded."""
    pixels = tokenizer.reconstruct(torch.from_numpy(ids)[None], DEPTH)[0, :, : len(frames), :HEIGHT, :WIDTH]
    difference = (pixels.clamp(-1, 1) + 1) * 127.5 - torch.from_numpy(frames).permute(3, 0, 1, 2)
    weighed = torch.einsum("oc,cthw->othw", luma_and_colour(tokenizer), difference)
    return float(weighed.double().square().sum())


def test_a_decoder_that_is_not_the_inverse_is_followed(
    model: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the decoder takes a fifth off each latent: larger ones make up for it, and nothing else could."""
    monkeypatch.setattr("mgv.tokenizer.latent_search.WAY", 3.3)
    with torch.no_grad():
        model.decoder.shortcut.weight.mul_(0.8)
    frames = smooth(9)
    latent = latent_of(model, frames)
    plain = model.quantize(latent, DEPTH)
    found = LatentSearch(model, DEPTH, 0.0, 6).run(latent, frames)
    assert found.dtype == plain.dtype
    assert found.shape == plain.shape
    assert 0 <= found.min() <= found.max() < 2**DEPTH
    assert squared_error(model, found, frames) < 0.7 * squared_error(model, plain, frames)


@pytest.mark.parametrize("weight", [0.0, 0.2])
@pytest.mark.parametrize("depth", [5, 10, 20])
def test_they_never_cost_more(model: Tokenizer, depth: int, weight: float) -> None:
    """In error and rate together, over several windows; measured apart from the search, with the whole clip at once."""
    frames = texture(25)  # seven latent frames
    latent = latent_of(model, frames)
    squares = model.decoder.squared_errors()
    colour = luma_and_colour(model)
    wanted = torch.from_numpy(frames).permute(3, 0, 1, 2) / 127.5 - 1
    assert isinstance(model.quantizer, LookupFreeQuantizer)
    trellis = RateQuantizer(model.quantizer, depth, weight, squares / squares.median())
    _, still_factor = trellis.best_cells(latent)

    @torch.no_grad()
    def cost(ids: NDArray[np.int64]) -> float:
        tokens = torch.from_numpy(ids)[None]
        decoded = model.reconstruct(tokens, depth)[0, :, :, :HEIGHT, :WIDTH].clamp(-1, 1)
        error = torch.einsum("oc,cthw->othw", colour, decoded - wanted).square().sum() / squares.median()
        hidden = torch.tensor(model.config.dimension_bits) - torch.tensor(model.config.known_planes(depth))
        cells = unpack_token(tokens, model.config)[0].int() >> hidden[:, None, None, None]
        return float(error) + trellis.rate_cost(cells, still_factor)

    found = LatentSearch(model, depth, weight, 3).run(latent, frames)
    assert cost(found) <= cost(model.quantize(latent, depth, weight)) * (1 + 1e-5)


def test_where_steps_only_harm_nothing_changes(model: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mgv.tokenizer.latent_search.WAY", -13.0)
    frames = texture(21)
    latent = latent_of(model, frames)
    found = LatentSearch(model, DEPTH, 0.1, 2).run(latent, frames)
    assert np.array_equal(found, model.quantize(latent, DEPTH, 0.1))


def test_steps_that_overshoot_are_forgotten(model: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of steps that end far beyond the goal the best one met on the way is kept."""
    with torch.no_grad():
        model.decoder.shortcut.weight.mul_(0.8)
    frames = smooth(1)
    latent = latent_of(model, frames)
    plain = squared_error(model, model.quantize(latent, DEPTH), frames)
    errors = []
    for way in (1.0, 5.0, 300.0):
        monkeypatch.setattr("mgv.tokenizer.latent_search.WAY", way)
        errors.append(squared_error(model, LatentSearch(model, DEPTH, 0.0, 5).run(latent, frames), frames))
    assert errors[0] < 0.95 * plain
    assert errors[1] < 0.95 * plain
    assert errors[2] <= plain * (1 + 1e-5)


def test_it_is_the_same_each_time_and_leaves_the_tokenizer_alone(model: Tokenizer) -> None:
    frames = texture(9)
    latent = latent_of(model, frames)
    sha256, before = model.sha256, latent.clone()
    first, second = (LatentSearch(model, DEPTH, 0.1, 3).run(latent, frames) for _ in range(2))
    assert np.array_equal(first, second)
    assert model.sha256 == sha256
    assert torch.equal(latent, before)
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("precision", ["bf16", "no"])
def test_either_arithmetic_finds_better_tokens(
    model: Tokenizer, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    monkeypatch.setattr("mgv.tokenizer.latent_search.training_precision", lambda: precision)
    monkeypatch.setattr("mgv.tokenizer.latent_search.WAY", 1.0)
    with torch.no_grad():
        model.decoder.shortcut.weight.mul_(0.8)
    frames = smooth(1)
    latent = latent_of(model, frames)
    plain = squared_error(model, model.quantize(latent, DEPTH), frames)
    found = LatentSearch(model, DEPTH, 0.0, 5).run(latent, frames)
    assert squared_error(model, found, frames) < 0.95 * plain


def test_tiles_change_next_to_nothing(model: Tokenizer) -> None:
    """Tiles see next to all that a pixel depends on."""
    frames = texture(9)
    latent = latent_of(model, frames)
    whole, tiled = (LatentSearch(model, DEPTH, 0.1, 3, tile).run(latent, frames) for tile in (64, 3))
    assert (whole == tiled).mean() > 0.99


def test_a_still_picture_and_missing_frames_are_taken(model: Tokenizer) -> None:
    """A segment's end need not fill its last latent frame: padding is not searched by."""
    for num_frames in (1, 7):
        frames = texture(num_frames)
        padded = np.concatenate([frames, frames[-1:].repeat(-(num_frames - 1) % 4, axis=0)])
        latent = latent_of(model, padded)
        plain = model.quantize(latent, DEPTH)
        found = LatentSearch(model, DEPTH, 0.0, 3).run(latent, frames)
        assert squared_error(model, found, frames) <= squared_error(model, plain, frames) * (1 + 1e-5)


def test_other_tokenizers_are_refused() -> None:
    tokenizer = Tokenizer(replace(MAGVIT_V2, network=MagvitNetwork(4, (1, 1, 1, 2), 1, 18)))
    with pytest.raises(ValueError, match="magvit-v2 tokenizer has no latent search"):
        LatentSearch(tokenizer, 18, 0.0, 1)
