"""A rater's session: enter, begin, be asked, vote. Knows nothing of HTTP."""

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Row, func, select

from . import schema
from .choose import Chooser
from .plan import GOLDEN, RATED, REPEAT, TRAINING, plan_session, stream
from .store import Store, new_id, new_key

SIDES = ("left", "right", "none")
TOKEN_BYTES = 32


class RefusedError(Exception):
    """A request that a session does not grant; `status` is HTTP's word for why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Rater:
    """Who is asking; nothing is known of them but a number drawn at random."""

    rater_id: int
    key: str
    begun: bool


class Sessions:
    """All sessions of one study.

    Args:
        store: the study.
        clock: gives seconds; only differences matter.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._settings = store.settings
        self._chooser: Chooser | None = None
        with store.reading() as connection:
            self._clips = {row.id: row for row in connection.execute(select(schema.clip))}
            self._pairings = {row.id: row for row in connection.execute(select(schema.pairing))}
            stimuli = connection.execute(select(schema.stimulus)).all()
        self._golden = sorted(row.id for row in self._pairings.values() if row.kind == GOLDEN)
        self._keys = {row.id: row.key for row in stimuli}
        self._sources = {row.clip_id: row.key for row in stimuli if row.role == "source"}

    def enter(self) -> str:
        """Let a new rater in; gives the secret that their cookie will hold.

        Raises:
            RefusedError: the study is full.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with self._store.writing() as connection:
            if connection.execute(select(func.count()).select_from(schema.rater)).scalar_one() >= (
                self._settings.limits.max_raters
            ):
                raise RefusedError(403, "this study has all its raters; thank you")
            connection.execute(schema.rater.insert().values(key=new_key(), session_sha256=_hash(token)))
        return token

    def rater_of(self, token: str) -> Rater | None:
        """Look a rater up by their secret."""
        query = select(schema.rater).where(schema.rater.c.session_sha256 == _hash(token))
        with self._store.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else Rater(row.id, row.key, row.begun)

    def begin(self, rater: Rater, screen: dict[str, Any]) -> dict[str, Any]:
        """Note the rater's screen, leave the instructions behind, and ask."""
        with self._writing() as connection:
            self._lock_rater(connection, rater)
            connection.execute(
                schema.rater.update()
                .where(schema.rater.c.id == rater.rater_id)
                .values(begun=True, screen=json.dumps(screen))
            )
            return self._ask(connection, rater)

    def state(self, rater: Rater) -> dict[str, Any]:
        """Tell where a session stands: after a reload it goes on with the question that is open."""
        if not rater.begun:
            return {"phase": "instructions"}
        with self._writing() as connection:
            self._lock_rater(connection, rater)
            return self._ask(connection, rater)

    def vote(self, rater: Rater, key: str, side: str, facts: dict[str, Any]) -> dict[str, Any]:
        """Take an answer, on disk when this returns, and ask the next question.

        The first answer to a question counts; any later one changes nothing and gets the same next question.

        Raises:
            RefusedError: no such question of this rater, or the answer comes too early.
        """
        question, vote = schema.question, schema.vote
        with self._writing() as connection:
            self._lock_rater(connection, rater)
            asked = connection.execute(
                select(question).where(question.c.key == key, question.c.rater_id == rater.rater_id)
            ).first()
            if asked is None:
                raise RefusedError(404, "there is no such question")
            if side == "none" and not self._settings.questions.allow_ties:
                raise RefusedError(422, "this study asks for a choice")
            known = connection.execute(select(vote.c.number).where(vote.c.question_id == asked.id)).first()
            if known is None:
                seconds = self._clock() - asked.shown_at
                if seconds < self._settings.questions.min_seconds:
                    raise RefusedError(425, "watch both videos first")
                connection.execute(
                    vote.insert().values(
                        question_id=asked.id, side=side, seconds=round(seconds, 3), facts=json.dumps(facts)
                    )
                )
                if self._chooser:
                    self._chooser.note_answer()
            answer = self._ask(connection, rater)
        if asked.kind == TRAINING:
            answer["feedback"] = (side == "left") == asked.first_is_left and side != "none"
        answer["counted"] = known is None
        return answer

    def _ask(self, connection: Connection, rater: Rater) -> dict[str, Any]:
        """Give the open question of a rater, or make the next one."""
        question, vote = schema.question, schema.vote
        history = connection.execute(
            select(question, vote.c.number)
            .outerjoin(vote, vote.c.question_id == question.c.id)
            .where(question.c.rater_id == rater.rater_id)
            .order_by(question.c.position)
        ).all()
        now = self._clock()
        if history and history[-1].number is None:
            connection.execute(question.update().where(question.c.id == history[-1].id).values(shown_at=now))
            return self._shown(history[-1])
        plan = plan_session(self._settings.questions, self._settings.seed, rater.rater_id)
        values = self._next(connection, rater, plan, history) if len(history) < len(plan) else None
        if values is None:
            return {"phase": "done", "answered": len(history)}
        values |= {"key": new_key(), "rater_id": rater.rater_id, "position": len(history), "shown_at": now}
        new_id(connection, question, **values)
        return self._shown(SimpleNamespace(**values))

    def _next(
        self, connection: Connection, rater: Rater, plan: list[str], history: Sequence[Row[Any]]
    ) -> dict[str, Any] | None:
        """Decide what the next question of a rater is."""
        position = len(history)
        rng = stream(self._settings.seed, rater.rater_id, position)
        first_is_left = rng.random() < 0.5
        last = history[-1] if history else None
        kind = plan[position]
        if kind == REPEAT:
            earlier = self._repeatable(history)
            if earlier:
                again = rng.choice(earlier)
                return {
                    "kind": REPEAT,
                    "pairing_id": again.pairing_id,
                    "first_is_left": not again.first_is_left,
                    "repeats_position": again.position,
                }
            kind = RATED
        if kind in (GOLDEN, TRAINING) and self._golden:
            seen = [row.pairing_id for row in history]
            fewest = min(seen.count(pairing) for pairing in self._golden)
            fresh = [pairing for pairing in self._golden if seen.count(pairing) == fewest]
            others = [pairing for pairing in fresh if last is None or pairing != last.pairing_id] or fresh
            return {"kind": kind, "pairing_id": rng.choice(others), "first_is_left": first_is_left}
        chooser = self._fresh_chooser(connection)
        pairing_id = chooser.choose(
            rng,
            {row.pairing_id for row in history if row.kind == RATED},
            None if last is None else last.pairing_id,
            None if last is None else self._pairings[last.pairing_id].clip_id,
            self._settings.selection.across_rates_share,
        )
        if pairing_id is None:
            return None
        chooser.note_asked(pairing_id)
        return {"kind": RATED, "pairing_id": pairing_id, "first_is_left": first_is_left}

    def _repeatable(self, history: Sequence[Row[Any]]) -> list[Row[Any]]:
        """Questions that lie far enough back, were not repeated yet, and are not the last pair seen."""
        repeated = {row.repeats_position for row in history}
        before = len(history) - self._settings.questions.repeat_gap
        return [
            row
            for row in history[: max(0, before)]
            if row.kind == RATED and row.position not in repeated and row.pairing_id != history[-1].pairing_id
        ]

    def _shown(self, row: Row[Any] | SimpleNamespace) -> dict[str, Any]:
        """Describe a question as the page needs it, and nothing that would tell what is what."""
        pairing = self._pairings[row.pairing_id]
        clip = self._clips[pairing.clip_id]
        first, second = self._keys[pairing.first_id], self._keys[pairing.second_id]
        num_training = self._settings.questions.training
        shown = {
            "key": row.key,
            "left": first if row.first_is_left else second,
            "right": second if row.first_is_left else first,
            "width": clip.shown_width,
            "height": clip.shown_height,
            "num_frames": clip.num_frames,
            "frame_rate": clip.frame_rate,
            "training": row.kind == TRAINING,
            "number": row.position + 1 if row.kind == TRAINING else row.position + 1 - num_training,
            "of": num_training if row.kind == TRAINING else self._settings.questions.per_rater,
        }
        if self._settings.questions.allow_reference and row.kind != TRAINING:
            shown["reference"] = self._sources[pairing.clip_id]
        return {"phase": "question", "question": shown}

    def _fresh_chooser(self, connection: Connection) -> Chooser:
        if self._chooser is None or self._chooser.is_stale:
            self._chooser = Chooser(connection, self._settings.balanced_answers, self._clock())
        return self._chooser

    def _lock_rater(self, connection: Connection, rater: Rater) -> None:
        """Let no other process ask the same rater meanwhile."""
        query = select(schema.rater.c.id).where(schema.rater.c.id == rater.rater_id).with_for_update()
        if connection.execute(query).first() is None:
            raise RefusedError(401, "this session was deleted")

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Open a transaction; if it fails, what the chooser counted in it is forgotten."""
        try:
            with self._store.writing() as connection:
                yield connection
        except BaseException:
            self._chooser = None
            raise


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
