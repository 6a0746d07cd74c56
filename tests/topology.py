"""What `compose.yml` starts, without containers: API processes behind a balancer, workers, a Redis, a graph database.

    async with open_topology(home) as all:              # two and two, FalkorDB; `neo4j=True` for a Neo4j
        await all.apis[0].kill(); await all.apis[0].start()

Each part can be killed (kill -9), stopped (SIGTERM) and started again, on the same port and the same data.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol

import httpx
from balancer import Balancer, balanced, is_ready
from neo4j_restarts import Neo4j
from ports import free_port
from redis.asyncio import Redis
from redis_servers import Server, cluster, cluster_url_of

from graphs.embedded import open_embedded

ROOT = Path(__file__).parents[1]
START_S = 120.0
STOP_S = 120.0


class Part(Protocol):
    """`since`: the moment (`time.monotonic`) at which its port was last seen open."""

    name: str
    since: float

    async def start(self) -> None: ...
    async def kill(self) -> None: ...


class Process:
    """`tta serve` or `tta worker`. What it says goes to a file."""

    def __init__(self, name: str, arguments: list[str], env: dict[str, str], log: Path, port: int = 0) -> None:
        self.name, self.port, self.since = name, port, 0.0
        self._arguments, self._env, self._log = arguments, env, log
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns when an API is ready, or a worker plays. Raises RuntimeError with what it said."""
        self.since = 0.0
        begun = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, str(ROOT / "tests" / "replica.py"), *self._arguments, stdout=log, stderr=log, cwd=ROOT,
                env={**{name: value for name, value in os.environ.items() if not name.startswith("TTA_")}, **self._env},
            )  # fmt: skip
        until = time.monotonic() + START_S
        while not (await self._is_up(begun)):
            if self.process.returncode is not None or time.monotonic() > until:
                raise RuntimeError(f"{self.name} did not start: {self._log.read_text()[-2000:]}")
            await asyncio.sleep(0.02)

    async def _is_up(self, begun: int) -> bool:
        if not self.port:
            if b"plays what waits" not in self._log.read_bytes()[begun:]:
                return False
            self.since = self.since or time.monotonic()
            return True
        if not self.since and await is_open(self.port):
            self.since = time.monotonic()
        return bool(self.since) and await is_ready(self.port)

    async def kill(self) -> None:
        """kill -9."""
        assert self.process
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    def terminate(self) -> None:
        """SIGTERM: it may take its time to end (`ended`)."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)

    async def ended(self) -> int:
        """Its exit code, once it has ended."""
        assert self.process
        return await asyncio.wait_for(self.process.wait(), STOP_S)

    def said(self) -> str:
        return self._log.read_text(errors="replace")


class RedisPart:
    """A Redis of its own, whose append-only file is synced at every write."""

    def __init__(self, server: Server) -> None:
        self.name, self.since, self._server = "redis", 0.0, server

    async def start(self) -> None:
        await asyncio.to_thread(self._server.start)
        self.since = time.monotonic()

    async def kill(self) -> None:
        await asyncio.to_thread(self._server.kill)


class ClusterPart:
    """A Redis Cluster of three primaries, of which the first can be killed: its third of the stories waits for it."""

    def __init__(self, nodes: list[Server]) -> None:
        self.name, self.since, self._nodes = "redis", 0.0, nodes

    async def start(self) -> None:
        await asyncio.to_thread(self._nodes[0].start)
        self.since = time.monotonic()

    async def kill(self) -> None:
        await asyncio.to_thread(self._nodes[0].kill)


class FalkorPart:
    """The embedded graph, which whoever needs it next brings back by itself."""

    def __init__(self, socket: str) -> None:
        self.name, self.since, self._socket = "graph", 0.0, socket

    async def start(self) -> None:
        self.since = time.monotonic()

    async def kill(self) -> None:
        async with Redis(unix_socket_path=self._socket) as client:
            os.kill((await client.info("server"))["process_id"], signal.SIGKILL)


class Topology:
    """`url` is the balancer's."""

    def __init__(
        self, balancer: Balancer, apis: list[Process], workers: list[Process], redis: Part, graph: Part
    ) -> None:
        self.balancer, self.apis, self.workers, self.redis, self.graph = balancer, apis, workers, redis, graph

    @property
    def url(self) -> str:
        return self.balancer.url

    def client(self, part: Process | None = None) -> httpx.AsyncClient:
        """A client of the balancer, or of one API process."""
        base = f"http://localhost:{part.port}" if part else self.url
        return httpx.AsyncClient(base_url=base, timeout=60)

    def parts(self) -> list[Part]:
        """One of each kind, in the order in which chaos takes them."""
        return [self.apis[0], *self.workers[:1], self.redis, self.graph]

    async def until_ready(self) -> None:
        """Until the balancer knows all API processes as ready."""
        async with asyncio.timeout(START_S):
            while len(self.balancer.ready) < len(self.apis):
                await asyncio.sleep(0.02)


