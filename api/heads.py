"""The head of a request: how long it may be, and how long it may take to come.

uvicorn bounds neither with httptools: who sends a head without end, or a byte a minute, would hold a connection and its
memory for ever (slow-loris). Bodies have bounds of their own (`api.bodies`).
"""

import asyncio
from http import HTTPStatus
from typing import Any, cast

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.problems import MEDIA_TYPE

HEAD_S = 10.0
"""Longest wait for a whole head, from the connection or from the first byte of the next request on it."""

HEAD_LIMIT = 32 * 1024
"""Most bytes of a head that has not ended: several times what browsers send."""


class BoundedHeads(HttpToolsProtocol):
    """uvicorn's protocol, with both bounds. An idle connection is uvicorn's own matter (`timeout_keep_alive`)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._late: asyncio.TimerHandle | None = None
        """Set while a head is awaited."""
        self._came = 0

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._await_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        if self._late:
            self._came += len(data)
        super().data_received(data)
        if self._late and self._came > HEAD_LIMIT:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()

    @override
    def on_headers_complete(self) -> None:
        self._head_came()
        super().on_headers_complete()

    @override
    def _should_upgrade(self) -> bool:
        # RFC 6455, 4.1: a handshake is a GET. uvicorn hands on whatever asks for it, and nobody ever answers.
        return self.scope["method"] == "GET" and super()._should_upgrade()

    def _await_head(self) -> None:
        if self._late is None:
            self._came = 0
            loop = asyncio.get_running_loop()
            self._late = loop.call_later(HEAD_S, self._refuse, HTTPStatus.REQUEST_TIMEOUT)

    def _head_came(self) -> None:
        if self._late:
            self._late.cancel()
            self._late = None

    def _refuse(self, status: HTTPStatus) -> None:
        """Answers and lets go. What is not yet a request has no words that could be read for danger."""
        self._head_came()
        if self.transport.is_closing():
            return
        earlier = cast("RequestResponseCycle | None", self.cycle)
        if earlier is None or earlier.response_complete:  # else its answer is on its way
            body = f'{{"type": "about:blank", "title": "{status.phrase}", "status": {status.value}}}'
            self.transport.write(
                f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n{body}".encode()
            )
        self.transport.close()
