"""Tokens of an `.mgv` as a `.npz` that numpy reads, and back: `mgv tokens`."""

import json
import os
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..container import Colour, FormatError, Header, Reader, TimedSegment, Timing, View, Writer
from .files import open_input
from .layer_stream import decode_layers, encode_layers
from .models import ModelName, open_coder, open_coder_of, open_tokenizer_of
from .motion import num_groups, pack_motion, unpack_motion
from .output import atomic_output
from .token_stream import SegmentTokens

PathName = str | os.PathLike[str]

_BROKEN = (
    ValueError,
    OSError,
    EOFError,
    RuntimeError,
    SyntaxError,
    TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What comes of reading archives that are none, or damaged ones."""


@dataclass(frozen=True)
class TokensReport:
    """What was copied."""

    num_segments: int
    num_frames: int
    warnings: tuple[str, ...] = ()


def export_tokens(
    source: PathName, target: PathName, *, model: ModelName | None = None, force: bool = False
) -> TokensReport:
    """Write the tokens of an `.mgv` to a `.npz`, holding one segment at a time. Inverse: `import_tokens`.

    The `.npz` holds `header` (a JSON text), and for segment number n `ids_n` (int64 `[t, h, w]`),
    `bit_depth_n`, `pts_n` (int64, one a frame, and one more: the end of the last frame) and, where the encoder followed
    the camera, `views_n` (int64 `[frames, 4]`, as FORMAT.md has them), and where it aligned what moves, `motion_n`
    (int16 `[groups, rows, columns, 2]`, see `Video.motion`).

    Raises:
        MediaError, FormatError: the source is missing, or no whole `.mgv`.
        WeightsError: the tokenizer or coder it was made with is not at hand.
        OutputError: the target exists or cannot be written.
    """
    num_segments = num_frames = 0
    with ExitStack() as stack:
        reader = Reader(stack.enter_context(open_input(source)))
        header = reader.header
        coder = open_coder_of(header, open_tokenizer_of(header, model))
        file = stack.enter_context(atomic_output(target, force=force, source=source))
        archive = stack.enter_context(zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED))
        _put(archive, "header", np.array(json.dumps(_header_to_plain(header))))
        for event in reader.events():
            if not isinstance(event, TimedSegment):
                continue
            tokens = decode_layers(event.segment, event.timing, coder, header, None)
            _put(archive, f"ids_{num_segments}", tokens.ids)
            _put(archive, f"bit_depth_{num_segments}", np.array(tokens.bit_depth))
            _put(archive, f"pts_{num_segments}", _times_to_array(event.timing))
            if tokens.views:
                _put(archive, f"views_{num_segments}", np.array(tokens.views, np.int64))
            if tokens.motion:
                groups = num_groups(len(tokens.pts), header.strides[0])
                _put(archive, f"motion_{num_segments}", unpack_motion(tokens.motion, groups))
            num_segments += 1
            num_frames += event.segment.num_frames
    warnings = ("audio is left behind: a .npz holds tokens only",) if reader.audio_headers else ()
    return TokensReport(num_segments, num_frames, warnings)


def import_tokens(
    source: PathName,
    target: PathName,
    *,
    model: ModelName | None = None,
    coder: str | None = None,
    force: bool = False,
) -> TokensReport:
    """Write the tokens of a `.npz` to an `.mgv`. Inverse: `export_tokens`.

    Raises:
        MediaError: the source is missing.
        FormatError: the source is not what `export_tokens` writes.
        WeightsError: the tokenizer is not at hand.
        OutputError: the target exists or cannot be written.
        OptionError: there is no such coder.
    """
    num_segments = num_frames = 0
    with ExitStack() as stack:
        archive = _open_archive(stack, source)
        header = _header_from_plain(_get(archive, "header"))
        tokenizer = open_tokenizer_of(header, model)
        layer_coder = open_coder(coder, tokenizer)
        header = Header(
            **{**vars(header), "coder": layer_coder.id, "coder_sha256": layer_coder.parameters_sha256},
        )
        writer = Writer(stack.enter_context(atomic_output(target, force=force, source=source)))
        writer.write_header(header)
        for tokens in _read_segments(archive, header.strides[0]):
            _check_tokens(tokens, header)
            depths = header.bit_depths[: header.bit_depths.index(tokens.bit_depth) + 1]
            segment = encode_layers(tokens, layer_coder, depths)
            writer.write_segment(segment, tokens.timing)
            num_segments += 1
            num_frames += len(tokens.pts)
        writer.close()
    return TokensReport(num_segments, num_frames)


_PARTS = "ids", "pts", "bit_depth"
"""Of a segment: the names of its arrays, before its number."""

_VIEWS, _MOTION = "views", "motion"
"""Likewise, of those that not every segment has."""

_ALL_PARTS = (*_PARTS, _VIEWS, _MOTION)


def _read_segments(archive: Any, stride: int) -> Iterator[SegmentTokens]:
    first_frame = number = 0
    while f"ids_{number}" in archive:
        arrays = ids, pts, depth = tuple(_get(archive, f"{part}_{number}") for part in _PARTS)
        are_whole_numbers = all(array.dtype.kind in "iu" for array in arrays)
        if not are_whole_numbers or ids.ndim != 3 or pts.ndim != 1 or len(pts) < 2 or depth.ndim != 0:
            raise FormatError(
                f"segment {number}: expected ids [t, h, w], pts and bit_depth, whole numbers all",
                field=f"ids_{number}",
            )
        times = tuple(int(value) for value in pts)
        views = _read_views(archive, number, len(times) - 1)
        yield SegmentTokens(
            ids.astype(np.int64),
            int(depth),
            first_frame,
            times[:-1],
            times[-1] - times[-2],
            views=views,
            motion=_read_motion(archive, number, num_groups(len(times) - 1, stride)),
        )
        first_frame += len(times) - 1
        number += 1
    read = {f"{part}_{known}" for known in range(number) for part in _ALL_PARTS}
    if number == 0 or any(name.startswith(_ALL_PARTS) and name not in read for name in archive.files):
        raise FormatError(f"segment {number} is missing: there is no ids_{number}", field=f"ids_{number}")


def _read_views(archive: Any, number: int, num_frames: int) -> tuple[View, ...]:
    name = f"{_VIEWS}_{number}"
    if name not in archive:
        return ()
    views = _get(archive, name)
    if views.dtype.kind not in "iu" or views.shape != (num_frames, 4):
        raise FormatError(
            f"segment {number}: expected views [{num_frames}, 4] of whole numbers, one a frame", field=name
        )
    return tuple((int(x), int(y), int(grow), int(twist)) for x, y, grow, twist in views)


def _read_motion(archive: Any, number: int, most_groups: int) -> bytes:
    name = f"{_MOTION}_{number}"
    if name not in archive:
        return b""
    motion = _get(archive, name)
    shape = motion.shape
    if (
        motion.dtype.kind not in "iu"
        or motion.ndim != 4
        or shape[3] != 2
        or 0 in shape
        or shape[0] > most_groups
    ):
        raise FormatError(
            f"segment {number}: expected motion [groups, rows, columns, 2] of whole numbers, "
            f"{most_groups} groups at most",
            field=name,
        )
    try:
        return pack_motion(motion)
    except ValueError as error:
        raise FormatError(f"segment {number}: {error}", field=name) from error


def _check_tokens(tokens: SegmentTokens, header: Header) -> None:
    place = f"segment at frame {tokens.first_frame}"
    if tokens.bit_depth not in header.bit_depths:
        raise FormatError(f"{place}: bit depth is {tokens.bit_depth}, expected one of {header.bit_depths}")
    if tokens.ids.size == 0 or tokens.ids.min() < 0 or int(tokens.ids.max()) >> tokens.bit_depth:
        raise FormatError(f"{place}: expected token ids of {tokens.bit_depth} bits")


def _times_to_array(timing: Timing) -> NDArray[np.int64]:
    return np.array((*timing.pts, timing.pts[-1] + timing.last_duration), np.int64)


def _put(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
        np.lib.format.write_array(entry, array, allow_pickle=False)


def _open_archive(stack: ExitStack, source: PathName) -> Any:
    file = stack.enter_context(open_input(Path(source)))
    try:
        with _quiet():
            archive = np.load(file, allow_pickle=False)
    except _BROKEN as error:
        raise FormatError("is no .npz file") from error
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise FormatError("is no .npz file")
    return stack.enter_context(archive)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what numpy warns of in damaged headers from the user, who is told of the error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _get(archive: Any, name: str) -> NDArray[Any]:
    try:
        with _quiet():
            array: NDArray[Any] = archive[name]
    except (KeyError, MemoryError, *_BROKEN) as error:
        raise FormatError(f"array {name!r} is missing or damaged: {error}", field=name) from error
    return array


def _header_to_plain(header: Header) -> dict[str, Any]:
    plain = asdict(header)
    for name in ("sample_aspect", "time_base"):
        plain[name] = str(plain[name])
    for name in ("tokenizer_sha256", "coder_sha256"):
        plain[name] = plain[name].hex()
    return plain


def _header_from_plain(text: NDArray[Any]) -> Header:
    try:
        plain = json.loads(str(text))
        plain["colour"] = Colour(**plain["colour"])
        for name in ("sample_aspect", "time_base"):
            plain[name] = Fraction(*map(int, plain[name].split("/")))
        for name in ("tokenizer_sha256", "coder_sha256"):
            plain[name] = bytes.fromhex(plain[name])
        for name in ("strides", "bit_depths", "version"):
            plain[name] = tuple(plain[name])
        return Header(**plain)
    except FormatError:
        raise
    except (ValueError, TypeError, KeyError, ZeroDivisionError, AttributeError, RecursionError) as error:
        raise FormatError(
            f"the header of the .npz is not what `mgv tokens` writes: {error}", field="header"
        ) from error
