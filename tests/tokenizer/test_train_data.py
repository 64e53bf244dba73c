"""Training batches: crops at scales, fineness, order; all of seed and step."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mgv.tokenizer import MgvSNetwork, train_data
from mgv.tokenizer.model import Tokenizer
from mgv.tokenizer.presets import MGV_S
from mgv.tokenizer.resize import resize_clip, resize_frames
from mgv.tokenizer.train_config import Phase, TrainConfig
from mgv.tokenizer.train_data import CropBatches, batches
from mgv.tokenizer.train_model import start_linear
from mgv.tokenizer.train_step import reconstruct
from mgv.tokenizer.train_tokens import FrozenEncoder, draw_fineness

TINY = replace(MGV_S, name="tiny", network=MgvSNetwork(4, 6, 1, 6, 1, 4, 1))
LADDER = MGV_S.bit_depths
VIDEO = Phase("video", steps=4, batch_size=2, crop=32, num_frames=5, still_share=0.3)


def test_batches_depend_on_seed_and_step_only(shards: dict[str, str]) -> None:
    folders = (shards["video"],), (shards["images"],)
    whole = CropBatches(*folders, VIDEO, LADDER, seed=3)
    resumed = CropBatches(*folders, VIDEO, LADDER, seed=3, first_step=2)
    assert len(resumed) == 2
    assert torch.equal(whole[3].clip, resumed[1].clip)
    assert whole[3].fineness == resumed[1].fineness
    assert not torch.equal(whole[1].clip, whole[2].clip)
    assert whole[1].clip.dtype == torch.uint8
    with pytest.raises(ValueError, match="no shard"):
        CropBatches(*folders, replace(VIDEO, crop=512), LADDER, seed=0)


@pytest.mark.parametrize(("scale", "side"), [(2.0, 16), (1.25, 26), (1.0, 32), (0.5, 64), (0.1, 66)])
@pytest.mark.parametrize("still_share", [0.0, 1.0])
def test_clips_are_coded_at_a_scale_and_judged_at_the_sources_size(
    shards: dict[str, str], scale: float, side: int, still_share: float
) -> None:
    phase = replace(
        VIDEO, partial_depth_share=0.0, still_share=still_share, scales=(scale,), parts=("decoder",)
    )
    torch.manual_seed(0)
    tokenizer = Tokenizer(TINY)
    start_linear(tokenizer, TrainConfig(TINY, (), (), (phase,), transform="model"))
    folders = (shards["video"],), (shards["images"],)
    loaded = CropBatches(*folders, phase, LADDER, seed=1, encoder=FrozenEncoder(tokenizer))[0]
    assert loaded.clip.shape[3:] == (side, side)
    assert loaded.given is not None
    assert loaded.given.shape[3:] == (4, 4)

    batch = loaded._replace(clip=loaded.clip.float() / 127.5 - 1)
    given, encoded = (
        reconstruct(tokenizer, one, phase)[0].detach() for one in (batch, batch._replace(given=None))
    )
    assert given.shape == batch.clip.shape
    # Scaling bytes rounds and clips between rows and columns.
    assert (given - encoded).square().mean() < 0.02 * batch.clip.var()
    # Six-pixel blocks of noise, of which a token keeps some: the picture is there, at its place.
    assert torch.corrcoef(torch.stack([given.flatten(), batch.clip.flatten()]))[0, 1] > 0.5


def test_scales_are_those_of_a_file() -> None:
    for scales in ((0.0,), (2.5,), ()):
        with pytest.raises(ValueError, match="scales"):
            replace(VIDEO, scales=scales)


def test_resizing_is_that_of_an_encoder() -> None:
    random = np.random.default_rng(0)
    ramp = np.linspace(40, 200, 24)[None, :, None, None] + np.linspace(-20, 20, 31)[:, None] + np.zeros(3)
    frames = (ramp + random.normal(0, 6, ramp.shape)).round().astype(np.uint8)
    for height, width in ((48, 31), (17, 20), (24, 62)):
        wanted = resize_frames(frames, width, height)
        found = resize_clip(torch.from_numpy(frames).float().permute(3, 0, 1, 2)[None], height, width)[0]
        # Rounded after rows, which a bicubic filter of weights up to 1.25 in all goes over, and after columns.
        assert np.abs(found.permute(1, 2, 3, 0).numpy() - wanted).max() < 0.5 * 1.25 + 0.5


def test_batches_come_again_in_another_order(shards: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_data, "SHUFFLED_BATCHES", 4)
    phase = replace(VIDEO, steps=17, batch_uses=3, still_share=0.0)

    def seen(first_step: int) -> list[int]:
        dataset = CropBatches((shards["video"],), (), phase, LADDER, seed=2, first_step=first_step)
        return [hash(batch.clip.numpy().tobytes()) for batch in batches(dataset, 0)]

    order = seen(0)
    assert len(order) == 17
    assert sorted(order[:4] * 3) == sorted(order[:12])  # each of the first block three times
    assert len(set(order[:4])) == len(set(order[4:8])) == 4
    assert order[4:8] != order[:4]
    assert len(set(order)) == 6  # 17 steps of three uses each, the last block not whole
    for first_step in (1, 5, 12, 13, 16):
        assert seen(first_step) == order[first_step:]


def test_a_share_of_the_clips_is_recoloured(shards: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_data, "recolour", lambda clip, random: np.zeros_like(clip))

    def num_recoloured(share: float) -> int:
        phase = replace(VIDEO, steps=12, still_share=0.0, recolour_share=share)
        dataset = CropBatches((shards["video"],), (), phase, LADDER, seed=1)
        return sum(not clip.any() for number in range(len(dataset)) for clip in dataset[number].clip)

    assert (num_recoloured(0.0), num_recoloured(1.0)) == (0, 24)
    assert 6 < num_recoloured(0.5) < 18
    with pytest.raises(ValueError, match="recolour_share is 2"):
        replace(VIDEO, recolour_share=2)


def test_half_of_the_samples_keep_fewer_bits() -> None:
    random = torch.Generator().manual_seed(0)
    depths = [how.bit_depth for how in draw_fineness(VIDEO, MGV_S.bit_depths, 4000, random)]
    share = np.mean([depth < 59 for depth in depths])
    assert share == pytest.approx(0.5 * 5 / 6, abs=0.03)
    assert set(depths) == set(MGV_S.bit_depths)
