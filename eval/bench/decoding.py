"""What decoding costs with each engine, stage by stage, and what the faster one loses: `mgv bench-decode`."""

import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ...codec import open as open_mgv
from ...codec.models import open_decoder_engine
from ...codec.motion import pack_motion
from ...codec.token_stream import SegmentTokens, detokenize_segment
from ...codec.video_format import VideoFormat
from ...codec.video_out import VideoSink
from ...tokenizer import load_tokenizer
from ...tokenizer.decoder_engine import ENGINE_NAMES, EngineName
from ...tokenizer.int8_engine import int8_file
from .clips import compare_with_source, run_alone


@dataclass(frozen=True)
class StageTimes:
    """CPU seconds of each stage of a decoding, summed over cores."""

    entropy: float
    """Of the entropy decoder."""
    network: float
    """Of the tokenizer's decoder, tokens to RGB."""
    output: float
    """Of cutting frames out of the pictures, at the source's size, and writing y4m."""


@dataclass(frozen=True)
class DecodingResult:
    """One file, decoded by one engine."""

    clip: str
    width: int
    height: int
    num_frames: int
    quality: int
    engine: EngineName
    fps: float
    """Of `mgv decode` to y4m that nobody keeps, from the first segment read."""

    cpu_ms: float
    """The same in CPU time a frame, models opened and read included."""

    entropy_ms: float
    """CPU time a frame of the entropy decoder, alone."""

    network_ms: float
    """Of the tokenizer's decoder, alone."""

    output_ms: float
    """Of scaling or cutting frames out, and writing, alone."""

    peak_bytes: int
    psnr_y_db: float
    ms_ssim: float | None
    """Both against the source. None where the shorter side is under 161 pixels."""


def measure_decoding(
    clips: Sequence[Path], qualities: Sequence[int], model: str
) -> Iterator[list[DecodingResult]]:
    """Encode every clip at every quality and decode each file with every engine that the model has.

    Args:
        clips: video files.
        qualities: levels of the model.
        model: name or folder of a tokenizer.

    Yields:
        The results of one file, one an engine.
    """
    has_int8 = int8_file(load_tokenizer(model)) is not None
    engines = ENGINE_NAMES if has_int8 else ENGINE_NAMES[:1]
    with tempfile.TemporaryDirectory(prefix="mgv-bench-") as folder:
        coded = Path(folder) / "clip.mgv"
        for clip in clips:
            for quality in qualities:
                coded.unlink(missing_ok=True)
                run_alone(
                    {
                        "do": "encode",
                        "source": str(clip),
                        "target": str(coded),
                        "quality": quality,
                        "model": model,
                    }
                )
                yield [_measure_engine(clip, quality, coded, model, engine) for engine in engines]


def _measure_engine(clip: Path, quality: int, coded: Path, model: str, engine: EngineName) -> DecodingResult:
    whole = run_alone({"do": "discard", "source": str(coded), "model": model, "engine": engine})
    stages = measure_stages(coded, model, engine)
    distortion = compare_with_source(clip, coded, model, engine=engine)
    with open_mgv(coded, model=model) as video:
        header = video.info.header
    num_frames, per_frame = whole["num_frames"], 1000 / whole["num_frames"]
    return DecodingResult(
        clip=clip.name,
        width=header.width,
        height=header.height,
        num_frames=num_frames,
        quality=quality,
        engine=engine,
        fps=whole["fps"],
        cpu_ms=whole["cpu_seconds"] * per_frame,
        entropy_ms=stages.entropy * per_frame,
        network_ms=stages.network * per_frame,
        output_ms=stages.output * per_frame,
        peak_bytes=whole["peak_bytes"],
        psnr_y_db=distortion.psnr_y_db,
        ms_ssim=distortion.ms_ssim,
    )


def measure_stages(coded: Path, model: str, name: EngineName) -> StageTimes:
    """Decode a file segment by segment, one stage after the other, and take each one's CPU time.

    Args:
        coded: an .mgv.
        model: tokenizer to use in place of the one that the .mgv names.
        name: of the engine.
    """
    clock = time.process_time
    entropy = network = output = 0.0
    with open_mgv(coded, model=model) as video, open(os.devnull, "wb") as nothing:
        header = video.info.header
        sizes = (header.coded_width, header.coded_height), (header.width, header.height)
        engine, _ = open_decoder_engine(video.tokenizer, name)
        video.tokens(0)  # compiled code is loaded before the clock runs
        with VideoSink(nothing, VideoFormat.from_header(header)) as sink:
            for number in range(video.num_segments):
                views = tuple((x, y, grow, twist) for x, y, grow, twist in video.views(number).tolist())
                motion = pack_motion(video.motion(number).astype(np.int16))
                times = [clock()]
                tokens = video.tokens(number)
                times.append(clock())
                ids, pts = tokens.ids[0].numpy(), tuple(range(tokens.num_frames))
                segment = SegmentTokens(ids, tokens.bit_depth, 0, pts, 1, views=views, motion=motion)
                batches = list(detokenize_segment(segment, video.tokenizer, sizes, engine))
                times.append(clock())
                for batch in batches:
                    for rgb in batch.cut_out().rgb:
                        sink.write_frame(rgb, sink.num_frames)
                times.append(clock())
                entropy += times[1] - times[0]
                network += times[2] - times[1]
                output += times[3] - times[2]
    return StageTimes(entropy, network, output)


def as_markdown(results: Sequence[DecodingResult]) -> str:
    """Lay the results out as a markdown table, with the means of each quality and engine below."""
    lines = [
        "| clip | size | frames | quality | engine | fps | CPU ms a frame | entropy | network | output | MB "
        "| PSNR-Y dB | MS-SSIM |",
        "|---|---|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for result in results:
        facts = f"{result.clip} | {result.width}x{result.height} | {result.num_frames}"
        lines.append(f"| {facts} | {_row([result])}")
    for quality in sorted({result.quality for result in results}):
        for engine in ENGINE_NAMES:
            group = [result for result in results if (result.quality, result.engine) == (quality, engine)]
            if group:
                lines.append(f"| **mean of {len(group)}** | | | {_row(group)}")
    return "\n".join(lines) + "\n"


def as_json(results: Sequence[DecodingResult]) -> str:
    """Write the results as a JSON list of `DecodingResult` fields."""
    return json.dumps([asdict(result) for result in results], indent=2) + "\n"


def _row(group: Sequence[DecodingResult]) -> str:
    def mean(name: str) -> float:
        total: float = sum(getattr(result, name) for result in group)
        return total / len(group)

    times = " | ".join(
        f"{mean(name):.1f}" for name in ("fps", "cpu_ms", "entropy_ms", "network_ms", "output_ms")
    )
    has_ms_ssim = all(result.ms_ssim is not None for result in group)
    similarity = f"{mean('ms_ssim'):.4f}" if has_ms_ssim else "-"
    return (
        f"{group[0].quality} | {group[0].engine} | {times} | {mean('peak_bytes') / 1e6:.0f} "
        f"| {mean('psnr_y_db'):.3f} | {similarity} |"
    )
