"""One rater's data: give it out, or delete it."""

from typing import Any

from sqlalchemy import select

from . import schema
from .errors import StudyError
from .store import Store
from .votes import Vote, read_raters, read_votes

VOTE_COLUMNS = (
    "number",
    "rater",
    "clip",
    "kind",
    "position",
    "repeats_position",
    "first",
    "second",
    "chosen",
    "side",
    "seconds",
)
"""Of `vote_as_dict`; what the page measured of a vote comes after them."""


def export_rater(store: Store, key: str) -> dict[str, Any]:
    """Give everything that the study holds of one rater, as plain values.

    Raises:
        StudyError: there is no such rater.
    """
    with store.reading() as connection:
        facts = [rater for rater in read_raters(connection) if rater.rater == key]
        votes = [vote for vote in read_votes(connection) if vote.rater == key]
    if not facts:
        raise _unknown(key)
    return {"rater": key, "screen": dict(facts[0].screen), "votes": [vote_as_dict(vote) for vote in votes]}


def delete_rater(store: Store, key: str) -> int:
    """Delete a rater, their session, questions and votes.

    Returns:
        How many votes there were.

    Raises:
        StudyError: there is no such rater.
    """
    rater, question, vote = schema.rater, schema.question, schema.vote
    with store.writing() as connection:
        found = connection.execute(select(rater.c.id).where(rater.c.key == key)).first()
        if found is None:
            raise _unknown(key)
        own = select(question.c.id).where(question.c.rater_id == found.id)
        num_votes = connection.execute(vote.delete().where(vote.c.question_id.in_(own))).rowcount
        connection.execute(question.delete().where(question.c.rater_id == found.id))
        connection.execute(rater.delete().where(rater.c.id == found.id))
    return int(num_votes)


def vote_as_dict(vote: Vote) -> dict[str, Any]:
    """Write a vote as plain values; `chosen` names what was preferred."""
    sides = [
        f"{contestant.codec}@{contestant.rate}" if contestant else name
        for contestant, name in ((vote.first, "source"), (vote.second, "spoiled"))
    ]
    chosen = (sides[0], "none", sides[1])[vote.outcome]
    named = {"first": sides[0], "second": sides[1], "chosen": chosen}
    return {
        **{name: named[name] if name in named else getattr(vote, name) for name in VOTE_COLUMNS},
        **{f"page_{name}": value for name, value in vote.facts.items()},
    }


def _unknown(key: str) -> StudyError:
    return StudyError(f"there is no rater {key!r}; `mgv study results` lists them")
