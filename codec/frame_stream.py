"""An `.mgv` to its frames in order: choosing, decoding, concealing. What `decode` and `open` stand on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from ..container import AudioPacket, CorruptError, Damage, FormatError, Reader, TimedSegment
from .conceal import Gap, GapFiller, fill_gaps, freeze
from .layer_stream import decode_layers
from .models import ModelName, open_coder_of, open_tokenizer_of
from .options import OptionError
from .pipeline import Pipeline
from .selection import Selection
from .token_stream import FrameBatch, SegmentTokens, detokenize_segment

Event = TimedSegment | AudioPacket


class FrameStream:
    """The frames of a file in order, decoded segment by segment in threads that run ahead of the consumer."""

    def __init__(
        self,
        file: BinaryIO,
        selection: Selection,
        *,
        model: ModelName | None = None,
        fill_gap: GapFiller | None = None,
    ) -> None:
        """Read the header and open the models that the file needs.

        Args:
            file: an `.mgv`, standing at its signature.
            selection: the part that is wanted.
            model: tokenizer in place of the one that the header names.
            fill_gap: makes the frames of a gap; None lets damage raise.

        Raises:
            FormatError: the header is no good.
            WeightsError: the models are not at hand.
            OptionError: there are not so many layers.
        """
        self.damage: list[str] = []
        """A line for each damage that was stepped over, in order; grows while frames are read."""
        self.num_concealed = 0
        """Frames that stand in for lost ones; grows likewise."""
        self._fill_gap = fill_gap
        self.reader = Reader(file, on_damage=None if fill_gap is None else self._note_damage)
        header = self.reader.header
        if selection.layers is not None and selection.layers > len(header.bit_depths):
            raise OptionError(f"layers is {selection.layers}, the file has {len(header.bit_depths)}")
        self.header = header
        self.selection = selection
        self.tokenizer = open_tokenizer_of(header, model)
        self.coder = open_coder_of(header, self.tokenizer)
        self.first_pts, self.end_pts = selection.span(header)

    @contextmanager
    def run(self) -> Iterator[Iterator[FrameBatch | AudioPacket]]:
        """Start the threads; leaving the block stops them.

        Yields:
            An iterator over batches of frames, with rising pts, and audio packets in between. It raises
            FormatError where the file is damaged and gaps are not to be filled, or when nothing of it is
            whole.
        """
        with Pipeline() as pipeline:
            events = pipeline.run_ahead(self._read(), 8, "mgv-read")
            tokens = pipeline.run_ahead(self._decode(events), 2, "mgv-code")
            frames = self._trim(self._fill(self._detokenize(tokens)))
            yield pipeline.run_ahead(frames, 1, "mgv-detokenize")

    def num_frames_expected(self) -> int | None:
        """Give the number of frames to come, where the file tells it beforehand."""
        if not self.reader.is_seekable or not self.selection.is_everything:
            return None
        return self.reader.index().num_frames

    def _read(self) -> Iterator[Event]:
        """Yield what lies in the span, and audio of one segment more: packets may come a little late."""
        num_past = 0
        try:
            for event in self.reader.events(start_segment=self._first_segment()):
                if isinstance(event, TimedSegment) and self.end_pts is not None:
                    if num_past > 1:
                        return
                    num_past += event.timing.pts[-1] + event.timing.last_duration >= self.end_pts
                    if event.timing.pts[0] >= self.end_pts:
                        continue
                yield event
        except FormatError:
            if num_past == 0:  # else the damage is behind everything that is wanted
                raise

    def _first_segment(self) -> int:
        """Give the position of the segment to begin with; 0 where the file cannot seek."""
        if self.first_pts is None or not self.reader.is_seekable or not self.reader.index().entries:
            return 0
        return self.reader.index().find(self.first_pts)

    def _decode(self, events: Iterator[Event]) -> Iterator[SegmentTokens | Gap | AudioPacket]:
        next_frame: int | None = 0 if self.selection.is_everything else None
        for event in events:
            if isinstance(event, AudioPacket):
                yield event
                continue
            segment, timing = event.segment, event.timing
            is_before = self.first_pts is not None and timing.pts[-1] + timing.last_duration <= self.first_pts
            if not is_before:
                if next_frame is not None and segment.first_frame > next_frame:
                    yield self._gap(next_frame, segment.first_frame)
                try:
                    yield decode_layers(segment, timing, self.coder, self.header, self.selection.layers)
                except CorruptError as error:
                    self._step_over(error)
                    continue
            next_frame = segment.end_frame
        num_frames = self.reader.num_frames if self.end_pts is None else None
        if num_frames is not None and next_frame is not None and next_frame < num_frames:
            yield self._gap(next_frame, num_frames)

    def _detokenize(
        self, items: Iterator[SegmentTokens | Gap | AudioPacket]
    ) -> Iterator[FrameBatch | Gap | AudioPacket]:
        sizes = (self.header.coded_width, self.header.coded_height), (self.header.width, self.header.height)
        for item in items:
            if isinstance(item, SegmentTokens):
                yield from detokenize_segment(item, self.tokenizer, sizes)
            else:
                yield item

    def _fill(self, items: Iterator[FrameBatch | Gap | AudioPacket]) -> Iterator[FrameBatch | AudioPacket]:
        return fill_gaps(items, self.header.tick, self._fill_gap or freeze)

    def _trim(self, items: Iterator[FrameBatch | AudioPacket]) -> Iterator[FrameBatch | AudioPacket]:
        """Drop what is outside the span, and count what was made up."""
        num_frames = 0
        for item in items:
            if isinstance(item, AudioPacket):
                yield item
                continue
            batch = item.between(self.first_pts, self.end_pts)
            if batch.pts:
                num_frames += len(batch.pts)
                self.num_concealed += len(batch.pts) if batch.is_concealed else 0
                yield batch
        if num_frames == 0:
            self._complain_of_nothing()

    def _complain_of_nothing(self) -> None:
        if self.damage:
            raise CorruptError(f"no segment is whole: {self.damage[0]}")
        if not self.selection.is_everything:
            raise OptionError("the video has no frame in the time that was asked for")
        raise CorruptError("the file holds no frames", field="num_frames")

    def _gap(self, next_frame: int, found_frame: int) -> Gap:
        if self._fill_gap is None:
            raise CorruptError(f"frames {next_frame} to {found_frame - 1} are missing", field="first_frame")
        return Gap(next_frame, found_frame - next_frame)

    def _step_over(self, error: CorruptError) -> None:
        if self._fill_gap is None:
            raise error
        self.damage.append(str(error))

    def _note_damage(self, damage: Damage) -> None:
        self.damage.append(f"{damage.reason} ({damage.num_bytes} bytes lost at byte {damage.offset_bytes})")
