"""Pictures that grow by whole tokens: old tokens stay bit by bit, but for those that held padding there."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from fakes import CopyingFiller

from mgv.codec import OptionError, SegmentTokens
from mgv.container import Reader
from mgv.generator.outpainting import Growth, outpaint

Edited = Callable[..., bytes]
SegmentsOf = Callable[[bytes], list[SegmentTokens]]

# 62 x 45 pixels are 8 x 6 tokens; the last column holds 2 pixels of padding, the last row 3.
CASES = [
    (Growth(("left",), 2), (78, 45), (0, 2), (6, 8)),
    (Growth(("right",), 2), (80, 45), (0, 0), (6, 7)),
    (Growth(("top",), 1), (62, 53), (1, 0), (6, 8)),
    (Growth(("bottom",), 1), (62, 56), (0, 0), (5, 8)),
    (Growth(("left", "right"), None, 3), (80, 45), (0, 1), (6, 7)),
    (Growth(("right",), None, 2), (64, 45), (0, 0), (6, 7)),
    (Growth(("right",), None, 11), (80, 45), (0, 0), (6, 7)),
    (Growth(("left", "top", "right", "bottom"), 1), (80, 64), (1, 1), (5, 7)),
]


@pytest.mark.parametrize(("growth", "size", "corner", "kept"), CASES)
def test_the_picture_grows(
    make_file: Callable[..., bytes],
    edited: Edited,
    segments_of: SegmentsOf,
    filler: CopyingFiller,
    growth: Growth,
    size: tuple[int, int],
    corner: tuple[int, int],
    kept: tuple[int, int],
) -> None:
    source = make_file((9, 5))
    data = edited(source, lambda f, p: outpaint(f, p, growth))
    header = Reader(io.BytesIO(data)).header
    assert (header.width, header.height) == (header.coded_width, header.coded_height) == size
    num_made = 0
    for old, new in zip(segments_of(source), segments_of(data), strict=True):
        assert new.ids.shape == (len(old.ids), *header.latent_size)
        there = new.ids[:, corner[0] : corner[0] + kept[0], corner[1] : corner[1] + kept[1]]
        np.testing.assert_array_equal(there, old.ids[:, : kept[0], : kept[1]])
        assert old.pts == new.pts
        num_made += new.ids.size - there.size
    boxes = [region["box"] for region in Reader(io.BytesIO(data)).metadata["generated"][0]["regions"]]
    assert sum(width * height for _, _, width, height in boxes) == size[0] * size[1] - (
        min(8 * (corner[1] + kept[1]), size[0]) - 8 * corner[1]
    ) * (min(8 * (corner[0] + kept[0]), size[1]) - 8 * corner[0])
    assert num_made > 0


def test_a_picture_that_is_coded_smaller_grows_in_both_sizes(
    make_file: Callable[..., bytes], edited: Edited
) -> None:
    source = make_file((1,), width=124, height=90)
    header = Reader(
        io.BytesIO(edited(source, lambda f, p: outpaint(f, p, Growth(("left",), None, 16))))
    ).header
    assert (header.width, header.coded_width, header.coded_height) == (140, 70, 45)


@pytest.mark.parametrize(
    ("sides", "prompt"),
    [(("left",), "OPV"), (("top", "bottom"), "OPH"), (("left", "top"), "OPC")],
)
def test_the_prompt_is_that_of_the_sides(
    make_file: Callable[..., bytes],
    edited: Edited,
    filler: CopyingFiller,
    sides: tuple[str, ...],
    prompt: str,
) -> None:
    edited(make_file((5,)), lambda f, p: outpaint(f, p, Growth(sides, 1)))
    assert {task for _, _, task, _, _ in filler.asked} == {prompt}


def test_a_turned_picture_grows_on_the_side_that_is_shown(
    make_file: Callable[..., bytes], edited: Edited, segments_of: SegmentsOf
) -> None:
    source = make_file((1,), rotation_degrees=90)
    data = edited(source, lambda f, p: outpaint(f, p, Growth(("right",), 1)))  # the top of what is stored
    assert Reader(io.BytesIO(data)).header.height == 53
    np.testing.assert_array_equal(segments_of(data)[0].ids[:, 1:], segments_of(source)[0].ids)


@pytest.mark.parametrize(
    ("sides", "tokens", "pixels"),
    [((), 1, None), (("up",), 1, None), (("left",), 1, 1), (("left",), None, None)],
)
def test_growth_that_makes_no_sense_is_refused(
    sides: tuple[str, ...], tokens: int | None, pixels: int | None
) -> None:
    with pytest.raises(OptionError):
        Growth(sides, tokens, pixels)


def test_a_picture_that_grows_too_large_is_refused(make_file: Callable[..., bytes], edited: Edited) -> None:
    with pytest.raises(OptionError, match="grows to 16446 x 45, expected at most 16384"):
        edited(make_file((1,)), lambda f, p: outpaint(f, p, Growth(("left",), 2048)))
