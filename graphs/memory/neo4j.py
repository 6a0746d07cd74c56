"""Story memory in Neo4j, Community edition or better, on one machine, in a cluster or in Aura.

    async with open_neo4j("neo4j://db:7687", "neo4j", password) as memory:
        await memory.setup()

All stories share one database. Uniqueness constraints on (tenant, session, ...) are the indexes that find their nodes;
the story's id stands in the full-text index too, so that a search meets no other story's moments.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, LiteralString, cast

from neo4j import AsyncDriver, AsyncGraphDatabase, NotificationMinimumSeverity, Query, RoutingControl
from neo4j.exceptions import (
    AuthError,
    ClientError,
    ConfigurationError,
    ConnectionAcquisitionTimeoutError,
    ConstraintError,
    DriverError,
    Neo4jError,
    TransientError,
)

from agents.errors import InvalidSetting, StoreError, StoreFull, StoreTooNew, StoreUnavailable
from agents.services import Embedder
from graphs.memory import cypher, nodes, schema, search, vectors
from graphs.memory.graph import GraphMemory
from graphs.memory.migration import PAGE, STAMP_STORY
from graphs.memory.named import statement_name
from graphs.memory.planning import Plans
from graphs.memory.records import decode_session, identity, story_id
from graphs.memory.schema import SCHEMA_VERSION
from graphs.memory.shapes import Scope, Session
from graphs.memory.statements import Row
from graphs.sealing import PLAIN, Seal, close_parameters, open_rows, proof
from graphs.telemetry import operation, watched

REACH_S = 5.0
"""Longest wait for a server's first answer."""

_SCHEMA_RACE = ("EquivalentSchemaRuleAlreadyExists", "ConstraintAlreadyExists", "IndexAlreadyExists")
_FULL = ("no space left", "diskfull", "outofdisk", "out of memory", "memorypooloutofmemory", "forbiddenonreadonly")
_CURE = "See `tta doctor`"


