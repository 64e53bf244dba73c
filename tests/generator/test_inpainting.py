"""Boxes and spans of time made anew: what is outside stays bit by bit."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from fakes import CopyingFiller
from hypothesis import given, settings
from hypothesis import strategies as st

from mgv.codec import OptionError, SegmentTokens, TokenFile, edit_tokens
from mgv.container import Reader, verify
from mgv.generator.geometry import Box
from mgv.generator.inpainting import Hole, inpaint, interpolate
from mgv.generator.painter import Painter
from mgv.generator.window import Sampling
from mgv.tokenizer import Tokenizer

Edited = Callable[..., bytes]
SegmentsOf = Callable[[bytes], list[SegmentTokens]]
LENGTHS = (9, 7, 1, 9)
SECOND = 25


class FlippingFiller(CopyingFiller):
    """Makes tokens that differ from those that were there."""

    def fill(self, window, condition, *rest):  # type: ignore[no-untyped-def]
        super().fill(window, condition, *rest)
        return window.ids ^ 1  # also where they are kept, which must not reach the file


@given(data=st.data())
@settings(max_examples=40)
def test_tokens_outside_of_a_random_box_and_time_stay(
    data: st.DataObject, tokenizer: Tokenizer, make_file: Callable[..., bytes], segments_of: SegmentsOf
) -> None:
    x, y = data.draw(st.integers(0, 61)), data.draw(st.integers(0, 44))
    box = Box(x, y, data.draw(st.integers(1, 62 - x)), data.draw(st.integers(1, 45 - y)))
    first = data.draw(st.integers(0, 25))
    end = data.draw(st.integers(first + 1, 26))
    source, out = make_file(LENGTHS), io.BytesIO()
    painter = Painter(FlippingFiller(tokenizer.sha256, (20,)), Sampling())
    hole = Hole(box, first / SECOND, (end - first) / SECOND)
    try:
        edit_tokens(io.BytesIO(source), out, lambda f: inpaint(f, painter, hole), model=tokenizer)
    except OptionError as error:
        assert "whole video" in str(error)  # noqa: PT017
        return
    assert verify(io.BytesIO(out.getvalue())).is_whole
    for old, new in zip(segments_of(source), segments_of(out.getvalue()), strict=True):
        changed = old.ids != new.ids
        for latent, row, column in np.ndindex(changed.shape):
            frames = range(0, 1) if latent == 0 else range(4 * latent - 3, 4 * latent + 1)
            in_time = any(first <= old.first_frame + frame < end for frame in frames if frame < len(old.pts))
            in_box = (
                box.x < 8 * column + 8
                and 8 * column < box.x + box.width
                and box.y < 8 * row + 8
                and 8 * row < box.y + box.height
            )
            assert changed[latent, row, column] == (in_time and in_box)
        assert old.pts == new.pts


def test_segments_that_are_not_touched_stay_to_the_byte(
    make_file: Callable[..., bytes], edited: Edited
) -> None:
    source = make_file(LENGTHS)
    hole = Hole(Box(0, 0, 8, 8), 10 / SECOND, 2 / SECOND)
    old, new = (
        Reader(io.BytesIO(source)),
        Reader(io.BytesIO(edited(source, lambda f, p: inpaint(f, p, hole)))),
    )
    same = [old.read_segment(n).segment == new.read_segment(n).segment for n in range(4)]
    assert same == [True, False, True, True]


def test_windows_see_the_segments_on_both_sides(
    make_file: Callable[..., bytes], edited: Edited, filler: CopyingFiller
) -> None:
    hole = Hole(None, 16 / SECOND, 1 / SECOND)  # the segment of one frame
    edited(make_file(LENGTHS), lambda f, p: interpolate(f, p, hole))
    window, condition, task, _, _ = filler.asked[0]
    assert task == "FI"
    assert window.is_image.tolist() == [False, True, True]
    assert condition.kept.any((1, 2)).tolist() == [True, False, True]


def test_what_was_made_before_is_what_comes_after_goes_by(
    make_file: Callable[..., bytes], edited: Edited, segments_of: SegmentsOf
) -> None:
    source = make_file((9, 9, 9))
    hole = Hole(
        None, 8 / SECOND, 8 / SECOND
    )  # from the last frame of one segment to the last but one of the next
    new = segments_of(edited(source, lambda f, p: interpolate(f, p, hole)))
    old = segments_of(source)
    np.testing.assert_array_equal(new[0].ids[2], old[0].ids[1])
    np.testing.assert_array_equal(new[1].ids[0], old[0].ids[1])
    np.testing.assert_array_equal(new[2].ids, old[2].ids)


def test_meta_has_the_tokens_in_pixels_and_frames(make_file: Callable[..., bytes], edited: Edited) -> None:
    source = make_file(LENGTHS)
    hole = Hole(Box(9, 0, 50, 3), 7 / SECOND, 4 / SECOND)
    reader = Reader(io.BytesIO(edited(source, lambda f, p: inpaint(f, p, hole))))
    (entry,) = reader.metadata["generated"]
    assert entry["task"] == "inpaint"
    assert entry["regions"] == [{"first_frame": 5, "num_frames": 9, "box": [8, 0, 54, 8]}]


@pytest.mark.parametrize(
    ("hole", "message"),
    [
        (Hole(), "whole video"),
        (Hole(Box(0, 0, 62, 45)), "whole video"),
        (Hole(None, 5.0), "no frame in the time"),
        (Hole(Box(0, 0, 63, 1)), "62 x 45"),
    ],
)
def test_what_makes_no_sense_is_refused(
    make_file: Callable[..., bytes], edited: Edited, hole: Hole, message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        edited(make_file(LENGTHS), lambda f, p: inpaint(f, p, hole))


def test_progress_ends_where_it_is_expected(
    make_file: Callable[..., bytes], edited: Edited, make_painter: Callable[..., Painter]
) -> None:
    painter = make_painter()
    edited(make_file(LENGTHS), lambda f, p: inpaint(f, p, Hole(Box(0, 0, 20, 20), 0.1)), painter)
    assert painter.num_made == painter.num_expected


def test_a_turned_picture_is_boxed_as_it_is_shown(
    make_file: Callable[..., bytes], edited: Edited, opened: Callable[[bytes], TokenFile]
) -> None:
    source = make_file((1,), rotation_degrees=90)
    new = opened(edited(source, lambda f, p: inpaint(f, p, Hole(Box(0, 0, 8, 8)))))
    changed = new.tokens(0).ids[0] != opened(source).tokens(0).ids[0]
    assert np.argwhere(changed).tolist() == [[4, 0], [5, 0]]  # rows 37 to 44 at the left of what is stored
