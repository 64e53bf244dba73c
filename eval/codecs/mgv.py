"""mgv itself as a codec of the bench, in processes of its own like any other."""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from ... import __version__
from ...codec import OptionError, read_rate_points
from ...codec.models import open_coder
from ...tokenizer import MAX_SEARCH_STEPS, load_tokenizer
from .clip import SourceClip
from .errors import CodecError
from .interface import CodecSpec, Coded, Cost, Decoded, Rate, RdCodec
from .process import run_measured

SETTINGS = frozenset({"align-motion", "model", "coder", "effort", "follow-camera", "keyint", "threads"})
SHORT_HASH = 16


class MgvCodec(RdCodec):
    """mgv; its bytes are the whole file without audio.

    It reads the prepared clip, and what it decodes to, RGB, is turned into 4:2:0 by the clip's matrix and range.

    Args:
        spec: settings are `model` (a name or folder), `coder`, `effort`, `follow-camera` and `align-motion` (0 or 1),
            `keyint` (most frames in a segment) and `threads`.

    Raises:
        OptionError: a setting is unknown or out of its range.
        WeightsError: the model is not there.
    """

    suffix = "mgv"

    def __init__(self, spec: CodecSpec) -> None:
        super().__init__(spec)
        unknown = set(spec.settings) - SETTINGS
        if unknown:
            raise OptionError(
                f"{spec.name}: no setting {min(unknown)!r}, expected {', '.join(sorted(SETTINGS))}"
            )
        self._model = spec.settings.get("model", "mgv-s")
        self._tokenizer = load_tokenizer(self._model)
        self._coder = open_coder(spec.settings.get("coder"), self._tokenizer)
        self._levels = read_rate_points(self._tokenizer.folder, len(self._tokenizer.config.bit_depths))
        self._effort = self._whole_number("effort", 0, MAX_SEARCH_STEPS) or 0
        self._segment_frames = self._whole_number("keyint", 1)
        self._follows_camera = self._whole_number("follow-camera", 0, 1) != 0
        self._aligns_motion = self._whole_number("align-motion", 0, 1) != 0
        self._threads = self._whole_number("threads", 1) or 1
        self.ladder = tuple(float(level) for level in range(len(self._levels)))

    def _whole_number(self, setting: str, low: int, high: int | None = None) -> int | None:
        text = self.spec.settings.get(setting)
        if text is None:
            return None
        if not text.isdecimal() or not low <= int(text) <= (int(text) if high is None else high):
            limits = f"from {low}" if high is None else f"from {low} to {high}"
            raise OptionError(f"{self.name}: {setting} is {text!r}, expected a whole number {limits}")
        return int(text)

    def check_rate(self, rate: Rate) -> None:
        """Refuse a quality that is no level of the model, and a target where tokens are searched."""
        if rate.kind != "quality" and self._effort:
            raise OptionError(
                f"{self.name}: effort goes with a quality only, not with a target of {rate.label}"
            )
        if rate.kind == "quality" and rate.value not in self.ladder:
            raise OptionError(
                f"{self.name}: quality is {rate.value:g}, expected a level from 0 to {len(self.ladder) - 1}"
            )

    def versions(self) -> dict[str, str]:
        """Name mgv's version, and the hashes of weights, coder parameters and quality levels."""
        levels = hashlib.sha256(repr(self._levels).encode()).hexdigest()
        return {
            "mgv": __version__,
            "tokenizer_sha256": self._tokenizer.sha256[:SHORT_HASH],
            "coder_sha256": self._coder.parameters_sha256.hex()[:SHORT_HASH],
            "levels_sha256": levels[:SHORT_HASH],
        }

    def encode(self, clip: SourceClip, rate: Rate, target: Path, scratch: Path) -> Coded:
        """Encode at a quality level, or by mgv's own rate control, which never exceeds the target."""
        wish = {"quality": int(rate.value)} if rate.kind == "quality" else {"bpp": rate.value}
        job = {
            "do": "encode",
            "source": str(clip.path),
            "target": str(target),
            "model": self._model,
            "coder": self.spec.settings.get("coder"),
            "effort": self._effort,
            "segment_frames": self._segment_frames,
            "follow_camera": self._follows_camera,
            "align_motion": self._aligns_motion,
            **wish,
        }
        facts, cost = self._run(job)
        option = f"--{next(iter(wish))} {next(iter(wish.values())):g}"
        if self._effort:
            option += f" --effort {self._effort}"
        if self._segment_frames is not None:
            option += f" --segment-frames {self._segment_frames}"
        if not self._follows_camera:
            option += " --no-follow-camera"
        if not self._aligns_motion:
            option += " --no-align-motion"
        return Coded(
            num_bytes=facts["num_bytes"],
            rate=rate,
            commands=(f"mgv encode {clip.path.name} {target.name} {option} --model {self._model}",),
            cost=cost,
            raw_bits=facts["raw_bits"],
        )

    def decode(self, file: Path, clip: SourceClip, target: Path, scratch: Path) -> Decoded:
        """Decode to RGB, and that to 4:2:0."""
        facts, cost = self._run(
            {"do": "decode", "source": str(file), "target": str(target), "model": self._model}
        )
        if facts["num_frames"] != clip.format.num_frames:
            raise CodecError(f"{facts['num_frames']} frames came back, expected {clip.format.num_frames}")
        return Decoded((f"mgv decode {file.name}",), cost)

    def _run(self, job: dict[str, Any]) -> tuple[dict[str, Any], Cost]:
        done = run_measured(
            [sys.executable, "-m", f"{__package__}.mgv_job", json.dumps(job)],
            {
                "OMP_NUM_THREADS": str(self._threads),
                "OPENCV_FOR_THREADS_NUM": str(self._threads),
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            },
        )
        facts: dict[str, Any] = json.loads(done.stdout)
        whole = done.cost
        return facts, Cost(facts["seconds"], facts["cpu_seconds"], whole.peak_bytes, whole.process_seconds)
