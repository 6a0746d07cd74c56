"""A server in this process: requests go to an ASGI app, and answers come as it sends them.

`httpx.ASGITransport` hands an answer over when it is whole: a stream would come at its end, and one that is left would be
played to it.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
from starlette.types import ASGIApp, Message, Scope

CLIENT = ("127.0.0.1", 50_000)


class AppTransport(httpx.AsyncBaseTransport):
    """Borrowed is the app, with its lifespan: whoever opens it closes it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        body = b"".join([chunk async for chunk in request.stream])
        call = _Call(self._app, _scope(request), body)
        try:
            start = await call.answered()
        except BaseException:
            call.leave()
            raise
        return httpx.Response(start["status"], headers=start["headers"], stream=call, request=request)


class _Call(httpx.AsyncByteStream):
    """One request in the app, whose answer is read as it comes. Closed early, the app is told that its client left."""

    def __init__(self, app: ASGIApp, scope: Scope, body: bytes) -> None:
        self._body: bytes | None = body
        self._left = asyncio.Event()
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue(maxsize=16)
        self._task = asyncio.create_task(self._run(app, scope))

    async def answered(self) -> Message:
        """The message with which the answer begins. Raises what the app raised before it."""
        message = await self._messages.get()
        if message is None:
            self._task.result()
            raise httpx.RemoteProtocolError("the app has not answered")
        return message

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while message := await self._messages.get():
            if message["type"] == "http.response.body":
                yield message.get("body", b"")
                if not message.get("more_body", False):
                    return
        raise httpx.RemoteProtocolError("the app has not ended its answer")

    def leave(self) -> None:
        """Its client has left: what the app still sends goes nowhere."""
        self._left.set()
        while not self._messages.empty():
            self._messages.get_nowait()

    async def _send(self, message: Message) -> None:
        if not self._left.is_set():
            await self._messages.put(message)

    async def aclose(self) -> None:
        self.leave()
        while not self._task.done():
            await asyncio.wait({self._task}, timeout=0.01)
            self.leave()  # whoever sent into a full queue goes on

    async def _run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self._receive, self._send)
        finally:
            if not self._left.is_set():
                await self._messages.put(None)

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}


def _scope(request: httpx.Request) -> dict[str, Any]:
    url = request.url
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": url.raw_path.split(b"?")[0],
        "query_string": url.query,
        "root_path": "",
        "server": (url.host, url.port),
        "client": CLIENT,
        "state": {},
    }
