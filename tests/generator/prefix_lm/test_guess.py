"""Guesses: the nearest token that is known, and never one that is yet to come."""

import numpy as np
import pytest

from mgv.generator.prefix_lm.guess import NO_GUESS
from mgv.generator.prefix_lm.places import Part, Place
from mgv.generator.window import Condition


def shown(sequence, frame: int, row: int, column: int) -> tuple[Part, list[int]] | None:
    """Give part and coordinates of what is shown for a token that is to be generated."""
    goal = [frame, row, column]
    is_goal = (sequence.goals[:, Place.FRAME : Place.COLUMN + 1] == goal).all(1)
    (index,) = np.flatnonzero(is_goal & (sequence.goals[:, Place.PART] == Part.VIDEO_OUT))
    guess = sequence.guesses[index]
    if guess == NO_GUESS:
        return None
    place = sequence.places[guess]
    return Part(place[Place.PART]), place[Place.FRAME : Place.COLUMN + 1].tolist()


def test_the_token_before_in_time_is_nearest(config, prompts, make_window) -> None:
    sequence = prompts.future(make_window(), 1).sequence(config)
    assert shown(sequence, 1, 1, 2) == (Part.GIVEN, [0, 1, 2])
    assert shown(sequence, 2, 0, 1) == (Part.VIDEO_OUT, [1, 0, 1])


def test_of_the_first_latent_frame_it_is_a_neighbour_and_of_the_first_token_nothing(
    config, prompts, make_window
) -> None:
    sequence = prompts.video(make_window()).sequence(config)
    assert shown(sequence, 0, 0, 0) is None
    assert shown(sequence, 0, 0, 2) == (Part.VIDEO_OUT, [0, 0, 1])
    assert shown(sequence, 0, 1, 0) == (Part.VIDEO_OUT, [0, 0, 0])


def test_a_kept_token_after_it_may_be_shown_and_a_hint_at_the_place_itself_first(
    config, prompts, make_window
) -> None:
    kept, hinted = np.zeros((4, 2, 3), bool), np.zeros((4, 2, 3), bool)
    kept[3], hinted[1, 0, 0] = True, True
    condition = Condition(kept, hinted, np.where(hinted, 5, 0))
    sequence = prompts.painting(make_window(), condition).sequence(config)
    assert shown(sequence, 1, 0, 0) == (Part.HINT, [1, 0, 0])
    assert shown(sequence, 2, 1, 1) == (Part.GIVEN, [3, 1, 1])


@pytest.mark.parametrize("seed", range(5))
def test_what_is_shown_is_known(config, prompts, make_window, seed) -> None:
    kept = np.random.default_rng(seed).random((4, 2, 3)) < 0.4
    sequence = prompts.painting(make_window(), Condition.of_kept(kept)).sequence(config)
    index = np.arange(len(sequence))
    guesses = sequence.guesses
    assert ((guesses <= index) | (guesses < sequence.num_prefix)).all()
    assert (guesses[: sequence.num_prefix - 1] == NO_GUESS).all()
    assert (guesses != NO_GUESS).sum() > 0


def test_without_a_prefix_of_video_depth_is_not_shown(config, prompts, make_window, make_text) -> None:
    window = make_window()
    sequence = prompts.stylisation(window, window, window, text=make_text()).sequence(config)
    assert shown(sequence, 0, 0, 0) is None
