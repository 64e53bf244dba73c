"""Demultiplexing and decoding: one pass over a source, as decoded frames and untouched audio packets."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, BinaryIO, cast

import av
from av.container.core import Flags

from ..container import AudioHeader, AudioPacket, FormatError
from .audio import can_pass_through, describe_audio, unpack_packet
from .errors import MediaError
from .input_file import InputFile
from .source_facts import pick_video

_READ_BYTES = 1 << 18
_PIPE_ADVICE = "; an MP4 whose index is at its end can't come through a pipe"
_FILE_ADVICE = "; it is no video, or is cut: an MP4 whose end is missing has lost its index"
_CUT_ADVICE = "get it whole, or copy what is there into a new file"


class Demuxer:
    """Reads a source front to back, once, holding no more than the decoder's own frames.

    Args:
        file: binary, need not seek; stays open.
        name: of the source in messages.

    Raises:
        MediaError: it holds no video that can be decoded.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._name = name
        self._num_frames = 0
        self._is_closed = False
        self.num_damaged = 0
        """Frames known to be damaged or lost, where the decoder goes on."""
        self.warnings: list[str] = []
        self._file = _examine(file, name)
        self.container = _open_container(self._file, name)
        self._may_be_damaged = (
            self.container.format.name == "mpegts"
        )  # as recorded from the air, cut anywhere
        self._reached = Fraction(0)
        self._frame_bytes = 0
        try:
            self.video = pick_video(self.container, name)
            self.video.thread_type = "AUTO"
            self.audio, self._audio_of_stream = self._pick_audio()
        except BaseException:
            self.container.close()
            raise

    def items(self) -> Iterator[av.VideoFrame | AudioPacket]:
        """Yield frames in the order they are shown and packets in the order of the file.

        Raises:
            MediaError: the video breaks off or can't be decoded; it names the frame.
        """
        wanted = [self.video, *(self.container.streams[index] for index in self._audio_of_stream)]
        num_packets = 0
        packets = self.container.demux(wanted)
        while (packet := self._next_packet(packets)) is not None:
            if packet.size == 0 and packet.dts is not None:
                continue  # a dropped frame of AVI; to the decoder it would mean the end
            if packet.stream_index == self.video.index:
                num_packets += packet.size > 0
                self._frame_bytes = self._frame_bytes or packet.size
                yield from self._decode(packet)
            elif packet.size > 0:
                yield self._unpack(packet)
            if packet.pts is not None:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                self._reached = max(self._reached, end)
        self._check_whole(num_packets)

    def close(self) -> None:
        """Give the decoder's memory back; reading on is a ValueError then."""
        self._is_closed = True
        self.container.close()

    def _next_packet(self, packets: "Iterator[av.Packet[Any]]") -> "av.Packet[Any] | None":
        if self._is_closed:  # FFmpeg would read through a dangling pointer
            raise ValueError(f"{self._name}: the source is closed")
        try:
            return next(packets, None)
        except (av.FFmpegError, OSError) as error:
            raise self._broken(_reason(error)) from error

    def _decode(self, packet: "av.Packet[Any]") -> Iterator[av.VideoFrame]:
        if packet.is_corrupt and not self._may_be_damaged:
            raise self._broken("the file ends inside it, or is damaged there")
        try:
            frames = packet.decode()
        except av.FFmpegError as error:
            if not self._may_be_damaged:
                raise self._broken(_reason(error)) from error
            self.num_damaged += 1
            return
        for frame in frames:
            self.num_damaged += bool(frame.is_corrupt)
            self._num_frames += 1
            yield frame

    def _unpack(self, packet: "av.Packet[Any]") -> AudioPacket:
        try:
            return unpack_packet(packet, self._audio_of_stream[packet.stream_index])
        except FormatError as error:
            raise MediaError(f"{self._name}: an audio packet can't be passed through: {error}") from error

    def _pick_audio(self) -> tuple[tuple[AudioHeader, ...], dict[int, int]]:
        """Describe the audio streams to pass through, and number them."""
        headers: list[AudioHeader] = []
        numbers: dict[int, int] = {}
        for stream in self.container.streams.audio:
            if not can_pass_through(stream):
                self.warnings.append(
                    f"audio stream {stream.index} ({stream.name}) is left out: unknown codec"
                )
                continue
            try:
                headers.append(describe_audio(stream, len(headers)))
            except FormatError as error:
                self.warnings.append(f"audio stream {stream.index} ({stream.name}) is left out: {error}")
            else:
                numbers[stream.index] = len(headers) - 1
        for unwanted in self.container.streams:
            if unwanted.index not in numbers and unwanted.index != self.video.index:
                unwanted.discard = av.stream.Discard.all
        return tuple(headers), numbers

    def _check_whole(self, num_packets: int) -> None:
        """Look for a cut: FFmpeg takes the end of the file for the end of the video without a word.

        MP4 and its kin have an index of all packets; Matroska and AVI announce their length and duration.
        """
        num_indexed = len(self.video.index_entries)
        if "mp4" in self.container.format.name and num_packets < num_indexed:
            raise self._broken(f"the file holds {num_packets} of {num_indexed} packets; {_CUT_ADVICE}")
        num_missing = self._file.num_missing_bytes(num_packets, self._frame_bytes)
        misses_time = self._misses_time()
        if num_missing and (misses_time or self.container.format.name == "yuv4mpegpipe"):
            raise self._broken(f"the file lacks its last {num_missing} bytes; {_CUT_ADVICE}")
        if num_missing:
            self.warnings.append(f"the file lacks its last {num_missing} bytes, though no frame is missing")
        elif misses_time and "matroska" in self.container.format.name:
            self.warnings.append(f"the source ends at {float(self._reached):.3f} s, before its announced end")

    def _misses_time(self) -> bool:
        """Tell whether the announced duration, if there is one, was not reached."""
        if not self.container.duration:
            return False
        rate = self.video.guessed_rate or 25
        return self._reached + 1 / Fraction(rate) < Fraction(self.container.duration, av.time_base)

    def _broken(self, reason: str) -> MediaError:
        hint = "" if self._file.seekable() or self._num_frames else _PIPE_ADVICE
        return MediaError(f"{self._name}: the video breaks off at frame {self._num_frames}: {reason}{hint}")


def _examine(file: BinaryIO, name: str) -> InputFile:
    try:
        examined = InputFile(file)
    except OSError as error:
        raise MediaError(f"{name}: can't be read: {_reason(error)}") from error
    if not examined.head:
        raise MediaError(f"{name}: is empty, expected a video")
    if examined.is_mgv:
        raise MediaError(f"{name}: is an .mgv file already; decode it, or encode the video it was made from")
    return examined


def _open_container(file: InputFile, name: str) -> av.container.InputContainer:
    try:
        container = av.open(
            file,
            "r",
            buffer_size=_READ_BYTES,
            metadata_errors="replace",
            container_options={"protocol_whitelist": "none"},
        )
    except (av.FFmpegError, OSError) as error:
        hint = _FILE_ADVICE if file.seekable() else _PIPE_ADVICE
        raise MediaError(f"{name}: can't be read as video ({_reason(error)}){hint}") from error
    container.flags &= ~cast(
        int, Flags.gen_pts.value
    )  # FFmpeg's guesses from dts are wrong where frames are reordered
    return container


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
