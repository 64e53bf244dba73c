"""Settings: all of them survive TOML, and nothing wrong does."""

from dataclasses import replace
from pathlib import Path

import pytest

from mgv.eval.study import Settings, StudyError, read_settings, settings_to_toml
from mgv.eval.study.settings import Questions, Selection, settings_from_toml


def test_toml_round_trip() -> None:
    settings = replace(
        Settings(),
        title='A "title" with \\ and\nlines',
        selection=Selection(codecs=("mgv", "x265"), rates_bpp=(0.01, 0.5), tolerance=0.2),
        questions=Questions(allow_ties=True, per_rater=7),
    )
    assert settings_from_toml(settings_to_toml(settings)) == settings


def test_what_is_left_out_has_its_default() -> None:
    assert settings_from_toml("[questions]\nper_rater = 9").questions == Questions(per_rater=9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour = 1", "unknown field colour in settings"),
        ("[questions]\nnumber = 1", r"unknown field number in settings.questions"),
        ("seed = 'x'", "settings.seed is 'x', expected int"),
        ("seed = true", "settings.seed is True, expected int"),
        ("selection = 3", "settings.selection is 3"),
        ("[selection]\nrates_bpp = 0.1", "rates_bpp is 0.1"),
        ("[selection]\nrates_bpp = [0.1, 0.101]", "5% or more apart"),
        ("[selection]\ntolerance = -1", "tolerance is -1.0"),
        ("[playback]\nrendering = 'gif'", "rendering is 'gif', expected high or lossless"),
        ("[questions]\nmin_seconds = 100.0", "min_seconds is 100.0"),
        ("elo_k = 0", "elo_k is 0.0"),
        ("title = ", "not TOML"),
    ],
)
def test_wrong_settings_are_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(StudyError, match=f"settings.toml.*{message}"):
        read_settings(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"no\.toml"):
        read_settings(tmp_path / "no.toml")
