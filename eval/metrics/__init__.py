"""Metrics of decoded video against its source, frame by frame, and the memory a process took."""

from .frames import (
    Distortion,
    Frame,
    compare_frames,
    luma,
    ms_ssim,
    peak_memory_bytes,
    psnr_db,
)

__all__ = [
    "Distortion",
    "Frame",
    "compare_frames",
    "luma",
    "ms_ssim",
    "peak_memory_bytes",
    "psnr_db",
]
