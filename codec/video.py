"""`mgv.open`: an `.mgv` file as an object with facts, tokens and frames."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
import torch
from numpy.typing import NDArray

from ..container import WHOLE, Reader
from ..tokenizer import Tokenizer, Tokens
from ..tokenizer.decoder_engine import EngineName
from .files import open_input
from .frame_stream import FrameStream
from .info import FileInfo, read_info
from .layer_stream import decode_layers
from .models import ModelName, open_coder_of, open_tokenizer_of
from .motion import num_groups, unpack_motion
from .selection import Selection
from .token_stream import FrameBatch


@dataclass(frozen=True)
class Frame:
    """One decoded picture."""

    rgb: NDArray[np.uint8]
    """`[H, W, 3]`, at source size, not turned."""

    index: int
    """Its number in the file, from 0."""

    pts: int
    """In units of the file's time base."""

    seconds: float
    """The same in seconds, as the source counted them."""


def open(  # noqa: A001 - `mgv.open`
    path: str | os.PathLike[str], *, model: ModelName | None = None, engine: EngineName | None = None
) -> "Video":
    """Open an `.mgv` file; use it in a `with` statement.

    Args:
        path: of the file.
        model: name or folder of the tokenizer to use in place of the one that the file names.
        engine: what runs its decoder, see `decode`.

    Raises:
        MediaError: it is missing or a folder.
        FormatError: it is no `.mgv`.
    """
    return Video(Path(path), model, engine)


class Video:
    """An open `.mgv` file; made by `open`."""

    def __init__(self, path: Path, model: ModelName | None, engine: EngineName | None) -> None:
        self.path = path
        self._model = model
        self._engine = engine
        self._is_closed = False
        self._input = open_input(path)
        self._file: BinaryIO = self._input.__enter__()
        try:
            self._reader = Reader(self._file)
        except BaseException:
            self.close()
            raise

    @cached_property
    def info(self) -> FileInfo:
        """What the file holds; reads it through once."""
        return read_info(self.path)

    @property
    def num_segments(self) -> int:
        """Segments in the file."""
        return len(self._reader.index().entries)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the token grid."""
        header = self._reader.header
        stride_h, stride_w = header.strides[1:]
        return -(-header.coded_height // stride_h), -(-header.coded_width // stride_w)

    @cached_property
    def segment_latents(self) -> tuple[int, ...]:
        """Latent frames of each segment, by the file's index; nothing is decoded."""
        index, stride = self._reader.index(), self._reader.header.strides[0]
        starts = [entry.first_frame for entry in index.entries] + [index.num_frames]
        return tuple(1 - (start - end + 1) // stride for start, end in pairwise(starts))

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer that the file was made with; WeightsError when it is not at hand."""
        return open_tokenizer_of(self._reader.header, self._model)

    def tokens(self, segment: int = 0) -> Tokens:
        """Read the tokens of one segment; nothing else is decoded. What they are of, see `views` and `motion`.

        Args:
            segment: its number, from 0 to `num_segments` - 1.

        Returns:
            ids int64 `[1, t, h, w]`, with the bit depth that the file has.

        Raises:
            IndexError: there is no such segment.
            FormatError: it is damaged.
            WeightsError: the tokenizer or coder is not at hand.
        """
        header = self._reader.header
        timed = self._reader.read_segment(segment)
        coder = open_coder_of(header, self.tokenizer)
        tokens = decode_layers(timed.segment, timed.timing, coder, header, None)
        return Tokens(
            ids=torch.from_numpy(tokens.ids)[None],
            bit_depth=tokens.bit_depth,
            num_frames=timed.segment.num_frames,
            height=header.coded_height,
            width=header.coded_width,
        )

    def views(self, segment: int = 0) -> NDArray[np.int64]:
        """Say where each frame of a segment lies in the picture that its tokens are of (FORMAT.md, 3.4.1).

        Args:
            segment: its number, from 0 to `num_segments` - 1.

        Returns:
            `[num_frames, 4]`, all zero where the encoder did not follow the camera: there frames are that picture.

        Raises:
            IndexError: there is no such segment.
            FormatError: it is damaged.
        """
        timing = self._reader.read_segment(segment).timing
        return np.array(timing.views or [WHOLE] * len(timing.pts), np.int64)

    def motion(self, segment: int = 0) -> NDArray[np.int64]:
        """Say how what is seen in a segment moves, as far as it was aligned for it (FORMAT.md, 3.4.2).

        Args:
            segment: its number, from 0 to `num_segments` - 1.

        Returns:
            `[groups, rows, columns, 2]`, right and down in halves of a source pixel a frame. Group g is of latent frame
            g + 1; groups after the last that moves are left out.

        Raises:
            IndexError: there is no such segment.
            FormatError: it is damaged.
        """
        timing, stride = self._reader.read_segment(segment).timing, self._reader.header.strides[0]
        return unpack_motion(timing.motion, num_groups(len(timing.pts), stride)).astype(np.int64)

    def frames(
        self, start: float | None = None, duration: float | None = None, *, layers: int | None = None
    ) -> Iterator[Frame]:
        """Decode frames in order; only the segments that hold them are touched.

        Args:
            start: seconds from the beginning, at which the first frame may be shown; the beginning if None.
            duration: seconds from there on, before whose end the last may be shown first; to the end if None.
            layers: bit layers to decode, from the coarsest; all if None.

        Raises:
            FormatError: the file is damaged.
            WeightsError: the models are not at hand.
            OptionError: an option is out of range, or there is no frame in that time.
            ValueError: the file was closed.
        """
        if self._is_closed:
            raise ValueError(f"{self.path} was closed")
        with open_input(self.path) as file:
            selection = Selection(layers, start, duration)
            stream = FrameStream(file, selection, model=self.tokenizer, engine=self._engine)
            with stream.run() as items:
                for item in items:
                    if isinstance(item, FrameBatch):
                        yield from _single_frames(item, float(stream.header.time_base))

    def close(self) -> None:
        """Close the file."""
        self._is_closed = True
        self._input.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _single_frames(batch: FrameBatch, tick_seconds: float) -> Iterator[Frame]:
    for index, (rgb, pts) in enumerate(zip(batch.rgb, batch.pts, strict=True)):
        yield Frame(rgb, batch.first_frame + index, pts, pts * tick_seconds)
