"""The fixed facts of a file: what the HEAD and AHDR chunks say."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from .errors import CorruptError
from .limits import (
    MAX_AUDIO_STREAMS,
    MAX_BITS_PER_TOKEN,
    MAX_CODED_SCALE,
    MAX_EXTRADATA_BYTES,
    MAX_PTS,
    MAX_SAMPLE_RATE,
    MAX_SEGMENT_FRAMES,
    MAX_SIDE_PIXELS,
    MAX_STRIDE,
    MAX_TICK,
    check_each,
    check_fraction,
    check_hash,
    check_limit,
    check_range,
    check_size,
    check_text,
)

FORMAT_VERSION = (1, 0)
"""The (major, minor) version of FORMAT.md that this package reads and writes."""

NO_HASH = bytes(32)
"""Stands in for the hash of parameters where a coder has none."""


@dataclass(frozen=True)
class Colour:
    """How the source's pixels are to be understood: code points of ITU-T H.273."""

    primaries: int = 1
    """ColourPrimaries, 0 to 255; 1 is BT.709, 2 unspecified."""
    transfer: int = 1
    """TransferCharacteristics, 0 to 255."""
    matrix: int = 1
    """MatrixCoefficients, 0 to 255."""
    full_range: bool = False
    """VideoFullRangeFlag."""

    def __post_init__(self) -> None:
        for field in ("primaries", "transfer", "matrix"):
            check_range(field, getattr(self, field), 0, 255)
        check_range("full_range", self.full_range, 0, 1)


