"""The votes of a study, read in order of play with all that is known of each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from . import schema
from .choose import outcome
from .pairings import Contestant

FIRST, TIE, SECOND = 0, 1, 2


@dataclass(frozen=True)
class Vote:
    """One person's answer to one question."""

    number: int
    """Order of play in the whole study."""
    rater: str
    """Opaque id."""
    clip: str
    kind: str
    """training, rated, golden or repeat"""
    position: int
    """Within the rater, from 0, training included."""
    repeats_position: int | None
    pairing_id: int
    first: Contestant | None
    """None in golden pairs, whose first is the better one."""
    second: Contestant | None
    outcome: int
    """`FIRST`, `TIE` or `SECOND`."""
    side: str
    """left, right or none: where the rater pointed."""
    seconds: float
    """From handing the question out to the answer, by the server's clock."""
    facts: Mapping[str, Any]
    """What the page measured: `plays`, `scale`, and `desync_ms`, which 95 of 100 frames did not exceed."""


@dataclass(frozen=True)
class RaterFacts:
    """What is known of a rater beside the votes."""

    rater: str
    screen: Mapping[str, Any]


def read_votes(connection: Connection) -> list[Vote]:
    """Read all votes in order of play."""
    vote, question, pairing, clip = schema.vote, schema.question, schema.pairing, schema.clip
    first, second = schema.stimulus.alias(), schema.stimulus.alias()
    query = (
        select(
            vote,
            question.c.kind,
            question.c.position,
            question.c.repeats_position,
            question.c.first_is_left,
            question.c.pairing_id,
            pairing.c.first_rate,
            pairing.c.second_rate,
            schema.rater.c.key.label("rater"),
            clip.c.name.label("clip"),
            first.c.codec.label("first_codec"),
            second.c.codec.label("second_codec"),
        )
        .join_from(vote, question, vote.c.question_id == question.c.id)
        .join(schema.rater, question.c.rater_id == schema.rater.c.id)
        .join(pairing, question.c.pairing_id == pairing.c.id)
        .join(clip, pairing.c.clip_id == clip.c.id)
        .join(first, pairing.c.first_id == first.c.id)
        .join(second, pairing.c.second_id == second.c.id)
        .order_by(vote.c.number)
    )
    return [
        Vote(
            number=row.number,
            rater=row.rater,
            clip=row.clip,
            kind=row.kind,
            position=row.position,
            repeats_position=row.repeats_position,
            pairing_id=row.pairing_id,
            first=None if row.first_rate is None else Contestant(row.first_codec, row.first_rate),
            second=None if row.second_rate is None else Contestant(row.second_codec, row.second_rate),
            outcome=outcome(row.side, row.first_is_left),
            side=row.side,
            seconds=row.seconds,
            facts=json.loads(row.facts),
        )
        for row in connection.execute(query)
    ]


def read_raters(connection: Connection) -> list[RaterFacts]:
    """Read all raters, in order of entry."""
    query = select(schema.rater.c.key, schema.rater.c.screen).order_by(schema.rater.c.id)
    return [RaterFacts(row.key, json.loads(row.screen or "{}")) for row in connection.execute(query)]
