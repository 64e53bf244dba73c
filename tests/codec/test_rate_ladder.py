"""The rungs that rate control chooses among."""

from mgv.codec.rate_ladder import choose_rung, coded_sizes_of, keep_rising, make_ladder
from mgv.codec.rate_points import RatePoint

LEVELS = (
    RatePoint(0.5, 1, 0.2),
    RatePoint(0.5, 3, 0.2),
    RatePoint(1.0, 3),
    RatePoint(0.75, 5),
    RatePoint(1.0, 5),
)


def test_the_ladder_fills_in_layers_and_never_steps_back_in_scale() -> None:
    rungs = [(rung.scale, rung.num_layers, rung.rate_weight) for rung in make_ladder(LEVELS)]
    assert rungs == [(0.5, 1, 0), (0.5, 2, 0), (0.5, 3, 0), (1.0, 3, 0), (1.0, 4, 0), (1.0, 5, 0)]
    assert make_ladder((RatePoint(1.0, 2), RatePoint(0.5, 4)))[-1] == RatePoint(1.0, 2)


def test_rungs_that_cost_no_more_are_dropped() -> None:
    rungs = [RatePoint(1.0, count) for count in range(1, 5)]
    kept = keep_rising(zip(rungs, [10, 30, 20, 40], strict=True))
    assert [rung.num_layers for rung, _ in kept] == [1, 2, 4]


def test_the_lowest_rung_that_reaches_the_goal() -> None:
    measured = [(RatePoint(0.5, 1), 100.0), (RatePoint(0.5, 3), 200.0), (RatePoint(1.0, 3), 600.0)]
    assert choose_rung(measured, 150, any_scale=False).num_layers == 3
    assert choose_rung(measured, 150, any_scale=False).rate_weight > 0.3
    assert choose_rung(measured, 300, any_scale=False).scale == 1.0
    assert 0.5 < choose_rung(measured, 300, any_scale=True).scale < 1.0
    best = choose_rung(measured, 10_000, any_scale=True)
    assert (best.scale, best.num_layers, best.rate_weight) == (1.0, 3, 0.0)


def test_coded_sizes() -> None:
    assert coded_sizes_of(LEVELS, 64, 48) == {0.5: (32, 24), 1.0: (64, 48), 0.75: (48, 36)}
