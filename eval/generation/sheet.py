"""The contact sheet: for each task what is given, what was made of it, and the truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .interface import Clip

NOT_GIVEN = 0.55
"""Grey of pixels that are not given."""
NUM_FRAMES = 4
"""Of each clip that are shown, spread over it, its first and last among them."""
GAP, MARGIN_LEFT, HEADER = 10, 56, 28
PAPER, INK = (255, 255, 255), (20, 20, 20)
NUM_COLOURS = 128
"""Of the palette, which keeps the file small."""


@dataclass(frozen=True)
class SheetRow:
    """One task."""

    title: str
    given: NDArray[np.bool_]
    """`[T, H, W]`."""
    truth: Clip
    """The decoded true tokens."""
    made: Clip
    """The decoded generated ones."""

    @property
    def columns(self) -> tuple[Clip, Clip, Clip]:
        """Given, made, truth."""
        grey = np.full_like(self.truth, NOT_GIVEN)
        return np.where(self.given[..., None], self.truth, grey), self.made, self.truth


def write_sheet(rows: Sequence[SheetRow], target: Path, *, scale: int = 1) -> None:
    """Draw a row a task to a PNG; clips are all of one size, which is multiplied by `scale`."""
    num_frames, height, width = rows[0].given.shape
    shown = np.unique(np.linspace(0, num_frames - 1, NUM_FRAMES).round().astype(int))
    row_height, column_width = height * scale + GAP, len(shown) * width * scale + GAP
    size = MARGIN_LEFT + 3 * column_width, HEADER + len(rows) * row_height
    sheet = Image.new("RGB", size, PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(18)
    frames = ", ".join(str(index + 1) for index in shown)
    for column, title in enumerate((f"given (frames {frames} of {num_frames})", "generated", "truth")):
        draw.text((MARGIN_LEFT + column * column_width, 3), title, INK, font)
    for number, row in enumerate(rows):
        top = HEADER + number * row_height
        draw.text((4, top + height * scale // 2 - 10), row.title, INK, font)
        for column, clip in enumerate(row.columns):
            strip = np.concatenate(list(clip[shown]), axis=1)
            image = Image.fromarray((strip * 255).round().clip(0, 255).astype(np.uint8))
            image = image.resize((image.width * scale, image.height * scale), Image.Resampling.BICUBIC)
            sheet.paste(image, (MARGIN_LEFT + column * column_width, top))
    sheet.quantize(NUM_COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
