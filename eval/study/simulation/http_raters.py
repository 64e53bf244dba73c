"""Simulated raters over HTTP against the real server, which may be killed and started again in between."""

import asyncio
import multiprocessing
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import httpx
from sqlalchemy import func, select

from .. import schema
from ..errors import StudyError
from ..results import compute_results
from ..store import Store, open_study
from .people import Population, World, cheat

REPLY_SECONDS = 30.0
START_SECONDS = 120.0
PAUSE_SECONDS = 0.05
GIVE_UP_SECONDS = 180.0
"""For one request, with attempts and pauses: enough to sit out a restart of the server on a busy machine."""
TWICE_EVERY = 7
"""One vote in so many is sent twice at once."""


@dataclass
class Tally:
    """What clients saw."""

    sent: dict[str, str] = field(default_factory=dict)
    """Question -> side, of every vote that the server acknowledged."""
    seconds: list[float] = field(default_factory=list)
    """From sending a vote to its acknowledgement, failed attempts included."""
    is_cheat: dict[str, bool] = field(default_factory=dict)
    """By the rater's opaque id."""
    num_retries: int = 0
    num_sent_twice: int = 0


@dataclass(frozen=True)
class TrafficReport:
    """Whether every vote arrived once."""

    num_raters: int
    concurrent: int
    num_kills: int
    votes_acknowledged: int
    votes_stored: int
    votes_lost: int
    """Acknowledged, but not stored."""
    votes_doubled: int
    """Stored more than once."""
    votes_changed: int
    """Stored with another side than was sent."""
    votes_unexplained: int
    """Stored, but never acknowledged."""
    votes_sent_twice: int
    """On purpose."""
    retries: int
    seconds: float
    median_vote_seconds: float
    slowest_vote_seconds: float
    num_cheats: int
    cheats_left_out: int
    """By screening."""
    num_honest: int
    honest_left_out: int
    true_order: tuple[str, ...]
    """Codecs, best first."""
    found_order: tuple[str, ...]
    """By the Bradley-Terry scores of all rates together."""


class ServerProcess:
    """The real server in a process of its own, on loopback."""

    def __init__(self, study: str) -> None:
        self._study = study
        self._port = 0
        self._process: Any = None

    @property
    def url(self) -> str:
        """Where it listens; the same after a restart."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
            StudyError: it does not come up.
        """
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._study, self._port, there), daemon=True)
        self._process.start()
        there.close()
        if not here.poll(START_SECONDS):
            raise StudyError(f"the server of {self._study} does not start")
        self._port = here.recv()

    def kill(self) -> None:
        """End it at once, as `kill -9` does."""
        self._process.kill()
        self._process.join()


def simulate_over_http(
    study: str,
    *,
    num_raters: int,
    concurrent: int,
    num_kills: int = 0,
    population: Population | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, expected: None,
) -> TrafficReport:
    """Let simulated raters take a whole study, and compare what they sent with what is stored.

    Args:
        study: path or URL of a study that nobody took part in yet; it is marked as simulated.
        num_raters: in all.
        concurrent: at any time.
        num_kills: how often the server is killed and started again, spread over the votes.
        population: what raters are like.
        seed: of everything.
        progress: called with votes acknowledged and expected.

    Raises:
        StudyError: the study has raters, or the server does not start.
    """
    population = population or Population()
    store = open_study(study)
    try:
        store.mark_simulated({"population": asdict(population), "seed": seed})
        world = World(store, population, seed)
        questions = store.settings.questions
        expected = num_raters * (questions.per_rater + questions.training)
        server = ServerProcess(study)
        server.start()
        tally = Tally()
        started = time.monotonic()
        try:
            traffic = _Traffic(server, world, tally, seed)
            asyncio.run(traffic.run(num_raters, concurrent, num_kills, expected, progress))
        finally:
            server.kill()
        return _audit(store, world, tally, (num_raters, concurrent, num_kills), time.monotonic() - started)
    finally:
        store.close()


def _serve(study: str, port: int, ready: "Connection[int, int]") -> None:
    from ..web.serve import serve

    serve(open_study(study), "simulation-has-no-admin", port=port, on_ready=ready.send)


