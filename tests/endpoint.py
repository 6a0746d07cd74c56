"""An HTTP endpoint of a test's own on this machine, which answers as it is told to, hangs, or is not there."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import NamedTuple


class Received(NamedTuple):
    """One request; header names in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


class Endpoint:
    """Answers each request with the next of `answers` (an HTTP status, with headers after it, or `hang`), then with 204."""

    def __init__(self) -> None:
        self.answers: list[str] = []
        self.received: list[Received] = []
        # Bound and never listening: while nobody listens the port is nobody else's, and whoever connects is refused.
        self._place = socket.socket()
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._place.bind(("127.0.0.1", 0))
        self.port: int = self._place.getsockname()[1]
        self._changed = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/told?token=walnut"

    async def start(self) -> None:
        """Begins to listen, on the same port again if it did before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, reuse_port=True)

    async def stop(self) -> None:
        """Dies: nobody listens, and what is open is cut off."""
        if self._server:
            self._server.close()
            for writer in list(self._open):
                writer.transport.abort()
            await self._server.wait_closed()
            self._server = None

    def leave(self) -> None:
        """Gives the port up."""
        self._place.close()

    async def until(self, count: int) -> list[Received]:
        """Waits for so many requests."""
        async with asyncio.timeout(30), self._changed:
            await self._changed.wait_for(lambda: len(self.received) >= count)
        return list(self.received)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {k.strip().lower(): v.strip() for k, _, v in (row.partition(":") for row in head[1:] if row)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            answer = self.answers.pop(0) if self.answers else "204"
            async with self._changed:
                self.received.append(Received(head[0], headers, body))
                self._changed.notify_all()
            if answer == "hang":
                await reader.read()  # until whoever asks has had enough
                return
            status, *more = answer.split("\n")
            lines = [f"HTTP/1.1 {status} X", *more, "content-length: 0", "connection: close", "", ""]
            writer.write("\r\n".join(lines).encode())
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()


@asynccontextmanager
async def endpoint() -> AsyncGenerator[Endpoint]:
    """An endpoint that listens."""
    made = Endpoint()
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
        made.leave()
