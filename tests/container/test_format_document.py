"""FORMAT.md and the code say the same: tables, limits, example; a reader made of the text alone agrees."""

import io
import json
import re
import struct
import zlib
from importlib import resources
from typing import ClassVar

import pytest
import zstandard
from conformance.independent_reader import read as read_independently
from construct import Array, Bytes, GreedyBytes, Renamed, Struct

from mgv.container import CorruptError, Reader, crc32, layout, limits
from mgv.container.chunks import is_safe_to_copy, is_skippable, pack_chunk

TEXT = resources.files("mgv.container").joinpath("FORMAT.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
TABLES = {
    "## 2. The file": [layout.CHUNK_HEADER],
    "### 3.1 HEAD": [layout.HEAD_PAYLOAD],
    "### 3.3 AHDR": [layout.AHDR_PAYLOAD],
    "### 3.4 TIME": [layout.TIME_CONTENT],
    "### 3.5 SEGM": [layout.SEGM_PAYLOAD, layout.LAYER_ROW],
    "### 3.6 APKT": [layout.APKT_PAYLOAD, layout.PACKET_ROW],
    "### 3.7 INDX": [layout.INDX_PAYLOAD, layout.INDEX_ROW],
    "### 3.8 END": [layout.END_PAYLOAD],
}


def section(title):
    level = title.split(" ")[0]
    start = TEXT.index(title + "\n")
    following = re.compile(rf"^#{{2,{len(level)}}} ", re.MULTILINE).search(TEXT, start + len(title))
    return TEXT[start : following.start() if following else len(TEXT)]


def type_name(field):
    """Give what FORMAT.md should call the type of a field of `layout`."""
    inner = field.subcon if isinstance(field, Renamed) else field
    if inner in layout.TYPE_NAMES:
        return layout.TYPE_NAMES[inner]
    if isinstance(inner, Bytes):
        return f"u8[{inner.length}]"
    assert isinstance(inner, Array)
    item = "row" if isinstance(inner.subcon, Struct) else type_name(inner.subcon)
    return f"{item}[{re.findall('[a-z_]+', repr(inner.count))[-1]}]"


def fields_of_layout(title):
    return [(field.name, type_name(field)) for grammar in TABLES[title] for field in grammar.subcons]


def fields_of_document(title):
    own = section(title).split("\n### ")[0] if title == "## 2. The file" else section(title)
    return [(name, kind.strip("` ")) for name, kind, _ in ROW.findall(own)]


@pytest.mark.parametrize("title", TABLES)
def test_tables_have_the_fields_of_layout(title):
    assert fields_of_document(title) == fields_of_layout(title)


def test_types_have_the_sizes_that_the_document_gives_them():
    sizes = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "i64": 8, "fraction": 8, "hash": 32}
    names = {name: grammar for grammar, name in layout.TYPE_NAMES.items()}
    assert {name: names[name].sizeof() for name in sizes} == sizes
    assert set(names) - set(sizes) == {"text", "blob", "rest"}
    assert names["rest"] is GreedyBytes


def test_chunk_types_and_their_limits():
    found = {name.encode(): int(size) for name, _, size in ROW.findall(section("### 2.2 Chunk types"))}
    assert found == limits.MAX_PAYLOAD_BYTES
    constants = {value for value in vars(layout).values() if isinstance(value, bytes)}
    assert {*found, layout.SIGNATURE} == constants
    assert f"at most {limits.MAX_OTHER_PAYLOAD_BYTES} payload bytes" in TEXT


def test_limits_are_those_of_the_code():
    found = {name: int(value) for name, value, _ in ROW.findall(section("## 6. Limits"))}
    constants = {name: value for name, value in vars(limits).items() if re.fullmatch("MAX_[A-Z_]+", name)}
    del constants["MAX_PAYLOAD_BYTES"], constants["MAX_OTHER_PAYLOAD_BYTES"]
    assert found == constants


def test_the_check_value_of_the_crc():
    assert crc32(b"123456789") == 0xCBF43926
    assert "0xCBF43926" in TEXT


