"""What kind of question stands at each position of a rater's session: seeded, so that a session can be told again."""

import random
from collections.abc import Sequence

from .settings import Questions

TRAINING, RATED, GOLDEN, REPEAT = "training", "rated", "golden", "repeat"


def stream(seed: int, rater: int, use: object) -> random.Random:
    """Give a rater's own source of chance for one use."""
    return random.Random(f"{seed}/{rater}/{use}")


def plan_session(questions: Questions, seed: int, rater: int) -> list[str]:
    """Lay out the kinds of all questions of a rater: training first, then golden pairs and repeats spread evenly.

    One golden pair stands somewhere in each `golden_every` questions, one repeat in each `repeat_every` where there is
    something to repeat.
    """
    rng = stream(seed, rater, "plan")
    kinds = [RATED] * questions.per_rater
    for block in _blocks(len(kinds), questions.golden_every):
        kinds[rng.choice(block)] = GOLDEN
    num_repeats = 0
    for block in _blocks(len(kinds), questions.repeat_every):
        fitting = [
            position
            for position in block
            if kinds[position] == RATED
            and kinds[: max(0, position - questions.repeat_gap)].count(RATED) > num_repeats
        ]
        if fitting:
            kinds[rng.choice(fitting)] = REPEAT
            num_repeats += 1
    return [TRAINING] * questions.training + kinds


def _blocks(length: int, size: int) -> list[Sequence[int]]:
    """Whole blocks only: the remainder has none."""
    return [range(start, start + size) for start in range(0, length - size + 1, size)] if size else []
