"""The study as a Starlette application: a page, a small JSON interface, media by opaque key.

No part of a request names a file: the page's files are read once, at the start, and media are looked up in a table.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib.resources import files
from threading import Lock
from typing import Any

from sqlalchemy import func, select
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .. import schema
from ..raters import delete_rater, export_rater
from ..session import Rater, RefusedError, Sessions
from ..store import Store
from .admin import Admin
from .facts import SCREEN_FACTS, checked_key, checked_numbers, checked_vote
from .guard import (
    COOKIE,
    CSRF_HEADER,
    RateLimiter,
    SecurityHeaders,
    address_of,
    check_origin,
    csrf_token_of,
    read_json,
)

PAGE_FILES = {
    "/": ("index.html", "text/html"),
    "/study.js": ("study.js", "text/javascript"),
    "/study.css": ("study.css", "text/css"),
}
COOKIE_SECONDS = 60 * 60 * 24 * 60
MEDIA_CACHE_BYTES = 256 * 2**20
LOOPBACK_HOSTS = ("127.0.0.1", "localhost")

Handler = Callable[[Request], Awaitable[Response]]


def make_app(
    store: Store, admin_token: str, *, hosts: Sequence[str] = LOOPBACK_HOSTS, https: bool = False
) -> Starlette:
    """Make the application of one study.

    Args:
        store: the study.
        admin_token: opens the admin pages.
        hosts: names under which the server may be addressed; others are refused, which stops DNS rebinding.
        https: the page is reached by https (through a proxy): cookies are sent over nothing else.
    """
    api = _Api(store, https)
    admin = Admin(store, admin_token)
    page = files(__package__) / "page"
    routes = [
        Route(path, _static((page / name).read_bytes(), media_type), methods=["GET"])
        for path, (name, media_type) in PAGE_FILES.items()
    ]
    routes += [
        Route("/api/state", api.guarded(api.state), methods=["GET"]),
        Route("/api/enter", api.guarded(api.enter), methods=["POST"]),
        Route("/api/begin", api.guarded(api.begin), methods=["POST"]),
        Route("/api/vote", api.guarded(api.vote), methods=["POST"]),
        Route("/api/mine", api.guarded(api.mine), methods=["GET"]),
        Route("/api/forget", api.guarded(api.forget), methods=["POST"]),
        Route("/media/{key}", api.guarded(api.media), methods=["GET"]),
        *admin.routes(),
    ]
    middleware = [Middleware(SecurityHeaders), Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))]
    return Starlette(routes=routes, middleware=middleware, exception_handlers={RefusedError: _refused})


class _Api:
    """The interface of the page."""

    def __init__(self, store: Store, https: bool) -> None:
        self._store = store
        self._sessions = Sessions(store)
        self._https = https
        limits = store.settings.limits
        self._requests = RateLimiter(limits.requests_per_second, limits.burst)
        per_second = limits.new_raters_per_minute / 60
        self._entries = RateLimiter(per_second, max(1, round(limits.new_raters_per_minute)))
        self._media = _MediaCache(store)
        with store.reading() as connection:
            self._widest = connection.execute(select(func.max(schema.clip.c.shown_width))).scalar_one()

    def guarded(self, handler: Handler) -> Handler:
        """Let a client through at a bounded rate."""

        async def guard(request: Request) -> Response:
            token = request.cookies.get(COOKIE, "")
            rater = await run_in_threadpool(self._sessions.rater_of, token) if token else None
            _wait(self._requests, rater.key if rater else address_of(request))
            request.state.token, request.state.rater = token, rater
            return await handler(request)

        return guard

    async def state(self, request: Request) -> Response:
        """Tell the page where its session stands."""
        token, rater = request.state.token, request.state.rater
        if rater is None:
            return JSONResponse({"phase": "welcome", "study": self._about()})
        return await self._answer(token, rater, partial(self._sessions.state, rater))

    async def enter(self, request: Request) -> Response:
        """Make a rater of a visitor, or greet them again."""
        check_origin(request)
        if request.headers.get(CSRF_HEADER) is None:  # a page of another origin can't set it unasked
            raise RefusedError(403, f"the header {CSRF_HEADER} is missing")
        token, rater = request.state.token, request.state.rater
        if rater is None:
            _wait(self._entries, address_of(request))
            token = await run_in_threadpool(self._sessions.enter)
            rater = await run_in_threadpool(self._sessions.rater_of, token)
        if rater is None:
            raise RefusedError(401, "this session was deleted")
        response = await self._answer(token, rater, partial(self._sessions.state, rater))
        response.set_cookie(
            COOKIE,
            token,
            max_age=COOKIE_SECONDS,
            path="/",
            secure=self._https,
            httponly=True,
            samesite="strict",
        )
        return response

    async def begin(self, request: Request) -> Response:
        """Take note of the screen and ask the first question."""
        token, rater = self._rater(request)
        screen = checked_numbers(await read_json(request), SCREEN_FACTS)
        return await self._answer(token, rater, partial(self._sessions.begin, rater, screen))

    async def vote(self, request: Request) -> Response:
        """Take a vote and ask the next question."""
        token, rater = self._rater(request)
        key, side, facts = checked_vote(await read_json(request))
        return await self._answer(token, rater, partial(self._sessions.vote, rater, key, side, facts))

    async def mine(self, request: Request) -> Response:
        """Give a rater all that is stored of them."""
        _, rater = self._rater(request, changes=False)
        return JSONResponse(await run_in_threadpool(export_rater, self._store, rater.key))

    async def forget(self, request: Request) -> Response:
        """Delete all that is stored of a rater, and the cookie."""
        _, rater = self._rater(request)
        num_votes = await run_in_threadpool(delete_rater, self._store, rater.key)
        response = JSONResponse({"phase": "forgotten", "votes": num_votes})
        response.delete_cookie(COOKIE, path="/")
        return response

    async def media(self, request: Request) -> Response:
        """Give a stimulus."""
        self._rater(request, changes=False)
        data = await run_in_threadpool(self._media.get, checked_key(request.path_params["key"]))
        if data is None:
            raise RefusedError(404, "there is no such video")
        return Response(
            data, media_type="video/mp4", headers={"cache-control": "private, max-age=86400, immutable"}
        )

    def _rater(self, request: Request, *, changes: bool = True) -> tuple[str, Rater]:
        """Know the rater by the cookie; for what changes something, the page's token must come with it."""
        token, rater = request.state.token, request.state.rater
        check_origin(request)
        if changes and request.headers.get(CSRF_HEADER) != csrf_token_of(token):
            raise RefusedError(403, f"the header {CSRF_HEADER} is missing or of another session")
        if rater is None:
            raise RefusedError(401, "there is no such session")
        return token, rater

    async def _answer(self, token: str, rater: Rater, act: Callable[[], dict[str, Any]]) -> JSONResponse:
        answer = await run_in_threadpool(act)
        return JSONResponse(
            {**answer, "csrf": csrf_token_of(token), "rater": rater.key, "study": self._about()}
        )

    def _about(self) -> dict[str, Any]:
        """What the page shows and obeys."""
        settings = self._store.settings
        return {
            "title": settings.title,
            "instructions": settings.instructions,
            "questions": settings.questions.per_rater,
            "training": settings.questions.training,
            "allow_ties": settings.questions.allow_ties,
            "allow_reference": settings.questions.allow_reference,
            "scale": settings.playback.scale,
            "widest": self._widest,
            "must_fit": settings.screening.require_screen,
        }


