"""What a study found: votes screened, rankings overall and at each rate, consistency; and what can't be said."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection, select

from . import schema
from .bootstrap import DEFAULT_RESAMPLES
from .choose import read_pairings
from .pairings import Contestant
from .plan import RATED, REPEAT
from .ranking import Game, Ranking, rank
from .screening import RaterReport, is_late, is_out_of_step, screen_rater
from .settings import Settings
from .store import Store
from .votes import Vote, read_raters, read_votes


@dataclass(frozen=True)
class RatePoint:
    """A contestant's place on the rate axis."""

    name: str
    codec: str
    rate: int
    bpp: float
    """Mean over the clips it was shown on, of real coded bytes."""
    num_clips: int


@dataclass(frozen=True)
class Counts:
    """How many answers there are, and why some do not count."""

    raters: int
    raters_counted: int
    votes: int
    """Training and golden pairs included."""
    counted: int
    """Answers that the rankings rest on: rated pairs and their repeats, of raters who stay."""
    of_screened_raters: int
    late: int
    out_of_step: int


@dataclass(frozen=True)
class Results:
    """All of it."""

    title: str
    simulated: dict[str, Any]
    """Truth of simulated raters; empty where people answered."""
    settings_toml: str
    rates_bpp: tuple[float, ...]
    matching: dict[str, Any]
    counts: Counts
    rate_points: tuple[RatePoint, ...]
    overall: Ranking
    """Contestants are codecs at rates; every counted answer."""
    per_rate: tuple[Ranking, ...]
    """Contestants are codecs, at one rate each."""
    codecs: Ranking
    """Contestants are codecs; answers at any one rate, taken together."""
    repeat_agreement: float | None
    """Share of repeats answered as before, raters who stay; None without any."""
    num_repeats: int
    worst_render_psnr_y_db: float
    """Lowest luma PSNR of a rendered stimulus against the decoded frames."""
    raters: tuple[RaterReport, ...]
    statements: tuple[str, ...]


def compute_results(store: Store, *, resamples: int = DEFAULT_RESAMPLES) -> Results:
    """Compute a study's results from what is stored now."""
    settings, rates = store.settings, store.facts.rates_bpp
    with store.reading() as connection:
        votes, raters = read_votes(connection), read_raters(connection)
        rate_points = _rate_points(connection, rates)
        clips = connection.execute(select(schema.clip)).all()
        render_losses = connection.execute(select(schema.stimulus.c.render_psnr_y_db)).scalars().all()
        settings_toml = connection.execute(select(schema.study.c.settings_toml)).scalar_one()
    by_rater: dict[str, list[Vote]] = defaultdict(list)
    for vote in votes:
        by_rater[vote.rater].append(vote)
    fastest = float(max(Fraction(clip.frame_rate) for clip in clips))
    widest = max(clip.shown_width for clip in clips)
    reports = [screen_rater(rater, by_rater[rater.rater], settings, fastest, widest) for rater in raters]
    counts, kept = _count(votes, reports, {r.rater for r in reports if not r.reasons}, settings)
    repeats = [vote for vote in kept if vote.kind == REPEAT]
    same_rate = [vote for vote in kept if vote.first and vote.second and vote.first.rate == vote.second.rate]

    def ranked(title: str, names: Sequence[str], games: Sequence[Game]) -> Ranking:
        return rank(title, names, games, elo_k=settings.elo_k, seed=settings.seed, resamples=resamples)

    return Results(
        title=settings.title,
        simulated=store.facts.simulated,
        settings_toml=settings_toml,
        rates_bpp=rates,
        matching=store.facts.matching,
        counts=counts,
        rate_points=tuple(rate_points),
        overall=ranked(
            "codecs at rates, all answers",
            [p.name for p in rate_points],
            [_game(vote, rates) for vote in kept],
        ),
        per_rate=tuple(
            ranked(
                f"codecs about {bpp:.4g} bpp",
                [point.codec for point in rate_points if point.rate == index],
                [_codec_game(vote) for vote in same_rate if vote.first and vote.first.rate == index],
            )
            for index, bpp in enumerate(rates)
        ),
        codecs=ranked(
            "codecs, all rates together",
            sorted({point.codec for point in rate_points}),
            [_codec_game(vote) for vote in same_rate],
        ),
        repeat_agreement=_agreement(repeats, votes),
        num_repeats=len(repeats),
        worst_render_psnr_y_db=min(render_losses),
        raters=tuple(reports),
        statements=_statements(counts, bool(store.facts.simulated)),
    )


