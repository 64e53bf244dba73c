"""The baselines without a network, against closed forms."""

import numpy as np
import pytest

from mgv.generator.baselines import CopyPrediction, PositionFrequencies, fit_escape, nearest_known
from mgv.generator.subvocabulary import SubVocabularies
from mgv.generator.window import Condition, TokenWindow

VOCABULARIES = SubVocabularies((1, 2))


def window(ids: np.ndarray) -> TokenWindow:
    return TokenWindow(np.asarray(ids, np.int64), np.arange(len(ids)) == 0, 3)


def flat_frequencies(shape: tuple[int, int, int]) -> PositionFrequencies:
    """All eight tokens equally often at every position."""
    return PositionFrequencies([window(np.full(shape, token)) for token in range(8)], VOCABULARIES)


def test_words_that_are_equally_frequent_take_their_bits() -> None:
    frequencies = flat_frequencies((2, 1, 3))
    assert [table.shape for table in frequencies.tables] == [(2, 1, 3, 2), (2, 1, 3, 4)]
    bits = frequencies.bits(window(np.arange(6).reshape(2, 1, 3)))
    assert bits == pytest.approx(np.full((2, 1, 3), 3.0), abs=1e-5)


def test_every_table_is_a_distribution() -> None:
    random = np.random.default_rng(0)
    frequencies = PositionFrequencies(
        [window(random.integers(8, size=(2, 2, 2))) for _ in range(5)], VOCABULARIES
    )
    for table in frequencies.tables:
        assert table.min() > 0
        assert table.sum(-1) == pytest.approx(np.ones((2, 2, 2)), abs=1e-5)


def test_counts_at_a_position_are_smoothed_by_its_latent_frame() -> None:
    # one position has token 0 in all of 100 windows, the other token 1: each is all but sure at its own place
    frequencies = PositionFrequencies([window([[[0, 1]]])] * 100, VOCABULARIES)
    weight = frequencies.position_weights[0]
    assert weight == 1.0  # the fit sees that the position tells everything
    by_frame = (100 + 1) / (200 + 2)  # add-one over two words
    assert frequencies.tables[0][0, 0, 0, 0] == pytest.approx(
        (100 + weight * by_frame) / (100 + weight), abs=1e-6
    )
    assert frequencies.tables[0][0, 0, 1, 0] == pytest.approx(weight * by_frame / (100 + weight), abs=1e-6)


def test_positions_that_tell_nothing_are_smoothed_away() -> None:
    random = np.random.default_rng(0)
    windows = [window(random.choice(8, size=(1, 6, 6), p=[0.3, 0.1] * 2 + [0.05] * 4)) for _ in range(40)]
    assert min(PositionFrequencies(windows, VOCABULARIES).position_weights) >= 1e3


@pytest.mark.parametrize("share", [0.05, 0.4, 0.9])
def test_the_escape_that_is_fitted_is_the_share_of_escapes(share: float) -> None:
    # among very many equally frequent words a match by chance is rare: e is the share of tokens that do not match
    match = np.arange(1000) >= 1000 * share
    assert fit_escape(match, np.full(1000, 1e-9)) == pytest.approx(share, abs=1e-6)


def test_the_escape_has_a_closed_form_for_one_frequency() -> None:
    # d/de: misses / e = matches (1 - f) / (1 - e (1 - f)), so e = misses / ((1 - f) N)
    match = np.array([True] * 60 + [False] * 40)
    assert fit_escape(match, np.full(100, 0.25)) == pytest.approx(40 / (0.75 * 100), abs=1e-9)


def test_an_escape_that_never_happened_is_possible_all_the_same() -> None:
    assert fit_escape(np.ones(98, bool), np.full(98, 0.5)) == pytest.approx(0.01)
    assert fit_escape(np.zeros(98, bool), np.full(98, 0.5)) == pytest.approx(1.0)


def test_the_nearest_known_token_is_copied_in_time_and_in_space() -> None:
    ids = np.arange(12).reshape(3, 1, 4)
    kept = np.zeros((3, 1, 4), bool)
    kept[0] = True
    assert np.array_equal(
        nearest_known(window(ids), Condition.of_kept(kept)), np.broadcast_to(ids[:1], (3, 1, 4))
    )
    sides = np.zeros((3, 1, 4), bool)
    sides[..., [0, 3]] = True
    nearest = nearest_known(window(ids), Condition.of_kept(sides))
    assert nearest[:, 0].tolist() == [[0, 0, 3, 3], [4, 4, 7, 7], [8, 8, 11, 11]]


def test_a_hint_stands_for_itself_and_for_its_neighbours() -> None:
    ids = np.arange(5).reshape(5, 1, 1)
    kept, hinted = np.zeros((5, 1, 1), bool), np.zeros((5, 1, 1), bool)
    kept[0], hinted[4] = True, True
    condition = Condition(kept, hinted, np.where(hinted, 7, 0))
    nearest = nearest_known(window(ids), condition).ravel()
    assert nearest[[0, 1, 3, 4]].tolist() == [0, 0, 7, 7]


def test_nothing_known_is_nothing_to_copy() -> None:
    with pytest.raises(ValueError, match="nothing to copy"):
        nearest_known(window(np.zeros((1, 1, 1))), Condition.of_kept(np.zeros((1, 1, 1), bool)))


def test_bits_of_copying_at_a_given_escape() -> None:
    frequencies = flat_frequencies((2, 1, 1))
    copying = CopyPrediction(frequencies, np.array([0.5, 0.25]))
    kept = np.array([True, False]).reshape(2, 1, 1)
    condition = Condition.of_kept(kept)
    right = -np.log2(0.5 + 0.5 * 0.5) - np.log2(0.75 + 0.25 * 0.25)
    wrong = -np.log2(0.5 * 0.5) - np.log2(0.25 * 0.25)
    assert copying.bits(window([[[5]], [[5]]]), condition)[1] == pytest.approx(right, abs=1e-5)
    assert copying.bits(window([[[5]], [[2]]]), condition)[1] == pytest.approx(wrong, abs=1e-5)


def test_copying_is_fitted_to_tokens_that_are_not_kept() -> None:
    frequencies = flat_frequencies((2, 1, 1))
    condition = Condition.of_kept(np.array([True, False]).reshape(2, 1, 1))
    same, other = window([[[5]], [[5]]]), window([[[5]], [[2]]])
    fitted = CopyPrediction.fitted(frequencies, [(same, condition)] * 90 + [(other, condition)] * 10)
    assert fitted.escape == pytest.approx([10 / (0.5 * 100), 10 / (0.75 * 100)], abs=1e-6)
