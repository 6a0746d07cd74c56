"""Every request and every socket as an operation: method, the route's template, status; no path, no query, no header."""

from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import REQUEST_ID
from graphs.telemetry import bound, known_as, observe, operation, watched

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Told by their name; every other is `HTTP`, as the conventions call it."""

QUIET = frozenset({"/health/live", "/health/ready", "/metrics"})
"""Asked every few seconds by machines: counted, not traced."""


class Observed:
    """ASGI middleware, outside of everything: what it tells is what the client got."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or not watched():
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, send)
        else:
            await self._socket(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"] if scope["method"] in METHODS else "HTTP"
        quiet = {"quiet": True} if scope.get("path") in QUIET else {}
        began, streaming = perf_counter(), False
        with operation("http", method, parent=_parent(scope), **quiet) as asked:

            async def send_noting(message: Message) -> None:
                nonlocal streaming
                if message["type"] == "http.response.start":
                    asked.set(status=message["status"])
                    if message["status"] >= 500:  # by the conventions, what is less is the client's mistake
                        asked.fail(str(message["status"]))
                    if _is_stream(message):
                        streaming = True
                        asked.set(stream=True, first_byte_s=perf_counter() - began)
                        observe("open_streams", 1)
                await send(message)

            try:
                await self.app(scope, receive, send_noting)
            finally:
                if streaming:
                    observe("open_streams", -1)
                asked.set(**_told(scope))

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A socket is open for as long as somebody plays: its turns begin traces of their own, with its request's id."""
        accepted = False
        with operation("http", "WEBSOCKET", nests=False, parent=_parent(scope)) as asked:

            async def receive_noting() -> Message:
                message = await receive()
                if message["type"] == "websocket.disconnect":
                    asked.set(status=message.get("code", 1005))
                return message

            async def send_noting(message: Message) -> None:
                nonlocal accepted
                if message["type"] == "websocket.accept":
                    accepted = True
                    observe("open_sockets", 1)
                elif (code := message.get("status", message.get("code"))) is not None:
                    asked.set(status=code)
                await send(message)

            try:
                await self.app(scope, receive_noting, send_noting)
            finally:
                if accepted:
                    observe("open_sockets", -1)
                asked.set(**_told(scope))


class Named:
    """ASGI middleware, within `Requests`: what is logged while a request is answered has the request's id."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if REQUEST_ID not in scope:
            await self.app(scope, receive, send)
            return
        with bound(request=scope[REQUEST_ID]):
            await self.app(scope, receive, send)


def ids_of(scope: Scope) -> dict[str, str]:
    """The ids in a request's path, as they may stand in a log."""
    given = scope.get("path_params") or {}
    found = {"session": given.get("session"), "turn": given.get("turn_id")}
    return {name: known_as(str(value)) for name, value in found.items() if value}


def _told(scope: Scope) -> dict[str, str]:
    route = str(getattr(scope.get("route"), "path", ""))
    scheme = scope.get("scheme", "")
    told = {"route": route, "scheme": scheme if scheme in ("http", "https", "ws", "wss") else "other"}
    return told | ids_of(scope) | ({"request": scope[REQUEST_ID]} if REQUEST_ID in scope else {})


def _parent(scope: Scope) -> str:
    """What the caller's own trace is, where there is exactly one."""
    given = [value for name, value in scope["headers"] if name == b"traceparent"]
    return given[0].decode("latin-1") if len(given) == 1 and len(given[0]) <= 128 else ""


def _is_stream(message: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/event-stream") for name, value in message["headers"]
    )
