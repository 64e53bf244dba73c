"""Admin pages: results while a study runs, raters' data given out and deleted; a token opens them.

A browser asks for the token as a password (any user name); programs send it as `Authorization: Bearer TOKEN`. What
deletes takes only the latter, which no foreign page can make a browser send.
"""

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ..errors import StudyError
from ..raters import delete_rater, export_rater
from ..report import REPORT_CSP, html_report, results_json
from ..results import compute_results
from ..session import RefusedError
from ..store import Store
from .facts import checked_key
from .guard import RateLimiter, address_of

Handler = Callable[[Request], Awaitable[Response]]
_GUESSES_PER_SECOND = 0.2
_GUESSES_AT_ONCE = 10


class Admin:
    """The admin pages of one study."""

    def __init__(self, store: Store, token: str) -> None:
        self._store = store
        self._token = token
        self._guesses = RateLimiter(_GUESSES_PER_SECOND, _GUESSES_AT_ONCE)

    def routes(self) -> list[Route]:
        """Give the routes, each behind the token."""
        return [
            Route("/admin", self._behind_token(self.report), methods=["GET"]),
            Route("/admin/results.json", self._behind_token(self.results), methods=["GET"]),
            Route("/admin/raters/{key}", self._behind_token(self.export), methods=["GET"]),
            Route(
                "/admin/raters/{key}", self._behind_token(self.delete, bearer_only=True), methods=["DELETE"]
            ),
        ]

    async def report(self, request: Request) -> Response:
        """Show the results as they stand."""
        html = await run_in_threadpool(lambda: html_report(compute_results(self._store)))
        return Response(html, media_type="text/html", headers={"content-security-policy": REPORT_CSP})

    async def results(self, request: Request) -> Response:
        """Give the results as they stand, as JSON."""
        text = await run_in_threadpool(lambda: results_json(compute_results(self._store)))
        return Response(text, media_type="application/json")

    async def export(self, request: Request) -> Response:
        """Give one rater's data."""
        return JSONResponse(await run_in_threadpool(self._of_rater, request, export_rater))

    async def delete(self, request: Request) -> Response:
        """Delete one rater's data."""
        return JSONResponse({"votes": await run_in_threadpool(self._of_rater, request, delete_rater)})

    def _of_rater(self, request: Request, act: Callable[[Store, str], object]) -> object:
        try:
            return act(self._store, checked_key(request.path_params["key"]))
        except StudyError as error:
            raise RefusedError(404, "there is no such rater") from error

    def _behind_token(self, handler: Handler, *, bearer_only: bool = False) -> Handler:
        async def guarded(request: Request) -> Response:
            given, address = _given_token(request, bearer_only), address_of(request)
            if given is not None:
                if self._guesses.is_out(address):
                    raise RefusedError(429, "too many wrong tokens; try again later")
                if hmac.compare_digest(given.encode(), self._token.encode()):
                    return await handler(request)
                self._guesses.wait_seconds(address)
            return PlainTextResponse(
                "The admin token opens this page.\n",
                status_code=401,
                headers={"www-authenticate": 'Basic realm="mgv study: the admin token is the password"'},
            )

        return guarded


def _given_token(request: Request, bearer_only: bool) -> str | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic" and not bearer_only:
        try:
            return base64.b64decode(value, validate=True).decode("utf-8").partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return None
