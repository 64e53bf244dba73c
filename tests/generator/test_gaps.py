"""Lost segments made anew from both sides."""

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from fakes import CopyingFiller

import mgv
from mgv.codec import LostFrames, TokenFile
from mgv.container import Reader
from mgv.generator.gaps import GapPainter
from mgv.generator.painter import Painter
from mgv.generator.window import Sampling
from mgv.tokenizer import Tokenizer, WeightsError


@pytest.fixture
def three(make_file: Callable[..., bytes], opened: Callable[[bytes], TokenFile]) -> TokenFile:
    return opened(make_file((9, 7, 9)))


@pytest.fixture
def fill(three: TokenFile, make_painter: Callable[..., Painter]) -> GapPainter:
    return GapPainter.opener(make_painter())(three.header)


def test_a_gap_is_filled_from_both_sides(three: TokenFile, fill: GapPainter, filler: CopyingFiller) -> None:
    before, after = three.tokens(0), three.tokens(2)
    lost = LostFrames(9, 7, before.pts[-1], after.pts[0], 3600)
    (made,) = fill(before, lost, after)
    assert (made.first_frame, made.bit_depth, made.is_concealed) == (9, 20, True)
    assert made.pts == three.tokens(1).pts
    assert made.last_duration == 3600
    np.testing.assert_array_equal(made.ids[0], before.ids[-1])
    sides = [condition.kept.any((1, 2))[[0, -1]].tolist() for _, condition, *_ in filler.asked]
    assert (sides[0], sides[-1]) == ([True, False], [True, True])
    assert {task for _, _, task, _, _ in filler.asked} == {"FI"}


def test_a_long_gap_becomes_segments_of_the_nominal_length(three: TokenFile, fill: GapPainter) -> None:
    before, after = three.tokens(0), three.tokens(2)
    made = list(fill(before, LostFrames(9, 20, before.pts[-1], 200_000, 3600), after))
    assert [(each.first_frame, len(each.pts)) for each in made] == [(9, 9), (18, 9), (27, 2)]
    times = [time for each in made for time in each.pts]
    assert times == sorted(set(times))


def test_ends_of_a_video_have_one_side(three: TokenFile, fill: GapPainter, filler: CopyingFiller) -> None:
    one = three.tokens(0)
    (made,) = fill(one, LostFrames(9, 5, one.pts[-1], None, 3600), None)
    assert {task for _, _, task, _, _ in filler.asked} == {"FP"}
    assert made.last_duration == 3600
    np.testing.assert_array_equal(made.ids[0], one.ids[-1])
    (made,) = fill(None, LostFrames(0, 5, None, 0, 3600), one)
    np.testing.assert_array_equal(made.ids[-1], one.ids[0])


def test_a_neighbour_of_less_depth_sets_the_depth_or_is_left_out(three: TokenFile, fill: GapPainter) -> None:
    before, after = three.tokens(0), three.tokens(2)
    lost = LostFrames(9, 7, before.pts[-1], after.pts[0], 3600)
    (made,) = fill(replace(before, ids=before.ids & 1023, bit_depth=10), lost, after)
    assert made.bit_depth == 10
    (made,) = fill(replace(before, ids=before.ids & 31, bit_depth=5), lost, after)
    assert made.bit_depth == 20
    np.testing.assert_array_equal(made.ids[-1], after.ids[0])
    with pytest.raises(WeightsError, match="5 bits"):
        list(fill(replace(before, ids=before.ids & 31, bit_depth=5), lost, None))


def test_what_the_generator_does_not_know_is_refused_at_once(
    three: TokenFile, tokenizer: Tokenizer, make_painter: Callable[..., Painter]
) -> None:
    with pytest.raises(WeightsError, match="5 bits"):
        GapPainter.opener(make_painter())(replace(three.header, bit_depths=(5,)))
    stranger = Painter(CopyingFiller("ab" * 32, (20,)), Sampling())
    with pytest.raises(WeightsError, match="tokens of tiny"):
        GapPainter.opener(stranger)(three.header)


def test_decoding_shows_what_was_made_and_counts_it(
    make_file: Callable[..., bytes], tokenizer: Tokenizer, make_painter: Callable[..., Painter]
) -> None:
    data = bytearray(make_file((9, 7, 9)))
    offset = Reader(io.BytesIO(bytes(data))).index().entries[1].offset_bytes
    data[offset + 60 : offset + 90] = bytes(30)
    out = io.BytesIO()
    report = mgv.decode(
        io.BytesIO(bytes(data)),
        out,
        model=tokenizer,
        conceal=True,
        fill_gaps_with=GapPainter.opener(make_painter()),
    )
    frozen = io.BytesIO()
    still = mgv.decode(io.BytesIO(bytes(data)), frozen, model=tokenizer, conceal=True)
    assert (report.num_frames, report.num_concealed) == (still.num_frames, still.num_concealed) == (25, 7)
    assert report.damage == still.damage
    assert out.getvalue() != frozen.getvalue()
