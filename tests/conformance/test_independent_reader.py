"""A reader of under 150 lines, written from FORMAT.md without mgv, finds in golden files what mgv's reader finds."""

import ast
import io
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conformance.independent_reader import TABLES, read

from mgv.codec.token_stream import SegmentTokens
from mgv.container import AudioHeader, AudioPacket, Header, OtherChunk, Reader, TimedSegment, layout

HERE = Path(__file__).parent
SOURCE = (HERE / "independent_reader.py").read_text("utf-8")
TokensOf = Callable[[Path], list[SegmentTokens]]


def of_type(chunks: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [chunk for chunk in chunks if chunk["type"] == kind]


def plain(value: Any) -> Any:
    """Give a field of mgv's as the independent reader has it."""
    if isinstance(value, tuple):
        return list(value)
    return (
        value.as_integer_ratio()
        if hasattr(value, "as_integer_ratio") and not isinstance(value, int)
        else value
    )


def test_it_is_short_and_knows_nothing_of_mgv() -> None:
    assert len(SOURCE.splitlines()) < 160
    imported: set[str] = set()
    for node in ast.walk(ast.parse(SOURCE)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add((node.module or "").split(".")[0])
    assert imported <= {*sys.stdlib_module_names, "numpy", "zstandard"}
    assert not imported & {"importlib", "runpy"}


def test_head(golden: Path) -> None:
    header: Header = Reader(io.BytesIO(golden.read_bytes())).header
    (head,) = of_type(read(golden.read_bytes()), "HEAD")
    own = {name: plain(value) for name, value in vars(header).items() if name in head}
    assert {name: head[name] for name in own} == own
    assert (head["major"], head["minor"]) == header.version
    assert (head["stride_frames"], head["stride_rows"], head["stride_columns"]) == header.strides
    colour = header.colour
    assert [head[name] for name in ("primaries", "transfer", "matrix", "full_range")] == [
        *(colour.primaries, colour.transfer, colour.matrix, colour.full_range)
    ]
    assert head["num_layers"] == len(header.bit_depths)
    told = {"major", "minor", "stride_frames", "stride_rows", "stride_columns", "num_layers"}
    told |= {"primaries", "transfer", "matrix", "full_range", "extension"}
    assert own.keys() | told | {"type", "flags", "offset"} == head.keys()
    assert bool(head["extension"]) == (header.version[1] > 0)


def test_metadata_and_audio_headers(golden: Path) -> None:
    reader = Reader(io.BytesIO(golden.read_bytes()))
    chunks = read(golden.read_bytes())
    assert [chunk["metadata"] for chunk in of_type(chunks, "META")] == (
        [reader.metadata] if reader.metadata else []
    )
    found = of_type(chunks, "AHDR")
    names = list(AudioHeader.__dataclass_fields__)
    assert [[chunk[name] for name in names] for chunk in found] == [
        [plain(getattr(header, name)) for name in names] for header in reader.audio_headers
    ]
    assert all({*names, "extension", "type", "flags", "offset"} == chunk.keys() for chunk in found)


def test_segments_and_times(golden: Path) -> None:
    reader = Reader(io.BytesIO(golden.read_bytes()))
    chunks = read(golden.read_bytes())
    events = [event for event in reader.events() if isinstance(event, TimedSegment)]
    for position, event in zip(
        (number for number, chunk in enumerate(chunks) if chunk["type"] == "SEGM"), events, strict=True
    ):
        chunk, segment, timing = chunks[position], event.segment, event.timing
        assert (chunk["first_frame"], chunk["num_frames"]) == (segment.first_frame, segment.num_frames)
        assert chunk["times"] == [*timing.pts, timing.pts[-1] + timing.last_duration]
        assert chunk["pts"] == timing.pts[0]
        views = timing.views or ((0, 0, 0, 0),) * (len(timing.pts) if timing.motion else 0)
        assert chunk["frame_views"] == [list(view) for view in views]
        assert chunk["motion"] == timing.motion
        assert bool(chunk["has_time"]) == (not timing.is_nominal(reader.header.tick))
        assert chunks[position - chunk["has_time"]]["offset"] == event.offset_bytes
        shape = chunk["latent_frames"], chunk["latent_rows"], chunk["latent_columns"]
        assert shape == segment.latent_shape
        assert chunk["num_layers"] == len(segment.layers)
        assert [list(row.values()) for row in chunk["layers"]] == [
            [len(layer.payload), layer.coded_crc, layer.decoded_crc] for layer in segment.layers
        ]
        assert chunk["layer_payloads"] == b"".join(layer.payload for layer in segment.layers)
        if chunk["has_time"]:
            time = chunks[position - 1]
            assert [time["first_frame"], time["num_frames"]] == [segment.first_frame, segment.num_frames]
            assert time["durations"] == np.diff(chunk["times"]).tolist()


def test_tokens_of_raw_and_zstd(golden: Path, tokens_of: TokensOf) -> None:
    chunks = read(golden.read_bytes())
    found = [chunk["tokens"] for chunk in of_type(chunks, "SEGM")]
    if chunks[0]["coder"] > 1:
        assert set(map(type, found)) == {type(None)}
        return
    for ids, tokens in zip(found, tokens_of(golden), strict=True):
        np.testing.assert_array_equal(ids, tokens.ids)


def test_audio_packets(golden: Path) -> None:
    reader = Reader(io.BytesIO(golden.read_bytes()))
    packets = [event for event in reader.events() if isinstance(event, AudioPacket)]
    rows = [row for chunk in of_type(read(golden.read_bytes()), "APKT") for row in chunk["rows"]]
    assert [
        AudioPacket(
            row["stream"],
            row.get("pts"),
            row.get("dts"),
            row["duration"],
            bool(row["flags"] & 1),
            row["data"],
        )
        for row in rows
    ] == packets


def test_index_and_end(golden: Path) -> None:
    reader = Reader(io.BytesIO(golden.read_bytes()))
    list(reader.events())
    *_, index, end = (chunk for chunk in read(golden.read_bytes()) if chunk["type"] in ("INDX", "END "))
    assert index["entries"] == [vars(entry) for entry in reader.index().entries]
    assert index["num_segments"] == len(reader.index().entries)
    assert index["num_frames"] == end["num_frames"] == reader.num_frames
    assert end["index_offset"] == index["offset"]


def test_unknown_chunks(golden: Path) -> None:
    reader = Reader(io.BytesIO(golden.read_bytes()))
    others = [item for item in reader.items() if isinstance(item, OtherChunk)]
    found = [chunk for chunk in read(golden.read_bytes()) if chunk["type"] not in TABLES]
    assert [OtherChunk(chunk["type"].encode(), chunk["flags"], chunk["payload"]) for chunk in found] == others


def test_it_knows_every_field_of_the_layout() -> None:
    grammars = {"SEGM row": layout.LAYER_ROW, "APKT row": layout.PACKET_ROW, "INDX row": layout.INDEX_ROW}
    for name in ("HEAD", "AHDR", "SEGM", "APKT", "INDX"):
        grammars[name] = getattr(layout, f"{name}_PAYLOAD")
    grammars |= {"TIME": layout.TIME_CONTENT, "END ": layout.END_PAYLOAD}
    for name, grammar in grammars.items():
        assert [field.split()[0] for field in TABLES[name].split(",")] == [
            part.name for part in grammar.subcons
        ]
    assert TABLES.keys() == grammars.keys() | {"META"}


@pytest.mark.parametrize(
    "name",
    [
        *("other-signature", "major-version-2", "unknown-critical-chunk", "head-flags-unknown"),
        *("head-extension-in-known-minor", "segment-flags-unknown", "raw-padding-not-zero", "no-end"),
        *("decoded-crc-wrong", "time-missing", "time-without-segment", "segment-table-crc-wrong"),
    ],
)
def test_it_refuses_what_the_document_says_it_must(name: str) -> None:
    with pytest.raises(AssertionError):
        read((HERE / "faulty" / f"{name}.mgv").read_bytes())


def test_it_reads_no_file_in_which_a_bit_is_wrong() -> None:
    """So that agreeing with mgv means that it looked at every byte."""
    data = (HERE / "golden" / "still-raw.mgv").read_bytes()
    for place, bit in zip(range(len(data)), count(), strict=False):
        damaged = bytearray(data)
        damaged[place] ^= 1 << bit % 8
        with pytest.raises((AssertionError, ValueError)):
            read(bytes(damaged))
