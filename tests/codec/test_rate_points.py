"""Quality levels: defaults, the file in a tokenizer's folder, refusals."""

import json
from pathlib import Path

import pytest

from mgv.codec import OptionError
from mgv.codec.rate_points import RATE_POINTS_FILE, RatePoint, choose_rate_point, read_rate_points


def write(folder: Path, value: object) -> Path:
    (folder / RATE_POINTS_FILE).write_text(json.dumps(value))
    return folder


def test_without_a_file_there_is_a_level_for_each_layer(tmp_path: Path) -> None:
    expected = (RatePoint(1.0, 1), RatePoint(1.0, 2), RatePoint(1.0, 3))
    assert read_rate_points(None, 3) == expected
    assert read_rate_points(tmp_path, 3) == expected


def test_levels_come_from_the_file(tmp_path: Path) -> None:
    folder = write(tmp_path, [{"scale": 0.5, "layers": 2}, {"scale": 1, "layers": 3, "rate_weight": 0.25}])
    assert read_rate_points(folder, 3) == (RatePoint(0.5, 2, 0.0), RatePoint(1.0, 3, 0.25))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "1 to 64 quality levels"),
        ({"scale": 1}, "1 to 64 quality levels"),
        ([[1, 2]], "fields 'scale' and 'layers'"),
        ([{"scale": 1, "layers": 1, "more": 0}], "fields 'scale' and 'layers'"),
        ([{"scale": 0, "layers": 1}], "coded scale"),
        ([{"scale": 2.5, "layers": 1}], "coded scale"),
        ([{"scale": 1, "layers": 0}], "number of layers"),
        ([{"scale": 1, "layers": 4}], "the tokenizer has 3"),
        ([{"scale": None, "layers": 1}], "rate_points.json"),
        ([{"scale": 1, "layers": 1, "rate_weight": -0.1}], "rate weight is -0.1, expected 0 to 2"),
        ([{"scale": 1, "layers": 1, "rate_weight": 2.5}], "rate weight is 2.5"),
        ([{"scale": 1, "layers": 1, "rate_weight": "much"}], "rate_points.json"),
        (
            [{"scale": 1, "layers": 1, "default": "yes"}],
            "quality 0 has the default 'yes', expected true or false",
        ),
        ([{"rate_weight": 1, "layers": 1}], "fields 'scale' and 'layers'"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_rate_points(write(tmp_path, value), 3)


def test_the_default_is_the_one_that_is_marked(tmp_path: Path) -> None:
    marked = {"scale": 0.5, "layers": 2, "default": True}
    levels = read_rate_points(write(tmp_path, [marked, {"scale": 1, "layers": 3, "default": False}]), 3)
    assert choose_rate_point(levels, None) == (0, levels[0])
    with pytest.raises(ValueError, match="more than one quality level is the default"):
        read_rate_points(write(tmp_path, [marked, marked]), 3)


def test_the_default_is_the_highest_where_none_is_marked() -> None:
    levels = (RatePoint(0.5, 1), RatePoint(1.0, 2))
    assert choose_rate_point(levels, None) == (1, levels[1])
    assert choose_rate_point(levels, 0) == (0, levels[0])


@pytest.mark.parametrize("quality", [-1, 2])
def test_there_is_no_such_quality(quality: int) -> None:
    with pytest.raises(OptionError, match=r"expected 0\.\.1"):
        choose_rate_point((RatePoint(0.5, 1), RatePoint(1.0, 2)), quality)


@pytest.mark.parametrize(
    ("size", "expected"), [((640, 360), (320, 180)), ((479, 269), (240, 134)), ((1, 1), (1, 1))]
)
def test_coded_size(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert RatePoint(0.5, 1).coded_size(*size) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((640, 360), (960, 540)),
        ((1, 1), (2, 2)),
        ((1600, 900), (1920, 1080)),
        ((1920, 1080), (1920, 1080)),
        ((3840, 2160), (3840, 2160)),
        ((16000, 9), (16384, 9)),
    ],
)
def test_a_picture_is_enlarged_within_bounds(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert RatePoint(1.5, 1).coded_size(*size) == expected
