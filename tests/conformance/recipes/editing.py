"""Changes to a golden file that leave all else in it right: fields of a payload, chunks in and out."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import zstandard
from construct import Construct

from mgv.container import layout

from .chunks import Chunk, join, reindex, split

Make = Callable[[Path], bytes]
Edit = Callable[[list[Chunk]], Sequence[Chunk]]
Recipe = tuple[str, str, str, Make]
"""Of a faulty file: its defect, the class of its error, words of the message, and what makes it of golden files."""


def plain(golden: Path) -> list[Chunk]:
    """HEAD, three SEGM (layers 3, 1, 2), INDX, END."""
    return split((golden / "fewer-layers-raw.mgv").read_bytes())


def rich(golden: Path) -> list[Chunk]:
    """HEAD, META, two AHDR, SEGM, APKT, TIME, SEGM, APKT, TIME, SEGM, APKT, INDX, END."""
    return split((golden / "uneven-times-raw.mgv").read_bytes())


def with_chunks(
    edit: Edit, base: Callable[[Path], list[Chunk]] = plain, *, is_reindexed: bool = True
) -> Make:
    """Make a file of the chunks that `edit` gives."""

    def make(golden: Path) -> bytes:
        chunks = edit(base(golden))
        return join(reindex(chunks) if is_reindexed else chunks)

    return make


def with_payload(
    position: int,
    edit: Callable[[bytes], bytes],
    base: Callable[[Path], list[Chunk]] = plain,
    *,
    is_reindexed: bool = True,
) -> Make:
    """Make a file in which one chunk has another payload."""

    def replace(chunks: list[Chunk]) -> list[Chunk]:
        chunks[position] = chunks[position]._replace(payload=edit(chunks[position].payload))
        return chunks

    return with_chunks(replace, base, is_reindexed=is_reindexed)


def edit_fields(grammar: Construct, payload: bytes, changes: dict[str, Any]) -> bytes:
    """Give fields other values; a name `list.0.field` is that of a row."""
    fields = grammar.parse(payload)
    for path, value in changes.items():
        *owners, name = path.split(".")
        target = fields
        for owner in owners:
            target = target[int(owner) if owner.isdigit() else owner]
        if name not in target:
            raise KeyError(f"{grammar} has no field {path}")
        target[name] = value
    return bytes(grammar.build(fields))


def head(**changes: Any) -> Make:
    """Make a file with other fields in HEAD; `sample_aspect=(4, 6)` stands for a fraction."""
    fractions = {
        name: {"numerator": value[0], "denominator": value[1]}
        for name, value in changes.items()
        if name in ("sample_aspect", "time_base")
    }
    return with_payload(0, lambda payload: edit_fields(layout.HEAD_PAYLOAD, payload, changes | fractions))


def segment(position: int = 1, **changes: Any) -> Make:
    """Make a file with other fields in a SEGM; its `table_crc` is made anew."""
    return with_payload(position, lambda payload: edit_segment(payload, changes))


def edit_segment(payload: bytes, changes: dict[str, Any]) -> bytes:
    """Give fields of a SEGM other values, and make `table_crc` anew."""
    return seal_table(edit_fields(layout.SEGM_PAYLOAD, payload, changes), changes)


def seal_table(payload: bytes, changes: dict[str, Any]) -> bytes:
    """Make `table_crc` anew, unless it is itself among the changes."""
    if "table_crc" in changes:
        return payload
    fields = layout.SEGM_PAYLOAD.parse(payload)
    fields.table_crc = crc32(payload[: layout.segment_table_bytes(fields.num_layers)])
    return bytes(layout.SEGM_PAYLOAD.build(fields))


def zstd(data: bytes, **options: Any) -> bytes:
    """Make a zstd frame."""
    return zstandard.ZstdCompressor(**options).compress(data)


def unzstd(frame: bytes) -> bytes:
    """Unpack a zstd frame; inverse: `zstd`."""
    return zstandard.ZstdDecompressor().decompress(frame)
