"""How the files of a tree are encoded, and one file of it encoded so: what every worker does."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...container import FormatError
from ..encode_video import EncodeReport, choose_rate, encode, open_encoder
from ..errors import MediaError, OutputError
from ..options import OptionError
from ..output import PART_SUFFIX, make_folder
from ..parallel import limit_threads
from ..rate_points import choose_rate_point
from ..segmenter import check_segment_frames
from .journal import Options

FILE_ERRORS = (MediaError, OutputError, OptionError, FormatError)
"""What one file may fail by; any other error is a bug, and ends the worker that it happens in."""

SHORT_HASH = 16


@dataclass(frozen=True)
class FileJob:
    """One file to encode; absolute paths."""

    source: str
    target: str

    def remove_part(self) -> None:
        """Remove what a worker that was killed had written."""
        Path(self.target + PART_SUFFIX).unlink(missing_ok=True)


@dataclass(frozen=True)
class Failure:
    """Why there is no file."""

    cause: str


@dataclass(frozen=True)
class EncodeSettings:
    """The arguments of `encode` that all files of a tree share."""

    quality: int | None = None
    bpp: float | str | None = None
    bitrate: float | str | None = None
    size: float | str | None = None
    """Of each file."""

    model: str = "mgv-s"
    """Name or folder."""

    coder: str | None = None
    effort: int = 0
    segment_frames: int | None = None
    follow_camera: bool = True
    align_motion: bool = True

    def check(self) -> None:
        """Check what can be checked without the model.

        Raises:
            OptionError: arguments don't go together, or one is out of range.
        """
        choose_rate(self.quality, self.bpp, self.bitrate, self.size, self.effort)
        check_segment_frames(self.segment_frames)

    def everywhere(self) -> "EncodeSettings":
        """Make a model's folder, if one is given, independent of the working folder."""
        return replace(self, model=os.path.abspath(self.model)) if os.path.isdir(self.model) else self

    def options(self) -> Options:
        """Open the models, and give what decides on the bytes that a source comes to.

        Raises:
            OptionError, WeightsError: as `encode` does.
        """
        rate = choose_rate(self.quality, self.bpp, self.bitrate, self.size, self.effort)
        models, levels = open_encoder(self.model, self.coder)
        options: dict[str, str | int | float | None] = {
            "weights": f"{models.tokenizer.config.name} {models.tokenizer.sha256[:SHORT_HASH]}",
            "coder": models.coder.name,
            "tables": models.coder.parameters_sha256.hex()[:SHORT_HASH],
            "effort": self.effort,
        }
        if self.segment_frames is not None:
            options["segment_frames"] = self.segment_frames
        if not self.follow_camera:
            options["follow_camera"] = False
        if not self.align_motion:
            options["align_motion"] = False
        if rate is not None:
            return {**options, rate.kind: rate.amount}
        number, level = choose_rate_point(levels, self.quality)
        scale, layers, weight = level.scale, level.num_layers, level.rate_weight
        return {**options, "quality": f"{number} (scale {scale:g}, {layers} layers, rate weight {weight:g})"}


class TreeEncoder:
    """Encodes file after file with models that stay open."""

    def __init__(self, settings: EncodeSettings, num_threads: int) -> None:
        """Open the models and take so many threads.

        Raises:
            OptionError, WeightsError: as `encode` does.
        """
        limit_threads(num_threads)
        models, _ = open_encoder(settings.model, settings.coder)
        self._arguments: dict[str, Any] = {**vars(settings), "model": models.tokenizer}
        rate = choose_rate(settings.quality, settings.bpp, settings.bitrate, settings.size, settings.effort)
        self._num_passes = 1 if rate is None else 2

    def run(self, job: FileJob, on_frames: Callable[[int], None] | None = None) -> EncodeReport | Failure:
        """Encode one file; what is there of it, or of an earlier attempt, is replaced.

        Args:
            job: folders that its target needs are made.
            on_frames: told the frames that are done so far.
        """

        def progress(done: int, expected: int | None) -> None:
            if on_frames is not None:
                on_frames(done // self._num_passes)

        try:
            make_folder(Path(job.target).parent)
            return encode(job.source, job.target, force=True, progress=progress, **self._arguments)
        except FILE_ERRORS as error:
            return Failure(" ".join(str(error).split()))
