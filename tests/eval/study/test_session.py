"""Sessions: each vote counts once, sessions go on where they stopped, and the plan is kept."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import select

from mgv.eval.study import Settings, StudyError, schema
from mgv.eval.study.plan import GOLDEN, RATED, REPEAT, TRAINING, plan_session
from mgv.eval.study.raters import delete_rater, export_rater
from mgv.eval.study.session import RefusedError, Sessions
from mgv.eval.study.settings import Limits, Questions
from mgv.eval.study.store import Store, open_study
from mgv.eval.study.votes import read_votes

TakePart = Callable[..., str]


def votes_in(store: Store) -> list:
    with store.reading() as connection:
        return read_votes(connection)


def test_a_session_from_end_to_end(take_part: TakePart, store: Store) -> None:
    key = take_part(lambda question: "left")
    votes = votes_in(store)
    assert [vote.position for vote in votes] == list(range(13))
    assert [vote.kind for vote in votes] == plan_session(store.settings.questions, 0, 1)
    kinds = Counter(vote.kind for vote in votes)
    assert (kinds[TRAINING], kinds[GOLDEN]) == (1, 3)
    assert kinds[REPEAT] in (2, 3)  # the first stretch may have nothing to repeat yet
    assert {vote.rater for vote in votes} == {key}
    assert all(vote.seconds == 5 for vote in votes)


def test_repeats_show_an_earlier_pair_with_sides_swapped(take_part: TakePart, store: Store) -> None:
    for _ in range(5):
        take_part(lambda question: "left")
    votes = votes_in(store)
    by_place = {(vote.rater, vote.position): vote for vote in votes}
    repeats = [vote for vote in votes if vote.kind == REPEAT]
    assert len(repeats) >= 10
    for vote in repeats:
        before = by_place[vote.rater, vote.repeats_position]
        assert (before.pairing_id, before.kind) == (vote.pairing_id, RATED)
        assert vote.position - before.position > store.settings.questions.repeat_gap
        assert {before.outcome, vote.outcome} == {0, 2}  # always left: swapped sides, opposite answers


def test_never_the_same_pair_twice_in_a_row(take_part: TakePart, store: Store) -> None:
    for _ in range(6):
        take_part(lambda question: "right")
    votes = votes_in(store)
    for before, after in pairwise(votes):
        assert before.rater != after.rater or before.pairing_id != after.pairing_id


def test_sides_are_balanced_and_seeded(take_part: TakePart, store: Store) -> None:
    for _ in range(12):
        take_part(lambda question: "left")
    rated = [vote for vote in votes_in(store) if vote.kind == RATED]
    assert 0.3 < sum(vote.outcome == 0 for vote in rated) / len(rated) < 0.7


def test_a_vote_sent_twice_counts_once_and_the_first_one_stands(sessions: Sessions, store: Store) -> None:
    rater = sessions.rater_of(sessions.enter())
    question = sessions.begin(rater, {})["question"]
    first = sessions.vote(rater, question["key"], "left", {})
    again = sessions.vote(rater, question["key"], "right", {})
    assert (first["counted"], again["counted"]) == (True, False)
    assert first["question"] == again["question"]
    (vote,) = votes_in(store)
    assert vote.side == "left"


def test_a_session_goes_on_with_the_open_question(sessions: Sessions, store: Store) -> None:
    token = sessions.enter()
    rater = sessions.rater_of(token)
    assert sessions.state(rater) == {"phase": "instructions"}
    question = sessions.begin(rater, {})["question"]
    for _ in range(3):
        assert sessions.state(sessions.rater_of(token))["question"] == question
    later = Sessions(store)  # as after a restart
    assert later.state(later.rater_of(token))["question"] == question


def test_a_vote_is_on_disk_before_the_next_question(sessions: Sessions, study_path: Path) -> None:
    rater = sessions.rater_of(sessions.enter())
    question = sessions.begin(rater, {})["question"]
    sessions.vote(rater, question["key"], "left", {})
    other = open_study(study_path)
    assert [vote.side for vote in votes_in(other)] == ["left"]
    other.close()


def test_what_is_refused(sessions: Sessions, store: Store) -> None:
    one, other = (sessions.rater_of(sessions.enter()) for _ in range(2))
    question = sessions.begin(one, {})["question"]
    with pytest.raises(RefusedError) as refused:
        sessions.vote(other, question["key"], "left", {})
    assert refused.value.status == 404
    delete_rater(store, one.key)
    with pytest.raises(RefusedError) as refused:
        sessions.vote(one, question["key"], "left", {})
    assert refused.value.status == 401
    assert sessions.rater_of("nobody") is None


def test_an_answer_before_anything_was_seen_is_refused(store: Store, clock: Callable[[], float]) -> None:
    store.facts = replace(store.facts, settings=Settings(questions=Questions(min_seconds=2.0)))
    sessions = Sessions(store, clock)
    rater = sessions.rater_of(sessions.enter())
    question = sessions.begin(rater, {})["question"]
    clock.now += 1.5
    with pytest.raises(RefusedError) as refused:
        sessions.vote(rater, question["key"], "left", {})
    assert refused.value.status == 425
    with pytest.raises(RefusedError) as refused:
        sessions.vote(rater, question["key"], "none", {})  # ties are not offered here
    assert refused.value.status == 422
    clock.now += 1.0
    assert sessions.vote(rater, question["key"], "left", {})["counted"]
    assert len(votes_in(store)) == 1


def test_training_tells_what_was_right(sessions: Sessions, store: Store) -> None:
    rater = sessions.rater_of(sessions.enter())
    question = sessions.begin(rater, {})["question"]
    assert question["training"]
    with store.reading() as connection:
        source = connection.execute(
            select(schema.stimulus.c.key).where(schema.stimulus.c.role == "source")
        ).scalars()
        side = "left" if question["left"] in set(source) else "right"
    assert sessions.vote(rater, question["key"], side, {})["feedback"] is True


def test_a_question_tells_nothing_of_codecs(sessions: Sessions) -> None:
    rater = sessions.rater_of(sessions.enter())
    shown = repr(sessions.begin(rater, {}))
    assert not any(word in shown for word in ("alder", "birch", "cedar", "golden", "spoiled", "clip0", "r0"))


def test_export_and_delete(take_part: TakePart, store: Store) -> None:
    key, kept = take_part(lambda question: "left"), take_part(lambda question: "none")
    data = export_rater(store, key)
    assert data["screen"] == {"width_device_pixels": 1920, "refresh_hz": 60}
    assert len(data["votes"]) == 13
    assert {vote["rater"] for vote in data["votes"]} == {key}
    assert delete_rater(store, key) == 13
    assert {vote.rater for vote in votes_in(store)} == {kept}
    with store.reading() as connection:
        assert len(connection.execute(select(schema.question)).all()) == 13
    for act in (export_rater, delete_rater):
        with pytest.raises(StudyError, match="no rater"):
            act(store, key)


def test_a_full_study_takes_nobody(store: Store) -> None:
    store.facts = replace(store.facts, settings=Settings(limits=Limits(max_raters=1)))
    full = Sessions(store)
    full.enter()
    with pytest.raises(RefusedError, match="all its raters"):
        full.enter()
