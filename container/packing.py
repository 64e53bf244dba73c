"""Fields to bytes and back: the payloads of the HEAD, META, AHDR, INDX and END chunks."""

from __future__ import annotations

import json
from fractions import Fraction
from math import gcd
from typing import Any, NoReturn

from construct import Construct, ConstructError, Container

from . import layout
from .compression import compress, decompress
from .errors import CorruptError, VersionError
from .header import FORMAT_VERSION, AudioHeader, Colour, Header
from .limits import MAX_INDEX_ENTRIES, MAX_METADATA_BYTES, MAX_METADATA_DEPTH, check_limit, check_range
from .segment import Index, IndexEntry


def parse(grammar: Construct, payload: bytes, name: str) -> Container:
    """Read the fields of a payload.

    Raises:
        CorruptError: if they do not fit the bytes.
    """
    try:
        return grammar.parse(payload)
    except ConstructError as error:
        detail = str(error).splitlines()[-1]
        raise CorruptError(
            f"the fields of {name} do not fit its {len(payload)} bytes: {detail}", field=name
        ) from None


def parse_row(grammar: Construct, payload: bytes, place: int) -> Container:
    """Read one row of a table that is there as a whole; a row at a time, for parsed rows take much memory."""
    return grammar.parse(payload[place : place + grammar.sizeof()])


def pack_header(header: Header) -> bytes:
    """Make the payload of HEAD; inverse: `unpack_header`.

    Raises:
        VersionError: if `header.version` is not the one this package writes.
    """
    if header.version != FORMAT_VERSION:
        raise VersionError(
            f"version is {header.version}, only {FORMAT_VERSION} can be written", field="version"
        )
    fields = {name: getattr(header, name) for name in vars(header)}
    fields["major"], fields["minor"] = header.version
    fields |= vars(header.colour)
    fields["sample_aspect"] = _pack_fraction(header.sample_aspect)
    fields["time_base"] = _pack_fraction(header.time_base)
    fields["stride_frames"], fields["stride_rows"], fields["stride_columns"] = header.strides
    fields["num_layers"] = len(header.bit_depths)
    fields["extension"] = b""
    return bytes(layout.HEAD_PAYLOAD.build(fields))


def unpack_header(payload: bytes) -> Header:
    """Read the payload of HEAD; inverse: `pack_header`.

    Raises:
        VersionError: if the major version is not ours.
        CorruptError, LimitError: if a field is wrong.
    """
    if payload[:1] not in (b"", bytes(FORMAT_VERSION[:1])):
        raise VersionError(
            f"the file has format version {payload[0]}, this reader knows {FORMAT_VERSION[0]}; update mgv",
            field="major",
        )
    fields = parse(layout.HEAD_PAYLOAD, payload, "HEAD")
    check_extension("HEAD", fields.extension, fields.minor)
    check_range("full_range", fields.full_range, 0, 1)
    return Header(
        width=fields.width,
        height=fields.height,
        coded_width=fields.coded_width,
        coded_height=fields.coded_height,
        sample_aspect=_unpack_fraction("sample_aspect", fields.sample_aspect),
        rotation_degrees=fields.rotation_degrees,
        colour=Colour(fields.primaries, fields.transfer, fields.matrix, bool(fields.full_range)),
        time_base=_unpack_fraction("time_base", fields.time_base),
        tick=fields.tick,
        start_pts=fields.start_pts,
        tokenizer=fields.tokenizer,
        tokenizer_sha256=fields.tokenizer_sha256,
        strides=(fields.stride_frames, fields.stride_rows, fields.stride_columns),
        bits_per_token=fields.bits_per_token,
        bit_depths=tuple(fields.bit_depths),
        coder=fields.coder,
        coder_sha256=fields.coder_sha256,
        segment_frames=fields.segment_frames,
        software=fields.software,
        version=(fields.major, fields.minor),
    )


def pack_audio_header(header: AudioHeader) -> bytes:
    """Make the payload of AHDR; inverse: `unpack_audio_header`."""
    fields = vars(header) | {"time_base": _pack_fraction(header.time_base), "extension": b""}
    return bytes(layout.AHDR_PAYLOAD.build(fields))


def unpack_audio_header(payload: bytes, minor: int) -> AudioHeader:
    """Read the payload of AHDR; inverse: `pack_audio_header`.

    Args:
        payload: the bytes.
        minor: minor version of the file; a newer one than ours may have added fields at the end.

    Raises:
        CorruptError, LimitError: if a field is wrong.
    """
    fields = parse(layout.AHDR_PAYLOAD, payload, "AHDR")
    check_extension("AHDR", fields.extension, minor)
    values = {name: fields[name] for name in AudioHeader.__dataclass_fields__}
    return AudioHeader(**values | {"time_base": _unpack_fraction("time_base", fields.time_base)})