class Neo4jMemory(GraphMemory):
    """StoryMemory over a Neo4j driver. One statement is one managed transaction, retried as the driver documents.

    Roughly 3 to 10 ms a statement on a server next door. `delete` takes a statement every 1,000 nodes.
    """

    _nearest = vectors.NEO4J

    def __init__(
        self,
        driver: AsyncDriver,
        database: str | None = None,
        uri: str = "",
        embedder: Embedder | None = None,
        seal: Seal = PLAIN,
        timeout_s: float = 20.0,
    ) -> None:
        """`driver` is borrowed; without a `database`, the user's home database. `uri` is named if nobody answers there.
        The server gives a statement up after `timeout_s` seconds.
        """
        super().__init__(embedder, seal)
        self._timeout_s = timeout_s
        self._uri = uri
        self._driver = driver
        self._database = database
        self._plans = Plans()

    async def setup(self) -> None:
        await _reach(self._driver, self._uri)
        for statement in (*schema.NEO4J, *([schema.NEO4J_VECTORS] if self._vectors.on else [])):
            try:
                await self._run(statement, {})
            except _SchemaRaceError:  # another process set it up at the same time
                continue
            except StoreError as error:
                if statement is schema.NEO4J_VECTORS and not isinstance(error, StoreUnavailable | StoreFull):
                    raise InvalidSetting(
                        "This Neo4j has no index of vectors by story",
                        cure="Use 2026.01 or newer, or unset TTA_EMBEDDER",
                    ) from error
                raise
        rows = await self._run(schema.STAMP, {"version": SCHEMA_VERSION, "proof": proof(self._seal)})
        self._seal.open(rows[0]["sealed"] or "")  # a store that is sealed, without a key
        if rows[0]["version"] > SCHEMA_VERSION:
            raise StoreTooNew(
                f"The graph was written with schema {rows[0]['version']}, this is {SCHEMA_VERSION}", cure="Upgrade tta"
            )
        if rows[0]["version"] < SCHEMA_VERSION:
            await self._migrate()
            await self._run(schema.RESTAMP, {"version": SCHEMA_VERSION})

    async def prove(self) -> None:
        await self._run(schema.RESEALED, {"proof": proof(self._seal)})

    async def _outdated(self) -> list[Scope]:
        rows = await self._run(schema.OUTDATED, {"schema": SCHEMA_VERSION, "limit": PAGE}, read=True)
        return [Scope(row["tenant"], row["session"]) for row in rows]

    async def _upgraded(self, scope: Scope) -> None:
        await self._run(STAMP_STORY, {**identity(scope), "schema": SCHEMA_VERSION})

    async def sessions(self, tenant: str, *, player: str | None = None, limit: int = 50) -> list[Session]:
        parameters = {"tenant": tenant, "player": player, "limit": limit}
        return [decode_session(row) for row in await self._run(cypher.SESSIONS, parameters, read=True)]

    async def session_ids(
        self, tenant: str, *, player: str | None = None, after: str = "", limit: int = 500, newest_first: bool = False
    ) -> list[str]:
        parameters = {"tenant": tenant, "player": player, "after": after or nodes.first(newest_first), "limit": limit}
        statement = nodes.NEWEST_IDS if newest_first else nodes.SESSION_IDS
        return [row["session"] for row in await self._run(statement, parameters, read=True)]

    async def unfinished(self, tenant: str) -> list[str]:
        return [row["session"] for row in await self._run(nodes.UNFINISHED, {"tenant": tenant}, read=True)]

    async def count(self, scope: Scope) -> int:
        names = identity(scope)
        rows = [await self._run(cypher.count_nodes(label), names, read=True) for label in cypher.LABELS]
        return sum(row[0]["nodes"] for row in rows)

    async def delete(self, scope: Scope) -> int:
        gone = 0
        # Again until nothing is left: a turn that was being played beside its branch may land behind the sweep.
        while swept := sum([await self._sweep(scope, label) for label in cypher.LABELS]):
            gone += swept
        return gone

    async def _sweep(self, scope: Scope, label: str) -> int:
        gone = 0
        while nodes := (await self._run(cypher.delete_nodes(label), identity(scope)))[0]["nodes"]:
            gone += nodes
        return gone

    async def version(self) -> dict[str, str]:
        with _translation():
            info = await self._driver.get_server_info()
        agent = str(info.agent).removeprefix("Neo4j/")
        return {"server": "neo4j", "version": agent, "schema": str(SCHEMA_VERSION)}

    async def close(self) -> None:
        """Nothing: the driver belongs to who opened it."""

    # Statements ------------------------------------------------------------------------------------------------------

    def _search(self, scope: Scope, terms: list[str], *, widely: bool) -> tuple[str, Row]:
        del widely  # Lucene weighs words itself, and steps over what cannot be among the best
        story = story_id(scope)
        if not terms:
            return search.WORDLESS, {"story": story}
        call = "CALL db.index.fulltext.queryNodes('tta_words', $query, {limit: $fetch}) YIELD node, score"
        # Our words are letters and digits in lower case, so none is an operator. ^0: the story is no matter of degree.
        query = f"+story:{story}^0 +words:({' '.join(terms)})"
        # Two WITHs: a constant beside the collect would be grouped by, and no hit be no row.
        own = "[m IN hits WHERE m.tenant = $tenant AND m.session = $session] AS hits"
        return f"{call}\nWITH collect(node) AS hits\nWITH {own}, 0 AS cut, [] AS held", {"query": query, "story": story}

    async def _read(self, scope: Scope, statement: str, parameters: Row) -> list[Row]:
        return await self._run(statement, parameters, read=True)

    async def _write(self, scope: Scope, statement: str, parameters: Row) -> list[Row]:
        try:
            return await self._run(statement, parameters)
        except (_DuplicateError, _GoneError):
            return []

    async def _run(self, statement: str, parameters: Row, *, read: bool = False) -> list[Row]:
        return await self._plans.run(statement, lambda: self._ask(statement, parameters, read=read))

    async def _ask(self, statement: str, parameters: Row, *, read: bool) -> list[Row]:
        # The statements are those of `cypher` and `schema`: no part of them comes from outside.
        query = Query(cast(LiteralString, statement), timeout=self._timeout_s)
        name = statement_name(statement) if watched() else ""
        with operation("cypher", name, store="neo4j"), _translation():
            result = await self._driver.execute_query(
                query,
                close_parameters(self._seal, parameters),
                database_=self._database,
                routing_=RoutingControl.READ if read else RoutingControl.WRITE,
            )
        # Not `record.data()`: it looks into every value for nodes, which none of our statements answers, and takes a
        # millisecond for a hundred moments.
        return open_rows(self._seal, [dict(record.items()) for record in result.records])


class _DuplicateError(StoreError):
    """A uniqueness constraint forbids the statement."""


class _GoneError(StoreError):
    """What the statement had found was deleted while it waited for the lock."""


class _SchemaRaceError(StoreError):
    """The index or constraint is there."""


