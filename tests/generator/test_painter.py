"""A generator at work: what it is shown, what it refuses."""

from collections.abc import Callable

import numpy as np
import pytest
from fakes import CopyingFiller

from mgv.codec import OptionError, TokenFile
from mgv.generator.painter import Painter, Piece
from mgv.generator.window import Condition, Sampling
from mgv.tokenizer import WeightsError


def known_piece(first: int, num_latents: int) -> Piece:
    return Piece.of_segment(np.full((num_latents, 2, 2), first) + np.arange(num_latents)[:, None, None])


def test_neighbours_are_context_and_segment_starts_are_marked(
    make_painter: Callable[..., Painter], filler: CopyingFiller
) -> None:
    ids = make_painter().complete(
        Piece.unknown((1, 2, 2)), 20, "FI", before=known_piece(10, 3), after=known_piece(20, 3)
    )
    ((window, condition, task, label, _),) = filler.asked
    assert window.ids[[0, -1], 0, 0].tolist() == [12, 20]
    assert condition.kept.any((1, 2)).tolist() == [True, False, True]
    assert window.is_image.tolist() == [False, True, True]
    assert (task, label) == ("FI", None)
    assert ids.shape == (1, 2, 2)


def test_finer_bits_of_neighbours_are_left_out(
    make_painter: Callable[..., Painter], filler: CopyingFiller
) -> None:
    make_painter().complete(Piece.unknown((1, 2, 2)), 10, "FP", before=known_piece((1 << 15) + 3, 1))
    assert set(filler.asked[0][0].ids[0].flat) == {3}


def test_hints_reach_the_generator_and_no_further(
    make_painter: Callable[..., Painter], filler: CopyingFiller
) -> None:
    piece = Piece.of_segment(np.full((1, 2, 2), 5), np.array([[[True, False], [True, False]]]))
    hinted = np.array([[[False, True], [False, False]]])
    condition = Condition(piece.known, hinted, np.where(hinted, 77, 0))
    ids = make_painter().complete(piece, 20, "OPC", before=known_piece(1, 2), hints=condition)
    shown = filler.asked[0][1]
    assert shown.hinted.sum() == 1
    assert shown.hints[shown.hinted].tolist() == [77]
    assert not (shown.hinted & shown.kept).any()
    assert ids[piece.known].tolist() == [5, 5]


def test_equal_seeds_draw_equal_tokens(make_painter: Callable[..., Painter]) -> None:
    one, same, other = (
        make_painter(seed=seed).complete(Piece.unknown((3, 6, 6)), 20, "CG") for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_progress_counts_tokens(make_painter: Callable[..., Painter]) -> None:
    seen = []
    painter = make_painter(progress=lambda made, expected: seen.append((made, expected)))
    painter.num_expected = 108
    painter.complete(Piece.unknown((3, 6, 6)), 20, "CG")
    assert seen[-1] == (108, 108)
    assert len(seen) > 1


def test_a_foreign_label_is_refused(make_painter: Callable[..., Painter]) -> None:
    with pytest.raises(OptionError, match="'horse', the generator copying knows cat, dog"):
        make_painter(label="horse")


def test_tokens_of_another_tokenizer_are_refused(
    make_file: Callable[..., bytes], opened: Callable[[bytes], TokenFile]
) -> None:
    painter = Painter(CopyingFiller("ab" * 32, (20,)), Sampling())
    with pytest.raises(WeightsError, match=r"tokens of tiny .* was trained for those of SHA-256 abab"):
        painter.check_tokenizer(opened(make_file()).header)


def test_a_foreign_bit_depth_is_refused(make_painter: Callable[..., Painter]) -> None:
    with pytest.raises(WeightsError, match=r"tokens of 5 bits.*trained for 10, 20"):
        make_painter().complete(Piece.unknown((1, 2, 2)), 5, "CG")
