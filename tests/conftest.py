"""Shared fixtures: a tiny untrained tokenizer that reconstructs, and synthetic clips."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

settings.register_profile("mgv", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mgv")  # how long an example takes says what else the machine does, not what mgv does

TIME_BASE = Fraction(1, 600)
TICK = 24

ClipMaker = Callable[..., Path]


def moving_picture(index: int, width: int, height: int) -> NDArray[np.uint8]:
    """A smooth picture that drifts with `index`, uint8 `[height, width, 3]`."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = [np.sin((x + 2 * index) / 17 + k) + np.cos((y - index) / 13 + 2 * k) for k in range(3)]
    return np.clip(np.stack(waves, axis=-1) * 50 + 120, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an untrained `mgv-s` of 20 bits a token, whose linear shortcut is a closed-form KLT."""
    import torch

    from mgv.tokenizer.config import MgvSNetwork, TokenizerConfig
    from mgv.tokenizer.klt import model_klt
    from mgv.tokenizer.mgv_s import set_linear_transform
    from mgv.tokenizer.model import Tokenizer
    from mgv.tokenizer.weights import save_tokenizer

    config = TokenizerConfig(
        name="tiny",
        kind="mgv-s",
        strides=(4, 8, 8),
        dimension_bits=(6, 4, 4, 3, 3),
        plane_dimensions=(0, 0, 0, 1, 2, 1, 2, 0, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4),
        bit_depths=(5, 10, 20),
        network=MgvSNetwork(8, 8, 1, 8, 1, 8, 1),
    )
    torch.manual_seed(0)
    tokenizer = Tokenizer(config)
    transform = model_klt(config.strides, len(config.dimension_bits))
    steps = np.sqrt(transform.variance) * 4 / 2.0 ** np.array(config.dimension_bits)
    set_linear_transform(tokenizer.encoder, tokenizer.decoder, transform, steps)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_tokenizer(tokenizer, folder, {})
    return folder


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let torch use one thread, for many small decodings: there more cost more than they bring."""
    import torch

    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(num_threads)


@pytest.fixture
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a segment have 33 frames, so that short clips have several."""
    monkeypatch.setattr("mgv.codec.segmenter.DEFAULT_SEGMENT_FRAMES", 33)


@pytest.fixture
def make_clip(tmp_path: Path) -> ClipMaker:
    """Make a lossless test clip: FFV1 in Matroska, or what the name says, with AAC audio if asked for."""

    def make(
        name: str = "clip.mkv",
        *,
        num_frames: int = 12,
        size: tuple[int, int] = (64, 48),
        pts: list[int] | None = None,
        with_audio: bool = False,
    ) -> Path:
        path = tmp_path / name
        width, height = size
        with av.open(path, "w") as container:
            if path.suffix == ".mkv":
                video = container.add_stream("ffv1", rate=25, width=width, height=height, pix_fmt="bgr0")
            else:
                video = container.add_stream(
                    "libx264", rate=25, width=width, height=height, pix_fmt="yuv444p"
                )
                video.options = {"crf": "4", "preset": "veryfast"}
            video.codec_context.time_base = TIME_BASE
            audio = container.add_stream("aac", rate=16000, layout="mono") if with_audio else None
            for index in range(num_frames):
                frame = av.VideoFrame.from_ndarray(moving_picture(index, width, height), format="rgb24")
                frame.pts = TICK * index if pts is None else pts[index]
                frame.time_base = TIME_BASE
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
            if audio is not None:
                num_samples = 16000 * num_frames // 25
                tone = (np.sin(np.arange(num_samples) / 20) * 8000).astype(np.int16)[None]
                sound = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
                sound.sample_rate, sound.pts = 16000, 0
                container.mux(audio.encode(sound))
                container.mux(audio.encode(None))
        return path

    return make