@dataclass(frozen=True)
class Header:
    """The HEAD chunk.

    Raises:
        CorruptError, LimitError: on construction, for a value outside its range.
    """

    width: int
    """Columns of the source picture before rotation, 1 to 16384."""
    height: int
    """Rows of the source picture before rotation, 1 to 16384."""
    coded_width: int
    """Columns of the coded picture before padding to the stride; at most twice `width`."""
    coded_height: int
    """Rows of the coded picture before padding to the stride; at most twice `height`."""
    sample_aspect: Fraction
    """Width over height of one source pixel."""
    rotation_degrees: int
    """Clockwise turn that makes the picture upright: 0, 90, 180 or 270."""
    colour: Colour
    """Colour description of the source, to be given back to the output."""
    time_base: Fraction
    """Seconds a unit of every pts and duration of the video."""
    tick: int
    """Nominal frame duration, in units of the time base, at least 1."""
    start_pts: int
    """Presentation time of frame 0, in units of the time base."""
    tokenizer: str
    """Name of the tokenizer."""
    tokenizer_sha256: bytes
    """Hash of the tokenizer's weights, 32 bytes."""
    strides: tuple[int, int, int]
    """Frames, rows and columns a latent step."""
    bits_per_token: int
    """Bits of a token at full depth, 1 to 62."""
    bit_depths: tuple[int, ...]
    """Bits of a token known after each layer, rising; the last may be below `bits_per_token`."""
    coder: int
    """Identifier of the entropy coder, 0 to 255."""
    coder_sha256: bytes = NO_HASH
    """Hash of the coder's parameters, 32 bytes; zeros where it has none."""
    segment_frames: int = 65
    """Nominal number of frames in a segment."""
    software: str = ""
    """The program that made the file."""
    version: tuple[int, int] = FORMAT_VERSION
    """Format version, (major, minor)."""

    def __post_init__(self) -> None:
        for field in ("width", "height", "coded_width", "coded_height"):
            check_size(field, getattr(self, field), MAX_SIDE_PIXELS)
        check_range("coded_width", self.coded_width, 1, MAX_CODED_SCALE * self.width)
        check_range("coded_height", self.coded_height, 1, MAX_CODED_SCALE * self.height)
        check_fraction("sample_aspect", self.sample_aspect)
        if self.rotation_degrees not in (0, 90, 180, 270):
            raise CorruptError(
                f"rotation_degrees is {self.rotation_degrees!r}, expected 0, 90, 180 or 270",
                field="rotation_degrees",
            )
        check_fraction("time_base", self.time_base)
        check_range("tick", self.tick, 1, MAX_TICK)
        check_range("start_pts", self.start_pts, -MAX_PTS, MAX_PTS)
        check_text("tokenizer", self.tokenizer)
        check_hash("tokenizer_sha256", self.tokenizer_sha256)
        self._check_tokens()
        check_range("coder", self.coder, 0, 255)
        check_hash("coder_sha256", self.coder_sha256)
        check_size("segment_frames", self.segment_frames, MAX_SEGMENT_FRAMES)
        check_text("software", self.software, may_be_empty=True)
        check_each("version", self.version, 0, 255)

    def _check_tokens(self) -> None:
        if len(self.strides) != 3:
            raise CorruptError(f"strides has {len(self.strides)} numbers, expected 3", field="strides")
        check_each("strides", self.strides, 1, MAX_STRIDE)
        check_size("bits_per_token", self.bits_per_token, MAX_BITS_PER_TOKEN)
        if not self.bit_depths:
            raise CorruptError("bit_depths is empty, expected a depth for each layer", field="bit_depths")
        check_each("bit_depths", self.bit_depths, 1, self.bits_per_token)
        if any(low >= high for low, high in zip(self.bit_depths, self.bit_depths[1:], strict=False)):
            raise CorruptError(f"bit_depths {self.bit_depths} do not rise", field="bit_depths")

    @property
    def latent_size(self) -> tuple[int, int]:
        """Rows and columns of the token grid of every segment."""
        return -(-self.coded_height // self.strides[1]), -(-self.coded_width // self.strides[2])

    def latent_frame_counts(self, num_frames: int) -> tuple[int, int]:
        """Give the two lengths that the token grid of `num_frames` frames may have.

        The first is that of a tokenizer that pools frames in equal groups, the second that of a causal one,
        which codes the first frame alone.
        """
        stride = self.strides[0]
        return -(-num_frames // stride), 1 + -(-(num_frames - 1) // stride)


@dataclass(frozen=True)
class AudioHeader:
    """An AHDR chunk: one audio stream of the source, passed through untouched.

    Raises:
        CorruptError, LimitError: on construction, for a value outside its range.
    """

    stream: int
    """Number that the stream's packets name, 0 to 31."""
    codec: str
    """FFmpeg's name of the codec, such as `aac`."""
    extradata: bytes
    """The codec's set-up data; may be empty."""
    sample_rate: int
    """Samples a second."""
    channel_layout: str
    """FFmpeg's description of the channels, such as `stereo`."""
    time_base: Fraction
    """Seconds a unit of the stream's pts, dts and durations."""
    bit_rate: int = 0
    """Bits a second; 0 is unknown."""
    frame_size: int = 0
    """Samples a packet; 0 is unknown or changing."""
    block_align: int = 0
    """Bytes a block, for codecs that have blocks; 0 is unknown."""
    initial_padding: int = 0
    """Samples a decoder throws away at the start."""
    sample_format: str = ""
    """FFmpeg's name of the sample format; empty is unknown."""
    language: str = ""
    """ISO 639 code of the language; empty is unknown."""

    def __post_init__(self) -> None:
        check_range("stream", self.stream, 0, MAX_AUDIO_STREAMS - 1)
        check_text("codec", self.codec)
        check_limit("extradata", len(self.extradata), MAX_EXTRADATA_BYTES)
        check_size("sample_rate", self.sample_rate, MAX_SAMPLE_RATE)
        check_text("channel_layout", self.channel_layout, may_be_empty=True)
        check_fraction("time_base", self.time_base)
        check_range("bit_rate", self.bit_rate, 0, (1 << 63) - 1)
        for field in ("frame_size", "block_align", "initial_padding"):
            check_range(field, getattr(self, field), 0, (1 << 32) - 1)
        check_text("sample_format", self.sample_format, may_be_empty=True)
        check_text("language", self.language, may_be_empty=True)
