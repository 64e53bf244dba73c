"""Curves and Bjontegaard deltas against closed forms."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mgv.eval.codecs import CodecSpec, Cost, Rate
from mgv.eval.metrics.registry import COLUMNS
from mgv.eval.rd.bd import MEAN_OF_CURVES, bd_delta, deltas_of_clips, mean_delta
from mgv.eval.rd.curves import Curve, bootstrap_interval, falls, mean_curve
from mgv.eval.rd.store import RunPoint

PSNR, DISTANCE = COLUMNS["psnr_y"], COLUMNS["lpips"]
RATES = np.array([0.01, 0.02, 0.04, 0.08, 0.16])
COST = Cost(1, 1, 1, 1)


def curve(codec: str, bpp: np.ndarray, values: np.ndarray) -> Curve:
    labels = tuple(f"q{index}" for index in range(len(bpp)))
    return Curve(codec, labels, tuple(map(float, bpp)), tuple(map(float, values)))


def point(clip: str, codec: str, label: str, bpp: float, **metrics: float) -> RunPoint:
    rate = Rate("quality", float(label[1:]))
    spec = CodecSpec(codec, "x264")
    facts = (
        clip,
        codec,
        label,
        "identity",
        rate,
        rate,
        Path(label),
        "sha",
        1,
        bpp,
        spec,
        {},
        (),
        COST,
        COST,
        None,
    )
    return RunPoint(*facts, metrics=metrics)


def log_line(rates: np.ndarray) -> np.ndarray:
    return 40 + 10 * np.log10(rates)


@pytest.mark.parametrize("method", ["pchip", "akima"])
def test_twice_the_bits_is_plus_100_percent_and_minus_3_db(method: str) -> None:
    anchor, test = curve("a", RATES, log_line(RATES)), curve("t", 2 * RATES, log_line(RATES))
    delta = bd_delta("clip", anchor, test, PSNR, method)
    assert delta.rate_percent == pytest.approx(100, abs=0.01)
    assert delta.quality == pytest.approx(-10 * np.log10(2), abs=1e-3)
    assert (delta.overlap, delta.reason) == (1, "")
    assert delta.rate_overlap == pytest.approx(3 / 5)
    assert bd_delta("clip", test, anchor, PSNR, method).rate_percent == pytest.approx(-50, abs=0.01)


def test_less_is_better_in_a_distance() -> None:
    anchor = curve("a", RATES, 1 - np.log10(RATES))
    test = curve("t", RATES / 2, 1 - np.log10(RATES))
    delta = bd_delta("clip", anchor, test, DISTANCE, "pchip")
    assert delta.rate_percent == pytest.approx(-50, abs=0.01)
    assert delta.quality == pytest.approx(-np.log10(2), abs=1e-3)


def test_no_overlap_no_figure() -> None:
    delta = bd_delta(
        "clip", curve("a", RATES, log_line(RATES)), curve("t", RATES, log_line(RATES) - 50), PSNR, "pchip"
    )
    assert (delta.rate_percent, delta.quality, delta.overlap) == (None, None, 0)
    assert delta.reason == "the ranges of quality do not overlap"


def test_akima_wants_four_points() -> None:
    short = curve("t", RATES[:3], log_line(RATES[:3]))
    assert bd_delta("clip", short, short, PSNR, "akima").reason == "a curve has fewer than 4 points"
    assert bd_delta("clip", short, short, PSNR, "pchip").rate_percent == pytest.approx(0)


def test_dominated_points_do_not_count_and_the_hull_is_concave() -> None:
    wavy = curve("a", RATES, np.array([30, 29, 33, 33.5, 40]))
    assert wavy.front(PSNR).values == (30, 33, 33.5, 40)
    assert wavy.hull(PSNR).values == (30, 33, 40)
    assert falls(wavy, PSNR) == ["q1"]
    assert curve("a", RATES, np.array([5, 4, 3, 3, 1])).front(DISTANCE).labels == ("q0", "q1", "q2", "q4")


def test_the_mean_curve_is_over_clips_that_have_every_label() -> None:
    points = [
        point(clip, "c", f"q{q}", rate * (1 + k), psnr_y=30.0 + q + k)
        for k, clip in enumerate(("one", "two"))
        for q, rate in enumerate((0.01, 0.02))
    ]
    points.append(point("three", "c", "q0", 0.5, psnr_y=10))
    mean = mean_curve(points, "c", "psnr_y")
    assert mean is not None
    assert mean.clips == ("one", "two")
    assert mean.curve.bpp == pytest.approx((0.015, 0.03))
    assert mean.curve.values == pytest.approx((30.5, 31.5))
    assert (mean.low, mean.high) == (pytest.approx((30, 31)), pytest.approx((31, 32)))
    assert mean_curve(points, "c", "vmaf") is None


def test_bootstrap_interval_of_equal_and_of_spread_values() -> None:
    low, high = bootstrap_interval(np.full((5, 1), 7.0))
    assert (low[0], high[0]) == (7, 7)
    rng = np.random.default_rng(1)
    low, high = bootstrap_interval(rng.normal(0, 1, (400, 1)))
    assert 0.15 < high[0] - low[0] < 0.25


Maker = Callable[[str, str, float], list[RunPoint]]


def test_deltas_clip_by_clip_then_their_mean() -> None:
    def ladder(clip: str, codec: str, factor: float) -> list[RunPoint]:
        return [
            point(clip, codec, f"q{index}", rate * factor, psnr_y=float(log_line(np.array(rate))))
            for index, rate in enumerate(RATES)
        ]

    points = [
        *ladder("one", "a", 1),
        *ladder("two", "a", 1),
        *ladder("one", "t", 2),
        *ladder("two", "t", 0.5),
    ]
    points += ladder("only", "t", 1)
    deltas = deltas_of_clips(points, "a", "t", PSNR, "pchip")
    assert [delta.clip for delta in deltas] == ["one", "two"]  # the mean curves are over other clips
    mean = mean_delta(deltas)
    assert mean.rate_percent == pytest.approx(25, abs=0.01)
    assert (mean.low, mean.high) == (pytest.approx(-50, abs=0.01), pytest.approx(100, abs=0.01))
    assert (mean.num_clips, mean.num_clips_without) == (2, 0)
    both = [one for one in points if one.clip != "only"]
    assert deltas_of_clips(both, "a", "t", PSNR, "pchip")[-1].clip == MEAN_OF_CURVES
