"""What is asked next: the graph is joined first, then evenly, then where most is to be learnt."""

import random
from collections import Counter
from itertools import pairwise

from mgv.eval.study.choose import PENDING_SECONDS, Chooser, outcome, read_pairings
from mgv.eval.study.pairings import Contestant, Entry, possible_pairs
from mgv.eval.study.plan import GOLDEN, RATED, REPEAT, TRAINING, plan_session
from mgv.eval.study.session import Sessions
from mgv.eval.study.settings import Questions
from mgv.eval.study.store import Store


def chooser_of(store: Store, balanced: int = 1000, now: float = 0.0) -> Chooser:
    with store.reading() as connection:
        return Chooser(connection, balanced, now)


def ask(chooser: Chooser, count: int, across: float = 0.3) -> list[int]:
    rng, asked, last = random.Random(0), [], None
    for _ in range(count):
        last = chooser.choose(rng, set(), last, None, across)
        chooser.note_asked(last)
        asked.append(last)
    return asked


def test_every_clip_is_joined_before_anything_is_asked_twice(store: Store) -> None:
    with store.reading() as connection:
        pairings = {pairing.pairing_id: pairing for pairing in read_pairings(connection)}
    asked = ask(chooser_of(store), 3 * 5)  # 3 clips of 6 stimuli: 5 pairs each make a tree
    assert len(set(asked)) == 15
    for clip in {pairing.clip_id for pairing in pairings.values()}:
        of_clip = [pairings[pairing] for pairing in asked if pairings[pairing].clip_id == clip]
        groups = [{pairing.first_stimulus, pairing.second_stimulus} for pairing in of_clip]
        joined = groups.pop()
        while touching := [group for group in groups if group & joined]:
            joined |= touching[0]
            groups.remove(touching[0])
        assert len(joined) == 6


def test_pairs_of_contestants_are_asked_evenly(store: Store) -> None:
    with store.reading() as connection:
        cells = {p.pairing_id: (p.first, p.second) for p in read_pairings(connection)}
    counts = Counter(cells[pairing] for pairing in ask(chooser_of(store), 150, across=0.0))
    same_rate = [number for (first, second), number in counts.items() if first.rate == second.rate]
    assert len(same_rate) == 6
    assert max(same_rate) - min(same_rate) <= 4


def test_the_same_pair_never_comes_twice_in_a_row(store: Store) -> None:
    asked = ask(chooser_of(store, balanced=1), 200)
    assert all(before != after for before, after in pairwise(asked))


def test_what_would_tell_most_is_asked_most(store: Store, take_part) -> None:  # type: ignore[no-untyped-def]
    for _ in range(6):
        take_part(lambda question: "left")
    chooser = chooser_of(store, balanced=0)
    gains = chooser._gains()
    with store.reading() as connection:
        cells = {p.pairing_id: (p.first, p.second) for p in read_pairings(connection)}
    gain_of = dict(zip(sorted({*cells.values()}), gains, strict=True))
    same_rate = {cell: gain for cell, gain in gain_of.items() if cell[0].rate == cell[1].rate}
    assert len(set(same_rate.values())) == 6
    assert cells[ask(chooser, 1, across=0.0)[0]] == max(same_rate, key=same_rate.__getitem__)
    counts = Counter(cells[pairing] for pairing in ask(chooser, 60))
    assert len(counts) > 5  # what was just handed out counts as answered


def test_a_question_nobody_answered_is_asked_again_later(store: Store, sessions: Sessions, clock) -> None:  # type: ignore[no-untyped-def]
    rater = sessions.rater_of(sessions.enter())
    training = sessions.begin(rater, {})["question"]
    state = sessions.vote(rater, training["key"], "left", {})
    for _ in range(3):  # until a rated pair is open
        with store.reading() as connection:
            open_rated = Chooser(connection, 1, clock.now)._asked.sum()
        if open_rated:
            break
        state = sessions.vote(rater, state["question"]["key"], "left", {})
    assert open_rated >= 1
    with store.reading() as connection:
        later = Chooser(connection, 1, clock.now + PENDING_SECONDS + 1)
    assert later._asked.sum() == open_rated - 1


def test_pairs_are_of_one_clip_and_of_neighbouring_rates() -> None:
    entries = [
        Entry(n, clip, Contestant(codec, rate))
        for n, (clip, codec, rate) in enumerate(
            (clip, codec, rate) for clip in (1, 2) for codec in "ab" for rate in range(3)
        )
    ]
    pairs = list(possible_pairs(entries, across_rates=True))
    assert len(pairs) == 2 * (3 + 2 * 4)
    assert all(one.clip_id == other.clip_id for one, other in pairs)
    assert all(abs(one.contestant.rate - other.contestant.rate) <= 1 for one, other in pairs)
    assert len(list(possible_pairs(entries, across_rates=False))) == 6


def test_rates_are_neighbours_where_the_clip_has_none_between() -> None:
    entries = [
        Entry(1, 1, Contestant("a", 0)),
        Entry(2, 1, Contestant("b", 2)),
        Entry(3, 1, Contestant("a", 3)),
    ]
    pairs = possible_pairs(entries, across_rates=True)
    assert {(one.stimulus_id, other.stimulus_id) for one, other in pairs} == {(1, 2), (3, 2)}
    assert not list(possible_pairs(entries, across_rates=False))


def test_the_plan_is_seeded_and_keeps_its_shares() -> None:
    questions = Questions(per_rater=120, training=3)
    plan = plan_session(questions, 7, 1)
    assert plan == plan_session(questions, 7, 1) != plan_session(questions, 7, 2)
    assert Counter(plan) == {TRAINING: 3, GOLDEN: 12, REPEAT: 12, RATED: 96}
    assert plan[:3] == [TRAINING] * 3
    assert set(plan_session(Questions(per_rater=9, training=0, golden_every=0, repeat_every=0), 0, 1)) == {
        RATED
    }


def test_outcomes() -> None:
    assert [outcome(side, True) for side in ("left", "none", "right")] == [0, 1, 2]
    assert [outcome(side, False) for side in ("left", "none", "right")] == [2, 1, 0]
