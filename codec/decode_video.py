"""Decode: an `.mgv` file to a video file. Mirror of `encode_video.py`."""

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction

from ..container import AudioPacket, Header
from ..tokenizer.decoder_engine import EngineName
from .conceal import OpenGapFiller
from .encode_stages import Progress
from .files import FileOrPath, open_input
from .frame_stream import FrameStream
from .models import ModelName
from .selection import Selection
from .token_stream import FrameBatch
from .video_format import VideoFormat
from .video_out import VideoSink


@dataclass(frozen=True)
class DecodeReport:
    """What a decoding came to."""

    num_frames: int
    """Frames written, those made up in gaps included."""

    num_concealed: int
    """Of them, frames that stand in for lost ones."""

    damage: tuple[str, ...]
    """A line for each place where the file was damaged; empty for a whole file."""

    seconds: float
    """Wall time from the first segment read to the last byte written."""

    engine: EngineName
    """What ran the tokenizer's decoder."""

    warnings: tuple[str, ...]
    """What the output could not keep."""

    @property
    def fps(self) -> float:
        """Frames decoded per second of wall time."""
        return self.num_frames / self.seconds


def decode(  # noqa: PLR0913 - the options of `mgv decode`, each with its default
    source: FileOrPath,
    target: FileOrPath,
    *,
    layers: int | None = None,
    start: float | None = None,
    duration: float | None = None,
    codec: str | None = None,
    conceal: bool = False,
    model: ModelName | None = None,
    engine: EngineName | None = None,
    force: bool = False,
    fill_gaps_with: OpenGapFiller | None = None,
    progress: Progress | None = None,
) -> DecodeReport:
    """Turn an `.mgv` back into video, with its audio, times, size, rotation and colours. Inverse: `encode`.

    Args:
        source: a path, or a binary file (a pipe will do).
        target: a path, whose suffix says the container, or a binary file, which gets y4m.
        layers: bit layers to decode, from the coarsest; all if None.
        start: seconds from the beginning of the video (the header's `start_pts`). The first frame written is
            the first that is shown from there on, and is written with time 0.
        duration: seconds; the last frame written is the last that is first shown before `start` + `duration`.
            A time may be off by half a microsecond. Only the segments needed are read.
        codec: of the output: `x264`, `ffv1` (lossless) or `y4m`; by the target's name if None.
        conceal: on damage write the whole segments and fill the gaps, instead of raising CorruptError.
        model: name or folder of the tokenizer to use in place of the one that the file names.
        engine: what runs the tokenizer's decoder: `torch` in float32, or `int8`, which is several times as fast and
            loses little; `int8` where the model has it if None.
        force: replace an existing target.
        fill_gaps_with: with `conceal`, asked before anything is decoded for what makes tokens in the place of lost ones
            (a generator's); None freezes the picture.
        progress: told how far it is.

    Returns:
        What it came to.

    Raises:
        MediaError: the source is missing or a folder.
        FormatError: the source is no whole `.mgv`; with `conceal`, only when no segment of it is whole.
        WeightsError: the models it was made with are not at hand, or have no `int8` though it was asked for, or what
            fills gaps does not know the tokens.
        OutputError: the target exists or cannot be written.
        OptionError: an option is out of range, there are no frames in the time asked for, or the tokenizer takes clips
            as a whole.
    """
    selection = Selection(layers, start, duration)
    with ExitStack() as stack:
        file = stack.enter_context(open_input(source))
        frames = FrameStream(
            file, selection, model=model, engine=engine, conceal=conceal, fill_gaps_with=fill_gaps_with
        )
        sink = VideoSink(
            target,
            VideoFormat.from_header(frames.header),
            codec=codec,
            audio=frames.reader.audio_headers,
            metadata=_tags(frames.reader.metadata),
            force=force,
            source=source,
        )
        started = time.perf_counter()
        with sink:
            _write_all(frames, sink, progress)
        seconds = time.perf_counter() - started
    warnings = [] if frames.engine_warning is None else [frames.engine_warning]
    return DecodeReport(
        num_frames=sink.num_frames,
        num_concealed=frames.num_concealed,
        damage=tuple(frames.damage),
        seconds=seconds,
        engine=frames.engine.name,
        warnings=(*warnings, *sink.warnings),
    )


def _write_all(frames: FrameStream, sink: VideoSink, progress: Progress | None) -> None:
    clock = None if frames.selection.is_everything else _ClipClock(frames)
    expected = frames.num_frames_expected()
    with frames.run() as items:
        for item in items:
            if isinstance(item, AudioPacket):
                packet = item if clock is None else clock.move_packet(item)
                if packet is not None:
                    sink.write_audio(packet)
                continue
            if clock is not None:
                clock.begin(item.pts[0])
            _write_batch(sink, item, 0 if clock is None else clock.origin_pts)
            if progress is not None:
                progress(sink.num_frames, expected)


def _write_batch(sink: VideoSink, batch: FrameBatch, origin_pts: int) -> None:
    for rgb, pts, duration in zip(batch.rgb, batch.pts, batch.durations, strict=True):
        sink.write_frame(rgb, pts - origin_pts, duration)


class _ClipClock:
    """Moves the times of a part of a video so that its first frame is at 0, and drops audio outside of it."""

    def __init__(self, frames: FrameStream) -> None:
        header: Header = frames.header
        self._time_base = header.time_base
        self._end = None if frames.end_pts is None else frames.end_pts * header.time_base
        self._audio = {audio.stream: audio.time_base for audio in frames.reader.audio_headers}
        self._has_begun = False
        self.origin_pts = 0

    def begin(self, pts: int) -> None:
        """Take the first frame's pts for the origin; later calls do nothing."""
        if not self._has_begun:
            self._has_begun, self.origin_pts = True, pts

    def move_packet(self, packet: AudioPacket) -> AudioPacket | None:
        """Give the packet with moved times; None when it starts outside the part, or says not when."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None or not self._has_begun:
            return None
        time_base = self._audio[packet.stream]
        origin: Fraction = self.origin_pts * self._time_base
        if stamp * time_base < origin or (self._end is not None and stamp * time_base >= self._end):
            return None
        shift = round(origin / time_base)
        pts, dts = (None if value is None else value - shift for value in (packet.pts, packet.dts))
        return replace(packet, pts=pts, dts=dts)


def _tags(metadata: dict[str, object]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if isinstance(value, str)}
