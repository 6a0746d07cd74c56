"""What stands before several API processes in the tests: connections go round those that say they can serve.

It does on one event loop what `compose.yml` has HAProxy do: `/health/ready` is asked often; a process that refuses a
connection is passed over for the next; where none is ready, one that lives is asked all the same, since a person at risk is
answered also when no story can be played; where none lives, 503.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

LOOK_S = 0.2
PATIENCE_S = 2.0
ASKED = b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
NOBODY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Type: application/problem+json\r\n"
    b'Content-Length: 48\r\nConnection: close\r\n\r\n{"status": 503, "code": "nobody", "title": "..."}'
)

Pipe = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Balancer:
    """`url` leads to one of `ports`, the next one at each connection."""

    def __init__(self, ports: list[int]) -> None:
        self.ports = ports
        self.ready: set[int] = set()
        self.port = 0
        self.taken: dict[int, int] = dict.fromkeys(ports, 0)
        """Connections that each port has had."""
        self._turn = 0
        self._passing: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    async def look(self, port: int) -> None:
        """Notes for ever whether one is ready."""
        while True:
            (self.ready.add if await is_ready(port) else self.ready.discard)(port)
            await asyncio.sleep(LOOK_S)

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        task = asyncio.create_task(self._pass_on(reader, writer))
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)

    async def close(self) -> None:
        """Cuts off what is open."""
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind = await self._connect()
            if behind is None:
                await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
                writer.write(NOBODY)
                await writer.drain()
                return
            await _joined((reader, writer), behind)
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def _connect(self) -> Pipe | None:
        self._turn += 1
        turned = self.ports[self._turn % len(self.ports) :] + self.ports[: self._turn % len(self.ports)]
        for port in sorted(turned, key=lambda port: port not in self.ready):
            with suppress(OSError):
                pipe = await asyncio.open_connection("127.0.0.1", port)
                self.taken[port] += 1
                return pipe
            self.ready.discard(port)
        return None


async def is_ready(port: int) -> bool:
    """Whether `/health/ready` says 200."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(ASKED)
                return b" 200 " in await reader.readline()
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError):
        return False


async def _joined(one: Pipe, other: Pipe) -> None:
    """What each says is told to the other. Where one is cut off, so is the other."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_pump(one[0], other[1]))
            group.create_task(_pump(other[0], one[1], last=True))
    except* (OSError, EOFError):
        one[1].transport.abort()
    finally:
        other[1].transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, last: bool = False) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    if last:  # who served has said all: the connection is over, whatever the client may still want to say
        raise EOFError
    with suppress(OSError):
        writer.write_eof()


@asynccontextmanager
async def balanced(ports: list[int]) -> AsyncGenerator[Balancer]:
    """A balancer that listens."""
    made = Balancer(ports)
    server = await asyncio.start_server(made.take, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    looking = [asyncio.create_task(made.look(port)) for port in ports]
    try:
        yield made
    finally:
        server.close()
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)
        await made.close()