class _Traffic:
    """All clients of one simulation."""

    def __init__(self, server: ServerProcess, world: World, tally: Tally, seed: int) -> None:
        self._server = server
        self._world = world
        self._tally = tally
        self._seed = seed

    async def run(
        self,
        num_raters: int,
        concurrent: int,
        num_kills: int,
        expected: int,
        progress: Callable[[int, int], None],
    ) -> None:
        """Let everyone rate; kill the server whenever another share of the votes is in."""
        gate = asyncio.Semaphore(concurrent)

        async def take_part(number: int) -> None:
            async with gate:
                await self._take_part(number)

        raters = [asyncio.create_task(take_part(number)) for number in range(num_raters)]
        everyone = asyncio.gather(*raters)
        try:
            for kill in range(num_kills):
                while len(self._tally.sent) < expected * (kill + 1) / (num_kills + 1) and not everyone.done():
                    await asyncio.sleep(PAUSE_SECONDS)
                self._server.kill()
                await asyncio.to_thread(self._server.start)
            while not everyone.done():
                progress(len(self._tally.sent), expected)
                await asyncio.wait([everyone], timeout=1)
            await everyone
        finally:
            everyone.cancel()

    async def _take_part(self, number: int) -> None:
        """Be one rater from the first page to the last."""
        rng = random.Random(f"{self._seed}/{number}")
        is_cheat = rng.random() < self._world.population.cheater_share
        answer = cheat(rng) if is_cheat else self._world.honest(rng)
        async with httpx.AsyncClient(base_url=self._server.url, timeout=REPLY_SECONDS) as client:
            csrf = {"x-mgv-csrf": "enter"}
            state = await self._ask(client, "/api/enter", csrf, {})
            csrf = {"x-mgv-csrf": state["csrf"]}
            self._tally.is_cheat[state["rater"]] = is_cheat
            state = await self._ask(
                client, "/api/begin", csrf, {"width_device_pixels": 3840, "refresh_hz": 60}
            )
            seen: set[str] = set()
            while state["phase"] == "question":
                question = state["question"]
                for key in (question["left"], question["right"]):
                    if key not in seen:
                        await self._request(client, "GET", f"/media/{key}", csrf, None)
                        seen.add(key)
                side = answer(question["left"], question["right"])
                state = await self._vote(client, csrf, question["key"], side)

    async def _vote(
        self, client: httpx.AsyncClient, csrf: dict[str, str], key: str, side: str
    ) -> dict[str, Any]:
        vote = {"question": key, "side": side, "facts": {"desync_ms": 8.0, "plays": 1}}
        started = time.monotonic()
        sendings = [self._ask(client, "/api/vote", csrf, vote)]
        if len(self._tally.sent) % TWICE_EVERY == 0:
            sendings.append(self._ask(client, "/api/vote", csrf, vote))
            self._tally.num_sent_twice += 1
        states = await asyncio.gather(*sendings)
        self._tally.seconds.append(time.monotonic() - started)
        self._tally.sent[key] = side
        return states[0]

    async def _ask(
        self, client: httpx.AsyncClient, path: str, csrf: dict[str, str], body: dict[str, Any]
    ) -> dict[str, Any]:
        answer: dict[str, Any] = (await self._request(client, "POST", path, csrf, body)).json()
        return answer

    async def _request(
        self, client: httpx.AsyncClient, method: str, path: str, headers: dict[str, str], body: Any
    ) -> httpx.Response:
        """Ask until there is an answer, as the page does."""
        started = time.monotonic()
        while time.monotonic() < started + GIVE_UP_SECONDS:
            try:
                response = await client.request(method, path, headers=headers, json=body)
            except httpx.TransportError:
                response = None
            if response is not None and response.is_success:
                return response
            if response is not None and response.status_code not in (425, 429, 500, 503):
                raise StudyError(f"{path}: the server answers {response.status_code}: {response.text[:200]}")
            self._tally.num_retries += 1
            await asyncio.sleep(PAUSE_SECONDS if response is None else 10 * PAUSE_SECONDS)
        raise StudyError(f"{path}: the server gives no answer")


def _audit(
    store: Store, world: World, tally: Tally, asked: tuple[int, int, int], seconds: float
) -> TrafficReport:
    """Compare acknowledged votes with stored ones, and what the study finds with what is true."""
    question, vote = schema.question, schema.vote
    query = (
        select(question.c.key, vote.c.side, func.count())
        .join(vote, vote.c.question_id == question.c.id)
        .group_by(question.c.key, vote.c.side)
    )
    with store.reading() as connection:
        stored = connection.execute(query).all()
    keys = [row.key for row in stored]
    results = compute_results(store)
    left_out = {report.rater for report in results.raters if report.reasons}
    cheats = {rater for rater, cheats in tally.is_cheat.items() if cheats}
    honest = set(tally.is_cheat) - cheats
    return TrafficReport(
        num_raters=asked[0],
        concurrent=asked[1],
        num_kills=asked[2],
        votes_acknowledged=len(tally.sent),
        votes_stored=sum(row[2] for row in stored),
        votes_lost=len(set(tally.sent) - set(keys)),
        votes_doubled=sum(row[2] for row in stored) - len(set(keys)),
        votes_changed=sum(tally.sent.get(row.key, row.side) != row.side for row in stored),
        votes_unexplained=len(set(keys) - set(tally.sent)),
        votes_sent_twice=tally.num_sent_twice,
        retries=tally.num_retries,
        seconds=seconds,
        median_vote_seconds=statistics.median(tally.seconds) if tally.seconds else 0.0,
        slowest_vote_seconds=max(tally.seconds, default=0.0),
        num_cheats=len(cheats),
        cheats_left_out=len(cheats & left_out),
        num_honest=len(honest),
        honest_left_out=len(honest & left_out),
        true_order=tuple(sorted({contestant.codec for contestant in world.contestants}, reverse=True)),
        found_order=tuple(standing.name for standing in results.codecs.standings),
    )
