"""A tiny model over 12-bit tokens, and makers of random windows, text embeddings and audio codes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import mgv
from mgv.generator.prefix_lm.config import SIZES, PrefixConfig
from mgv.generator.prefix_lm.elements import AudioCodes
from mgv.generator.prefix_lm.model import PrefixLM
from mgv.generator.prefix_lm.prompts import Prompts
from mgv.generator.window import TokenWindow

BITS = 12
TEXT_WIDTH = 6


@pytest.fixture(scope="session")
def config() -> PrefixConfig:
    return PrefixConfig(
        **SIZES["tiny"],
        window=(4, 2, 3),
        bit_depths=(5, BITS),
        labels=("cat", "dog"),
        resolutions=((2, 2),),
        text_width=TEXT_WIDTH,
        audio_steps=10,
        guesses=True,
    )


@pytest.fixture(scope="session")
def prompts(config: PrefixConfig) -> Prompts:
    return Prompts(config)


@pytest.fixture(scope="session")
def model(config: PrefixConfig) -> PrefixLM:
    """In float64, so that two ways to compute the same differ by rounding alone; with weights far from uniform."""
    torch.manual_seed(0)
    model = PrefixLM(config).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter *= 4
    return model


@pytest.fixture(scope="session")
def make_window() -> Callable[..., TokenWindow]:
    def make(shape: tuple[int, int, int] = (4, 2, 3), *, seed: int = 0, bit_depth: int = BITS) -> TokenWindow:
        ids = np.random.default_rng(seed).integers(0, 1 << bit_depth, shape)
        return TokenWindow(ids, np.arange(shape[0]) == 0, bit_depth)

    return make


@pytest.fixture(scope="session")
def make_text() -> Callable[..., NDArray[np.float32]]:
    def make(count: int = 3, seed: int = 0) -> NDArray[np.float32]:
        return np.random.default_rng(seed).normal(size=(count, TEXT_WIDTH)).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def make_audio() -> Callable[..., AudioCodes]:
    def make(levels: int = 2, steps: int = 5, seed: int = 0) -> AudioCodes:
        return AudioCodes(np.random.default_rng(seed).integers(0, 1024, (levels, steps)))

    return make


@pytest.fixture
def folder(tmp_path: Path, make_clip: Callable[..., Path], tiny_model: Path, short_segments: None) -> Path:
    """Two files of 11 latent frames, 6 rows and 8 columns; one has a caption."""
    (tmp_path / "data").mkdir()
    for name in ("cat__a", "dog__b"):
        mgv.encode(
            make_clip(f"{name}.mkv", num_frames=37),
            tmp_path / "data" / f"{name}.mgv",
            model=tiny_model,
            coder="zstd",
        )
    (tmp_path / "data" / "labels.json").write_text('{"dog__b.mgv": {"caption": "a dog"}}')
    return tmp_path / "data"
