"""Changing the tokens of an `.mgv`: segments are read as they are or as tokens, and written back either way."""

import math
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from .. import __version__
from ..container import (
    FORMAT_VERSION,
    AudioHeader,
    AudioPacket,
    Colour,
    Header,
    OtherChunk,
    Reader,
    TimedSegment,
    Timing,
    Writer,
)
from ..container.chunks import is_safe_to_copy
from ..container.limits import MAX_SEGMENT_TOKENS, MAX_SIDE_PIXELS
from ..container.source import is_seekable
from ..tokenizer import Tokenizer
from .entropy import LayerCoder
from .files import FileOrPath, open_input
from .layer_stream import decode_layers, encode_layers
from .models import ModelName, open_coder_of, open_tokenizer_of
from .options import OptionError
from .output import open_output
from .segmenter import longest_segment
from .timing import nominal_tick
from .token_stream import SegmentTokens

TIME_BASE_OF_NEW = Fraction(1, 90000)
"""Of files that are made of nothing: holds every usual frame rate."""


@dataclass(frozen=True)
class StoredSegment:
    """A segment as it is in a file, not decoded."""

    number: int
    """From 0."""

    timed: TimedSegment


Item = StoredSegment | SegmentTokens | tuple[AudioPacket, ...] | OtherChunk
"""What a body holds: segments, stored or new, and what stands between them."""


@dataclass(frozen=True)
class SegmentSpan:
    """Which frames a segment holds."""

    first_frame: int
    num_frames: int


class TokenFile:
    """An open `.mgv` that can seek: its facts, its contents in order, and the tokens of any segment."""

    def __init__(self, file: BinaryIO, model: ModelName | None = None) -> None:
        """Read the header and the index, and open the models that the file needs.

        Raises:
            FormatError: it is no `.mgv`, or damaged there.
            WeightsError: the models are not at hand.
        """
        self._reader = Reader(file)
        self.header: Header = self._reader.header
        self.metadata: dict[str, Any] = self._reader.metadata
        self.audio_headers: tuple[AudioHeader, ...] = self._reader.audio_headers
        self.tokenizer: Tokenizer = open_tokenizer_of(self.header, model)
        self.coder: LayerCoder = open_coder_of(self.header, self.tokenizer)
        index = self._reader.index()
        self.num_frames: int = index.num_frames
        starts = (*(entry.first_frame for entry in index.entries), index.num_frames)
        self.segments: tuple[SegmentSpan, ...] = tuple(
            SegmentSpan(start, end - start) for start, end in pairwise(starts)
        )

    def timing(self, number: int) -> Timing:
        """Read when the frames of a segment are shown."""
        return self._reader.read_segment(number).timing

    def tokens(self, number: int) -> SegmentTokens:
        """Decode the tokens of a segment.

        Raises:
            FormatError: it is damaged.
        """
        timed = self._reader.read_segment(number)
        return decode_layers(timed.segment, timed.timing, self.coder, self.header, None)

    def items(self) -> Iterator[StoredSegment | tuple[AudioPacket, ...] | OtherChunk]:
        """Give everything behind the headers in file order, decoding nothing.

        Raises:
            FormatError: at the first damage.
        """
        number = 0
        for item in self._reader.items():
            if isinstance(item, TimedSegment):
                yield StoredSegment(number, item)
                number += 1
            else:
                yield item


@dataclass(frozen=True)
class TokenEdit:
    """What a new file is to hold."""

    header: Header
    metadata: dict[str, Any]
    items: Iterable[Item]
    """Made while they are written; frames are numbered anew."""

    audio_headers: tuple[AudioHeader, ...] = ()


@dataclass(frozen=True)
class EditReport:
    """What was written."""

    num_segments: int
    num_frames: int
    file_bytes: int


def edit_tokens(
    source: FileOrPath,
    target: FileOrPath,
    edit: Callable[[TokenFile], TokenEdit],
    *,
    model: ModelName | None = None,
    force: bool = False,
) -> EditReport:
    """Make an `.mgv` of another; segments that are passed on as they are stay so to the byte.

    Args:
        source: a path, or a binary file; of what can't seek a temporary copy is made first.
        target: a path, or a binary file that need not seek.
        edit: says what the new file holds; what it raises leaves no output.
        model: tokenizer in place of the one that the source names.
        force: replace an existing target.

    Raises:
        MediaError, FormatError: the source is missing, or no whole `.mgv`.
        WeightsError: the models it was made with are not at hand.
        OutputError: the target exists or cannot be written.
    """
    with ExitStack() as stack:
        tokens = TokenFile(stack.enter_context(_open_seekable(source)), model)
        plan = edit(tokens)
        file = stack.enter_context(open_output(target, force=force, source=source))
        return write_tokens(file, plan, tokens.coder)


