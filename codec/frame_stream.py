"""An `.mgv` to its frames in order: choosing, decoding, concealing. What `decode` and `open` stand on."""

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO

from ..container import AudioPacket, CorruptError, Damage, FormatError, Reader, TimedSegment
from ..container.verification import MAX_DAMAGES_KEPT
from ..tokenizer.decoder_engine import EngineName
from .conceal import Gap, GapFiller, LostFrames, OpenGapFiller, fill_gaps, freeze_gaps, place_gaps
from .layer_stream import check_latents, decode_layers
from .models import ModelName, check_streams, open_coder_of, open_decoder_engine, open_tokenizer_of
from .options import OptionError
from .pipeline import Pipeline
from .selection import Selection
from .token_stream import CodedBatch, FrameBatch, SegmentTokens, detokenize_segment

Event = TimedSegment | AudioPacket


class FrameStream:
    """The frames of a file in order, decoded segment by segment in threads that run ahead of the consumer."""

    def __init__(
        self,
        file: BinaryIO,
        selection: Selection,
        *,
        model: ModelName | None = None,
        engine: EngineName | None = None,
        conceal: bool = False,
        fill_gaps_with: OpenGapFiller | None = None,
    ) -> None:
        """Read the header and open the models that the file needs.

        Args:
            file: an `.mgv`, standing at its signature.
            selection: the part that is wanted.
            model: tokenizer in place of the one that the header names.
            engine: what runs its decoder; the fastest that there is if None.
            conceal: step over damage and make up what is lost, instead of raising.
            fill_gaps_with: makes what makes up; None freezes the picture.

        Raises:
            FormatError: the header is no good.
            WeightsError: the models are not at hand, or what fills gaps does not know the file's tokens.
            OptionError: there are not so many layers, or there is no such engine.
        """
        self.damage: list[str] = []
        """A line for each of the first thousand damages that were stepped over; grows while frames are read."""
        self.num_concealed = 0
        """Frames that stand in for lost ones; grows likewise."""
        self._conceals = conceal
        self._last_end_pts: int | None = None
        self.reader = Reader(file, on_damage=self._note_damage if conceal else None)
        header = self.reader.header
        if selection.layers is not None and selection.layers > len(header.bit_depths):
            raise OptionError(f"layers is {selection.layers}, the file has {len(header.bit_depths)}")
        self.header = header
        self.selection = selection
        self.tokenizer = open_tokenizer_of(header, model)
        check_streams(self.tokenizer)
        self.coder = open_coder_of(header, self.tokenizer)
        self.engine, self.engine_warning = open_decoder_engine(self.tokenizer, engine)
        self._fill_gap: GapFiller | None = None
        if conceal and fill_gaps_with is not None:
            self._fill_gap = fill_gaps_with(replace(header, bit_depths=header.bit_depths[: selection.layers]))
        self.first_pts, self.end_pts = selection.span(header)
        self._find_segments()

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
            pictures = pipeline.run_ahead(self._detokenize(self._fill(tokens)), 1, "mgv-detokenize")
            frames = self._trim(freeze_gaps(_cut_out(pictures)))
            yield pipeline.run_ahead(frames, 1, "mgv-place")

    def num_frames_expected(self) -> int | None:
        """Give the number of frames to come, where the file tells it beforehand."""
        if not self.reader.is_seekable or not self.selection.is_everything:
            return None
        return self.reader.index().num_frames

    def _read(self) -> Iterator[Event]:
        """Yield what lies in the span, and audio of one segment more: packets may come a little late.

        Of a file that can't seek, one segment behind the span comes too.
        """
        num_past = 0
        try:
            for event in self.reader.events(None, *self._segments):
                if isinstance(event, TimedSegment) and self.end_pts is not None:
                    if num_past > 1:
                        return
                    num_past += event.timing.pts[-1] + event.timing.last_duration >= self.end_pts
                yield event
        except FormatError:
            if num_past == 0:  # else the damage is behind everything that is wanted
                raise

    def _find_segments(self) -> None:
        """Find the segments to read by the index; a file that can't seek is read from its beginning."""
        self._segments: tuple[int, int | None] = (0, None)
        self._frames: tuple[int, int | None] = (0, None)
        if self.selection.is_everything or not self.reader.is_seekable:
            return
        index = self.reader.index()
        entries = index.entries
        if not entries:
            return
        start = 0 if self.first_pts is None else index.find(self.first_pts)
        end = len(entries)
        if self.end_pts is not None:
            end = bisect_left(entries, self.end_pts, key=lambda entry: entry.pts)
        end_frame = entries[end].first_frame if end < len(entries) else index.num_frames
        self._segments = start, end
        self._frames = (entries[start].first_frame if start else 0), end_frame

    def _decode(self, events: Iterator[Event]) -> Iterator[SegmentTokens | Gap | AudioPacket]:
        next_frame, end_frame = self._frames
        offset_bytes = 0
        for event in events:
            if isinstance(event, AudioPacket):
                yield event
                continue
            segment, timing, offset_bytes = event.segment, event.timing, event.offset_bytes
            self._last_end_pts = timing.pts[-1] + timing.last_duration
            is_before = self.first_pts is not None and timing.pts[-1] < self.first_pts
            if not is_before:
                if segment.first_frame > next_frame:
                    yield self._gap(next_frame, segment.first_frame, offset_bytes)
                if self.end_pts is not None and timing.pts[0] >= self.end_pts:
                    next_frame = segment.first_frame
                    continue
                try:
                    check_latents(segment, timing, self.header)
                    yield decode_layers(segment, timing, self.coder, self.header, self.selection.layers)
                except FormatError as error:
                    self._step_over(error)
                    continue
            next_frame = segment.end_frame
        if end_frame is None and self.end_pts is None:
            end_frame = self.reader.num_frames
        if end_frame is not None and next_frame < end_frame:
            yield self._gap(next_frame, end_frame, max(offset_bytes, self.reader.bytes_by_chunk.total()))

    def _fill(
        self, items: Iterator[SegmentTokens | Gap | AudioPacket]
    ) -> Iterator[SegmentTokens | LostFrames | AudioPacket]:
        placed = place_gaps(items, self.header.tick)
        return placed if self._fill_gap is None else fill_gaps(placed, self._fill_gap)

    def _detokenize(
        self, items: Iterator[SegmentTokens | LostFrames | AudioPacket]
    ) -> Iterator[CodedBatch | LostFrames | AudioPacket]:
        sizes = (self.header.coded_width, self.header.coded_height), (self.header.width, self.header.height)
        for item in items:
            if isinstance(item, SegmentTokens):
                yield from detokenize_segment(item, self.tokenizer, sizes, self.engine)
            else:
                yield item

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
        has_frames = self._last_end_pts is not None or (
            self.reader.is_seekable and bool(self.reader.index().entries)
        )
        if not self.selection.is_everything and has_frames:
            raise OptionError(f"the video has no frame in the time that was asked for{self._end_hint()}")
        raise CorruptError("the file holds no frames", field="num_frames")

    def _end_hint(self) -> str:
        """Say where the video ends, if what was asked for lies behind."""
        start, end = self.first_pts or self.header.start_pts, self._last_end_pts
        is_cut_short = self._segments[1] is not None and self._segments[1] < len(self.reader.index().entries)
        if end is None or end > start or is_cut_short:
            return ""
        return f"; it ends at {float((end - self.header.start_pts) * self.header.time_base):.3f} s"

    def _gap(self, next_frame: int, found_frame: int, file_bytes: int) -> Gap:
        if not self._conceals:
            raise CorruptError(f"frames {next_frame} to {found_frame - 1} are missing", field="first_frame")
        return Gap(next_frame, found_frame - next_frame, file_bytes)

    def _step_over(self, error: FormatError) -> None:
        if not self._conceals:
            raise error
        self._add_damage(str(error))

    def _note_damage(self, damage: Damage) -> None:
        self._add_damage(f"{damage.reason} ({damage.num_bytes} bytes lost at byte {damage.offset_bytes})")

    def _add_damage(self, line: str) -> None:
        if len(self.damage) < MAX_DAMAGES_KEPT:
            self.damage.append(line)


def _cut_out(
    items: Iterator[CodedBatch | LostFrames | AudioPacket],
) -> Iterator[FrameBatch | LostFrames | AudioPacket]:
    for item in items:
        yield item.cut_out() if isinstance(item, CodedBatch) else item
