"""Anchors: the encoders of ffmpeg, to elementary streams, and its decoders back."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from ...codec import OptionError
from .anchors import ANCHORS, DEFAULT_KEY_FRAME_INTERVAL, Settings
from .clip import SourceClip, crop, read_planes, write_planes, write_y4m
from .errors import CodecError
from .ffmpeg import QUIET, clip_frames, count_ivf_payload, encoder_version, ffmpeg_version, find_ffmpeg
from .interface import CodecSpec, Coded, Decoded, Rate, RdCodec
from .process import Finished, run_measured
from .search import search_quality

SETTINGS = frozenset({"preset", "tune", "keyint", "threads", "ffmpeg"})
TUNES = ("psnr", "visual")


class FfmpegCodec(RdCodec):
    """One encoder of ffmpeg; its bytes are those of the elementary stream without settings SEI.

    That is Annex B for H.264, HEVC and VVC, the low-overhead OBU stream for AV1, and the IVF payloads for VP9.
    Frames of odd size are coded with their last column or row repeated, and cropped again. VVC is coded in
    10 bits, which is all libvvenc does, and rounded to 8.

    Args:
        spec: settings are `preset`, `tune` (psnr or visual), `keyint`, `threads` and `ffmpeg` (a path).

    Raises:
        OptionError: a setting is unknown or out of range.
    """

    def __init__(self, spec: CodecSpec) -> None:
        super().__init__(spec)
        self._anchor = ANCHORS[spec.kind]
        self.suffix, self.ladder = self._anchor.suffix, self._anchor.ladder
        self._settings = _read_settings(spec.name, spec.settings, self._anchor.default_preset)
        self._ffmpeg = find_ffmpeg(spec.settings.get("ffmpeg"))

    def versions(self) -> dict[str, str]:
        """Name the versions of encoder and ffmpeg."""
        anchor = self._anchor
        own = encoder_version(self._ffmpeg, anchor.encoder, anchor.pixel_format, anchor.muxer)
        return {anchor.encoder: own or "not stated", "ffmpeg": ffmpeg_version(self._ffmpeg)}

    def encode(self, clip: SourceClip, rate: Rate, target: Path, scratch: Path) -> Coded:
        """Encode at a quality, search the one that comes nearest to a target, or make two passes."""
        if rate.kind == "quality":
            return self._encode_at(clip, rate, ["-b:v", "0"], target, scratch)
        if rate.kind == "two-pass" and self._anchor.has_two_passes:
            return self._encode_twice(clip, rate, target, scratch)
        best, worst = self._anchor.quality_range

        def at(quality: int) -> Coded:
            return self._encode_at(clip, Rate("quality", quality), ["-b:v", "0"], target, scratch)

        return search_quality(at, rate.value, clip.format.num_pixels, best, worst)

    def decode(self, file: Path, clip: SourceClip, target: Path, scratch: Path) -> Decoded:
        """Decode with ffmpeg, in the bit depth of the stream, then round and crop."""
        bit_depth = 10 if self._anchor.pixel_format.endswith("10le") else 8
        raw = scratch / "decoded.yuv"
        arguments = [
            *(self._ffmpeg, *QUIET, "-threads", str(self._settings.threads), "-i", str(file)),
            *("-map", "0:v:0", "-f", "rawvideo", "-pix_fmt", self._anchor.pixel_format),
            *("-fps_mode", "passthrough", str(raw)),
        ]
        cost = run_measured(arguments).cost
        width, height = clip.format.width, clip.format.height
        frames = read_planes(raw, clip.format.even_size, clip.format.num_frames, bit_depth)
        write_planes(target, (crop(frame, width, height) for frame in frames))
        raw.unlink()
        return Decoded((shown_command(arguments, scratch, file.parent),), cost)

    def _encode_at(
        self, clip: SourceClip, rate: Rate, extra: list[str], target: Path, scratch: Path
    ) -> Coded:
        quality = [self._anchor.quality_option, f"{rate.value:g}"]
        options = [*quality, *(extra if self._anchor.zero_bitrate else [])]
        arguments = self._command(clip, options, target, scratch)
        cost = run_measured(arguments).cost
        return Coded(self._count(target), rate, (shown_command(arguments, scratch, target.parent),), cost)

    def _encode_twice(self, clip: SourceClip, rate: Rate, target: Path, scratch: Path) -> Coded:
        clip_format = clip.format
        seconds = clip_format.num_frames / clip_format.frame_rate
        bits_per_second = round(rate.value * clip_format.num_pixels / seconds)
        commands: list[str] = []
        passes: list[Finished] = []
        for number in (1, 2):
            options = ["-b:v", str(bits_per_second), *_pass_options(self._anchor.encoder, number, scratch)]
            arguments = self._command(clip, options, target, scratch)
            passes.append(run_measured(arguments))
            commands.append(shown_command(arguments, scratch, target.parent))
        cost = passes[0].cost + passes[1].cost
        return Coded(self._count(target), rate, tuple(commands), cost)

    def _command(self, clip: SourceClip, options: list[str], target: Path, scratch: Path) -> list[str]:
        anchor = self._anchor
        options = _with_parameters([*anchor.arguments(self._settings), *options])
        filters = (
            ["-bsf:v", f"filter_units=remove_types={anchor.settings_sei}"] if anchor.settings_sei else []
        )
        return [
            *(self._ffmpeg, *QUIET, "-f", "yuv4mpegpipe", "-i", str(padded_y4m(clip, scratch))),
            *("-pix_fmt", anchor.pixel_format, "-c:v", anchor.encoder, *options, *filters),
            *("-fps_mode", "passthrough", "-f", anchor.muxer, str(target)),
        ]

    def _count(self, target: Path) -> int:
        num_bytes = count_ivf_payload(target) if self._anchor.muxer == "ivf" else target.stat().st_size
        if num_bytes == 0:
            raise CodecError(f"{self._anchor.encoder} wrote nothing")
        return num_bytes


def padded_y4m(clip: SourceClip, scratch: Path) -> Path:
    """Give the clip as y4m of even size, made once per scratch folder."""
    path = scratch / "source.y4m"
    if not path.exists():
        part = path.with_suffix(".part")
        write_y4m(part, clip.format, clip_frames(clip, scratch))
        part.replace(path)
    return path


def shown_command(arguments: list[str], *folders: Path) -> str:
    """Write a command line as it can be typed, without the folders of the run."""
    line = shlex.join(arguments)
    for folder in folders:
        line = line.replace(f"{folder}/", "")
    return line


def _read_settings(name: str, given: Mapping[str, str], default_preset: str) -> Settings:
    unknown = set(given) - SETTINGS
    if unknown:
        raise OptionError(f"{name}: no setting {min(unknown)!r}, expected {', '.join(sorted(SETTINGS))}")
    tune = given.get("tune", "psnr")
    if tune not in TUNES:
        raise OptionError(f"{name}: tune is {tune!r}, expected psnr or visual")
    try:
        interval, threads = (
            int(given.get(key, value))
            for key, value in (("keyint", DEFAULT_KEY_FRAME_INTERVAL), ("threads", 1))
        )
    except ValueError as error:
        raise OptionError(f"{name}: keyint and threads are whole numbers ({error})") from error
    return Settings(given.get("preset", default_preset), tune, interval, threads)


def _pass_options(encoder: str, number: int, scratch: Path) -> list[str]:
    log = str(scratch / "two-pass")
    if encoder == "libx265":
        return ["-x265-params", f"pass={number}:stats={log}"]
    return ["-pass", str(number), "-passlogfile", log]


def _with_parameters(options: list[str]) -> list[str]:
    """Join the values of an x265-params option that is given twice."""
    name = "-x265-params"
    places = [index for index, option in enumerate(options) if option == name]
    if len(places) < 2:
        return options
    first, second = places
    joined = f"{options[first + 1]}:{options[second + 1]}"
    return [*options[:first], name, joined, *options[first + 2 : second], *options[second + 2 :]]
