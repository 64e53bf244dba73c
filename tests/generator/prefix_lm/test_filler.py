"""The prefix LM behind the interface that all generators have."""

import numpy as np
import pytest
import torch

from mgv.generator.prefix_lm.filler import PrefixFiller, window_example
from mgv.generator.prefix_lm.model import PrefixLM
from mgv.generator.prefix_lm.prompts import Conditions
from mgv.generator.window import Condition, Sampling, WindowFiller

HASH = "0" * 64
SAMPLING = Sampling()


@pytest.fixture
def filler(model) -> PrefixFiller:
    return PrefixFiller(model, HASH)


def fill(filler: WindowFiller, window, condition, *, label=None, sampling=SAMPLING, seed=0):
    random = torch.Generator().manual_seed(seed)
    return filler.fill(window, condition, "FP", label, sampling, random)


def kept_where(shape, *slices) -> np.ndarray:
    kept = np.zeros(shape, bool)
    kept[slices] = True
    return kept


@pytest.mark.parametrize(
    "kept",
    [
        kept_where((4, 2, 3), slice(1)),
        kept_where((4, 2, 3), slice(None), slice(None), slice(1, 2)),
        kept_where((4, 2, 3), [0, 3]),
        np.zeros((4, 2, 3), bool),
        np.ones((4, 2, 3), bool),
    ],
    ids=["prediction", "outpainting", "interpolation", "nothing kept", "all kept"],
)
def test_kept_tokens_are_copied_and_the_others_made(filler, make_window, kept) -> None:
    window = make_window()
    filled = fill(filler, window, Condition.of_kept(kept))
    assert np.array_equal(filled[kept], window.ids[kept])
    assert ((0 <= filled) & (filled < 1 << 12)).all()
    assert filler.num_passes == (~kept).sum()
    assert np.array_equal(filled, fill(filler, window, Condition.of_kept(kept)))
    if not kept.all():
        assert not np.array_equal(filled, window.ids)


def test_what_was_not_kept_has_no_influence(filler, make_window) -> None:
    kept = kept_where((4, 2, 3), slice(None), slice(1))
    first, second = make_window(), make_window(seed=5)
    second.ids[kept] = first.ids[kept]
    filled = [fill(filler, window, Condition.of_kept(kept)) for window in (first, second)]
    assert np.array_equal(*filled)


def test_lower_depths_and_smaller_windows_are_filled(filler, make_window) -> None:
    window = make_window((3, 1, 2), bit_depth=5)
    filled = fill(filler, window, Condition.of_kept(kept_where((3, 1, 2), slice(1))))
    assert filled.shape == (3, 1, 2)
    assert filled.max() < 32


def test_a_label_guides_and_without_one_nothing_does(filler, make_window) -> None:
    condition = Condition.of_kept(kept_where((4, 2, 3), slice(1)))
    greedy, guided = Sampling(token_temperature=0), Sampling(token_temperature=0, guidance=5.0)
    plain, same = (fill(filler, make_window(), condition, sampling=each) for each in (greedy, guided))
    assert np.array_equal(plain, same)
    labelled, stronger = (
        fill(filler, make_window(), condition, label="cat", sampling=each) for each in (greedy, guided)
    )
    assert not np.array_equal(labelled, stronger)


def test_a_text_is_in_every_prompt_and_guides(model, prompts, make_window, make_text) -> None:
    condition = Condition.of_kept(kept_where((4, 2, 3), slice(1)))
    text, num_passes = make_text(), []
    for given in (None, text):
        filler = PrefixFiller(model, HASH)
        filler.text = given
        fill(filler, make_window(), condition, sampling=Sampling(guidance=5.0))
        num_passes.append(filler.num_passes)
    assert num_passes == [18, 36]
    for kept in (kept_where((4, 2, 3), slice(2)), kept_where((4, 2, 3), [0, 3]), np.zeros((4, 2, 3), bool)):
        example = window_example(prompts, make_window(), Condition.of_kept(kept), Conditions(), text)
        assert example.prompt.text is text


def test_a_label_that_is_not_known_is_refused(filler, make_window) -> None:
    with pytest.raises(ValueError, match="label 'cow', expected one of cat, dog"):
        fill(filler, make_window(), Condition.of_kept(np.zeros((4, 2, 3), bool)), label="cow")


def test_the_prompt_fits_what_is_given(config, prompts, make_window) -> None:
    shape = (4, 2, 3)
    hinted = kept_where(shape, slice(1, 2))
    conditions = {
        "video": Condition.of_kept(np.zeros(shape, bool)),
        "future": Condition.of_kept(kept_where(shape, slice(2))),
        "painting": Condition.of_kept(kept_where(shape, [0, 3])),
    }
    for name, condition in conditions.items():
        assert window_example(prompts, make_window(), condition, Conditions()).prompt.output == name
    partly = Condition(kept_where(shape, slice(1)), hinted, hinted.astype(np.int64))
    assert window_example(prompts, make_window(), partly, Conditions()).prompt.output == "painting"


def test_a_filler_does_not_train(config) -> None:
    assert not PrefixFiller(PrefixLM(config), HASH).model.training
