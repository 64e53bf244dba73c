import torch

from mgv.generator.estimates import MeanWords
from mgv.generator.subvocabulary import SubVocabularies


def logits_of(probabilities: dict[int, float], size: int) -> torch.Tensor:
    row = torch.full((1, size), 1e-9)
    for word, probability in probabilities.items():
        row[0, word] = probability
    return row.log()


def test_a_word_of_one_number_is_that_of_its_mean() -> None:
    """Bits 0, 1, 2 are the planes 4, 2, 1 of one number, so word 0b001 is 4 and word 0b110 is 3."""
    choose = MeanWords(SubVocabularies((3,)), (0, 0, 0))
    assert choose(logits_of({0b001: 1.0}, 8), 0).tolist() == [0b001]
    between = logits_of({0b110: 0.5, 0b011: 0.5}, 8)  # 3 and 6
    assert choose(between, 0).tolist() == [0b101]  # 5, from 4.5
    tail = logits_of(
        {0b000: 0.3, 0b111: 0.25, 0b011: 0.25, 0b101: 0.2}, 8
    )  # 0 is likeliest, the mean is 4.25
    assert choose(tail, 0).tolist() == [0b001]


def test_numbers_of_a_word_are_estimated_apart() -> None:
    """Bits 0 and 2 belong to one number, bit 1 to another."""
    choose = MeanWords(SubVocabularies((3,)), (0, 1, 0))
    found = choose(logits_of({0b010: 0.6, 0b101: 0.4}, 8), 0)  # numbers (0, 1) and (3, 0): means 1.2 and 0.6
    assert found.tolist() == [0b110]


def test_finer_words_are_planes_within_the_coarser_cell() -> None:
    choose = MeanWords(SubVocabularies((1, 2)), (0, 0, 0))
    assert choose(logits_of({0: 0.4, 1: 0.6}, 2), 0).tolist() == [1]
    assert choose(logits_of({0b00: 0.5, 0b10: 0.5}, 4), 1).tolist() == [
        0b10
    ]  # 0 and 1 of 0 to 3: 0.5 is rounded up
