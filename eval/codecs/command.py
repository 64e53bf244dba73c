"""Any external codec, by command templates in a TOML file; and vvencapp as one of them."""

import math
import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from shutil import which
from string import Formatter
from typing import Any

from ...codec import MissingToolError, OptionError
from .clip import SourceClip, crop, read_planes, write_planes
from .errors import CodecError
from .ffmpeg import QUIET, find_ffmpeg
from .ffmpeg_codec import padded_y4m, shown_command
from .interface import CodecSpec, Coded, Decoded, Rate, RdCodec
from .process import run_measured
from .search import search_quality

FIELDS = frozenset({"encode", "decode", "suffix", "ladder", "version", "bit_depth", "quality_range"})
PLACES = frozenset({"input", "output", "quality", "width", "height", "frames", "rate"})

VVENCAPP = {
    "encode": "vvencapp -i {input} -s {width}x{height} -r {rate} -c yuv420 --preset faster -q {quality} "
    "--qpa 0 --threads 1 --internal-bitdepth 10 -o {output}",
    "decode": "",
    "suffix": "266",
    "ladder": "26,30,34,38,42,46",
    "version": "vvencapp --version",
    "bit_depth": "10",
    "quality_range": "0,63",
}


class CommandCodec(RdCodec):
    """A codec that is two command lines; its bytes are those of its file.

    The encoder is given y4m of even size (`{input}`), the decoder gives raw planar 4:2:0 of that size (`{output}`).
    In the templates stand {input} {output} {quality} {width} {height} {frames} {rate}, each within one argument;
    no shell reads them. Without a decode template ffmpeg decodes.

    Args:
        spec: settings are the fields of its table in the TOML file, as texts.

    Raises:
        OptionError: a field is missing, unknown or wrong.
    """

    def __init__(self, spec: CodecSpec) -> None:
        super().__init__(spec)
        facts = spec.settings
        for key in set(facts) - FIELDS:
            raise OptionError(f"codec {spec.name}: no field {key!r}, expected {', '.join(sorted(FIELDS))}")
        for key in ("encode", "suffix", "ladder"):
            if not facts.get(key, "").strip():
                raise OptionError(f"codec {spec.name}: its field {key!r} is missing")
        self._encode = _template(spec.name, "encode", facts["encode"])
        self._decode = _template(spec.name, "decode", facts.get("decode", ""))
        self._version = _arguments(spec.name, "version", facts.get("version", ""))
        self.suffix = facts["suffix"].lstrip(".")
        self.ladder = tuple(_numbers(spec.name, "ladder", facts["ladder"]))
        self._bit_depth = int(_numbers(spec.name, "bit_depth", facts.get("bit_depth", "8"))[0])
        limits = _numbers(spec.name, "quality_range", facts.get("quality_range", "0,63"))
        if len(limits) != 2:
            raise OptionError(f"codec {spec.name}: quality_range needs the best and the worst quality")
        self._best, self._worst = int(limits[0]), int(limits[1])

    def check_rate(self, rate: Rate) -> None:
        """Take any: what a quality means is the template's business."""

    def versions(self) -> dict[str, str]:
        """Give the first line that its version command prints."""
        program = self._encode[0]
        if which(program) is None:
            raise MissingToolError(f"{program}: is not on PATH; install it, or leave {self.name} out")
        if not self._version:
            return {program: "not stated"}
        done = run_measured(self._version)
        lines = (done.stdout.decode("utf-8", "replace") + done.stderr).strip().splitlines()
        return {program: lines[0].strip() if lines else "not stated"}

    def encode(self, clip: SourceClip, rate: Rate, target: Path, scratch: Path) -> Coded:
        """Run the template at a quality, or search one for a target."""
        if rate.kind == "quality":
            return self._encode_at(clip, rate, target, scratch)
        return search_quality(
            lambda quality: self._encode_at(clip, Rate("quality", quality), target, scratch),
            rate.value,
            clip.format.num_pixels,
            self._best,
            self._worst,
        )

    def decode(self, file: Path, clip: SourceClip, target: Path, scratch: Path) -> Decoded:
        """Run the template, or ffmpeg; round to 8 bits and crop."""
        raw = scratch / "decoded.yuv"
        arguments = self._filled(self._decode, clip, file, raw, 0) or [
            *(find_ffmpeg(), *QUIET, "-i", str(file), "-map", "0:v:0", "-f", "rawvideo"),
            *("-pix_fmt", "yuv420p" if self._bit_depth == 8 else f"yuv420p{self._bit_depth}le"),
            *("-fps_mode", "passthrough", str(raw)),
        ]
        cost = run_measured(arguments).cost
        if not raw.is_file():
            raise CodecError(f"{self.name}: its decoder wrote no {{output}}")
        width, height = clip.format.width, clip.format.height
        frames = read_planes(raw, clip.format.even_size, clip.format.num_frames, self._bit_depth)
        write_planes(target, (crop(frame, width, height) for frame in frames))
        raw.unlink()
        return Decoded((shown_command(arguments, scratch, file.parent),), cost)

    def _encode_at(self, clip: SourceClip, rate: Rate, target: Path, scratch: Path) -> Coded:
        source = padded_y4m(clip, scratch)
        arguments = self._filled(self._encode, clip, source, target, rate.value)
        cost = run_measured(arguments).cost
        if not target.is_file() or target.stat().st_size == 0:
            raise CodecError(f"{self.name}: its encoder wrote no {{output}}")
        commands = (shown_command(arguments, scratch, target.parent),)
        return Coded(target.stat().st_size, rate, commands, cost)

    def _filled(
        self, template: list[str], clip: SourceClip, source: Path, target: Path, quality: float
    ) -> list[str]:
        width, height = clip.format.even_size
        values = {
            "input": str(source),
            "output": str(target),
            "quality": f"{quality:g}",
            "width": str(width),
            "height": str(height),
            "frames": str(clip.format.num_frames),
            "rate": str(clip.format.frame_rate),
        }
        return [argument.format_map(values) for argument in template]


