"""What can be asked of the rate: amounts, one at a time, and how many bytes they allow."""

from fractions import Fraction

import pytest

from mgv.codec import OptionError
from mgv.codec.rate_target import Extent, RateTarget, choose_target, read_amount

EXTENT = Extent(width=64, height=48, num_frames=50, duration_seconds=Fraction(2), audio_bytes=700)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80k", 80_000),
        ("80K", 80_000),
        ("2M", 2e6),
        ("1.5 G", 1.5e9),
        ("2Ki", 2048),
        ("3mi", 3 * 2**20),
        ("1gi", 2**30),
        (".03", 0.03),
        ("7", 7),
        (0.25, 0.25),
    ],
)
def test_amounts(text: str | float, expected: float) -> None:
    assert read_amount("size", text) == expected


@pytest.mark.parametrize(
    "text", ["", "k", "-1", "0", "0k", "1e3", "80kb", "80 k k", "nan", "inf", "1,5", 0, -2.0]
)
def test_what_is_no_amount(text: str | float) -> None:
    with pytest.raises(OptionError, match="expected a number above 0"):
        read_amount("bitrate", text)


def test_one_target_at_most() -> None:
    assert choose_target(None, None, None) is None
    assert choose_target(None, "80k", None) == RateTarget("bitrate", 80_000)
    assert choose_target(0.01, None, None) == RateTarget("bpp", 0.01)
    with pytest.raises(OptionError, match="bpp and size are given, expected one of them"):
        choose_target(0.01, None, "1M")


@pytest.mark.parametrize(
    "target", [RateTarget("bpp", 0.013), RateTarget("bitrate", 1111), RateTarget("size", 5000)]
)
def test_the_most_bytes_are_the_most_that_do_not_exceed(target: RateTarget) -> None:
    most = target.most_video_bytes(EXTENT)
    assert target.reached(most, EXTENT) <= target.amount < target.reached(most + 1, EXTENT)


def test_definitions() -> None:
    assert RateTarget("bpp", 0.5).most_video_bytes(EXTENT) == 64 * 48 * 50 * 0.5 / 8
    assert RateTarget("bitrate", 8000).most_video_bytes(EXTENT) == 2000
    assert RateTarget("size", 5000).most_video_bytes(EXTENT) == 4300
    assert RateTarget("size", 500).most_video_bytes(EXTENT) == -200


@pytest.mark.parametrize("kind", ["bpp", "bitrate", "size"])
def test_the_least_that_is_named_is_enough(kind: str) -> None:
    amount = RateTarget(kind, 1).least(1234, EXTENT).split()[0]
    assert RateTarget(kind, float(amount)).most_video_bytes(EXTENT) >= 1234