async def is_open(port: int) -> bool:
    """Whether somebody listens there."""
    with suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.transport.abort()
        return True
    return False


@asynccontextmanager
async def open_topology(
    home: Path,
    *,
    apis: int = 2,
    workers: int = 2,
    neo4j: bool = False,
    redis_url: str = "",
    clustered: bool = False,
    **variables: str,
) -> AsyncGenerator[Topology]:
    """All of it, ready. `redis_url` names a Redis that is there already, `clustered` has a Cluster of three primaries in its
    place. Raises NoNeo4jError where there can be none.
    """
    async with AsyncExitStack() as stack:
        redis: Part = FalkorPart("")
        if not redis_url:
            redis, redis_url = await _redis(stack, home, clustered=clustered)
        env = {"TTA_REDIS_URL": redis_url, "TTA_DATA_DIR": str(home / "data")}
        env |= {"TTA_LINGER_S": "0.2", "TTA_LOG": "text", "HELD_UNTIL": str(home / "go"), "PYTHONUNBUFFERED": "1"}
        env |= {"TTA_QUEUE": "workers" if workers else "here", **variables}
        if neo4j:
            graph: Part = await asyncio.to_thread(Neo4j, home / "neo4j")
            stack.push_async_callback(graph.kill)
            env["TTA_NEO4J_URI"] = graph.uri
        else:
            embedded = await stack.enter_async_context(open_embedded(home / "data", linger_s=0.2))
            graph = FalkorPart(str(embedded.socket))
        served = [free_port() for _ in range(apis)]
        processes = [
            Process(f"api {n}", ["serve", "--port", str(port)], env, home / f"api-{n}.log", port)
            for n, port in enumerate(served, 1)
        ]
        players = [Process(f"worker {n}", ["worker"], env, home / f"worker-{n}.log") for n in range(1, workers + 1)]
        for process in (*processes, *players):
            stack.push_async_callback(_ended, process)
        await processes[0].start()  # one alone makes what the graph needs
        await asyncio.gather(*(process.start() for process in (*processes[1:], *players)))
        balancer = await stack.enter_async_context(balanced(served))
        made = Topology(balancer, processes, players, redis, graph)
        await made.until_ready()
        yield made


async def _redis(stack: AsyncExitStack, home: Path, *, clustered: bool) -> tuple[Part, str]:
    """A Redis or a Cluster that syncs every write, and its URL."""
    options = ("--appendfsync", "always")
    if clustered:
        opening = cluster(home / "cluster", *options)
        stack.push_async_callback(asyncio.to_thread, opening.__exit__, None, None, None)
        nodes = await asyncio.to_thread(opening.__enter__)
        return ClusterPart(nodes), cluster_url_of(nodes)
    server = await asyncio.to_thread(Server, home, *options)
    stack.push_async_callback(asyncio.to_thread, server.kill)
    return RedisPart(server), server.url


async def _ended(process: Process) -> None:
    if process.process and process.process.returncode is None:
        await process.kill()
