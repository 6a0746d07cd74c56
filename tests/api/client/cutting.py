"""A way to a server that is cut where a test says: so many bytes of an answer get through, then the connection dies."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress


class Cutter:
    """Forwards to a host. Each connection that is asked for is cut after the next of `cuts` bytes of what comes back."""

    def __init__(self, host: str, cuts: Iterator[int]) -> None:
        self._host, _, port = host.partition(":")
        self._port = int(port)
        self._cuts = cuts
        self._open: set[asyncio.Task[None]] = set()
        self.cut = 0
        """How many connections were cut."""
        self.where = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        try:
            await self._forward(reader, writer)
        finally:
            self._open.discard(task)
            writer.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._host, self._port)
        asking = asyncio.create_task(self._pipe(reader, back))
        left = next(self._cuts, -1)
        try:
            with suppress(ConnectionError):
                while chunk := await there.read(65_536):
                    if 0 <= left < len(chunk):
                        writer.write(chunk[:left])
                        await writer.drain()
                        self.cut += 1
                        return
                    left -= len(chunk) if left >= 0 else 0
                    writer.write(chunk)
                    await writer.drain()
        finally:
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking
            back.transport.abort()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(65_536):
                writer.write(chunk)
                await writer.drain()

    async def close(self) -> None:
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)


@asynccontextmanager
async def cutter(host: str, cuts: Iterator[int]) -> AsyncGenerator[Cutter]:
    """A way to the host that listens on a port of its own."""
    made = Cutter(host, cuts)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.where = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        await made.close()
        await server.wait_closed()
