"""A task measured with callables whose results are known, its table and its sheet."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mgv.eval.generation import (
    CasePixels,
    Contender,
    Evaluation,
    Measures,
    SheetRow,
    TaskResult,
    measure_task,
    write_sheet,
)
from mgv.eval.generation.results import as_json, as_markdown
from mgv.eval.metrics.window_features import LatentWindows
from mgv.tokenizer import load_tokenizer


@pytest.fixture
def measures(tiny_model: Path, mean_difference) -> Measures:
    tokenizer = load_tokenizer(tiny_model)
    return Measures(CasePixels(tokenizer), LatentWindows(tokenizer), mean_difference)


def constant_bits(bits: float):
    """Bits of tokens that are not kept; a predictor may say anything where they are."""
    return lambda case: np.where(case.kept, 1e6, bits).astype(np.float32)


def measured(make_case, measures: Measures, *, pads=True, predict=constant_bits(2.0)) -> TaskResult:  # noqa: B008
    cases = [make_case(seed, clip) for seed, clip in enumerate("aab")]
    perfect = Contender(predict, lambda case: case.ids, lambda case: case.ids)
    predictors = {"copy": constant_bits(3.0), "frequencies": constant_bits(1.5)}
    black = {"padding": lambda clip, given: np.where(given[..., None], clip, 0)} if pads else {}
    done = []
    result = measure_task(cases, perfect, predictors, black, measures, 2, lambda: done.append(1))
    assert len(done) == 2
    return result


def test_a_perfect_filling(make_case, measures: Measures) -> None:
    result = measured(make_case, measures)
    assert (result.tokens_made, result.tokens_in_window) == (4, 8)
    assert result.psnr_db is not None
    assert result.psnr_db.ours.mean == 100
    assert result.psnr_db.beats_all
    assert result.distance is not None
    assert result.distance.ours.mean == 0
    assert result.distance.beats_all
    assert result.frechet == pytest.approx(0, abs=1e-3)
    assert result.frechet_of_padding is not None
    assert result.frechet_of_padding > 1


def test_cross_entropy_counts_tokens_that_are_not_kept(make_case, measures: Measures) -> None:
    bits = measured(make_case, measures).bits
    assert bits is not None
    assert bits.ours.mean == pytest.approx(2)
    assert [(one.name, one.gain.mean, one.is_beaten) for one in bits.against] == [
        ("copy", pytest.approx(1), True),
        ("frequencies", pytest.approx(-0.5), False),
    ]
    assert bits.beats_all is False


def test_where_nothing_can_be_said_there_is_none(make_case, measures: Measures) -> None:
    result = measured(make_case, measures, pads=False, predict=None)
    assert (result.bits, result.psnr_db, result.distance) == (None, None, None)
    assert result.frechet is not None
    assert result.frechet_of_padding is None


def test_the_table_and_json_say_what_is_beaten(make_case, measures: Measures) -> None:
    results = measured(make_case, measures), measured(make_case, measures, pads=False, predict=None)
    evaluation = Evaluation(
        "tiny", "ab" * 32, 12, 0, (2, 2, 2), 3, 2, 2, 50, measures.features.label, results
    )
    lines = as_markdown(evaluation).splitlines()
    cells = [cell.strip() for cell in lines[2].split("|")][1:-1]
    assert cells[:6] == ["OPV", "4/8", "2.00 ± 0.00", "3.00 (+1.00 ± 0.00)", "1.50 (-0.50 ± 0.00)", "no"]
    assert (cells[6], cells[8], cells[9]) == ("100.00", "-", "yes")
    assert lines[3].count("| - ") == 4 + 4 + 4 + 1
    assert "tokenizer latents (not FVD)" in lines[-1]
    facts = json.loads(as_json(evaluation))
    assert facts["results"][0]["bits"]["against"][1]["is_beaten"] is False
    assert facts["results"][0]["psnr_db"]["beats_all"] is True
    assert facts["results"][1]["bits"] is None


def test_the_sheet_shows_given_made_and_truth(tmp_path: Path) -> None:
    truth, made = np.full((5, 32, 32, 3), 0.2, np.float32), np.full((5, 32, 32, 3), 0.9, np.float32)
    given = np.zeros((5, 32, 32), bool)
    given[:, :16] = True
    write_sheet([SheetRow("OPH", given, truth, made)] * 2, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as image:
        sheet = np.asarray(image.convert("RGB")).astype(int)
    shades = {51: "truth", 230: "made", 140: "not given"}
    seen = [
        shades.get(value) for value in sheet[28 + 24, :, 0]
    ]  # a line through the lower half of the first row
    runs = [name for name, before in zip(seen[1:], seen, strict=False) if name != before and name is not None]
    assert runs == ["not given", "made", "truth"]
