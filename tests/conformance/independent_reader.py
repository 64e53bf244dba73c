"""Reads sound `.mgv` files, and the tokens of the coders `raw` and `zstd`; written from FORMAT.md alone."""

import json
import struct
import zlib
from collections.abc import Iterator
from itertools import accumulate
from math import gcd
from typing import Any

import numpy as np
import zstandard

Fields = dict[str, Any]
SIGNATURE = bytes.fromhex("89 4D 47 56 0D 0A 1A 0A")
NUMBERS = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q", "i64": "<q"}
TABLES = {
    "HEAD": """major u8, minor u8, width u32, height u32, coded_width u32, coded_height u32, sample_aspect fraction,
        rotation_degrees u16, primaries u8, transfer u8, matrix u8, full_range u8, time_base fraction, tick u32,
        start_pts i64, tokenizer text, tokenizer_sha256 hash, stride_frames u8, stride_rows u8, stride_columns u8,
        bits_per_token u8, num_layers u8, bit_depths u8[num_layers], coder u8, coder_sha256 hash,
        segment_frames u32, software text, extension rest""",
    "AHDR": """stream u8, codec text, extradata blob, sample_rate u32, channel_layout text, time_base fraction,
        bit_rate u64, frame_size u32, block_align u32, initial_padding u32, sample_format text, language text,
        extension rest""",
    "TIME": "first_frame u32, num_frames u32, durations u64[num_frames], views rest",
    "SEGM": """first_frame u32, num_frames u32, pts i64, has_time u8, latent_frames u16, latent_rows u16,
        latent_columns u16, num_layers u8, layers row[num_layers], table_crc u32, layer_payloads rest""",
    "SEGM row": "coded_bytes u32, coded_crc u32, decoded_crc u32",
    "META": "content rest",
    "APKT": "table blob, packets rest",
    "APKT row": "stream u8, flags u8, pts_step i64, dts_step i64, duration u64, num_bytes u32",
    "INDX": "num_frames u32, num_segments u32, entries row[num_segments], rest rest",
    "INDX row": "first_frame u32, pts i64, offset_bytes u64",
    "END ": "index_offset u64, num_frames u32, rest rest",
}


