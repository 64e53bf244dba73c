"""What did not change is held steady: exactly there, by exactly the mean, however the frames come."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mgv.tokenizer import DecoderStream, MgvSNetwork, Tokenizer
from mgv.tokenizer.presets import MGV_S, image_config
from mgv.tokenizer.steady import BAND, coarse_bits, hold_clip_steady, hold_start_steady, hold_steady

STRIDES = MGV_S.strides
CONFIG = replace(MGV_S, name="tiny", network=MgvSNetwork(8, 12, 1, 12, 2, 8, 1))
COARSE, DEPTH = CONFIG.bit_depths[1], CONFIG.bits_per_token


def noise(latents: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (4 * latents, height, width, 3), dtype=np.uint8)


def changing(latents: int, height: int, width: int) -> np.ndarray:
    """Tokens none of which is as before."""
    return np.arange((latents + 1) * height * width).reshape(latents + 1, height, width)


def test_an_unchanged_region_is_the_mean_of_its_frames_and_the_rest_is_untouched() -> None:
    frames, ids = noise(2, 61, 75), changing(2, 8, 10)
    ids[2, 2:7, 3:9] = ids[1, 2:7, 3:9]
    held = frames.copy()
    hold_steady(held, ids, STRIDES)
    steady = np.zeros((8, 10), bool)
    steady[3:6, 4:8] = True  # a token has at least seven unchanged around it
    edges = [(2, x) for x in range(3, 9)] + [(6, x) for x in range(3, 9)]
    edges += [(y, x) for y in range(3, 6) for x in (3, 8)]
    assert all(not steady[place] for place in edges)  # six unchanged of nine
    seen = steady.repeat(8, 0)[:61].repeat(8, 1)[:, :75]
    assert np.array_equal(held[:4], frames[:4])
    assert np.array_equal(held[4:, ~seen], frames[4:, ~seen])
    mean = frames[4:, seen].astype(float).mean(axis=0)
    assert all(np.array_equal(frame[seen], held[4][seen]) for frame in held[5:])
    assert np.abs(held[4][seen] - mean).max() <= 0.5
    assert abs((held[4][seen] - mean).mean()) < 0.02  # rounded up as often as down


def test_the_border_of_a_picture_counts_as_what_is_beside_it() -> None:
    frames, ids = noise(1, 40, 40), np.zeros((2, 5, 5), np.int64)
    held = frames.copy()
    hold_steady(held, ids, STRIDES)
    assert np.array_equal(held, np.broadcast_to(held[:1], held.shape))


def test_a_lone_unchanged_token_is_chance() -> None:
    frames, ids = noise(1, 40, 40), changing(1, 5, 5)
    ids[1, 2, 2] = ids[0, 2, 2]
    held = frames.copy()
    hold_steady(held, ids, STRIDES)
    assert np.array_equal(held, frames)


def test_clips_are_held_as_bytes_are() -> None:
    height = 8 * (BAND + 3) - 5
    frames, ids = noise(4, height, 30)[3:], np.zeros((4, BAND + 3, 4), np.int64)
    ids[1:] += changing(2, BAND + 3, 4) * (np.arange(4) > 2)
    held, clip = frames.copy(), torch.from_numpy(frames).permute(3, 0, 1, 2).float()
    before = clip.clone()
    hold_start_steady(held, ids, STRIDES)
    hold_clip_steady(clip, ids, STRIDES)
    assert (clip.permute(1, 2, 3, 0) - torch.from_numpy(held)).abs().max() <= 0.5
    assert not torch.equal(clip[..., :8], before[..., :8])
    assert torch.equal(clip[:, 5:, :, 24:], before[:, 5:, :, 24:])


def test_a_segment_starts_with_what_follows_where_nothing_changes() -> None:
    frames, ids = noise(3, 40, 40)[3:], np.zeros((3, 5, 5), np.int64)
    ids[1, :, 4] = 1
    held = frames.copy()
    hold_start_steady(held, ids, STRIDES)
    assert np.array_equal(held[0, :, :24], held[1, :, :24])
    assert not np.array_equal(held[0, :, :24], frames[0, :, :24])
    assert np.array_equal(held[0, :, 24:], frames[0, :, 24:])
    assert np.array_equal(held[5, :, :24], held[8, :, :24])
    assert not np.array_equal(held[4, :, :24], held[5, :, :24])  # a mean of its own


def test_a_segment_of_one_frame_stands_alone() -> None:
    frames = noise(1, 40, 40)[3:]
    held = frames.copy()
    hold_start_steady(held, np.zeros((1, 5, 5), np.int64), STRIDES)
    assert np.array_equal(held, frames)


@pytest.mark.parametrize(("depth", "known"), [(DEPTH, COARSE), (COARSE, COARSE), (COARSE - 3, COARSE - 3)])
def test_coarse_bits_are_those_of_two_layers_that_are_known(depth: int, known: int) -> None:
    assert coarse_bits(np.array([-1]), CONFIG, depth) == (1 << known) - 1


def test_a_ladder_of_one_layer_is_coarse_as_a_whole() -> None:
    config = replace(CONFIG, bit_depths=(DEPTH,))
    assert coarse_bits(np.array([-1]), config, DEPTH) == (1 << DEPTH) - 1


def still_tokens(latents: int) -> np.ndarray:
    """Equal in what is coarse, and of a new fine bit in each latent frame."""
    coarse = np.random.default_rng(2).integers(0, 1 << COARSE, (1, 5, 6))
    fine = np.random.default_rng(3).integers(0, 2, (latents, 5, 6)) << (DEPTH - 1)
    ids: np.ndarray = coarse | fine
    return ids


def trembling(config=CONFIG) -> Tokenizer:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    tokenizer = Tokenizer(config).eval()
    with torch.no_grad():
        for parameter in tokenizer.decoder.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return tokenizer


def tremble(frames: np.ndarray) -> np.ndarray:
    """Steps between the frames of each latent frame but the first, mean absolute."""
    parts = frames[1:].astype(float).reshape(-1, 4, *frames.shape[1:])
    return np.abs(np.diff(parts, axis=1)).mean(axis=(2, 3, 4))


@pytest.mark.parametrize("chunks", [[5], [1, 4], [2, 1, 2], [1, 1, 1, 1, 1]])
def test_a_still_picture_is_still_however_its_tokens_come(chunks: list[int]) -> None:
    tokenizer, ids = trembling(), still_tokens(5)
    stream = DecoderStream(tokenizer, 37, 46, DEPTH)
    frames = np.concatenate([stream.push(part) for part in np.split(ids, np.cumsum(chunks)[:-1])])
    assert frames.shape == (17, 37, 46, 3)
    assert not tremble(frames).any()
    with torch.no_grad():
        shown = tokenizer.reconstruct(torch.from_numpy(ids)[None], DEPTH)[0, :, :, :37, :46]
    raw = ((shown + 1) * 127.5).clamp(0, 255).permute(1, 2, 3, 0).numpy()
    assert tremble(raw).min() > 1  # what there is to hold
    if chunks[0] == 1:
        assert np.abs(frames[0] - raw[0]).max() <= 1  # what follows isn't there yet
    else:
        assert np.array_equal(frames[0], frames[1])
    assert np.abs(frames[5:9].mean(axis=0) - raw[5:9].mean(axis=0)).max() < 1.1


def test_decode_of_a_tokenizer_holds_steady_too() -> None:
    tokenizer, ids = trembling(), still_tokens(3)
    clip = tokenizer.encode(torch.zeros(1, 3, 9, 37, 46))
    decoded = tokenizer.decode(replace(clip, ids=torch.from_numpy(ids)[None]))
    frames = (decoded[0] * 255).permute(1, 2, 3, 0).numpy()
    assert tremble(frames).max() < 1e-3
    assert np.abs(frames[0] - frames[1]).max() < 1e-3


def test_frames_whose_mean_is_not_found_in_halves_are_left_alone() -> None:
    assert not trembling(replace(CONFIG, strides=(3, 8, 8))).holds_steady
    assert trembling(replace(CONFIG, strides=(2, 8, 8))).holds_steady


def test_an_image_model_has_nothing_to_hold() -> None:
    tokenizer = trembling(image_config(CONFIG))
    assert not tokenizer.holds_steady
    ids = still_tokens(2)
    frames = DecoderStream(tokenizer, 37, 46, DEPTH).push(ids)
    assert len(frames) == 2
