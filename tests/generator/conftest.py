"""Files of tokens: tiny videos to learn from, and random tokens to change, with what is read back of the outcome."""

import io
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from fakes import CopyingFiller

import mgv
from mgv.codec import SegmentTokens, TokenEdit, TokenFile, edit_tokens, new_header, write_tokens
from mgv.codec.models import open_coder
from mgv.container import AudioHeader, AudioPacket, verify
from mgv.generator.painter import Painter
from mgv.generator.window import Sampling
from mgv.tokenizer import Tokenizer, load_tokenizer

SMALL_SIZE = (62, 45)
"""8 x 6 tokens, the last column and row of which hold padding."""
AUDIO = AudioHeader(0, "aac", b"", 16000, "mono", Fraction(1, 16000))
Edit = Callable[[TokenFile, Painter], TokenEdit]
NUM_FRAMES = 78
"""One segment of 65 frames and one of 13, 17 and 4 latent frames; or all in one, of 21."""
SIZE = 64, 48
GRID = 6, 8


@pytest.fixture(scope="session")
def tokenizer(tiny_model: Path) -> Tokenizer:
    return load_tokenizer(tiny_model)


@pytest.fixture(scope="session")
def make_file(tokenizer: Tokenizer) -> Callable[..., bytes]:
    """Write segments of random tokens, 9 and 7 frames if nothing else is said: 3 latent frames each."""

    def make(
        lengths: tuple[int, ...] = (9, 7),
        *,
        depths: tuple[int, ...] = (),
        size: tuple[int, int] = SMALL_SIZE,
        metadata: dict[str, object] | None = None,
        distance: int = 3600,
        **changes: object,
    ) -> bytes:
        coder = open_coder("raw", tokenizer)
        header = new_header(tokenizer, coder, size, Fraction(25), 20)
        header = replace(header, segment_frames=9, **changes)
        random = np.random.default_rng(7)
        items: list[object] = []
        first = 0
        for index, length in enumerate(lengths):
            depth = depths[index] if depths else 20
            shape = (1 + -(-(length - 1) // 4), *header.latent_size)
            pts = tuple((first + frame) * distance for frame in range(length))
            items.append(SegmentTokens(random.integers(0, 1 << depth, shape), depth, first, pts, distance))
            items.append((AudioPacket(0, 640 * first, None, 640, True, bytes([index])),))
            first += length
        out = io.BytesIO()
        write_tokens(out, TokenEdit(header, metadata or {}, items, (AUDIO,)), coder)
        return out.getvalue()

    return make


@pytest.fixture
def filler(tokenizer: Tokenizer) -> CopyingFiller:
    return CopyingFiller(tokenizer.sha256, (10, 20))


@pytest.fixture
def make_painter(filler: CopyingFiller) -> Callable[..., Painter]:
    return lambda **options: Painter(filler, Sampling(), **options)


@pytest.fixture
def edited(tokenizer: Tokenizer, make_painter: Callable[..., Painter]) -> Callable[..., bytes]:
    """Make a file of another, and see that it is whole."""

    def run(source: bytes, edit: Edit, painter: Painter | None = None) -> bytes:
        out = io.BytesIO()
        used = painter or make_painter()
        edit_tokens(io.BytesIO(source), out, lambda file: edit(file, used), model=tokenizer)
        report = verify(io.BytesIO(out.getvalue()))
        assert report.is_whole
        return out.getvalue()

    return run


@pytest.fixture(scope="session")
def opened(tokenizer: Tokenizer) -> Callable[[bytes], TokenFile]:
    return lambda data: TokenFile(io.BytesIO(data), tokenizer)


@pytest.fixture(scope="session")
def segments_of(opened: Callable[[bytes], TokenFile]) -> Callable[[bytes], list[SegmentTokens]]:
    def read(data: bytes) -> list[SegmentTokens]:
        file = opened(data)
        return [file.tokens(number) for number in range(len(file.segments))]

    return read


@pytest.fixture(scope="session")
def token_folder(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Two files: `still__a.mgv`, where nothing moves, in one segment, and `b.mgv` in a folder below, in two."""
    sources = tmp_path_factory.mktemp("videos")
    folder = tmp_path_factory.mktemp("tokens")
    (folder / "deeper").mkdir()
    for name, speed, segment_frames in (("still__a", 0.0, None), ("deeper/b", 0.7, 65)):
        clip = sources / f"{Path(name).name}.mkv"
        write_clip(clip, speed)
        target = folder / f"{name}.mgv"
        mgv.encode(clip, target, model=tiny_model, coder="raw", segment_frames=segment_frames)
    return folder


def write_clip(path: Path, speed: float) -> None:
    width, height = SIZE
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    with av.open(path, "w") as container:
        video = container.add_stream("ffv1", rate=25, width=width, height=height, pix_fmt="bgr0")
        for index in range(NUM_FRAMES):
            waves = [np.sin((x + speed * index) / 17 + k) + np.cos(y / 13 + 2 * k) for k in range(3)]
            rgb = np.clip(np.stack(waves, axis=-1) * 50 + 120, 0, 255).astype(np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(video.encode(None))