def test_the_signature():
    assert f"`{layout.SIGNATURE.hex(' ').upper()}`" in TEXT
    assert "The whole chunk has 33 bytes" in TEXT
    assert layout.END_CHUNK_BYTES == 33


def test_the_case_of_types():
    assert [is_skippable(kind) for kind in (b"SEGM", b"xyza", b"xYZ ")] == [False, True, True]
    assert [is_safe_to_copy(kind) for kind in (b"SEGm", b"xyza", b"xyzA", b"xyz ", b"xyz1")] == [
        False,
        True,
        False,
        False,
        False,
    ]
    for kind in (b"", b"ABC", b"ABCDE", b"1BCD", b" ABC", b"AB-C", b"\xc4BCD"):
        with pytest.raises(CorruptError, match="no chunk type"):
            pack_chunk(kind, b"")


EXAMPLE_ROW = re.compile(r"^\| ([0-9a-f]{4}) \| ([0-9a-f ]+) \| (.+) \| (.*) \|$", re.MULTILINE)


def example_rows():
    """Rows of the worked dump: offset, bytes, field, value."""
    rows = EXAMPLE_ROW.findall(section("## 10. Example"))
    return [(int(offset, 16), bytes.fromhex(found), field, value) for offset, found, field, value in rows]


def example():
    return b"".join(found for _, found, _, _ in example_rows())


def test_the_rows_of_the_example_follow_each_other():
    place = 0
    for offset, found, _, _ in example_rows():
        assert offset == place
        place += len(found)


def test_the_values_of_the_example_are_those_of_its_bytes():
    for _, found, field, value in example_rows():
        first = value.split(",")[0]
        if first.isdigit() or first.startswith("0x"):
            assert int.from_bytes(found, "little") == int(first, 0), field
        elif value.endswith("after its length"):
            text = found[1:].decode()
            assert (f'"{text}"', found[0]) == (first, len(text))
        elif first.startswith('"'):
            assert f'"{found.decode()}"' == first
        else:
            assert field.strip("`") in ("signature", "tokenizer_sha256", "coder_sha256") or "layer " in field
        if ", 0x" in value:
            assert int(value.split(", ")[1], 16) == int(first)


def test_the_example_names_every_field_in_order():
    grammars = layout.HEAD_PAYLOAD, layout.SEGM_PAYLOAD, layout.INDX_PAYLOAD, layout.END_PAYLOAD
    expected = []
    for grammar in grammars:
        expected += [field.name for field in (*layout.CHUNK_HEADER.subcons, *grammar.subcons)]
    expected = [name for name in expected if name not in ("extension", "rest")]
    names = [re.split(r"[.[`]", field.strip("`"))[0] for _, _, field, _ in example_rows()[1:]]
    names = [name for name, following in zip(names, [*names[1:], ""], strict=True) if name != following]
    assert [name for name in names if name != "CRC of the payload"] == expected


def test_the_example_is_what_the_writer_makes(files):
    data = example()
    reader = Reader(io.BytesIO(data))
    (event,) = reader.events()
    assert files.write(lambda writer: writer.write_segment(event.segment), reader.header) == data


def test_the_example_has_the_tokens_that_it_says():
    tokens = [int(word) for word in re.search(r"the\ntokens are (\d+) and (\d+)", TEXT).groups()]
    *_, segment, _, _ = read_independently(example())
    assert segment["tokens"].tolist() == [[[token]] for token in tokens]
    payloads = {pack_bits(tokens, low, high) for low, high in ((0, 2), (2, 4))}
    assert payloads == {
        layer.payload for layer in next(Reader(io.BytesIO(example())).events()).segment.layers
    }
    assert len(payloads) == 2


def pack_bits(tokens, low, high):
    """Section 4.2 word for word; `tokens` in raster order."""
    string = "".join(str(token >> bit & 1) for bit in range(low, high) for token in tokens)
    string += "0" * (-len(string) % 8)
    return bytes(int(string[place : place + 8], 2) for place in range(0, len(string), 8))


