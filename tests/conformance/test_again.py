"""What a golden file was made of, made again: encoders give the same bytes, tools the same files, any thread count."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conformance.recipes.expected import skip_other_zstd, tokens_sha256
from conformance.recipes.golden import CODERS, read_tokens

import mgv
from mgv.codec.layer_stream import encode_layers
from mgv.codec.models import open_coder_of, open_tokenizer_of
from mgv.codec.token_stream import SegmentTokens
from mgv.container import Reader, TimedSegment, repair, thin

GOLDEN = Path(__file__).parent / "golden"
TokensOf = Callable[[Path], list[SegmentTokens]]
Facts = dict[str, dict[str, Any]]


def test_the_coders_give_the_same_bytes(
    golden: Path, expected: Facts, model: Path, tokens_of: TokensOf
) -> None:
    if expected[golden.stem]["coder"] == "zstd":
        skip_other_zstd(expected[golden.stem])
    reader = Reader(io.BytesIO(golden.read_bytes()))
    segments = [event.segment for event in reader.events() if isinstance(event, TimedSegment)]
    coder = open_coder_of(reader.header, open_tokenizer_of(reader.header, model))
    for segment, tokens in zip(segments, tokens_of(golden), strict=True):
        depths = reader.header.bit_depths[: len(segment.layers)]
        assert encode_layers(tokens, coder, depths) == segment


def test_the_writer_gives_the_same_file(golden: Path, expected: Facts) -> None:
    """`repair` reads a file through and writes it anew."""
    if golden.stem in ("unknown-chunks-raw", "newer-minor-zstd"):
        return  # which a tool may not copy as they are
    skip_other_zstd(expected[golden.stem])
    again = io.BytesIO()
    repair(io.BytesIO(golden.read_bytes()), again)
    assert again.getvalue() == golden.read_bytes()


@pytest.mark.parametrize("coder", CODERS)
def test_thin_gives_the_same_file(coder: str) -> None:
    again = io.BytesIO()
    thin(io.BytesIO((GOLDEN / f"moving-{coder}.mgv").read_bytes()), again, 2)
    assert again.getvalue() == (GOLDEN / f"thinned-{coder}.mgv").read_bytes()


def test_a_tool_keeps_of_unknown_chunks_what_it_may() -> None:
    again = io.BytesIO()
    repair(io.BytesIO((GOLDEN / "unknown-chunks-raw.mgv").read_bytes()), again)
    reader = Reader(io.BytesIO(again.getvalue()))
    list(reader.events())
    kinds = set(reader.bytes_by_chunk)
    assert {"xyza", "q0 z"} <= kinds
    assert not kinds & {"xyzA", "qrst"}


def test_a_tool_writes_the_version_that_it_knows(model: Path, tokens_of: TokensOf) -> None:
    again = io.BytesIO()
    repair(io.BytesIO((GOLDEN / "newer-minor-zstd.mgv").read_bytes()), again)
    assert Reader(io.BytesIO(again.getvalue())).header.version == (1, 0)
    for found, tokens in zip(
        read_tokens(again.getvalue(), model), tokens_of(GOLDEN / "newer-minor-zstd.mgv"), strict=True
    ):
        np.testing.assert_array_equal(found.ids, tokens.ids)


@pytest.mark.parametrize("coder", CODERS)
def test_the_number_of_threads_does_not_matter(coder: str, expected: Facts, model: Path) -> None:
    path = GOLDEN / f"moving-{coder}.mgv"
    found = set()
    pictures = []
    for number in (1, 2):
        torch.set_num_threads(number)
        segments = read_tokens(path.read_bytes(), model)
        found.add(tokens_sha256((tokens.ids, tokens.bit_depth) for tokens in segments))
        with mgv.open(path, model=model) as video:
            pictures.append(np.stack([frame.rgb for frame in video.frames()]).astype(int))
    assert found == {expected[path.stem]["tokens_sha256"]}
    assert np.abs(pictures[0] - pictures[1]).max() <= 1
