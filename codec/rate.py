"""Bits per pixel, defined once for every report: all bytes of a file but audio, times 8, over source pixels."""

from collections.abc import Mapping

AUDIO_CHUNKS = ("AHDR", "APKT")


def audio_bytes(bytes_by_chunk: Mapping[str, int]) -> int:
    """Sum the bytes of the chunks that hold audio and its headers, frames of the chunks included."""
    return sum(bytes_by_chunk.get(kind, 0) for kind in AUDIO_CHUNKS)


def bits_per_pixel(video_bytes: int, width: int, height: int, num_frames: int) -> float:
    """Give the bits of a file without audio over source pixels.

    Args:
        video_bytes: all bytes of the file but those of `audio_bytes`.
        width: of the source, in pixels, before sample aspect.
        height: likewise.
        num_frames: in the file; 0 gives 0.
    """
    pixels = width * height * num_frames
    return video_bytes * 8 / pixels if pixels else 0.0
