"""What is done for every request: an id, a line in the log, safe headers, no fault untold, no foreign caller.

An API on a loopback address may have no login, so it must not be reachable by a page of another site: a page may rebind
its own name to 127.0.0.1 (then the Host header tells) or simply post across sites (then the Origin header does).
"""

import re
import time
import uuid
from contextlib import suppress
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from agents.errors import StoryError
from api.auth.policy import guard_of
from api.auth.rules import LOOPBACK, AuthRules
from api.bodies import UUID
from api.logs import frames
from api.observability.layer import ids_of
from api.problems import REQUEST_ID, answer
from api.refusals import ForeignHost, ForeignOrigin, InternalError
from graphs.telemetry import known_as

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""Set on every response that does not say otherwise itself."""

CORS = {
    "Access-Control-Allow-Methods": "GET, POST, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, "
    "Last-Event-ID, X-API-Key, X-Request-ID",
    "Access-Control-Max-Age": "600",
}
"""What a page of TTA_CORS_ORIGINS is told that asks beforehand. No cookies: a token is a header."""

EXPOSED = (
    "ETag, Location, X-Request-ID, Retry-After, Idempotent-Replayed, RateLimit, RateLimit-Policy, WWW-Authenticate"
)
"""The headers of ours that such a page may read."""

_MADE = re.compile(rf"{UUID.pattern}|[0-9a-f]{{16,64}}|[0-9A-HJKMNP-TV-Z]{{26}}|1-[0-9a-f]{{8}}-[0-9a-f]{{24}}", re.I)
"""A UUID, hexadecimal digits, a ULID, the id of a load balancer of AWS: made by a machine, and no words."""


def _request_id(given: str) -> str:
    """Under which id a request stands in logs and answers. What a client made up may be anybody's words, name or number."""
    if not given:
        return uuid.uuid4().hex
    return given if _MADE.fullmatch(given) else known_as(given)


class Requests:
    """ASGI middleware, the outermost: ids, logs, headers, and a problem for whatever nobody else has answered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = scope[REQUEST_ID] = _request_id(Headers(scope=scope).get("x-request-id", ""))
        began, status = time.perf_counter(), 0

        async def send_dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                if scope[
                    "app"
                ].state.readiness.stopping:  # who asks again asks elsewhere, not on what is about to be closed
                    headers["Connection"] = "close"
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if origin := _let_in(scope):
                    headers["Access-Control-Allow-Origin"] = origin
                    headers["Access-Control-Expose-Headers"] = EXPOSED
                    headers.add_vary_header("Origin")
            await send(message)

        error: Exception | None = None
        try:
            await self.app(scope, receive, send_dressed)
        except StoryError as refusal:
            await (await answer(scope, refusal))(scope, receive, send_dressed)
        except ClientDisconnect:
            status = status or 499
        except Exception as fault:  # nothing of it may reach the client, or a log that quotes it
            error = fault
            if not status:
                await (await answer(scope, _internal()))(scope, receive, send_dressed)
        _log(scope, status, (time.perf_counter() - began) * 1000, error)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A connection that is refused before it is one is answered as a request is (`api.sockets` answers the rest)."""
        scope[REQUEST_ID] = uuid.uuid4().hex
        began, code, error = time.perf_counter(), 0, None

        async def send_noting(message: Message) -> None:
            nonlocal code
            code = message.get("status", message.get("code", code))
            await send(message)

        async def receive_noting() -> Message:
            nonlocal code
            message = await receive()
            code = message.get("code", code)
            return message

        try:
            await self.app(scope, receive_noting, send_noting)
        except StoryError as refusal:
            socket = WebSocket(scope, receive, send_noting)
            await socket.send_denial_response(await answer(scope, refusal))
        except Exception as fault:
            error = fault
            code = 1011
            with suppress(Exception):  # it may be closed already
                await send({"type": "websocket.close", "code": code, "reason": "Something is wrong on our side"})
        _log(scope, code, (time.perf_counter() - began) * 1000, error)


def _internal() -> InternalError:
    return InternalError("The request failed", cure="Try again; if it stays, tell us the request_id.")


def _log(scope: Scope, status: int, ms: float, error: Exception | None) -> None:
    """One line a request. The route is the template: a path may hold anything."""
    log = structlog.get_logger("tta.api").bind(
        request_id=scope[REQUEST_ID],
        method=_method(scope),
        route=getattr(scope.get("route"), "path", ""),
        status=status,
        ms=round(ms, 2),
        **{f"{name}_id": value for name, value in ids_of(scope).items()},
    )
    if error is None:
        log.info("request")
    else:
        log.error("request", error=type(error).__name__, frames=frames(error))


def _method(scope: Scope) -> str:
    given = str(scope.get("method", "WEBSOCKET"))
    return given if given.isalpha() else "?"


class Origins:
    """ASGI middleware: lets in only who asks under a name of this server, and pages only of it or of TTA_CORS_ORIGINS."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            headers = Headers(scope=scope)
            check_caller(headers, guard_of(scope).rules)
            if scope.get("method") == "OPTIONS" and "access-control-request-method" in headers and _let_in(scope):
                await Response(status_code=204, headers=CORS)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def check_caller(headers: Headers, rules: AuthRules) -> None:
    """Raises ForeignHost, ForeignOrigin."""
    host = headers.get("host", "")
    if len(headers.getlist("host")) != 1 or _name(f"//{host}") not in rules.hosts:
        cure = "Ask under one of these." if rules.mode == "none" else "Ask under a name of TTA_ALLOWED_HOSTS."
        choices = LOOPBACK if rules.mode == "none" else ()
        raise ForeignHost("The Host header names another machine", cure=cure, choices=choices)
    origins = headers.getlist("origin")
    if len(origins) == 1 and origins[0] in rules.origins:
        return
    # Compared as text: what is no address at all (`http://[`) is foreign too. Two are of no browser.
    same = not origins or (len(origins) == 1 and origins[0] in (f"http://{host}", f"https://{host}"))
    if not same or headers.get("sec-fetch-site") == "cross-site":
        raise ForeignOrigin("The request comes from a page of another site", cure="Ask without a browser's page.")


def _let_in(scope: Scope) -> str:
    """The origin of a page of another site that may ask; empty for any other."""
    origin = Headers(scope=scope).get("origin", "")
    return origin if origin in guard_of(scope).rules.origins else ""


def _name(address: str) -> str:
    """The host's name without its port; empty for what is no address."""
    try:
        parts = urlsplit(address)
        more = parts.username or parts.path or parts.query or parts.fragment or address.endswith(("?", "#"))
        return "" if more or parts.port == 0 else (parts.hostname or "")
    except ValueError:
        return ""
