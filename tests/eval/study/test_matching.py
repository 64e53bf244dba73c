"""Matched rates: real bytes within the tolerance, and a clear word where there are none."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from mgv.eval.study import StudyError
from mgv.eval.study.matching import match_rates
from mgv.eval.study.settings import Selection


@dataclass(frozen=True)
class Point:
    clip: str
    codec: str
    num_bytes: int
    target_bpp: float | None = None

    @property
    def bpp(self) -> float:
        return self.num_bytes / 100_000

    label = "q"


def run_of(**sizes: dict[str, list[int]]) -> SimpleNamespace:
    """A run with, for each clip, the sizes of each codec."""
    points = [
        Point(clip, codec, n) for clip, codecs in sizes.items() for codec, ns in codecs.items() for n in ns
    ]
    return SimpleNamespace(clips=[SimpleNamespace(name=clip) for clip in sizes], points=points)


def test_the_nearest_points_are_taken() -> None:
    run = run_of(one={"a": [500, 1000, 2000], "b": [450, 1050, 1500], "c": [980, 3000]})
    matching = match_rates(run, Selection(rates_bpp=(0.01,), tolerance=0.1))
    (group,) = matching.groups
    assert [(point.codec, point.num_bytes) for point in group.points] == [
        ("a", 1000),
        ("b", 1050),
        ("c", 980),
    ]
    assert group.spread == pytest.approx(1050 / 980 - 1)
    assert matching.left_out == ()


def test_a_codec_out_of_tolerance_is_left_out_and_named() -> None:
    run = run_of(one={"a": [1000], "b": [1020], "c": [1200]})
    matching = match_rates(run, Selection(rates_bpp=(0.01,), tolerance=0.05))
    assert [point.codec for point in matching.groups[0].points] == ["a", "b"]
    assert matching.left_out == ("one at 0.01 bpp: no point of c within the tolerance",)


def test_more_codecs_come_before_a_tighter_match() -> None:
    run = run_of(one={"a": [1000, 1100], "b": [1000, 1110], "c": [1090]})
    (group,) = match_rates(run, Selection(rates_bpp=(0.0105,), tolerance=0.05)).groups
    assert [point.num_bytes for point in group.points] == [1100, 1110, 1090]


def test_a_clip_far_from_the_nominal_rate_has_no_group() -> None:
    run = run_of(one={"a": [1000], "b": [1000]}, two={"a": [5000], "b": [5000]})
    matching = match_rates(run, Selection(rates_bpp=(0.01,), window=0.35))
    assert [group.clip for group in matching.groups] == ["one"]
    assert matching.left_out == ("two at 0.01 bpp: no two codecs within the tolerance",)


def test_rates_that_suit_the_run_span_the_common_range() -> None:
    run = run_of(one={"a": [500, 1000, 2000, 4000], "b": [1000, 2000, 4000, 8000]})
    assert match_rates(run, Selection(num_rates=3)).rates_bpp == pytest.approx((0.01, 0.02, 0.04))


TARGETS = (0.01, 0.02, 0.05)


def test_targets_that_every_codec_was_asked_for_are_the_rates() -> None:
    points = [
        Point(clip, codec, round(100_000 * bpp * share), bpp)
        for clip, share in (("one", 0.99), ("two", 0.93))
        for codec in ("a", "b")
        for bpp in (*TARGETS, 0.03 if codec == "a" else 0.04)
    ]
    run = SimpleNamespace(clips=[SimpleNamespace(name="one"), SimpleNamespace(name="two")], points=points)
    matching = match_rates(run, Selection())
    assert matching.rates_bpp == TARGETS
    assert matching.left_out == ()
    assert len(matching.groups) == 6
    for group in matching.groups:
        assert {point.target_bpp for point in group.points} == {TARGETS[group.rate]}


def test_a_point_serves_at_one_rate_and_a_rate_without_points_is_dropped() -> None:
    run = run_of(one={"a": [4000, 6000], "b": [4010, 6020]}, two={"a": [4000, 6000], "b": [4010, 6020]})
    matching = match_rates(run, Selection(rates_bpp=(0.04, 0.046, 0.052, 0.0576)))
    assert matching.rates_bpp == (0.04, 0.0576)
    assert [(group.clip, group.rate) for group in matching.groups] == [
        ("one", 0),
        ("one", 1),
        ("two", 0),
        ("two", 1),
    ]
    used = [point for group in matching.groups for point in group.points]
    assert len(set(used)) == len(used) == 8
    assert any("at 0.046 bpp" in line for line in matching.left_out)


@pytest.mark.parametrize(
    ("run", "selection", "message"),
    [
        (run_of(one={"a": [1000], "b": [1300]}), Selection(rates_bpp=(0.01,)), "closest two differ by 30.0%"),
        (run_of(one={"a": [1000], "b": [1000]}), Selection(rates_bpp=(0.5,)), "none lie near a common rate"),
        (run_of(one={"a": [1000]}), Selection(), "one codec to compare, a;"),
        (
            run_of(one={"a": [1000], "b": [9]}),
            Selection(codecs=("x", "a")),
            "codec x is not in the run",
        ),
        (run_of(one={"a": [1000], "b": [9]}), Selection(clips=("z",)), "clip z is not in the run"),
        (run_of(one={"a": [1000], "b": [5000]}), Selection(), "no common range"),
    ],
    ids=["too far", "no rate", "one codec", "codec", "clip", "no range"],
)
def test_what_can_not_be_compared_is_explained(
    run: SimpleNamespace, selection: Selection, message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        match_rates(run, selection)
