"""What a training run is, as TOML says it, and what is refused before it begins."""

from dataclasses import replace
from pathlib import Path

import pytest

from mgv.tokenizer import train_config
from mgv.tokenizer.presets import MAGVIT_V2, MGV_S
from mgv.tokenizer.train_config import LossWeights, OuterValues, Phase, TrainConfig, read_train_config

CONFIGS = Path(train_config.__file__).parent / "configs"


def test_a_run_is_read_from_toml(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(
        'tokenizer = "magvit-v2"\nvideo_shards = ["v"]\nimage_shards = []\nvalidation_shards = []\n'
        '[[phases]]\nkind = "video"\nsteps = 10\nbatch_size = 4\ncrop = 64\nnum_frames = 9\nparts = ["decoder"]\n'
        "[phases.loss]\nmse = 2.0\n"
    )
    config = read_train_config(path)
    assert config.tokenizer == MAGVIT_V2
    assert config.phases[0].parts == ("decoder",)
    assert config.phases[0].loss == LossWeights(mse=2.0)
    for broken in ("kind = 'film'", "colour = 1", "steps = 0", "= ="):
        path.write_text(path.read_text().split("[[phases]]")[0] + f"[[phases]]\n{broken}\n")
        with pytest.raises(ValueError, match=r"run\.toml"):
            read_train_config(path)


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        ("video_shards", "the configuration needs the field video_shards"),
        ("validation_shards", "the configuration needs the field validation_shards"),
        ("crop", "a phase needs the field crop"),
    ],
)
def test_a_field_that_is_missing_is_named(left_out: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    lines = ["video_shards = []", "validation_shards = []", "[[phases]]", 'kind = "video"', "steps = 1"]
    lines += ["batch_size = 1", "crop = 32"]
    path.write_text("\n".join(lines))
    assert read_train_config(path).image_shards == ()
    path.write_text("\n".join(line for line in lines if not line.startswith(left_out)))
    with pytest.raises(ValueError, match=rf"run\.toml: {message}$"):
        read_train_config(path)


def test_a_perceptual_term_without_its_features_is_refused_at_the_start() -> None:
    plain = Phase("video", steps=1, batch_size=1, crop=32, num_frames=5)
    later = replace(plain, loss=LossWeights(perceptual=0.1))
    with pytest.raises(ValueError, match="perceptual_weights"):
        TrainConfig(MGV_S, ("v",), (), (plain, later))
    assert TrainConfig(MGV_S, ("v",), (), (plain, later), perceptual_weights="features.npz")


def test_outer_values_and_parts_are_read(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    text = (
        "video_shards = []\nvalidation_shards = []\n[[outer_values]]\ndimension = 5\nlow = [-20, -9]\n[[phases]]\n"
        'kind = "video"\nsteps = 1\nbatch_size = 1\ncrop = 32\nparts = ["decoder.outer_in"]\n'
    )
    path.write_text(text)
    config = read_train_config(path)
    assert config.outer_values == (OuterValues(5, low=(-20, -9)),)
    assert not config.phases[0].trains_encoder
    for broken, message in (
        (text.replace("dimension = 5", ""), "outer_values needs the field dimension"),
        (text.replace("low", "least"), "unknown field least in outer_values"),
        (text.replace("decoder.outer_in", "coder"), "expected encoder, decoder, both, or layers"),
    ):
        path.write_text(broken)
        with pytest.raises(ValueError, match=message):
            read_train_config(path)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_configs_that_come_along_are_valid(path: Path) -> None:
    config = read_train_config(path)
    assert config.video_shards
    for phase in config.phases:
        assert phase.crop % 8 == 0
        assert phase.num_frames % 4 == 1
