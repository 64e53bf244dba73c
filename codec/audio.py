"""Audio passed through undecoded: what a source says of a stream, and a muxer's stream made from that."""

import io
from fractions import Fraction
from typing import Any

import av

from ..container import AudioHeader, AudioPacket
from .errors import OutputError
from .matroska_header import MATROSKA_CODECS, audio_track_header

_USUAL_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
_OPUS_SKIP = slice(10, 12)
"""Where an Opus identification header has its pre-skip (RFC 7845, 5.1)."""


def can_pass_through(stream: av.AudioStream) -> bool:
    """Tell whether `add_audio_stream` could write this stream again."""
    context = stream.codec_context
    return context is not None and context.codec.canonical_name in MATROSKA_CODECS and context.sample_rate > 0


def describe_audio(stream: av.AudioStream, index: int) -> AudioHeader:
    """Describe an audio stream of a source; inverse: `add_audio_stream`.

    Args:
        stream: of an input container, one that `can_pass_through`.
        index: the number that its packets will carry.
    """
    context = stream.codec_context
    return AudioHeader(
        stream=index,
        codec=context.codec.canonical_name,
        extradata=context.extradata or b"",
        sample_rate=context.sample_rate,
        channel_layout=context.layout.name,
        time_base=Fraction(stream.time_base or Fraction(1, context.sample_rate)),
        bit_rate=context.bit_rate or 0,
        frame_size=context.frame_size or 0,
        initial_padding=opus_padding(context.extradata or b"")
        if context.codec.canonical_name == "opus"
        else 0,
        sample_format=context.format.name if context.format else "",
        language=stream.language or "",
    )


def add_audio_stream(output: av.container.OutputContainer, header: AudioHeader) -> av.AudioStream:
    """Add a stream to a muxer that has written nothing yet; inverse: `describe_audio`.

    FFmpeg takes a stream's parameters from another stream, so one is made: a Matroska header without packets.

    Raises:
        OutputError: the codec is unknown, or the output format can't hold it.
    """
    if header.codec not in MATROSKA_CODECS:
        raise OutputError(f"audio stream {header.stream} is {header.codec}, which can't be written")
    try:
        num_channels = av.AudioLayout(header.channel_layout).nb_channels
        with av.open(io.BytesIO(audio_track_header(header, num_channels)), format="matroska") as template:
            stream = output.add_stream_from_template(template.streams.audio[0], opaque=True)
        context = stream.codec_context
        context.extradata = header.extradata or None
        context.sample_rate = header.sample_rate
        context.layout = _named_layout(header.channel_layout, num_channels)
        context.bit_rate = header.bit_rate
    except (av.FFmpegError, ValueError) as error:
        message = (
            f"audio stream {header.stream} ({header.codec}) can't be written there: {error}; try .mkv or .mov"
        )
        raise OutputError(message) from error
    stream.time_base = header.time_base
    if header.language:
        stream.metadata["language"] = header.language
    return stream


def opus_padding(extradata: bytes) -> int:
    """Give the samples at 48 kHz that an Opus decoder throws away at the start."""
    return int.from_bytes(extradata[_OPUS_SKIP], "little")


def _named_layout(layout: str, num_channels: int) -> str:
    """Give the usual layout where only a number of channels is known ("2 channels"): MP4 wants a name."""
    return _USUAL_LAYOUTS.get(num_channels, layout) if layout.endswith("channels") else layout


def unpack_packet(packet: "av.Packet[Any]", index: int) -> AudioPacket:
    """Take a demuxed packet's bytes and times as they are; inverse: `pack_packet`."""
    return AudioPacket(
        stream=index,
        pts=packet.pts,
        dts=packet.dts,
        duration=packet.duration or 0,
        is_key=packet.is_keyframe,
        data=bytes(packet),
    )


def pack_packet(packet: AudioPacket, stream: av.AudioStream, time_base: Fraction) -> "av.Packet[Any]":
    """Make a packet for a muxer; inverse: `unpack_packet`.

    Args:
        packet: as it came from the source.
        stream: of the muxer.
        time_base: of the packet's times, as its `AudioHeader` says.
    """
    packed = av.Packet(packet.data)
    packed.stream = stream
    packed.time_base = time_base
    packed.pts = packet.pts if packet.pts is not None else packet.dts
    packed.dts = packet.dts if packet.dts is not None else packet.pts
    packed.duration = packet.duration
    packed.is_keyframe = packet.is_key
    return packed