def name_of(contestant: Contestant, rates_bpp: Sequence[float]) -> str:
    """Name a codec at a rate."""
    return f"{contestant.codec} @ {rates_bpp[contestant.rate]:.4g}"


def _rate_points(connection: Connection, rates_bpp: Sequence[float]) -> list[RatePoint]:
    bpp = {row.id: row.bpp for row in connection.execute(select(schema.stimulus.c.id, schema.stimulus.c.bpp))}
    stimuli: dict[Contestant, set[int]] = defaultdict(set)
    for pairing in read_pairings(connection):
        stimuli[pairing.first].add(pairing.first_stimulus)
        stimuli[pairing.second].add(pairing.second_stimulus)
    return [
        RatePoint(
            name=name_of(contestant, rates_bpp),
            codec=contestant.codec,
            rate=contestant.rate,
            bpp=sum(bpp[stimulus] for stimulus in shown) / len(shown),
            num_clips=len(shown),
        )
        for contestant, shown in sorted(stimuli.items())
    ]


def _count(
    votes: Sequence[Vote], reports: Sequence[RaterReport], staying: set[str], settings: Settings
) -> tuple[Counts, list[Vote]]:
    """Keep the votes that count, and tell what became of the others."""
    asked = [vote for vote in votes if vote.kind in (RATED, REPEAT)]
    of_staying = [vote for vote in asked if vote.rater in staying]
    late = [vote for vote in of_staying if is_late(vote, settings)]
    apart = [vote for vote in of_staying if is_out_of_step(vote, settings) and not is_late(vote, settings)]
    left_out = {vote.number for vote in (*late, *apart)}
    kept = [vote for vote in of_staying if vote.number not in left_out]
    counts = Counts(
        raters=len(reports),
        raters_counted=len({vote.rater for vote in kept}),
        votes=len(votes),
        counted=len(kept),
        of_screened_raters=len(asked) - len(of_staying),
        late=len(late),
        out_of_step=len(apart),
    )
    return counts, kept


def _agreement(repeats: Sequence[Vote], votes: Sequence[Vote]) -> float | None:
    first = {(vote.rater, vote.position): vote.outcome for vote in votes if vote.kind == RATED}
    pairs = [(first.get((vote.rater, vote.repeats_position or 0)), vote.outcome) for vote in repeats]
    return sum(before == after for before, after in pairs) / len(pairs) if pairs else None


def _game(vote: Vote, rates_bpp: Sequence[float]) -> Game:
    first, second = _contestants(vote)
    return Game(name_of(first, rates_bpp), name_of(second, rates_bpp), vote.outcome, vote.rater, vote.clip)


def _codec_game(vote: Vote) -> Game:
    first, second = _contestants(vote)
    return Game(first.codec, second.codec, vote.outcome, vote.rater, vote.clip)


def _contestants(vote: Vote) -> tuple[Contestant, Contestant]:
    if vote.first is None or vote.second is None:
        raise ValueError(f"vote {vote.number} is on a golden pair, which ranks nobody")
    return vote.first, vote.second


def _statements(counts: Counts, simulated: bool) -> tuple[str, ...]:
    lines = []
    if simulated:
        lines.append("SIMULATED: no person answered; raters were drawn by a program with known preferences")
    if not counts.counted:
        lines.append("no answers count yet: there is nothing to rank")
    elif counts.raters_counted == 1:
        lines.append("a single rater: the results tell what that person prefers, not what people do")
    elif counts.raters_counted < 8:
        lines.append(f"{counts.raters_counted} raters: few, so intervals are wide and rest on little")
    if counts.raters and counts.raters_counted < counts.raters / 2:
        lines.append(
            f"{counts.raters - counts.raters_counted} of {counts.raters} raters do not count: look why"
        )
    return tuple(lines)
