"""The table of what the codec does to each clip of a folder, at each quality: README's figures."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...codec import VIDEO_SUFFIXES, MediaError, MissingToolError, OptionError, open_source
from ...codec import open as open_mgv
from ...tokenizer import WeightsError
from ...tokenizer.decoder_engine import EngineName
from ..metrics import Distortion, Frame, compare_frames

EXPECTED_ERRORS: dict[str, type[Exception]] = {
    error.__name__: error for error in (OptionError, MediaError, MissingToolError, WeightsError)
}
"""Of a job in a process of its own, by their names: raised again here."""


@dataclass(frozen=True)
class ClipResult:
    """One clip at one quality."""

    clip: str
    quality: int
    width: int
    height: int
    num_frames: int
    file_bytes: int
    bpp: float
    psnr_y_db: float
    ms_ssim: float | None
    """None where the shorter side is under 161 pixels."""

    encode_fps: float
    decode_fps: float
    """To an .mp4 by x264, as `mgv decode` does by default."""

    encode_peak_bytes: int
    decode_peak_bytes: int


def find_clips(folder: Path) -> list[Path]:
    """List the video files of a folder by suffix, in order of name.

    Raises:
        ValueError: there are none.
    """
    clips = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in VIDEO_SUFFIXES)
    if not clips:
        raise ValueError(f"{folder}: no video file in this folder")
    return clips


def measure_folder(
    clips: Sequence[Path], qualities: Sequence[int], model: str, on_result: Callable[[ClipResult], None]
) -> dict[str, MediaError]:
    """Measure every clip at every quality.

    Args:
        clips: video files.
        qualities: levels of the model.
        model: name or folder of a tokenizer.
        on_result: told each result as it comes.

    Returns:
        For the names of clips that can't be read, why; the others are measured all the same.
    """
    unread = {}
    for clip in clips:
        try:
            for quality in qualities:
                on_result(measure_clip(clip, quality, model))
        except MediaError as error:
            unread[clip.name] = error
    return unread


def measure_clip(clip: Path, quality: int, model: str) -> ClipResult:
    """Encode and decode one clip, each in a process of its own, and compare the frames.

    Raises:
        MediaError: the clip can't be read.
        OptionError, WeightsError: the model has no such quality, or is not there.
        RuntimeError: a process failed otherwise; holds its message.
    """
    with tempfile.TemporaryDirectory(prefix="mgv-bench-") as folder:
        coded, decoded = Path(folder) / "clip.mgv", Path(folder) / "clip.mp4"
        encoding = run_alone(
            {"do": "encode", "source": str(clip), "target": str(coded), "quality": quality, "model": model}
        )
        decoding = run_alone({"do": "decode", "source": str(coded), "target": str(decoded), "model": model})
        distortion = compare_with_source(clip, coded, model)
    return ClipResult(
        clip=clip.name,
        quality=quality,
        width=encoding["width"],
        height=encoding["height"],
        num_frames=encoding["num_frames"],
        file_bytes=encoding["file_bytes"],
        bpp=encoding["bpp"],
        psnr_y_db=distortion.psnr_y_db,
        ms_ssim=distortion.ms_ssim,
        encode_fps=encoding["fps"],
        decode_fps=decoding["fps"],
        encode_peak_bytes=encoding["peak_bytes"],
        decode_peak_bytes=decoding["peak_bytes"],
    )


def compare_with_source(
    clip: Path,
    coded: Path,
    model: str | None = None,
    *,
    engine: EngineName | None = None,
    with_ms_ssim: bool = True,
    on_pair: Callable[[int, Frame, Frame], None] | None = None,
) -> Distortion:
    """Compare the frames that an .mgv decodes to with those of its source, before any further coding.

    Args:
        clip: the source.
        coded: the .mgv.
        model: tokenizer to use in place of the one that the .mgv names.
        engine: what runs its decoder.
        with_ms_ssim: False leaves MS-SSIM out.
        on_pair: shown each pair of frames with its number.
    """
    with open_source(clip) as source, open_mgv(coded, model=model, engine=engine) as video:
        matrix = video.info.header.colour.matrix
        decoded: Iterator[Frame] = (frame.rgb for frame in video.frames())
        originals = (frame.rgb for frame in source.frames())
        return compare_frames(originals, decoded, matrix, with_ms_ssim=with_ms_ssim, on_pair=on_pair)


def as_markdown(results: Sequence[ClipResult]) -> str:
    """Lay the results out as a markdown table, with the means of each quality below."""
    lines = [
        "| clip | size | frames | quality | bytes | bpp | PSNR-Y dB | MS-SSIM | encode fps | decode fps "
        "| encode MB | decode MB |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for result in results:
        similarity = "-" if result.ms_ssim is None else f"{result.ms_ssim:.4f}"
        lines.append(
            f"| {result.clip} | {result.width}x{result.height} | {result.num_frames} | {result.quality} "
            f"| {result.file_bytes} | {result.bpp:.4f} | {result.psnr_y_db:.2f} | {similarity} "
            f"| {result.encode_fps:.1f} | {result.decode_fps:.1f} "
            f"| {result.encode_peak_bytes / 1e6:.0f} | {result.decode_peak_bytes / 1e6:.0f} |"
        )
    for quality in sorted({result.quality for result in results}):
        group = [result for result in results if result.quality == quality]
        similarities = [result.ms_ssim for result in group if result.ms_ssim is not None]
        similarity = f"{_mean(similarities):.4f}" if similarities else "-"
        lines.append(
            f"| **mean of {len(group)}** | | | {quality} | | {_mean([r.bpp for r in group]):.4f} "
            f"| {_mean([r.psnr_y_db for r in group]):.2f} | {similarity} "
            f"| {_mean([r.encode_fps for r in group]):.1f} | {_mean([r.decode_fps for r in group]):.1f} | | |"
        )
    return "\n".join(lines) + "\n"


def as_json(results: Sequence[ClipResult]) -> str:
    """Write the results as a JSON list of `ClipResult` fields."""
    return json.dumps([asdict(result) for result in results], indent=2) + "\n"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def run_alone(job: dict[str, Any]) -> dict[str, Any]:
    """Run a job of `job.py` in a process of its own.

    Raises:
        OptionError, MediaError, MissingToolError, WeightsError: it did.
        RuntimeError: it failed otherwise; holds its message.
    """
    module = f"{__package__}.job"
    done = subprocess.run(
        [sys.executable, "-m", module, json.dumps(job)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{job['do']} of {job['source']} failed: {done.stderr.strip().splitlines()[-1:]}")
    facts: dict[str, Any] = json.loads(done.stdout)
    if "error" in facts:
        raise EXPECTED_ERRORS[facts["error"]](facts["message"])
    return facts
