"""What stands before every request: rate limits, origin checks, limits of size, and headers that browsers obey."""

import hashlib
import hmac
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..session import RefusedError

MAX_BODY_BYTES = 16 * 1024
COOKIE = "mgv_study"
CSRF_HEADER = "x-mgv-csrf"
MAX_CLIENTS = 20_000
"""Clients whose rates are remembered; the longest unseen are forgotten."""

_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "media-src blob:; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), display-capture=()",
}


class RateLimiter:
    """Token buckets: each client may make `burst` requests at once and `per_second` in the long run."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def is_out(self, client: str) -> bool:
        """Tell whether the next token is yet to come, and take none."""
        return self._tokens(client, self._clock()) < 1

    def wait_seconds(self, client: str) -> float:
        """Take a token; gives 0 if there was one, else the seconds until there will be."""
        now = self._clock()
        tokens = self._tokens(client, now)
        self._buckets.pop(client, None)
        granted = tokens >= 1
        self._buckets[client] = (tokens - 1 if granted else tokens, now)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if granted else (1 - tokens) / self._per_second

    def _tokens(self, client: str, now: float) -> float:
        tokens, then = self._buckets.get(client, (float(self._burst), now))
        return min(float(self._burst), tokens + (now - then) * self._per_second)


class SecurityHeaders:
    """Adds the headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


def address_of(request: Request) -> str:
    """Give the client's address; it is kept in memory for rate limits only, and never written down."""
    return request.client.host if request.client else "unknown"


def csrf_token_of(session_token: str) -> str:
    """Derive what a page of ours can know of a session, and a page of others can't."""
    return hmac.new(session_token.encode(), b"csrf", hashlib.sha256).hexdigest()


def check_origin(request: Request) -> None:
    """Refuse what a page of another origin sends.

    Raises:
        RefusedError: it does.
    """
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    if origin is not None and origin.partition("://")[2] != host:
        raise RefusedError(403, "requests come from the study's own page")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise RefusedError(403, "requests come from the study's own page")


async def read_json(request: Request) -> dict[str, Any]:
    """Read a small JSON object.

    Raises:
        RefusedError: it is large, or something else.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise RefusedError(413, f"a request has at most {MAX_BODY_BYTES} bytes")
    try:
        values = json.loads(body or b"{}", parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, "the request is not JSON") from error
    if not isinstance(values, dict):
        raise RefusedError(400, "the request is not a JSON object")
    return values


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
