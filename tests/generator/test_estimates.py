import torch

from mgv.generator.estimates import midmean_token


def test_a_number_is_the_mean_of_those_drawn() -> None:
    """Bits 0, 1, 2 are the planes 4, 2, 1 of one number, so 0b001 is 4 and 0b110 is 3."""
    draws = torch.tensor([[0b110, 0b000], [0b001, 0b011], [0b111, 0b111]])  # 3 4 7 and 0 6 7
    assert midmean_token(draws, (0, 0, 0)).tolist() == [0b101, 0b001]  # 5 and 4


def test_a_quarter_at_each_end_does_not_count() -> None:
    draws = torch.tensor([[0b000], [0b111], [0b111], [0b111]])  # 0 7 7 7
    assert midmean_token(draws, (0, 0, 0)).tolist() == [0b111]
    assert midmean_token(draws[:3], (0, 0, 0)).tolist() == [0b101]  # of three none is left out: 4.67


def test_each_number_has_its_own_mean() -> None:
    draws = torch.tensor([[0b010], [0b010], [0b101]])  # bits 0 and 2: 0 0 3; bit 1: 1 1 0
    assert midmean_token(draws, (0, 1, 0)).tolist() == [0b110]


def test_equal_draws_come_out_as_they_are() -> None:
    planes = (0, 0, 1, 2, 1, 0, 2)
    ids = torch.arange(1 << len(planes))
    assert torch.equal(midmean_token(ids.expand(5, -1), planes), ids)


def test_a_half_is_rounded_up() -> None:
    assert midmean_token(torch.tensor([[0], [1]]), (0,)).tolist() == [1]
