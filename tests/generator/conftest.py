"""Small files of random tokens, made without a picture, and what is read back of the files made of them."""

import io
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from fakes import CopyingFiller

from mgv.codec import SegmentTokens, TokenEdit, TokenFile, edit_tokens, new_header, write_tokens
from mgv.codec.models import open_coder
from mgv.container import AudioHeader, AudioPacket, verify
from mgv.generator.painter import Painter
from mgv.generator.window import Sampling
from mgv.tokenizer import Tokenizer, load_tokenizer

SIZE = (62, 45)
"""8 x 6 tokens, the last column and row of which hold padding."""
AUDIO = AudioHeader(0, "aac", b"", 16000, "mono", Fraction(1, 16000))
Edit = Callable[[TokenFile, Painter], TokenEdit]


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
        size: tuple[int, int] = SIZE,
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
