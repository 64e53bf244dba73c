import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mgv.generator.subvocabulary import SubVocabularies


def test_an_18_bit_token_falls_into_two_of_nine_bits() -> None:
    assert SubVocabularies.of_depths((18,)).bits == (9, 9)


def test_none_lies_in_two_layers() -> None:
    found = SubVocabularies.of_depths((15, 22, 29, 38, 46, 56))
    assert found.bits == (8, 7, 7, 7, 9, 8, 5, 5)
    assert {15, 22, 29, 38, 46, 56} <= set(found.ends)


def test_the_first_word_holds_the_lowest_bits() -> None:
    words = SubVocabularies((2, 3)).split(torch.tensor([0b101_10]))
    assert words.tolist() == [[0b10, 0b101]]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 2**54 - 1))
def test_join_undoes_split(bits: list[int], number: int) -> None:
    found = SubVocabularies(tuple(bits))
    ids = torch.tensor([number % 2 ** sum(bits)])
    words = found.split(ids)
    assert torch.equal(found.join(words), ids)
    assert all(0 <= word < size for word, size in zip(words[0].tolist(), found.sizes, strict=True))


def test_fewer_words_make_ids_of_a_lower_depth() -> None:
    found = SubVocabularies((2, 3))
    assert found.join(torch.tensor([[3]])).tolist() == [3]
    assert found.known_at(2) == 1
    assert found.known_at(5) == 2


def test_a_depth_within_a_word_is_refused() -> None:
    with pytest.raises(ValueError, match="bit depth is 3"):
        SubVocabularies((2, 3)).known_at(3)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="1 to 16"):
        SubVocabularies((0,))