class VvencappCodec(CommandCodec):
    """The encoder program of libvvenc, where it is on PATH; ffmpeg decodes.

    Args:
        spec: without settings.
    """

    def __init__(self, spec: CodecSpec) -> None:
        if spec.settings:
            raise OptionError(f"{spec.name}: has no settings; write a command template for other options")
        super().__init__(CodecSpec(spec.name, spec.kind, VVENCAPP))
        self.spec = spec


def read_codec_file(path: Path) -> list[CodecSpec]:
    """Read command templates: a table `[NAME]` each, with the fields of `CommandCodec`.

    Raises:
        OptionError: it is no such file.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"{path}: can't be read as TOML: {error}") from error
    specs = []
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            raise OptionError(f"{path}: {name} is {table!r}, expected tables [NAME]")
        specs.append(CodecSpec(name, "command", {key: _as_text(value) for key, value in table.items()}))
    return specs


def _as_text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _arguments(name: str, key: str, text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise OptionError(f"codec {name}: {key} is {text!r}: {error}; close every quote") from error


def _template(name: str, key: str, text: str) -> list[str]:
    arguments = _arguments(name, key, text)
    for argument in arguments:
        try:
            parts = list(Formatter().parse(argument))
        except ValueError as error:
            raise OptionError(
                f"codec {name}: {key} has {argument!r}: {error}; a place is {{input}} or the like, a brace itself "
                "is doubled"
            ) from error
        for _, place, layout, conversion in parts:
            if place is not None and (place not in PLACES or layout or conversion):
                raise OptionError(
                    f"codec {name}: {key} has {argument!r}, expected in braces one of {', '.join(sorted(PLACES))}"
                )
    return arguments


def _numbers(name: str, key: str, text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise OptionError(f"codec {name}: {key} is {text!r}, expected numbers") from error
    if not all(map(math.isfinite, numbers)):
        raise OptionError(f"codec {name}: {key} is {text!r}, expected finite numbers")
    return numbers
