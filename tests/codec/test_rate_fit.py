"""The search for a rate weight, on curves like those of real segments."""

import math
from collections.abc import Callable

import pytest

from mgv.codec.rate_fit import Allowance, BudgetTooSmallError, Trial, fit_segment

Code = Callable[[int, float], Trial]


def curve(full_bytes: int, calls: list[tuple[int, float]], slope: float = 1.4) -> Code:
    """Bytes that fall with the rate weight, and with layers left out."""

    def code(num_layers: int, rate_weight: float) -> Trial:
        calls.append((num_layers, rate_weight))
        num_bytes = 70 + round(full_bytes * 0.6 ** (6 - num_layers) * math.exp(-slope * rate_weight**0.85))
        return Trial(None, num_bytes, num_layers, rate_weight)  # type: ignore[arg-type]

    return code


@pytest.mark.parametrize("slope", [1.0, 1.4, 1.8])
@pytest.mark.parametrize("budget", [9900, 8000, 5000, 3900, 2000, 900, 400])
@pytest.mark.parametrize("start", [(6, 0.0), (6, 0.2), (4, 0.4), (6, 1.0)])
def test_uses_its_budget_and_no_more(slope: float, budget: int, start: tuple[int, float]) -> None:
    calls: list[tuple[int, float]] = []
    allowance = Allowance(int(budget * 0.975), budget, budget)
    found = fit_segment(curve(10_000, calls, slope), allowance, start, 6, 9)
    assert found.num_bytes <= budget
    if start[0] == 6 or budget < 6000:
        assert found.num_bytes >= 0.95 * budget
    assert len(calls) <= 20


def test_takes_the_first_that_will_do() -> None:
    calls: list[tuple[int, float]] = []
    fit_segment(curve(10_000, calls), Allowance(7000, 9000, 12_000), (6, 0.2), 6, 4)
    assert calls == [(6, 0.2)]


def test_a_ceiling_below_what_is_wanted_is_kept() -> None:
    found = fit_segment(curve(10_000, []), Allowance(4800, 4900, 5000), (6, 0.0), 6, 1)
    assert found.num_bytes <= 5000


def test_adds_a_layer_where_the_finest_is_too_little() -> None:
    found = fit_segment(curve(10_000, []), Allowance(7800, 8000, 8000), (5, 0.1), 6, 6)
    assert (found.num_layers, found.num_bytes <= 8000) == (6, True)


def test_gives_the_best_there_is() -> None:
    found = fit_segment(curve(1000, []), Allowance(7800, 8000, 8000), (6, 0.3), 6, 6)
    assert (found.num_layers, found.rate_weight) == (6, 0.0)


def test_says_what_the_coarsest_takes() -> None:
    code = curve(10_000, [])
    with pytest.raises(BudgetTooSmallError) as caught:
        fit_segment(code, Allowance(90, 100, 100), (3, 0.1), 6, 4)
    assert caught.value.num_bytes == code(1, 2.0).num_bytes
