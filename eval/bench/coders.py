"""What each entropy coder makes of the same clips: bits a token at every depth, bytes, speed, share of the work."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...codec import decode, encode
from ...codec import open as open_mgv
from ...codec.models import available_coders, open_coder
from ...tokenizer import Tokenizer


@dataclass(frozen=True)
class CoderResult:
    """One coder on one clip at full bit depth."""

    clip: str
    coder: str
    num_tokens: int
    layer_bytes: dict[int, int]
    """Payloads of all layers up to each bit depth."""
    file_bytes: int
    """Of the whole .mgv, but for its audio."""
    coder_seconds: tuple[float, float]
    """Of CPU that the coder takes alone, encoding and decoding."""
    whole_seconds: tuple[float, float]
    """Of CPU that the whole encoding (from a video file) and decoding (to .y4m) takes, with all its threads."""


def measure_coders(clips: Sequence[Path], tokenizer: Tokenizer) -> Iterator[CoderResult]:
    """Encode and decode every clip with every coder.

    Args:
        clips: video files.
        tokenizer: from a folder.

    Raises:
        RuntimeError: a coder did not give back the tokens.
    """
    with tempfile.TemporaryDirectory(prefix="mgv-bench-") as folder:
        coded, decoded = Path(folder) / "clip.mgv", Path(folder) / "clip.y4m"
        for clip in clips:
            for name in available_coders(tokenizer):
                start = time.process_time()
                encode(clip, coded, model=tokenizer, coder=name, force=True)
                encoded = time.process_time()
                decode(coded, decoded, model=tokenizer, force=True)
                whole = encoded - start, time.process_time() - encoded
                yield _measure_clip(clip.name, name, coded, tokenizer, whole)


def _measure_clip(
    clip: str, name: str, coded: Path, tokenizer: Tokenizer, whole: tuple[float, float]
) -> CoderResult:
    """Code the tokens of a file again, and nothing else."""
    depths = tokenizer.config.bit_depths
    coder = open_coder(name, tokenizer)
    small = np.zeros((1, 2, 2), np.int64)
    coder.decode(
        coder.encode(small, depths), small.shape, depths
    )  # compiles, where there is something to compile
    seconds, sizes, num_tokens = np.zeros(2), np.zeros(len(depths), np.int64), 0
    with open_mgv(coded, model=tokenizer) as video:
        video_bytes = video.info.video_bytes
        for segment in range(video.num_segments):
            grid: NDArray[np.int64] = video.tokens(segment).ids[0].numpy()
            start = time.process_time()
            layers = coder.encode(grid, depths)
            encoded = time.process_time()
            found = coder.decode(layers, grid.shape, depths)
            seconds += encoded - start, time.process_time() - encoded
            if not np.array_equal(found, grid):
                raise RuntimeError(f"{name} does not give back the tokens of {clip}")
            num_tokens += grid.size
            sizes += np.cumsum([len(layer) for layer in layers])
    by_depth = dict(zip(depths, sizes.tolist(), strict=True))
    return CoderResult(clip, name, num_tokens, by_depth, video_bytes, (seconds[0], seconds[1]), whole)


def as_markdown(results: Sequence[CoderResult]) -> str:
    """Lay the results out as a markdown table: a row a coder, all clips together."""
    depths = list(results[0].layer_bytes)
    lines = [
        "| coder | "
        + " | ".join(f"{depth} bits" for depth in depths)
        + " | bytes | of raw | encode Mbit/s | decode | of encode time | of decode time |",
        "|---|" + "--:|" * (len(depths) + 6),
    ]
    raw = {result.clip: result.file_bytes for result in results if result.coder == "raw"}
    for name in dict.fromkeys(result.coder for result in results):
        group = [result for result in results if result.coder == name]
        num_tokens = sum(result.num_tokens for result in group)
        bits = " | ".join(
            f"{8 * sum(result.layer_bytes[depth] for result in group) / num_tokens:.2f}" for depth in depths
        )
        share = np.mean([result.file_bytes / raw[result.clip] for result in group])
        alone, whole = (
            np.sum([getattr(result, field) for result in group], axis=0)
            for field in ("coder_seconds", "whole_seconds")
        )
        speed, work = num_tokens * depths[-1] / 1e6 / alone, 100 * alone / whole
        lines.append(
            f"| {name} | {bits} | {sum(result.file_bytes for result in group)} | {share:.3f} "
            f"| {speed[0]:.1f} | {speed[1]:.1f} | {work[0]:.1f}% | {work[1]:.1f}% |"
        )
    return "\n".join(lines) + "\n"