def test_the_bit_order_of_the_example_of_layers():
    assert pack_bits([1, 2, 3, 0, 1, 2], 0, 2) == bytes.fromhex("A990")


class Fields:
    """Takes fields off the front of a payload, as section 1 says."""

    SIZES: ClassVar[dict[str, str]] = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q", "i64": "<q"}

    def __init__(self, payload):
        self.payload = payload

    def take(self, num_bytes):
        found, self.payload = self.payload[:num_bytes], self.payload[num_bytes:]
        assert len(found) == num_bytes
        return found

    def one(self, kind, known):
        if kind.endswith("]"):
            inner, count = kind[:-1].split("[")
            return [self.one(inner, known) for _ in range(known[count])]
        if kind == "fraction":
            return self.one("u32", known), self.one("u32", known)
        if kind in ("text", "blob"):
            found = self.take(self.one("u8" if kind == "text" else "u32", known))
            return found.decode() if kind == "text" else found
        if kind in ("hash", "rest"):
            return self.take(32 if kind == "hash" else len(self.payload))
        form = self.SIZES[kind]
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def all(self, fields, row_fields=()):
        known = {}
        for name, kind in fields:
            if kind.startswith("row["):
                known[name] = [Fields.all(self, row_fields) for _ in range(known[kind[4:-1]])]
            else:
                known[name] = self.one(kind, known)
        return known


def unpack(title, payload):
    fields = fields_of_document(title)
    num_own = len(TABLES[title][0].subcons)
    return Fields(payload).all(fields[:num_own], fields[num_own:])


def test_a_reader_made_from_the_document_alone_finds_the_same(files, golden):
    """It takes names and types of fields from the tables of FORMAT.md, and nothing from the package."""
    reader = Reader(io.BytesIO(golden))
    events = list(reader.events())
    chunks = files.split(golden)

    head = unpack("### 3.1 HEAD", chunks[0].payload)
    for name, value in head.items():
        if hasattr(reader.header, name):
            found = getattr(reader.header, name)
            assert (found.as_integer_ratio() if name in ("sample_aspect", "time_base") else found) in (
                value,
                tuple(value) if isinstance(value, list) else value,
            )
    assert (head["stride_frames"], head["stride_rows"], head["stride_columns"]) == reader.header.strides
    assert json.loads(zstandard.decompress(chunks[1].payload)) == reader.metadata
    audio = unpack("### 3.3 AHDR", chunks[2].payload)
    assert audio["extradata"] == reader.audio_headers[0].extradata
    assert audio["language"] == "deu"

    table = unpack("### 3.5 SEGM", chunks[3].payload)
    place = 0
    for row, layer in zip(table["layers"], events[0].segment.layers, strict=True):
        assert table["layer_payloads"][place : place + row["coded_bytes"]] == layer.payload
        assert row["coded_crc"] == zlib.crc32(layer.payload)
        place += row["coded_bytes"]
    assert table["table_crc"] == zlib.crc32(chunks[3].payload[: -4 - place])

    packets = unpack("### 3.6 APKT", chunks[4].payload)
    rows = zstandard.decompress(packets["table"])
    row_fields = fields_of_document("### 3.6 APKT")[2:]
    first = Fields(rows).all(row_fields)
    assert (first["pts_step"], first["flags"], first["num_bytes"]) == (-1024, 7, 5)
    assert packets["packets"] == b"soundsound"

    time = unpack("### 3.4 TIME", zstandard.decompress(chunks[5].payload))
    second = unpack("### 3.5 SEGM", chunks[6].payload)
    assert second["has_time"] == 1
    pts = [second["pts"]]
    for duration in time["durations"][:-1]:
        pts.append(pts[-1] + duration)
    assert (tuple(pts), time["durations"][-1]) == (events[4].timing.pts, events[4].timing.last_duration)

    index = unpack("### 3.7 INDX", chunks[8].payload)
    assert index["entries"] == [vars(entry) for entry in reader.index().entries]
    assert unpack("### 3.8 END", chunks[9].payload) == {
        "index_offset": chunks[8].offset,
        "num_frames": reader.num_frames,
        "rest": b"",
    }
