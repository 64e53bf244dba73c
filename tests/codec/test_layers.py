"""Quality layers of whole files: `thin` and early stops give the same, and cost what the layer table says."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mgv
from mgv.codec import layer_stream
from mgv.container import AudioPacket, CorruptError, Layer, Reader, TimedSegment, Writer, thin

pytestmark = pytest.mark.usefixtures("one_thread", "short_segments")
ClipMaker = Callable[..., Path]
ROW_BYTES = 12
"""Of one layer in the table of a segment."""


@pytest.fixture(params=["raw", "zstd", "adaptive"])
def coded(request: pytest.FixtureRequest, make_clip: ClipMaker, tiny_model: Path, tmp_path: Path) -> bytes:
    """A file of two segments with uneven times, audio and a title."""
    pts = np.cumsum(np.random.default_rng(5).integers(10, 40, 40)).tolist()
    clip, path = make_clip("clip.mp4", num_frames=40, pts=pts, with_audio=True), tmp_path / "coded.mgv"
    mgv.encode(clip, path, model=tiny_model, coder=request.param)
    return path.read_bytes()


def thinned(data: bytes, num_layers: int) -> bytes:
    out = io.BytesIO()
    thin(io.BytesIO(data), out, num_layers)
    return out.getvalue()


def decoded(data: bytes, model: Path, **options: object) -> bytes:
    """Give the frames as y4m."""
    out = io.BytesIO()
    mgv.decode(io.BytesIO(data), out, model=model, **options)
    return out.getvalue()


def test_every_prefix_decodes_and_costs_what_the_table_says(coded: bytes, tiny_model: Path) -> None:
    events = list(Reader(io.BytesIO(coded)).events())
    segments = [event.segment for event in events if isinstance(event, TimedSegment)]
    num_layers = len(segments[0].layers)
    assert (len(segments), num_layers) == (2, 3)
    for kept in range(1, num_layers + 1):
        part = thinned(coded, kept)
        dropped = [len(layer.payload) for segment in segments for layer in segment.layers[kept:]]
        table_bytes = ROW_BYTES * len(dropped)
        head_bytes = num_layers - kept
        assert len(coded) - len(part) == sum(dropped) + table_bytes + head_bytes
        assert decoded(part, tiny_model) == decoded(coded, tiny_model, layers=kept)
    assert thinned(coded, num_layers) == coded


def test_thinning_keeps_everything_else(coded: bytes) -> None:
    before, after = Reader(io.BytesIO(coded)), Reader(io.BytesIO(thinned(coded, 1)))
    assert after.header == replace(before.header, bit_depths=before.header.bit_depths[:1])
    assert (after.metadata, after.audio_headers) == (before.metadata, before.audio_headers)
    for one, other in zip(before.events(), after.events(), strict=True):
        if isinstance(one, AudioPacket):
            assert one == other
            continue
        assert isinstance(other, TimedSegment)
        assert other.timing == one.timing
        assert other.segment == replace(one.segment, layers=one.segment.layers[:1])
    assert any(isinstance(event, AudioPacket) for event in before.events())


@pytest.mark.parametrize("coded", ["adaptive"], indirect=True)
def test_an_early_stop_does_not_decode_finer_layers(
    coded: bytes, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The finer layers hold bytes that no coder wrote, with checksums that fit."""
    reader, out = Reader(io.BytesIO(coded)), io.BytesIO()
    with Writer(out) as writer:
        writer.write_header(reader.header)
        for event in reader.events():
            if isinstance(event, TimedSegment):
                first, *finer = event.segment.layers
                fakes = [Layer.from_payload(bytes(len(layer.payload)), 0) for layer in finer]
                writer.write_segment(replace(event.segment, layers=(first, *fakes)), event.timing)
    num_checked = []
    whole = layer_stream.layer_crc
    monkeypatch.setattr(layer_stream, "layer_crc", lambda *a, **k: num_checked.append(1) or whole(*a, **k))
    for data in (out.getvalue(), coded):
        assert mgv.decode(io.BytesIO(data), io.BytesIO(), model=tiny_model, layers=1).num_frames == 40
    assert len(num_checked) == 4  # one layer of each segment, of each file
    with pytest.raises(CorruptError):
        mgv.decode(io.BytesIO(out.getvalue()), io.BytesIO(), model=tiny_model, layers=2)
