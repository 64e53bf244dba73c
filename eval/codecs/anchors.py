"""What the bench knows of each encoder in ffmpeg: how it is asked for a quality, a preset, a key frame interval."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

DEFAULT_KEY_FRAME_INTERVAL = 250
"""Frames; of x264 and x265 themselves, and taken for all, so that none pays for more random access than another."""

VVC_GOP = 32
"""libvvenc wants key frame intervals in whole groups of so many frames."""


@dataclass(frozen=True)
class Settings:
    """What a user may choose for an encoder, in common terms."""

    preset: str
    tune: str
    """`psnr`: no psychovisual decisions; `visual`: those that the encoder takes by default."""

    key_frame_interval: int
    threads: int


@dataclass(frozen=True)
class Anchor:
    """One encoder of ffmpeg."""

    encoder: str
    """Its ffmpeg name."""

    muxer: str
    """Of the elementary stream."""

    suffix: str
    default_preset: str
    ladder: tuple[float, ...]
    quality_option: str
    quality_range: tuple[int, int]
    """Best and worst."""

    arguments: Callable[[Settings], list[str]]
    """Everything but codec, rate and muxer."""

    pixel_format: str = "yuv420p"
    settings_sei: str = ""
    """NAL unit types that hold SEI, which are left out."""

    has_two_passes: bool = True
    zero_bitrate: bool = False
    """Whether a quality counts only with `-b:v 0` beside it."""


def _x264(chosen: Settings) -> list[str]:
    tune = ["-tune", "psnr"] if chosen.tune == "psnr" else []
    return ["-preset", chosen.preset, *tune, *_gop(chosen), "-threads", str(chosen.threads)]


def _x265(chosen: Settings) -> list[str]:
    tune = ["-tune", "psnr"] if chosen.tune == "psnr" else []
    parameters = {
        "log-level": "error",
        "info": 0,
        "keyint": chosen.key_frame_interval,
        "pools": chosen.threads,
        "frame-threads": 1,
    }
    return ["-preset", chosen.preset, *tune, "-x265-params", _joined(parameters)]


def _svt_av1(chosen: Settings) -> list[str]:
    parameters = {"tune": 1 if chosen.tune == "psnr" else 0, "lp": chosen.threads}
    return ["-preset", chosen.preset, *_gop(chosen), "-svtav1-params", _joined(parameters)]


def _aom(chosen: Settings) -> list[str]:
    tune = ["-tune", "psnr"] if chosen.tune == "psnr" else []
    return [
        *("-usage", "good", "-cpu-used", chosen.preset, "-lag-in-frames", "35"),
        *(*tune, *_gop(chosen), "-threads", str(chosen.threads)),
    ]


def _vp9(chosen: Settings) -> list[str]:
    return [
        *("-deadline", "good", "-cpu-used", chosen.preset, "-lag-in-frames", "25", "-auto-alt-ref", "1"),
        *(*_gop(chosen), "-threads", str(chosen.threads)),
    ]


def _vvc(chosen: Settings) -> list[str]:
    whole_gops = -(-chosen.key_frame_interval // VVC_GOP) * VVC_GOP
    parameters = {"intraperiod": whole_gops, "threads": chosen.threads}
    return [
        *("-preset", chosen.preset, "-qpa", "0" if chosen.tune == "psnr" else "1"),
        *("-vvenc-params", _joined(parameters)),
    ]


def _gop(chosen: Settings) -> list[str]:
    return ["-g", str(chosen.key_frame_interval)]


def _joined(parameters: Mapping[str, object]) -> str:
    return ":".join(f"{name}={value}" for name, value in parameters.items())


ANCHORS = {
    "x264": Anchor(
        *("libx264", "h264", "264", "medium", (24, 28, 32, 36, 40, 44, 48), "-crf", (0, 51), _x264),
        settings_sei="6",
    ),
    "x265": Anchor(
        *("libx265", "hevc", "265", "medium", (24, 28, 32, 36, 40, 44), "-crf", (0, 51), _x265),
        settings_sei="39|40",
    ),
    "svt-av1": Anchor(
        *("libsvtav1", "obu", "obu", "6", (30, 38, 45, 52, 58, 63), "-crf", (1, 63), _svt_av1),
        has_two_passes=False,
    ),
    "aom-av1": Anchor(
        *("libaom-av1", "obu", "obu", "6", (30, 38, 45, 52, 58, 63), "-crf", (0, 63), _aom),
        zero_bitrate=True,
    ),
    "vp9": Anchor(
        *("libvpx-vp9", "ivf", "ivf", "2", (33, 40, 47, 53, 58, 63), "-crf", (0, 63), _vp9),
        zero_bitrate=True,
    ),
    "vvc": Anchor(
        *("libvvenc", "vvc", "266", "faster", (26, 30, 34, 38, 42, 46), "-qp", (0, 63), _vvc),
        pixel_format="yuv420p10le",
        settings_sei="23|24",
        has_two_passes=False,
    ),
}
"""Kind of codec -> what is known of it."""
