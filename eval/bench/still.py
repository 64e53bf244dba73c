"""What content that hardly changes costs: a still photograph, the same with camera noise, and screen recordings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...codec import MediaError
from ...codec.models import open_coder
from ...codec.scene_cuts import SceneWatch
from ...codec.segmenter import Chunk, SegmentShape, cut_segments, segment_lengths
from ...codec.token_stream import chunk_latents
from ...codec.video_in import SourceFrame
from ...tokenizer import Tokenizer
from .segments import coded_bytes, tokenize_segment

FRAMES_PER_SECOND = 25
NOISE_SIGMA = 2.0
"""Standard deviation of the camera noise, of 255."""

WIDTH, HEIGHT = 640, 360
LINE_PIXELS = 16
"""From one line of text to the next."""

Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class StillResult:
    """One kind of content under one rate weight."""

    content: str
    rate_weight: float
    seconds: float
    num_segments: int
    num_bytes: int
    image_bytes: int
    """What the first frames of the segments take, part of `num_bytes`."""

    @property
    def bytes_per_second(self) -> float:
        """All bytes of the layers, a second of video."""
        return self.num_bytes / self.seconds

    @property
    def bytes_per_second_beyond(self) -> float:
        """Bytes a second of video beyond the first frame of each segment."""
        return (self.num_bytes - self.image_bytes) / self.seconds


def contents(photograph: Path | None, num_frames: int) -> dict[str, Iterator[Frame]]:
    """Make the content, uint8 `[H, W, 3]` a frame, all alike; without a photograph only what is drawn."""
    made: dict[str, Iterator[Frame]] = {}
    if photograph is not None:
        picture = read_photograph(photograph)
        made["photograph"] = (picture for _ in range(num_frames))
        made["photograph, noise"] = noisy(picture, num_frames)
    made["page, cursor moves"] = moving_cursor(num_frames)
    made["page, text scrolls"] = scrolling_text(num_frames)
    return made


def read_photograph(path: Path) -> Frame:
    """Read a photograph; a large one is scaled down to 640 x 360 or less, keeping its shape.

    Raises:
        MediaError: it can't be read as one.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            picture = image.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise MediaError(f"{path}: can't be read as a photograph: {error}") from error
    picture.thumbnail((WIDTH, HEIGHT))
    return np.array(picture)


def noisy(picture: Frame, num_frames: int) -> Iterator[Frame]:
    """Show a picture under Gaussian noise that is new in each frame."""
    generator = np.random.default_rng(0)
    for _ in range(num_frames):
        noise = generator.normal(0, NOISE_SIGMA, picture.shape)
        yield np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def page(num_lines: int) -> Frame:
    """Draw a page of made-up words, `num_lines` lines high."""
    from PIL import Image, ImageDraw

    generator = np.random.default_rng(1)
    image = Image.new("RGB", (WIDTH, num_lines * LINE_PIXELS), "white")
    draw = ImageDraw.Draw(image)
    for line in range(num_lines):
        letters = generator.choice(list("abcdefghijklmnopqrstuvwxyz      "), 90)
        draw.text((24, 2 + line * LINE_PIXELS), "".join(letters), fill=(20, 20, 60))
    return np.array(image)


def scrolling_text(num_frames: int) -> Iterator[Frame]:
    """Scroll a page by one row each frame."""
    picture = page((HEIGHT + num_frames) // LINE_PIXELS + 1)
    for row in range(num_frames):
        yield picture[row : row + HEIGHT]


def moving_cursor(num_frames: int) -> Iterator[Frame]:
    """Move an arrow in a wide curve over a page that stands still."""
    from PIL import Image, ImageDraw

    picture = Image.fromarray(page(-(-HEIGHT // LINE_PIXELS))[:HEIGHT])
    for index in range(num_frames):
        image = picture.copy()
        x = WIDTH * (0.5 + 0.4 * np.sin(index / 20))
        y = HEIGHT * (0.5 + 0.4 * np.sin(index / 31))
        arrow = [(0, 0), (0, 16), (4, 12), (7, 18), (9, 17), (6, 11), (11, 11)]
        ImageDraw.Draw(image).polygon([(x + dx, y + dy) for dx, dy in arrow], fill="black", outline="white")
        yield np.array(image)


def measure_still(
    frames: Iterator[Frame],
    content: str,
    rate_weights: Sequence[float],
    tokenizer: Tokenizer,
    *,
    coder: str = "adaptive",
    watch: bool = True,
) -> list[StillResult]:
    """Cut frames into segments as `encode` does, and count their bytes.

    Args:
        frames: uint8 `[H, W, 3]`, at 25 a second.
        content: what to call them.
        rate_weights: see `Tokenizer.quantize`.
        tokenizer: a causal one.
        coder: name of an entropy coder.
        watch: False cuts at the nominal length, whatever the frames show.
    """
    layer_coder = open_coder(coder, tokenizer)
    all_bytes, image_bytes = dict.fromkeys(rate_weights, 0), dict.fromkeys(rate_weights, 0)
    num_frames = num_segments = 0
    for segment in _segments(frames, tokenizer, SceneWatch() if watch else None):
        num_segments += 1
        num_frames += len(segment)
        for rate_weight in rate_weights:
            ids = tokenize_segment(segment, tokenizer, rate_weight)
            all_bytes[rate_weight] += coded_bytes(ids, tokenizer, layer_coder)
            image_bytes[rate_weight] += coded_bytes(ids[:1], tokenizer, layer_coder)
    seconds = num_frames / FRAMES_PER_SECOND
    return [
        StillResult(content, weight, seconds, num_segments, all_bytes[weight], image_bytes[weight])
        for weight in rate_weights
    ]


def as_markdown(results: Sequence[StillResult]) -> str:
    """Lay the results out as a markdown table."""
    lines = [
        "| content | rate weight | segments | bytes/s | of them beyond the first frames |",
        "|---|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {result.content} | {result.rate_weight:g} | {result.num_segments} "
        f"| {result.bytes_per_second:.0f} | {result.bytes_per_second_beyond:.0f} |"
        for result in results
    ]
    return "\n".join(lines) + "\n"


def _segments(
    frames: Iterator[Frame], tokenizer: Tokenizer, scenes: SceneWatch | None
) -> Iterator[NDArray[np.uint8]]:
    strides = tokenizer.config.strides
    first = next(frames)
    height, width = first.shape[:2]
    lengths = segment_lengths(strides, (width, height), (width, height))
    longest_chunk = chunk_latents(strides[0], height, width)
    shape = SegmentShape(strides[0], lengths.nominal, longest_chunk, lengths.still)
    events = (SourceFrame(frame, index, 1) for index, frame in enumerate(chain([first], frames)))
    parts: list[NDArray[np.uint8]] = []
    for item in cut_segments(events, shape, Fraction(1, FRAMES_PER_SECOND), lambda packet: None, scenes):
        if isinstance(item, Chunk):
            parts.append(item.rgb[: item.num_frames])
        else:
            yield np.concatenate(parts)
            parts = []