class _MediaCache:
    """Stimuli by opaque key, the latest kept in memory."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._num_bytes = 0

    def get(self, key: str) -> bytes | None:
        """Give a stimulus; None if there is none of that key."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        query = (
            select(schema.media.c.data)
            .join(schema.stimulus, schema.media.c.stimulus_id == schema.stimulus.c.id)
            .where(schema.stimulus.c.key == key)
        )
        with self._store.reading() as connection:
            data = connection.execute(query).scalar_one_or_none()
        if data is None:
            return None
        with self._lock:
            if key not in self._kept:
                self._kept[key] = bytes(data)
                self._num_bytes += len(data)
            while self._num_bytes > MEDIA_CACHE_BYTES and len(self._kept) > 1:
                self._num_bytes -= len(self._kept.popitem(last=False)[1])
        return bytes(data)


def _static(data: bytes, media_type: str) -> Handler:
    async def give(request: Request) -> Response:
        return Response(data, media_type=media_type, headers={"cache-control": "no-cache"})

    return give


def _wait(limiter: RateLimiter, client: str) -> None:
    seconds = limiter.wait_seconds(client)
    if seconds:
        raise RefusedError(429, f"too many requests; try again in {seconds:.1f} s")


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, RefusedError) else 500
    headers = {"retry-after": "1"} if status == 429 else None
    return JSONResponse({"error": str(error)}, status_code=status, headers=headers)
