"""Story memory in FalkorDB: the embedded default, or any server with the FalkorDB module.

    async with open_falkordb(server.redis_url, revive=server.ensure) as memory:
        await memory.setup()

One graph a story, so that a story never pays for its neighbours nor sees their word statistics, and goes with one
command; a registry graph lists the stories of each tenant and holds the schema's version.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

from falkordb.asyncio.graph import AsyncGraph
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MaxConnectionsError

from agents.errors import StoreTooNew, StoryError, UnknownSession
from agents.services import Embedder
from agents.story import Turn, Value
from graphs.connections import send_directly
from graphs.memory import cypher, nodes, records, schema, search, vectors
from graphs.memory.falkordb_errors import AlreadyIndexedError, NoGraphError, NoVectorsError, translation
from graphs.memory.graph import GraphMemory
from graphs.memory.migration import PAGE, STAMP_STORY
from graphs.memory.named import statement_name
from graphs.memory.registry import REGISTRY, FalkorKeeping, graph_name
from graphs.memory.schema import SCHEMA_VERSION
from graphs.memory.shapes import Commit, Scope, Session
from graphs.memory.statements import Row
from graphs.pools import WAIT_S, BoundedPool
from graphs.sealing import PLAIN, Seal, close_parameters, open_rows, proof
from graphs.telemetry import observe, operation, watched

_T = TypeVar("_T")


TOUCH_S = 60.0
"""How stale the registry may be about when a story was last played; the story itself is never stale."""


class FalkorMemory(FalkorKeeping, GraphMemory):
    """StoryMemory over a FalkorDB client. One statement is one query to one graph: 0.2 to 2 ms on a unix socket,
    more for `recall`.

    `create` takes some more (the story's registry entry and indexes), `sessions` one and one a session that it returns,
    `commit` touches the registry once a minute.
    """

    _nearest = vectors.FALKOR

    def __init__(
        self,
        client: Redis,
        revive: Callable[[], Awaitable[None]] | None = None,
        embedder: Embedder | None = None,
        seal: Seal = PLAIN,
    ) -> None:
        """`client` is borrowed; `revive` brings a dead server back, or raises."""
        super().__init__(embedder, seal)
        self._client = client
        self._revive = revive
        self._touched: dict[Scope, float] = {}

    # Sessions and the server -----------------------------------------------------------------------------------------

    async def setup(self) -> None:
        for statement in schema.FALKOR_REGISTRY:
            await self._define(REGISTRY, statement)
        rows = await self._query(REGISTRY, schema.STAMP, {"version": SCHEMA_VERSION, "proof": proof(self._seal)})
        self._seal.open(rows[0]["sealed"] or "")  # a store that is sealed, without a key
        if rows[0]["version"] > SCHEMA_VERSION:
            raise StoreTooNew(
                f"The graph was written with schema {rows[0]['version']}, this is {SCHEMA_VERSION}", cure="Upgrade tta"
            )
        if rows[0]["version"] < SCHEMA_VERSION:
            await self._migrate()
            await self._query(REGISTRY, schema.RESTAMP, {"version": SCHEMA_VERSION})

    async def prove(self) -> None:
        await self._query(REGISTRY, schema.RESEALED, {"proof": proof(self._seal)})

    async def _outdated(self) -> list[Scope]:
        parameters = {"schema": SCHEMA_VERSION, "limit": PAGE}
        rows = await self._query(REGISTRY, schema.OUTDATED_LISTED, parameters, read=True)
        return [Scope(row["tenant"], row["session"]) for row in rows]

    async def _upgraded(self, scope: Scope) -> None:
        names = {**records.identity(scope), "schema": SCHEMA_VERSION}
        if await self._command("EXISTS", graph_name(scope)):
            for statement in schema.FALKOR_STORY:
                await self._define(graph_name(scope), statement)
            await self._write(scope, STAMP_STORY, names)
        await self._query(REGISTRY, schema.STAMP_LISTED, names)

    async def create(self, session: Session, world_text: str, opening: Turn, slots: dict[str, Value]) -> Session:
        scope = Scope(session["tenant"], session["session"])
        with suppress(UnknownSession):
            return await self.session(scope)
        names = {"tenant": scope.tenant, "session": scope.session}
        # Listed first: a story that is listed and not there is passed over, one that is there unlisted would be lost.
        await self._enter(names, session["player"], session["played"])
        for statement in (*schema.FALKOR_STORY, *([schema.FALKOR_VECTORS] if self._vectors.on else [])):
            await self._define(graph_name(scope), statement)
        return await super().create(session, world_text, opening, slots)

    async def sessions(self, tenant: str, *, player: str | None = None, limit: int = 50) -> list[Session]:
        # Twice as many as asked for, since the registry's order may be a minute old.
        listed = await self._query(
            REGISTRY, schema.LISTED, {"tenant": tenant, "player": player, "limit": 2 * limit}, read=True
        )
        stories = await asyncio.gather(*(self._listed(Scope(tenant, row["session"])) for row in listed))
        found = [story for story in stories if story is not None]
        return sorted(found, key=lambda story: story["played"], reverse=True)[:limit]

    async def _listed(self, scope: Scope) -> Session | None:
        with suppress(UnknownSession):
            return await self.session(scope)
        return None

    async def commit(self, scope: Scope, commit: Commit) -> Turn:
        turn = await super().commit(scope, commit)
        now = time.monotonic()
        if now - self._touched.get(scope, -TOUCH_S) >= TOUCH_S:
            if len(self._touched) > 10_000:
                self._touched.clear()
            self._touched[scope] = now
            with suppress(StoryError):  # the turn is safe; the list only sorts a little worse
                played = datetime.now(UTC).isoformat(timespec="milliseconds")
                names = {"tenant": scope.tenant, "session": scope.session}
                await self._query(REGISTRY, schema.TOUCH, {**names, "played": played})
        return turn

    async def version(self) -> dict[str, str]:
        with translation():
            server = await self._client.info("server")
            modules: list[list[Any]] = await self._client.execute_command("MODULE", "LIST") or []
        found = [dict(zip(module[::2], module[1::2], strict=True)) for module in modules]
        number = next((int(module["ver"]) for module in found if module["name"] == "graph"), 0)
        return {
            "server": "falkordb",
            "version": f"{number // 10000}.{number // 100 % 100}.{number % 100} on Redis {server['redis_version']}",
            "schema": str(SCHEMA_VERSION),
        }

    async def close(self) -> None:
        """Nothing: the client belongs to who opened it."""

    # Statements ------------------------------------------------------------------------------------------------------

    def _search(self, scope: Scope, terms: list[str], *, widely: bool) -> tuple[str, Row]:
        del scope
        return search.word_by_word(terms, widely=widely)

    async def _read(self, scope: Scope, statement: str, parameters: Row) -> list[Row]:
        graph = graph_name(scope)
        try:
            return await self._query(graph, statement, parameters, read=True)
        except NoVectorsError:  # the story was begun without an embedder
            await self._define(graph, schema.FALKOR_VECTORS)
            return await self._query(graph, statement, parameters, read=True)

    async def _write(self, scope: Scope, statement: str, parameters: Row) -> list[Row]:
        graph = graph_name(scope)
        if statement in (cypher.CREATE, nodes.BEGIN_IMPORT):
            statement = schema.FALKOR_LOCK + statement
        # A query to a graph that is not there makes an empty one: only `create`, which has defined it, may do that.
        elif not await self._command("EXISTS", graph):
            return []
        # A vector is a type of its own here; to Neo4j it is a list.
        statement = statement.replace("vector: $vector", "vector: vecf32($vector)")
        return await self._query(graph, statement, parameters)

    async def _define(self, graph: str, statement: str) -> None:
        """Creates an index, unless it is there."""
        try:
            await self._query(graph, statement, {})
        except AlreadyIndexedError:
            return

    async def _query(self, graph: str, statement: str, parameters: Row, *, read: bool = False) -> list[Row]:
        closed = close_parameters(self._seal, parameters)

        async def ask() -> list[Row]:
            selected = AsyncGraph(self._client, graph)
            result = await (selected.ro_query if read else selected.query)(statement, closed)
            names = [str(name) for _, name in result.header]
            return [dict(zip(names, row, strict=True)) for row in result.result_set]

        try:
            return open_rows(self._seal, await self._twice(ask, statement_name(statement) if watched() else ""))
        except NoGraphError:
            return []

    async def _drop(self, graph: str) -> None:
        with suppress(NoGraphError):
            await self._command("GRAPH.DELETE", graph)

    async def _command(self, name: str, graph: str) -> Any:
        async def ask() -> Any:
            return await self._client.execute_command(name, graph)

        return await self._twice(ask, name)

    async def _twice(self, ask: Callable[[], Awaitable[_T]], name: str) -> _T:
        """Once more after a lost connection: every statement bears being repeated."""
        with operation("cypher", name, store="falkordb"), translation():
            try:
                return await ask()
            except MaxConnectionsError:  # no connection was lost
                raise
            except RedisConnectionError:
                observe("reconnect", store="falkordb")
                if self._revive is not None:
                    await self._revive()
                return await ask()


@asynccontextmanager
async def open_falkordb(
    url: str,
    *,
    revive: Callable[[], Awaitable[None]] | None = None,
    embedder: Embedder | None = None,
    seal: Seal = PLAIN,
    timeout_s: float = 10.0,
    connections: int = 64,
) -> AsyncGenerator[FalkorMemory]:
    """Story memory at a URL (`unix://`, `redis://`, `rediss://`, `falkor://`) or a socket's path. Connects when used.

    `revive` is called on a lost connection before one more try: the embedded server's `ensure`. At most `connections` are
    open at a time; an answer is waited for `timeout_s` seconds.
    """
    if url.startswith("/"):
        url = f"unix://{quote(url)}"
    elif url.startswith("falkor"):
        url = "redis" + url.removeprefix("falkor")
    pool = BoundedPool.from_url(
        url,
        max_connections=connections,
        decode_responses=True,
        protocol=2,
        socket_timeout=timeout_s,
        socket_connect_timeout=min(WAIT_S, timeout_s),
        retry=Retry(NoBackoff(), 0),  # tried again here, where `revive` comes between
    )
    send_directly(pool)
    client = Redis(connection_pool=pool)
    try:
        yield FalkorMemory(client, revive, embedder, seal)
    finally:
        await client.aclose()
        await pool.aclose()
