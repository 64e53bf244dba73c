"""Long video piece by piece."""

import numpy as np
import pytest
import torch

from mgv.generator.prefix_lm.continuation import continue_video
from mgv.generator.prefix_lm.decoding import Decoding, decode
from mgv.generator.prefix_lm.places import Part
from mgv.generator.window import TokenWindow

GREEDY = Decoding(temperature=0)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_pieces_are_generated_from_the_end_of_what_there_is(model, config, prompts, make_window) -> None:
    beginning = make_window((2, 2, 3))
    pieces = list(continue_video(model, beginning, 5, 2, GREEDY, seeded()))
    assert [len(piece) for piece in pieces] == [2, 2, 1]
    whole = np.concatenate([beginning.ids, *pieces])
    for start, count in ((0, 4), (2, 4), (4, 3)):
        window = TokenWindow(whole[start : start + count], np.arange(start, start + count) == 0, 12)
        decoded = decode(model, prompts.future(window, 2).sequence(config), GREEDY, seeded()).sequence
        made = config.vocabulary.to_visual(decoded.ids[decoded.indices(Part.VIDEO_OUT)])
        assert np.array_equal(made, window.ids[2:].reshape(-1))


def test_one_latent_frame_is_enough_to_begin_with(model, make_window) -> None:
    pieces = list(continue_video(model, make_window((1, 2, 3)), 4, 2, GREEDY, seeded()))
    assert [len(piece) for piece in pieces] == [3, 1]


def test_text_and_segments_have_an_influence(model, make_window, make_text) -> None:
    beginning = make_window((2, 2, 3))
    plain, with_text, guided, with_segments = (
        np.concatenate(list(continue_video(model, beginning, 3, 2, decoding, seeded(), **more)))
        for decoding, more in (
            (GREEDY, {}),
            (GREEDY, {"text": make_text()}),
            (Decoding(temperature=0, guidance=3.0), {"text": make_text()}),
            (GREEDY, {"starts_segment": lambda latent: latent == 1}),
        )
    )
    assert not np.array_equal(plain, with_text)
    assert not np.array_equal(with_text, guided)
    assert not np.array_equal(plain, with_segments)
    assert np.array_equal(plain[0, 0, 0], with_segments[0, 0, 0])


def test_a_context_as_long_as_the_window_is_refused(model, make_window) -> None:
    with pytest.raises(ValueError, match="context of 4 latent frames, expected 1 to 3"):
        next(continue_video(model, make_window(), 4, 4, GREEDY, seeded()))
