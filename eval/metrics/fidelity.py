"""PSNR, SSIM and MS-SSIM of 8-bit 4:2:0 frames and of their RGB."""

from collections.abc import Sequence

from .frames import MIN_MS_SSIM_SIDE, PEAK, ms_ssim, psnr_db
from .interface import Column, FrameMetric, FramePair, MetricUnavailable

LUMA_SHARE = 6
"""Weight of Y beside 1 for U and 1 for V in the 6:1:1 mean of JVET's common test conditions."""


class Psnr(FrameMetric):
    """PSNR in dB at peak 255, of each plane, as 6:1:1 mean of the three, and of RGB; 100 dB for equal frames."""

    name = "psnr"
    columns = (
        Column("psnr_y", "PSNR-Y (dB)"),
        Column("psnr_u", "PSNR-U (dB)"),
        Column("psnr_v", "PSNR-V (dB)"),
        Column("psnr_611", "PSNR 6:1:1 (dB)"),
        Column("psnr_rgb", "PSNR RGB (dB)"),
    )

    def measure_frame(self, pair: FramePair) -> Sequence[float]:
        """Give Y, U, V, their 6:1:1 mean, RGB."""
        y, u, v = (psnr_db(one, other) for one, other in zip(pair.source, pair.decoded, strict=True))
        return y, u, v, (LUMA_SHARE * y + u + v) / (LUMA_SHARE + 2), psnr_db(*pair.rgb)


class Ssim(FrameMetric):
    """SSIM of Y with a Gaussian window of 11 taps."""

    name = "ssim"
    columns = (Column("ssim_y", "SSIM-Y"),)
    is_slow = True

    def measure_frame(self, pair: FramePair) -> Sequence[float]:
        """Give the mean over positions."""
        import torch
        from pytorch_msssim import ssim

        with torch.inference_mode():
            return (float(ssim(*pair.luma_tensors, data_range=PEAK)),)


class MsSsim(FrameMetric):
    """MS-SSIM of RGB, five scales, as `mgv bench` has it."""

    name = "ms-ssim"
    columns = (Column("ms_ssim", "MS-SSIM"),)
    is_slow = True
    smallest_side = MIN_MS_SSIM_SIDE

    def measure_frame(self, pair: FramePair) -> Sequence[float]:
        """Give the mean over channels."""
        value = ms_ssim(*pair.rgb)
        if value is None:
            raise MetricUnavailable(f"needs {MIN_MS_SSIM_SIDE} pixels on the shorter side")
        return (value,)
