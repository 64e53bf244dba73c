"""The least Matroska file that describes an audio track, for FFmpeg to read the track's parameters from."""

import struct

from ..container import AudioHeader

_PCM_LITTLE, _PCM_BIG, _WAVE = "A_PCM/INT/LIT", "A_PCM/INT/BIG", "A_MS/ACM"

MATROSKA_CODECS: dict[str, tuple[str, int]] = {
    "aac": ("A_AAC", 0),
    "ac3": ("A_AC3", 0),
    "alac": ("A_ALAC", 0),
    "dts": ("A_DTS", 0),
    "eac3": ("A_EAC3", 0),
    "flac": ("A_FLAC", 0),
    "mlp": ("A_MLP", 0),
    "mp1": ("A_MPEG/L1", 0),
    "mp2": ("A_MPEG/L2", 0),
    "mp3": ("A_MPEG/L3", 0),
    "opus": ("A_OPUS", 0),
    "truehd": ("A_TRUEHD", 0),
    "vorbis": ("A_VORBIS", 0),
    "wavpack": ("A_WAVPACK4", 0),
    "pcm_u8": (_PCM_LITTLE, 8),
    "pcm_s16le": (_PCM_LITTLE, 16),
    "pcm_s24le": (_PCM_LITTLE, 24),
    "pcm_s32le": (_PCM_LITTLE, 32),
    "pcm_s16be": (_PCM_BIG, 16),
    "pcm_s24be": (_PCM_BIG, 24),
    "pcm_s32be": (_PCM_BIG, 32),
    "pcm_f32le": ("A_PCM/FLOAT/IEEE", 32),
    "pcm_f64le": ("A_PCM/FLOAT/IEEE", 64),
    "pcm_alaw": (_WAVE, 0x06),
    "pcm_mulaw": (_WAVE, 0x07),
}
"""FFmpeg codec name -> Matroska codec id, and bits per sample, WAVE format tag (of `A_MS/ACM`) or 0.

Those that MP4, QuickTime or Matroska can hold; audio of any other codec is not passed through.
"""

# Element ids of EBML and Matroska (RFC 8794, RFC 9559).
_EBML, _DOC_TYPE = 0x1A45DFA3, 0x4282
_SEGMENT, _INFO, _TIMESTAMP_SCALE, _TRACKS, _CLUSTER, _TIMESTAMP = (
    0x18538067, 0x1549A966, 0x2AD7B1, 0x1654AE6B, 0x1F43B675, 0xE7,
)  # fmt: skip
_TRACK_ENTRY, _TRACK_NUMBER, _TRACK_UID, _TRACK_TYPE = 0xAE, 0xD7, 0x73C5, 0x83
_CODEC_ID, _CODEC_PRIVATE, _CODEC_DELAY = 0x86, 0x63A2, 0x56AA
_AUDIO, _SAMPLING_FREQUENCY, _CHANNELS, _BIT_DEPTH = 0xE1, 0xB5, 0x9F, 0x6264


def audio_track_header(header: AudioHeader, num_channels: int) -> bytes:
    """Give a Matroska file with one audio track and no packets; its codec is a key of `MATROSKA_CODECS`."""
    codec_id, detail = MATROSKA_CODECS[header.codec]
    audio = _element(_SAMPLING_FREQUENCY, struct.pack(">d", header.sample_rate))
    audio += _number(_CHANNELS, num_channels)
    track = _number(_TRACK_NUMBER, 1) + _number(_TRACK_UID, 1) + _number(_TRACK_TYPE, 2)
    track += _element(_CODEC_ID, codec_id.encode())
    if codec_id == _WAVE:
        track += _element(_CODEC_PRIVATE, _wave_format(header, num_channels, detail))
    else:
        audio += _number(_BIT_DEPTH, detail) if detail else b""
        track += _number(_CODEC_DELAY, header.initial_padding * 1_000_000_000 // header.sample_rate)
    track += _element(_AUDIO, audio)
    return _element(_EBML, _element(_DOC_TYPE, b"matroska")) + _element(
        _SEGMENT,
        _element(_INFO, _number(_TIMESTAMP_SCALE, 1_000_000))
        + _element(_TRACKS, _element(_TRACK_ENTRY, track))
        + _element(_CLUSTER, _number(_TIMESTAMP, 0)),
    )


def _element(element_id: int, payload: bytes) -> bytes:
    id_bytes = element_id.to_bytes((element_id.bit_length() + 7) // 8, "big")
    return id_bytes + (1 << 56 | len(payload)).to_bytes(8, "big") + payload


def _number(element_id: int, value: int) -> bytes:
    return _element(element_id, value.to_bytes(8, "big"))


def _wave_format(header: AudioHeader, num_channels: int, tag: int) -> bytes:
    """Pack a WAVEFORMATEX; the block size of 1 byte matters to decoders only, and none is used."""
    bytes_per_second = header.bit_rate // 8
    fixed = struct.pack("<HHIIHH", tag, num_channels, header.sample_rate, bytes_per_second, 1, 0)
    return fixed + struct.pack("<H", len(header.extradata)) + header.extradata
