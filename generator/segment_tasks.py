"""The ten tasks of the thesis, done to every segment of a file by itself."""

from collections.abc import Iterator
from dataclasses import replace

from ..codec import OptionError, StoredSegment, TokenEdit, TokenFile
from ..codec.token_edit import Item
from .editing import check_places, forget_motion
from .painter import Painter, Piece
from .provenance import GeneratedRegion, with_entry
from .tasks import TASKS, task_condition
from .window import TokenWindow


def do_task(file: TokenFile, painter: Painter, name: str) -> TokenEdit:
    """Make all that a task does not give, in each segment; what it gives in part is hinted at (COMMIT).

    Holds the tokens and, where supervoxels are given in part, the pixels of one segment.

    Args:
        file: to change.
        painter: makes the tokens.
        name: one of `TASKS`.

    Raises:
        OptionError: there is no such task, or a segment follows the camera.
        WeightsError: the generator does not know tokens of this file.
    """
    if name not in TASKS:
        raise OptionError(f"task is {name!r}, expected one of {', '.join(TASKS)}")
    check_places(file, range(len(file.segments)))
    painter.check_tokenizer(file.header)
    if file.segments:
        painter.check_depth(file.tokens(0).bit_depth)
    region = GeneratedRegion(0, file.num_frames)
    metadata = with_entry(file.metadata, painter, name, [region])
    return TokenEdit(file.header, metadata, _items(file, painter, name), file.audio_headers)


def _items(file: TokenFile, painter: Painter, name: str) -> Iterator[Item]:
    header = file.header
    for item in file.items():
        if not isinstance(item, StoredSegment):
            yield item
            continue
        tokens = file.tokens(item.number)
        whole = Piece.of_segment(tokens.ids)
        window = TokenWindow(whole.ids, whole.is_image, tokens.bit_depth)
        size = len(tokens.pts), header.coded_height, header.coded_width
        condition = task_condition(TASKS[name], window, file.tokenizer, size)
        if condition.kept.all():
            yield item
            continue
        piece = Piece.of_segment(tokens.ids, condition.kept)
        ids = painter.complete(piece, tokens.bit_depth, name, hints=condition)
        yield replace(
            tokens,
            ids=ids,
            motion=forget_motion(tokens, condition.kept | condition.hinted, header),
        )