@contextmanager
def _translation() -> Generator[None]:
    """Every error of the vendor's as one of ours; its text is not passed on: it may quote the player."""
    try:
        yield
    except ConstraintError as error:
        raise _DuplicateError("There is such a node") from error
    except AuthError as error:
        raise StoreUnavailable("Neo4j refuses the user or the password", cure="Check TTA_NEO4J_USER") from error
    except Neo4jError as error:
        raise _told(error) from error
    except ConnectionAcquisitionTimeoutError as error:
        raise StoreUnavailable(
            "All connections to Neo4j are in use", cure="Try again in a moment; TTA_NEO4J_POOL allows more"
        ) from error
    except (DriverError, OSError) as error:
        raise StoreUnavailable("Neo4j does not answer", cure=_CURE) from error


def _told(error: Neo4jError) -> StoreError:
    code = error.code or ""
    words = f"{code} {error.message}".lower()
    if any(sign in words for sign in _FULL):
        return StoreFull("Neo4j takes no more writes", cure="Free disk or memory, then try again")
    if any(code.endswith(name) for name in _SCHEMA_RACE):
        return _SchemaRaceError("There is such an index")
    if code.endswith("EntityNotFound"):
        return _GoneError("What the statement had found is gone")
    late = "TransactionTimedOut" in code  # a ClientError, since a client set the time
    if late or isinstance(error, TransientError) or not isinstance(error, ClientError):
        return StoreUnavailable(f"Neo4j cannot answer now ({code})", cure=_CURE)
    return StoreError(f"Neo4j refused a statement ({code})", cure=_CURE)


async def _reach(driver: AsyncDriver, uri: str) -> None:
    """Raises StoreUnavailable with the server's host and port, where nobody answers within REACH_S seconds."""
    try:
        async with asyncio.timeout(REACH_S):
            with _translation():
                await driver.verify_connectivity()
    except (TimeoutError, StoreUnavailable) as error:
        if isinstance(error.__cause__, AuthError):
            raise
        place = uri.partition("://")[2].rpartition("@")[2].partition("/")[0].partition("?")[0]
        raise StoreUnavailable(
            f"Neo4j does not answer at {place}", cure="Check TTA_NEO4J_URI, and that it runs"
        ) from error
    except ValueError:
        raise InvalidSetting("TTA_NEO4J_URI is not a Neo4j URI", cure="Write neo4j://HOST:7687") from None


@asynccontextmanager
async def open_neo4j(
    uri: str,
    user: str = "",
    password: str = "",
    database: str | None = None,
    *,
    embedder: Embedder | None = None,
    seal: Seal = PLAIN,
    patience_s: float = 8.0,
    connections: int = 100,
    timeout_s: float = 20.0,
) -> AsyncGenerator[Neo4jMemory]:
    """Story memory at a Neo4j URI (`neo4j://`, `bolt://`, `+s` for TLS). Connects when used; without a user, no login.

    Transient failures are retried for `patience_s` seconds. At most `connections` are open at a time; who finds none free
    waits for 10 seconds or `timeout_s`, whichever is shorter, and a statement may take `timeout_s`. Raises InvalidSetting
    for a URI that is none.
    """
    # At DEBUG the driver logs every message with its parameters, which are the player's words.
    logging.getLogger("neo4j.io").setLevel(logging.WARNING)
    # What it says of each attempt to reach a server comes before our own line and says less.
    logging.getLogger("neo4j").setLevel(logging.CRITICAL)
    settings: dict[str, Any] = {
        "max_connection_pool_size": connections,
        "connection_timeout": min(5.0, patience_s, timeout_s),
        "connection_acquisition_timeout": min(10.0, timeout_s),
        "max_transaction_retry_time": patience_s,
        # The driver's own waits (1, 2, 4 s) would leave a server that is back alone for seconds: the last of these is 1.4 s.
        "initial_retry_delay": 0.1,
        "retry_delay_multiplier": 1.2,
        "notifications_min_severity": NotificationMinimumSeverity.OFF,
        "user_agent": "tta",
    }
    try:
        driver = AsyncGraphDatabase.driver(uri, auth=(user, password) if user else None, **settings)
    except (ConfigurationError, DriverError, ValueError):
        raise InvalidSetting("TTA_NEO4J_URI is not a Neo4j URI", cure="Write neo4j://HOST:7687") from None
    async with driver:
        yield Neo4jMemory(driver, database, uri, embedder, seal, timeout_s)