def check_extension(name: str, extension: bytes, minor: int) -> None:
    """Refuse bytes after the last known field, unless a newer minor version may have put them there.

    Raises:
        CorruptError: if they are refused.
    """
    if extension and minor <= FORMAT_VERSION[1]:
        raise CorruptError(f"{name} has {len(extension)} bytes after its last field", field="extension")


def pack_metadata(metadata: dict[str, Any]) -> bytes:
    """Make the payload of META, the same for equal contents; inverse: `unpack_metadata`.

    Raises:
        CorruptError: if it is no dictionary that JSON can hold.
        LimitError: if it is too long or too deep.
    """
    try:
        text = json.dumps(
            metadata, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
        )
        content = text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise CorruptError(f"the metadata cannot be written as JSON: {error}", field="metadata") from None
    check_limit("metadata (bytes)", len(content), MAX_METADATA_BYTES)
    _check_metadata(metadata)
    return compress(content)


def unpack_metadata(payload: bytes) -> dict[str, Any]:
    """Read the payload of META; inverse: `pack_metadata`.

    Raises:
        CorruptError: if it is no compressed JSON object.
        LimitError: if it is too long or too deep.
    """
    content = decompress(payload, "metadata", MAX_METADATA_BYTES)
    try:
        metadata = json.loads(
            content.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_unique_names
        )
        json.dumps(metadata, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise CorruptError(f"the metadata is not valid JSON: {error}", field="metadata") from None
    _check_metadata(metadata)
    return dict(metadata)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members; two readers might each take another one of two with the same name."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name comes twice in an object")
    return members


def _check_metadata(metadata: object) -> None:
    if not isinstance(metadata, dict):
        raise CorruptError("the metadata is no JSON object", field="metadata")
    level: list[object] = [metadata]
    depth = 0
    while level:
        depth += 1
        check_limit("metadata (depth)", depth, MAX_METADATA_DEPTH)
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)  # type: ignore[attr-defined]
            if isinstance(child, dict | list | tuple)
        ]


def pack_index(index: Index) -> bytes:
    """Make the payload of INDX; inverse: `unpack_index`."""
    entries = [vars(entry) for entry in index.entries]
    fields = {"num_frames": index.num_frames, "num_segments": len(entries), "entries": entries, "rest": b""}
    return bytes(layout.INDX_PAYLOAD.build(fields))


def unpack_index(payload: bytes) -> Index:
    """Read the payload of INDX; inverse: `pack_index`.

    Raises:
        CorruptError, LimitError: if a field is wrong.
    """
    fields = parse(layout.INDX_FIXED, payload, "INDX")
    check_limit("segments in the index", fields.num_segments, MAX_INDEX_ENTRIES)
    fixed_bytes, row_bytes = layout.INDX_FIXED.sizeof(), layout.INDEX_ROW.sizeof()
    expected = fixed_bytes + row_bytes * fields.num_segments
    if len(payload) != expected:
        raise CorruptError(
            f"INDX of {fields.num_segments} segments has {len(payload)} bytes, expected {expected}",
            field="entries",
        )
    rows = (parse_row(layout.INDEX_ROW, payload, place) for place in range(fixed_bytes, expected, row_bytes))
    entries = tuple(IndexEntry(row.first_frame, row.pts, row.offset_bytes) for row in rows)
    return Index(entries, fields.num_frames)


def pack_end(index_offset: int, num_frames: int) -> bytes:
    """Make the payload of END; inverse: `unpack_end`."""
    return bytes(
        layout.END_PAYLOAD.build({"index_offset": index_offset, "num_frames": num_frames, "rest": b""})
    )


def unpack_end(payload: bytes) -> tuple[int, int]:
    """Read the payload of END: offset of INDX, and number of frames; inverse: `pack_end`.

    Raises:
        CorruptError: if it has another length.
    """
    fields = parse(layout.END_PAYLOAD, payload, "END")
    if fields.rest:
        raise CorruptError(f"END has {len(fields.rest)} bytes after its last field", field="num_frames")
    return fields.index_offset, fields.num_frames


def _pack_fraction(value: Fraction) -> dict[str, int]:
    return {"numerator": value.numerator, "denominator": value.denominator}


def _unpack_fraction(field: str, parts: Container) -> Fraction:
    if parts.numerator == 0 or parts.denominator == 0 or gcd(parts.numerator, parts.denominator) != 1:
        raise CorruptError(
            f"{field} is {parts.numerator}/{parts.denominator}, expected a positive fraction in lowest terms",
            field=field,
        )
    return Fraction(parts.numerator, parts.denominator)