class Cursor:
    """Takes fields off the front of some bytes (section 1)."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def take(self, num_bytes: int) -> bytes:
        found = self.data[self.place : self.place + num_bytes]
        assert len(found) == num_bytes, "bytes are missing"
        self.place += num_bytes
        return found

    def one(self, kind: str) -> Any:
        if kind in NUMBERS:
            return struct.unpack(NUMBERS[kind], self.take(struct.calcsize(NUMBERS[kind])))[0]
        if kind == "fraction":
            numerator, denominator = self.one("u32"), self.one("u32")
            assert gcd(numerator, denominator) == 1 <= min(numerator, denominator), "not in lowest terms"
            return numerator, denominator
        if kind == "text":
            return self.take(self.one("u8")).decode("utf-8")
        if kind == "blob":
            return self.take(self.one("u32"))
        return self.take({"hash": 32, "rest": len(self.data) - self.place}[kind])

    def fields(self, table: str) -> Fields:
        found: Fields = {}
        for name, kind in (line.split() for line in TABLES[table].split(",")):
            item, _, count = kind.rstrip("]").partition("[")
            row = f"{table} row" if item == "row" else ""
            items = [self.fields(row) if row else self.one(item) for _ in range(found[count] if count else 1)]
            found[name] = items if count else items[0]
        assert not found.get("rest"), "bytes after the last field"
        return found


def chunks_of(data: bytes) -> Iterator[tuple[Fields, bytes]]:  # section 2
    cursor = Cursor(data)
    assert cursor.take(8) == SIGNATURE, "signature"
    while cursor.place < len(data):
        offset, kind = cursor.place, cursor.take(4).decode("ascii")
        flags, length = cursor.one("u8"), cursor.one("u64")
        assert cursor.one("u32") == zlib.crc32(data[offset : offset + 13]), "header_crc"
        payload = cursor.take(length)
        assert cursor.one("u32") == zlib.crc32(payload), "CRC of the payload"
        assert kind[0].islower() or (flags == 0 and kind in TABLES), "critical chunk of unknown type or flags"
        yield {"type": kind, "flags": flags, "offset": offset}, payload


def unpack(frame: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(frame, allow_extra_data=False)


def read_tokens(head: Fields, segment: Fields) -> np.ndarray | None:  # sections 4, 5.1 and 5.2
    payloads, depths = Cursor(segment["layer_payloads"]), [0, *head["bit_depths"]]
    shape = segment["latent_frames"], segment["latent_rows"], segment["latent_columns"]
    tokens = np.zeros(shape, np.int64)
    for low, high, row in zip(depths, depths[1:], segment["layers"], strict=False):
        coded = payloads.take(row["coded_bytes"])
        assert zlib.crc32(coded) == row["coded_crc"], "coded_crc"
        if head["coder"] <= 1:
            packed = unpack(coded) if head["coder"] == 1 else coded
            assert zlib.crc32(packed) == row["decoded_crc"], "decoded_crc"
            num_bits = (high - low) * tokens.size
            bits = np.unpackbits(np.frombuffer(packed, np.uint8))
            assert (len(packed), bits[num_bits:].any()) == (-(-num_bits // 8), False), "length or padding"
            for bit, plane in enumerate(bits[:num_bits].reshape(-1, *shape), start=low):
                tokens += plane.astype(np.int64) << bit
    assert payloads.place == len(payloads.data), "bytes after the last layer"
    return tokens if head["coder"] <= 1 else None


def read_places(time: Fields) -> tuple[list[list[int]], bytes]:  # sections 3.4.1 and 3.4.2
    content, end = time["views"], 16 * time["num_frames"]
    planes = np.frombuffer(content[:end], np.uint8).astype(np.int64).reshape(4, 4, -1)
    numbers = (planes << np.array([0, 8, 16, 24])[:, None, None]).sum(axis=0)
    views = np.where(numbers % 2, -(numbers + 1) // 2, numbers // 2).cumsum(axis=1).T.tolist()
    return views, content[end:]


def read_packets(fields: Fields) -> Iterator[Fields]:  # section 3.6
    table, data = Cursor(unpack(fields["table"])), Cursor(fields["packets"])
    last: dict[tuple[str, int], int] = {}
    while table.place < len(table.data):
        packet = table.fields("APKT row")
        for flag, name in ((2, "pts"), (4, "dts")):
            key = name, packet["stream"]
            if packet["flags"] & flag:
                last[key] = packet[name] = last.get(key, 0) + packet[f"{name}_step"]
        yield packet | {"data": data.take(packet["num_bytes"])}
    assert data.place == len(data.data), "bytes of packets"


def read(data: bytes) -> list[Fields]:
    """Give each chunk's fields; SEGM has `times`, `frame_views`, `motion`, `tokens`; APKT `rows`, META `metadata`."""
    chunks: list[Fields] = []
    for chunk, payload in chunks_of(data):
        kind = chunk["type"]
        content = unpack(payload) if kind in ("META", "TIME") else payload
        chunk |= Cursor(content).fields(kind) if kind in TABLES else {"payload": payload}
        previous, head = chunks[-1] if chunks else chunk, chunks[0] if chunks else chunk
        assert (head["type"], head["major"]) == ("HEAD", 1), "HEAD of version 1 at the start"
        assert not (head["minor"] == 0 and chunk.get("extension")), "extension in version 1.0"
        has_time = previous["type"] == "TIME"
        assert kind == "SEGM" or not has_time, "TIME without its segment"
        if kind == "META":
            chunk["metadata"] = json.loads(content)
        elif kind == "APKT":
            chunk["rows"] = list(read_packets(chunk))
        elif kind == "SEGM":
            assert zlib.crc32(payload[: 24 + 12 * chunk["num_layers"]]) == chunk["table_crc"], "table_crc"
            assert chunk["has_time"] == has_time, "has_time"
            durations = previous["durations"] if has_time else [head["tick"]] * chunk["num_frames"]
            chunk["frame_views"], chunk["motion"] = read_places(previous) if has_time else ([], b"")
            chunk["times"] = list(accumulate(durations, initial=chunk["pts"]))
            chunk["tokens"] = read_tokens(head, chunk)
        chunks.append(chunk)
    assert chunks[-1]["type"] == "END ", "END at the end"
    return chunks