def write_tokens(file: BinaryIO, edit: TokenEdit, coder: LayerCoder) -> EditReport:
    """Write a whole `.mgv`.

    Args:
        file: open for writing; need not seek.
        edit: what it holds.
        coder: that the header names.
    """
    header = edit.header
    num_segments = 0
    with Writer(file) as writer:
        writer.write_header(replace(header, version=FORMAT_VERSION))
        writer.write_metadata(edit.metadata)
        for audio_header in edit.audio_headers:
            writer.write_audio_header(audio_header)
        for item in edit.items:
            if isinstance(item, StoredSegment):
                segment = replace(item.timed.segment, first_frame=writer.num_frames)
                writer.write_segment(segment, item.timed.timing)
            elif isinstance(item, SegmentTokens):
                depths = header.bit_depths[: header.bit_depths.index(item.bit_depth) + 1]
                segment = encode_layers(replace(item, first_frame=writer.num_frames), coder, depths)
                writer.write_segment(segment, item.timing)
            elif not isinstance(item, OtherChunk):
                writer.write_audio_packets(item)
            elif is_safe_to_copy(item.kind) and not item.flags:
                writer.write_other_chunk(item.kind, item.payload)
            num_segments += isinstance(item, StoredSegment | SegmentTokens)
    return EditReport(num_segments, writer.num_frames, writer.num_bytes)


def new_header(
    tokenizer: Tokenizer, coder: LayerCoder, size: tuple[int, int], frame_rate: Fraction, bit_depth: int
) -> Header:
    """Give the header of a file that is made of no source.

    Args:
        tokenizer: a causal one.
        coder: of its tokens.
        size: width and height in pixels.
        frame_rate: frames per second.
        bit_depth: one of the tokenizer's.

    Raises:
        OptionError: a picture of that size has too many tokens.
    """
    config = tokenizer.config
    width, height = size
    return Header(
        width=width,
        height=height,
        coded_width=width,
        coded_height=height,
        sample_aspect=Fraction(1),
        rotation_degrees=0,
        colour=Colour(),
        time_base=TIME_BASE_OF_NEW,
        tick=nominal_tick(frame_rate, TIME_BASE_OF_NEW),
        start_pts=0,
        tokenizer=config.name,
        tokenizer_sha256=bytes.fromhex(tokenizer.sha256),
        strides=config.strides,
        bits_per_token=config.bits_per_token,
        bit_depths=tuple(depth for depth in config.bit_depths if depth <= bit_depth),
        coder=coder.id,
        coder_sha256=coder.parameters_sha256,
        segment_frames=longest_segment(config.strides, width, height),
        software=f"mgv {__version__}",
    )


def grow_header(header: Header, columns: tuple[int, int | None], rows: tuple[int, int | None]) -> Header:
    """Give the header of a picture that has more whole token columns and rows.

    Args:
        header: of the picture as it is.
        columns: to come on the left and on the right; unless that is None there, the padding there becomes
            picture as well.
        rows: to come at the top and at the bottom, likewise.

    Raises:
        OptionError: the picture becomes too large.
    """
    coded_height = _grown(header.coded_height, header.strides[1], *rows)
    coded_width = _grown(header.coded_width, header.strides[2], *columns)
    width = round(header.width * coded_width / header.coded_width)
    height = round(header.height * coded_height / header.coded_height)
    for columns_wide, rows_high in ((width, height), (coded_width, coded_height)):
        if max(columns_wide, rows_high) > MAX_SIDE_PIXELS:
            raise OptionError(
                f"the picture grows to {columns_wide} x {rows_high}, expected at most {MAX_SIDE_PIXELS} a side"
            )
    grown = replace(header, width=width, height=height, coded_width=coded_width, coded_height=coded_height)
    new_segment_frames(grown)
    return grown


def _grown(size: int, stride: int, before: int, after: int | None) -> int:
    if after is not None:
        size = (-(-size // stride) + after) * stride
    return size + before * stride


def new_segment_frames(header: Header) -> int:
    """Give the length of new segments: the file's nominal one, or less where that has more tokens than is allowed.

    Raises:
        OptionError: one latent frame alone has more.
    """
    num_tokens = math.prod(header.latent_size)
    most_latents = MAX_SEGMENT_TOKENS // num_tokens
    if most_latents < 1:
        raise OptionError(f"a picture has {num_tokens} tokens, a segment may have {MAX_SEGMENT_TOKENS}")
    return min(header.segment_frames, 1 + header.strides[0] * (most_latents - 1))


@contextmanager
def _open_seekable(source: FileOrPath) -> Iterator[BinaryIO]:
    with open_input(source) as file:
        if is_seekable(file):
            yield file
            return
        with TemporaryFile() as copy:
            shutil.copyfileobj(file, copy)
            copy.seek(0)
            yield copy
