"""Story memory in FalkorDB: the embedded default, or any server with the FalkorDB module.

    async with open_falkordb(server.redis_url, revive=server.ensure) as memory:
        await memory.setup()

One graph a story, so that a story never pays for its neighbours nor sees their word statistics, and goes with one
command; a registry graph lists the stories of each tenant and holds the schema's version.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from itertools import combinations
from typing import Any, TypeVar
from urllib.parse import quote

from falkordb.asyncio.graph import AsyncGraph
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from agents.errors import StoreError, StoreFull, StoreTooNew, StoreUnavailable, StoryError, UnknownSession
from agents.story import Turn, Value
from graphs.memory import cypher, nodes, schema, search
from graphs.memory.graph import GraphMemory, Row
from graphs.memory.registry import REGISTRY, FalkorKeeping, graph_name
from graphs.memory.schema import SCHEMA_VERSION
from graphs.memory.shapes import Commit, Scope, Session

_T = TypeVar("_T")

WIDE = 6
"""Words that are searched in pairs too where all of them are common: 15 pairs."""

TOUCH_S = 60.0
"""How stale the registry may be about when a story was last played; the story itself is never stale."""

_FULL = ("oom", "maximum memory", "misconf", "no space", "query's mem consumption exceeded capacity")
_AWAY = ("loading", "timed out", "readonly", "masterdown", "clusterdown", "tryagain")
_CURE = "See `tta doctor`"


class FalkorMemory(FalkorKeeping, GraphMemory):
    """StoryMemory over a FalkorDB client. One statement is one query to one graph: 0.2 to 2 ms on a unix socket,
    more for `recall`.

    `create` takes some more (the story's registry entry and indexes), `sessions` one and one a session that it returns,
    `commit` touches the registry once a minute.
    """

    def __init__(self, client: Redis, revive: Callable[[], Awaitable[None]] | None = None) -> None:
        """`client` is borrowed; `revive` brings a dead server back, or raises."""
        self._client = client
        self._revive = revive
        self._touched: dict[Scope, float] = {}

    # Sessions and the server -----------------------------------------------------------------------------------------

    async def setup(self) -> None:
        for statement in schema.FALKOR_REGISTRY:
            await self._define(REGISTRY, statement)
        rows = await self._query(REGISTRY, schema.STAMP, {"version": SCHEMA_VERSION})
        if rows[0]["version"] > SCHEMA_VERSION:
            raise StoreTooNew(
                f"The graph was written with schema {rows[0]['version']}, this is {SCHEMA_VERSION}", cure="Upgrade tta"
            )

    async def create(self, session: Session, world_text: str, opening: Turn, slots: dict[str, Value]) -> Session:
        scope = Scope(session["tenant"], session["session"])
        with suppress(UnknownSession):
            return await self.session(scope)
        names = {"tenant": scope.tenant, "session": scope.session}
        # Listed first: a story that is listed and not there is passed over, one that is there unlisted would be lost.
        listing = {**names, "player": session["player"], "played": session["played"]}
        await self._query(REGISTRY, schema.LIST, listing)
        for statement in schema.FALKOR_STORY:
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
        with _translation():
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
        """Word by word, so that each is cut where it proves common and weighs by how rare it is.

        RediSearch's own score for several words is no use: it is divided by how far they lie apart.
        """
        del scope
        asked = [*terms, *(f"({one} {other})" for one, other in combinations(terms[:WIDE], 2))] if widely else terms
        calls = "\n".join(
            f"CALL {{ CALL db.idx.fulltext.queryNodes('Moment', $q{i}) YIELD node WITH node LIMIT $common "
            f"RETURN collect(node) AS n{i} }}"
            for i in range(len(asked))
        )
        every = ", ".join(f"n{i}" for i in range(len(asked)))
        # Of equals the newest: ids grow.
        text = f"""{calls}
WITH [{every}] AS every
WITH every, size([one IN every WHERE size(one) >= $common]) AS cut
UNWIND every AS one
WITH cut, size(one) AS df, CASE WHEN size(one) < $common OR $widely THEN one ELSE [] END AS one
UNWIND CASE WHEN size(one) = 0 THEN [null] ELSE one END AS node
WITH cut, node, sum(log(1 + $common * 10.0 / df)) AS weight ORDER BY weight DESC, id(node) DESC
WITH cut, collect(node)[..$fetch] AS hits"""
        return text, {f"q{i}": query for i, query in enumerate(asked)} | {"common": search.COMMON, "widely": widely}

    async def _read(self, scope: Scope, statement: str, parameters: Row) -> list[Row]:
        return await self._query(graph_name(scope), statement, parameters, read=True)

    async def _write(self, scope: Scope, statement: str, parameters: Row) -> list[Row]:
        graph = graph_name(scope)
        if statement in (cypher.CREATE, nodes.BEGIN_IMPORT):
            statement = schema.FALKOR_LOCK + statement
        # A query to a graph that is not there makes an empty one: only `create`, which has defined it, may do that.
        elif not await self._command("EXISTS", graph):
            return []
        return await self._query(graph, statement, parameters)

    async def _define(self, graph: str, statement: str) -> None:
        """Creates an index, unless it is there."""
        try:
            await self._query(graph, statement, {})
        except _AlreadyIndexedError:
            return

    async def _query(self, graph: str, statement: str, parameters: Row, *, read: bool = False) -> list[Row]:
        async def ask() -> list[Row]:
            selected = AsyncGraph(self._client, graph)
            result = await (selected.ro_query if read else selected.query)(statement, parameters)
            names = [str(name) for _, name in result.header]
            return [dict(zip(names, row, strict=True)) for row in result.result_set]

        try:
            return await self._twice(ask)
        except _NoGraphError:
            return []

    async def _drop(self, graph: str) -> None:
        with suppress(_NoGraphError):
            await self._command("GRAPH.DELETE", graph)

    async def _command(self, name: str, graph: str) -> Any:
        async def ask() -> Any:
            return await self._client.execute_command(name, graph)

        return await self._twice(ask)

    async def _twice(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """Once more after a lost connection: every statement bears being repeated."""
        with _translation():
            try:
                return await ask()
            except RedisConnectionError:
                if self._revive is not None:
                    await self._revive()
                return await ask()


class _NoGraphError(StoreError):
    """There is no graph of this name."""


class _AlreadyIndexedError(StoreError):
    """The index is there."""


@contextmanager
def _translation() -> Generator[None]:
    """Every error of the vendor's as one of ours."""
    try:
        yield
    except AuthenticationError as error:
        raise StoreUnavailable("The graph server refuses the password", cure=_CURE) from error
    except (RedisConnectionError, RedisTimeoutError, OSError) as error:
        raise StoreUnavailable("The graph server does not answer", cure=_CURE) from error
    except RedisError as error:
        raise _told(str(error)) from error


def _told(words: str) -> StoreError:
    """What an error's text means; the text itself is not passed on: it may quote the player."""
    lower = words.lower()
    if "empty key" in lower:
        return _NoGraphError("There is no such graph")
    if "already indexed" in lower:
        return _AlreadyIndexedError("There is such an index")
    if any(sign in lower for sign in _FULL):
        return StoreFull("The graph server takes no more writes", cure="Free memory or disk, then try again")
    if any(sign in lower for sign in _AWAY):
        return StoreUnavailable("The graph server cannot answer now", cure=_CURE)
    return StoreError(f"The graph server refused a statement: {lower.split()[0] if lower else 'no reason'}")


@asynccontextmanager
async def open_falkordb(
    url: str, *, revive: Callable[[], Awaitable[None]] | None = None, timeout_s: float = 10.0, connections: int = 64
) -> AsyncGenerator[FalkorMemory]:
    """Story memory at a URL (`unix://`, `redis://`, `rediss://`, `falkor://`) or a socket's path. Connects when used.

    `revive` is called on a lost connection before one more try: the embedded server's `ensure`.
    """
    if url.startswith("/"):
        url = f"unix://{quote(url)}"
    elif url.startswith("falkor"):
        url = "redis" + url.removeprefix("falkor")
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=timeout_s,
        decode_responses=True,
        protocol=2,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),  # tried again here, where `revive` comes between
    )
    client = Redis(connection_pool=pool)
    try:
        yield FalkorMemory(client, revive)
    finally:
        await client.aclose()
        await pool.aclose()
