import torch

from mgv.generator.estimates import median_token


def test_a_number_is_the_median_of_those_drawn() -> None:
    """Bits 0, 1, 2 are the planes 4, 2, 1 of one number, so 0b001 is 4 and 0b110 is 3."""
    draws = torch.tensor([[0b110, 0b000], [0b001, 0b011], [0b111, 0b111]])  # 3 4 7 and 0 6 7
    assert median_token(draws, (0, 0, 0)).tolist() == [0b001, 0b011]


def test_each_number_has_its_own_median() -> None:
    draws = torch.tensor(
        [[0b010], [0b010], [0b101], [0b101], [0b100]]
    )  # bits 0 and 2: 0 0 3 3 1; bit 1: 1 1 0 0 0
    assert median_token(draws, (0, 1, 0)).tolist() == [0b100]


def test_equal_draws_come_out_as_they_are() -> None:
    planes = (0, 0, 1, 2, 1, 0, 2)
    ids = torch.arange(1 << len(planes))
    assert torch.equal(median_token(ids.expand(5, -1), planes), ids)


def test_of_two_the_lower_is_taken() -> None:
    assert median_token(torch.tensor([[0], [1]]), (0,)).tolist() == [0]
