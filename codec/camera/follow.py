"""The stage of an encoding that follows the camera: chunks of frames to chunks of coded pictures and their views."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..segmenter import Chunk, SegmentEnd
from .layout import Group, Layout
from .similarity import Similarity, Size
from .track import Step, Tracker
from .warp import Canvas

WINDOW_BYTES = 1 << 27
"""Bytes of frames that are looked at together, unless one chunk alone has more."""

FEWEST_PIXELS = 1 << 14
"""Of a frame that is followed: in smaller ones views, three bytes a frame, take more than they save."""

FEWEST_FRAMES = 5
"""Frames that a window must hold."""


def can_look_at(size: Size) -> bool:
    """Tell whether frames are neither too small for it to pay nor so large that few of them fill a window."""
    num_pixels = size[0] * size[1]
    return num_pixels >= FEWEST_PIXELS and FEWEST_FRAMES * 3 * num_pixels <= WINDOW_BYTES


def follow_camera(items: Iterable[Chunk | SegmentEnd], size: Size) -> Iterator[Chunk | SegmentEnd]:
    """Lay frames into the coded picture so that what the camera passes over stays where it is.

    Holds up to `WINDOW_BYTES` of frames. Chunks that nothing is to be gained in stay as they are, and so do all where
    frames are of fewer than `FEWEST_PIXELS` pixels, or so large that few of them fill a window.

    Args:
        items: from `cut_segments`.
        size: of the frames.
    """
    if not can_look_at(size):
        yield from items
        return
    segment = _Segment(size)
    for item in items:
        if isinstance(item, SegmentEnd):
            yield from segment.take(is_last=True)
            yield item
            segment = _Segment(size)
        else:
            segment.add(item)
            if segment.num_bytes >= WINDOW_BYTES:
                yield from segment.take(is_last=False)


class _Segment:
    """The segment at hand."""

    def __init__(self, size: Size) -> None:
        self.num_bytes = 0
        self._size = size
        self._tracker, self._layout = Tracker(size), Layout(size)
        self._chunks: list[Chunk] = []
        self._steps: list[Step] = []
        self._canvas: Canvas | None = None

    def add(self, chunk: Chunk) -> None:
        """Look at the next chunk, and keep it."""
        self._chunks.append(chunk)
        self._steps += [self._tracker.push(frame) for frame in chunk.rgb[: chunk.num_frames]]
        self.num_bytes += chunk.rgb.nbytes

    def take(self, *, is_last: bool) -> Iterator[Chunk]:
        """Give the chunks that are kept, laid out; keep none."""
        chunks, steps, self._chunks, self._steps, self.num_bytes = self._chunks, self._steps, [], [], 0
        if not chunks:
            return
        parts = [chunk.num_frames for chunk in chunks]
        for group in self._layout.lay_out(steps, parts, is_last=is_last):
            yield from self._lay(group, chunks)

    def _lay(self, group: Group, chunks: list[Chunk]) -> Iterator[Chunk]:
        """Take a group's chunks off the front of `chunks`, and give them laid out."""
        if group.laid is None:
            self._canvas = None
            for _ in range(group.num_parts):
                yield chunks.pop(0)
            return
        views = [where.to_view(self._size) for where in group.laid]
        laid = [Similarity.from_view(view, self._size) for view in views]
        if self._canvas is None or not group.is_continued:
            of_group = chunks[: group.num_parts]
            self._canvas = Canvas(
                [frame for chunk in of_group for frame in chunk.rgb[: chunk.num_frames]], laid
            )
            del of_group
        for _ in range(group.num_parts):
            chunk = chunks.pop(0)
            own_views, own = tuple(views[: chunk.num_frames]), laid[: chunk.num_frames]
            del views[: chunk.num_frames], laid[: chunk.num_frames]
            own += own[-1:] * (len(chunk.rgb) - chunk.num_frames)
            yield replace(chunk, rgb=self._canvas.lay(chunk.rgb, own), views=own_views)
