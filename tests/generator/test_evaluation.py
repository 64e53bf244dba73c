"""Cases for evaluation: windows, what a filler is shown, what a predictor is asked."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mgv.generator.dataset import TokenFolders
from mgv.generator.errors import DataError
from mgv.generator.evaluation import (
    TaskCase,
    check_tokenizer,
    draw_windows,
    filling,
    filling_one_by_one,
    make_case,
    pass_counter,
    predicting,
    tile_windows,
)
from mgv.generator.masked.config import SIZES, MaskedConfig
from mgv.generator.masked.filler import MaskedFiller
from mgv.generator.masked.transformer import MaskedTransformer
from mgv.generator.tasks import TASKS
from mgv.generator.window import SUREST
from mgv.tokenizer import Tokenizer, WeightsError, load_tokenizer

WINDOW = 3, 4, 6


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Tokenizer:
    return load_tokenizer(tiny_model)


@pytest.fixture(scope="module")
def folders(token_folder: Path, tokenizer: Tokenizer) -> TokenFolders:
    return TokenFolders([token_folder], tokenizer)


def tiny_filler(tokenizer: Tokenizer, **changes: object) -> MaskedFiller:
    torch.manual_seed(0)
    depths = tokenizer.config.bit_depths
    config = MaskedConfig(
        **{**SIZES["tiny"], "window": WINDOW, "bit_depths": depths, "dropout": 0.0, **changes}
    )
    return MaskedFiller(MaskedTransformer(config), tokenizer.sha256)


@pytest.fixture(scope="module")
def filler(tokenizer: Tokenizer) -> MaskedFiller:
    return tiny_filler(tokenizer, labels=("still",))


def cases(folders: TokenFolders, filler: MaskedFiller, task: str, num: int = 2) -> list[TaskCase]:
    windows = draw_windows(folders, filler, num, 0)
    return [make_case(n, one, TASKS[task], folders.tokenizer, filler) for n, one in enumerate(windows)]


def test_windows_begin_segments_and_take_turns(folders: TokenFolders, filler: MaskedFiller) -> None:
    windows = draw_windows(folders, filler, 5, 0)
    assert [one.clip for one in windows] == ["b", "still__a", "b", "still__a", "b"]
    assert all(one.window.is_image.tolist() == [True, False, False] for one in windows)
    assert all(one.window.shape == WINDOW for one in windows)
    again = draw_windows(folders, filler, 5, 0)
    assert all(np.array_equal(a.window.ids, b.window.ids) for a, b in zip(windows, again, strict=True))
    whole = folders.read(0, 17, 0, 0, (3, 6, 8)).ids  # its second segment
    found = np.lib.stride_tricks.sliding_window_view(whole, WINDOW) == windows[2].window.ids
    assert found.all((-3, -2, -1)).any()


def test_tiles_cover_the_beginnings_of_segments(folders: TokenFolders, filler: MaskedFiller) -> None:
    segments = list(tile_windows(folders, filler, 10, 0))
    assert [[one.clip for one in tiles] for tiles in segments] == [["b"], ["b"], ["still__a"]]  # 4x6 of 6x8
    assert np.array_equal(segments[0][0].window.ids, folders.read(0, 0, 0, 0, WINDOW).ids)
    assert len(list(tile_windows(folders, filler, 2, 0))) == 2


def test_a_window_larger_than_every_segment(folders: TokenFolders, tokenizer: Tokenizer) -> None:
    with pytest.raises(DataError, match="no file has a segment that holds a window"):
        draw_windows(folders, tiny_filler(tokenizer, window=(22, 4, 4)), 1, 0)


def test_tokens_that_are_not_at_full_depth(folders: TokenFolders, tokenizer: Tokenizer) -> None:
    with pytest.raises(DataError, match=r"b.mgv has 20 bits a token, the generator is measured at 21"):
        draw_windows(folders, tiny_filler(tokenizer, bit_depths=(20, 21)), 1, 0)


def test_a_generator_of_another_tokenizer(tokenizer: Tokenizer) -> None:
    other = MaskedFiller(tiny_filler(tokenizer).model, "0" * 64)
    with pytest.raises(WeightsError, match="knows tokens of the tokenizer 0000"):
        check_tokenizer(other, tokenizer)
    check_tokenizer(tiny_filler(tokenizer), tokenizer)


def test_labels_are_for_tasks_that_take_them(folders: TokenFolders, filler: MaskedFiller) -> None:
    assert [case.label for case in cases(folders, filler, "CG")] == [None, "still"]
    assert [case.label for case in cases(folders, filler, "FP")] == [None, None]


def test_the_given_pixels_are_those_of_the_task(folders: TokenFolders, filler: MaskedFiller) -> None:
    case = cases(folders, filler, "FP", 1)[0]
    assert case.given.shape == (9, 32, 48)
    assert case.given[0].all()
    assert not case.given[1:].any()
    assert case.kept[0].all()
    assert not case.kept[1:].any()


def test_a_filler_does_not_see_the_truth(folders: TokenFolders, filler: MaskedFiller) -> None:
    class Spy(MaskedFiller):
        def fill(self, window, condition, *rest) -> NDArray[np.int64]:
            assert not window.ids[~condition.kept].any()
            return super().fill(window, condition, *rest)

    case = cases(folders, filler, "OPC", 1)[0]
    made = filling(Spy(filler.model, filler.tokenizer_sha256), SUREST, 0)(case)
    assert np.array_equal(made[case.kept], case.ids[case.kept])
    assert np.array_equal(made, filling(filler, SUREST, 1)(case))  # no chance is left at temperature 0


def test_one_by_one_takes_a_pass_a_token(folders: TokenFolders, filler: MaskedFiller) -> None:
    case = cases(folders, filler, "FP", 1)[0]
    passes = pass_counter(filler)
    made = filling_one_by_one(filler, SUREST, 0)(case)
    assert passes() == (~case.kept).sum() == 2 * 4 * 6
    assert np.array_equal(made[case.kept], case.ids[case.kept])
    filling(filler, SUREST, 0)(case)
    assert passes() == 48 + 1


def test_an_untrained_model_takes_about_all_bits(folders: TokenFolders, filler: MaskedFiller) -> None:
    predict = predicting(filler)
    assert predict is not None
    for case in cases(folders, filler, "CG"):
        bits = predict(case)
        assert bits.shape == WINDOW
        assert bits.mean() == pytest.approx(20, abs=1)


def test_a_model_that_knows_the_token_takes_no_bits(folders: TokenFolders, tokenizer: Tokenizer) -> None:
    filler = tiny_filler(tokenizer)
    case = cases(folders, filler, "FP", 1)[0]
    for place in np.ndindex(case.ids.shape):
        case.ids[place] = case.ids[1, 0, 0]
    with torch.no_grad():
        words = filler.model.words.vocabularies.split(torch.tensor(case.ids[1, 0, 0]))
        for bias, word in zip(filler.model.heads.biases, words, strict=True):
            bias[word] = 100.0
    predict = predicting(filler)
    assert predict is not None
    assert predict(case).max() == pytest.approx(0, abs=1e-4)


def test_only_a_masked_transformer_predicts_all_at_once() -> None:
    assert predicting(object()) is None
    assert pass_counter(object())() == 0
