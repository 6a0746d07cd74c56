"""Opening the stores that the settings name: real servers where they are configured, the embedded one where not."""

import errno
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    MaxConnectionsError,
    RedisClusterException,
    RedisError,
    ResponseError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)

from agents.errors import InvalidSetting, StoreError, StoreFull, StoreTooNew, StoreUnavailable
from agents.services import Embedder
from graphs.checkpoint.errors import CheckpointError, StoreNewer
from graphs.cluster.urls import is_cluster
from graphs.connections import send_directly
from graphs.memory.protocol import StoryMemory
from graphs.pools import WAIT_S, BoundedPool
from graphs.roundtrips import WatchedRedis
from graphs.sealing import PLAIN, FernetSeal, Seal
from graphs.settings import Settings
from graphs.telemetry import observe

if TYPE_CHECKING:
    from graphs.cluster.client import ClusterRedis
    from graphs.memory.falkordb import FalkorMemory
    from graphs.memory.neo4j import Neo4jMemory

REDIS_FAILS = (RedisError, RedisClusterException, OSError, CheckpointError)
"""What the Redis half of the stores raises, for `translate_redis`."""


@dataclass(frozen=True)
class Stores:
    """The two stores of a story. `heal` brings a dead embedded server back; with real servers it does nothing."""

    redis: "Redis"
    memory: StoryMemory
    heal: Callable[[], Awaitable[None]]
    seal: Seal = PLAIN
    configured: bool = False
    """Whether Redis is one that TTA_REDIS_URL names, and not the embedded one."""
    url: str = field(default="", repr=False)
    """Of Redis, for what brings a client of its own (`one_url`). It may hold a password."""

    def one_url(self) -> str:
        """The URL with one node of a Cluster in it, one that was there last: docket takes no more."""
        cluster = cluster_of(self.redis)
        return cluster.url_by_one() if cluster else self.url


async def describe_redis(stores: Stores) -> str:
    """What Redis it is, for `tta doctor`. Raises what redis-py raises."""
    found = await stores.redis.info("server")
    kind = "configured" if stores.configured else "embedded"
    if cluster := cluster_of(stores.redis):
        kind += f", a Cluster of {len(cluster.slots.primaries())} primaries"
    return f"Redis {found.get('redis_version', '?')} ({kind})"


class Reviving(Retry):
    """A lost connection is tried once more, after the embedded server was brought back if it had died.

    A command may so be sent twice. All of ours bear it: the worst is a sentence that stands twice in an event stream.
    One that was waited for in vain is not: whoever asks has waited as long as TTA_REDIS_TIMEOUT_S says.
    """

    def __init__(self, revive: Callable[[], Awaitable[None]]) -> None:
        super().__init__(NoBackoff(), 1, supported_errors=(RedisConnectionError,))
        self._revive = revive

    def __deepcopy__(self, memo: object) -> "Reviving":
        return self  # each connection copies its policy; the server behind it is one

    async def call_with_retry(self, do: Callable[[], Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        try:
            return await super().call_with_retry(do, *args, **kwargs)
        except RedisConnectionError:
            observe("reconnect", store="redis")
            await self._revive()
            return await super().call_with_retry(do, *args, **kwargs)


@asynccontextmanager
async def open_stores(settings: Settings) -> AsyncGenerator[Stores]:
    """Both stores, ready. Raises StoreUnavailable with the setting to look at, InvalidSetting for an embedder that is
    not installed."""
    async with AsyncExitStack() as stack:
        seal = open_seal(settings)
        embedder = None
        if settings.embedder:
            from agents.models.embedding import open_embedder  # noqa: PLC0415

            embedder = await open_embedder(settings.embedder)
        redis_url, heal = "", _nothing
        if settings.redis_url:
            redis_url = settings.redis_url.get_secret_value()
        if settings.embedded:
            from graphs.embedded import open_embedded  # noqa: PLC0415 - real servers work where this cannot be imported

            server = await stack.enter_async_context(open_embedded(settings.data_dir, linger_s=settings.linger_s))
            redis_url, heal = redis_url or server.redis_url, server.ensure
            embedded_url = server.redis_url
        else:
            embedded_url = ""
        redis = build_redis(redis_url, heal, settings.redis_pool, settings.redis_timeout_s)
        stack.push_async_callback(redis.aclose)
        if settings.redis_url:
            await check_kind(redis)
        await check_redis(redis, configured=settings.redis_url is not None)
        opening = _memory(settings, embedded_url, heal, embedder, seal)
        memory = await stack.enter_async_context(opening)
        await memory.setup()
        yield Stores(redis, memory, heal, seal, settings.redis_url is not None, redis_url)


def _memory(
    settings: Settings, url: str, heal: Callable[[], Awaitable[None]], embedder: Embedder | None, seal: Seal
) -> AbstractAsyncContextManager["Neo4jMemory | FalkorMemory"]:
    """Story memory in Neo4j where that is configured, else in the embedded server at `url`."""
    if settings.neo4j_uri:
        from graphs.memory.neo4j import open_neo4j  # noqa: PLC0415 - a third of a second that only its users pay

        return open_neo4j(
            settings.neo4j_uri,
            settings.neo4j_user,
            settings.neo4j_password.get_secret_value(),
            settings.neo4j_database,
            embedder=embedder,
            seal=seal,
            connections=settings.neo4j_pool,
            timeout_s=settings.neo4j_timeout_s,
        )
    from graphs.memory.falkordb import open_falkordb  # noqa: PLC0415

    return open_falkordb(
        url,
        revive=heal,
        embedder=embedder,
        seal=seal,
        connections=settings.falkordb_pool,
        timeout_s=settings.falkordb_timeout_s,
    )


def open_seal(settings: Settings) -> Seal:
    """What seals the texts of both stores. Raises InvalidSetting."""
    keys = settings.encryption_keys.get_secret_value() if settings.encryption_keys else ""
    if not keys:
        return PLAIN
    if settings.embedder:
        raise InvalidSetting(
            "TTA_EMBEDDER cannot be used with TTA_ENCRYPTION_KEYS: a vector tells what its text was about",
            cure="Unset one of them.",
        )
    return FernetSeal([key.strip() for key in keys.split(",")], hashed=settings.encryption_search == "hashed")


def build_redis(
    url: str, heal: Callable[[], Awaitable[None]], connections: int = 1_000, timeout_s: float = 30.0
) -> "Redis":
    """The client of a URL, which opens so many connections at most (to each node of a Cluster) and waits so long for an
    answer; the URL itself may say otherwise (`?max_connections=`). Raises InvalidSetting for one that is none; it is never
    quoted: it may hold a password.
    """
    try:
        if not is_cluster(url):
            return _client(url, Reviving(heal), connections, timeout_s)
        from graphs.cluster.client import build_cluster  # noqa: PLC0415 - milliseconds that only its users pay

        # What a node does not answer is asked again by the Cluster's client, which knows who has come in its place.
        made = build_cluster(url, lambda node: _client(node, Retry(NoBackoff(), 0), connections, timeout_s))
        return cast("Redis", made)  # it has the commands that our modules use, and nothing else of it
    except (ValueError, TypeError):
        cure = "Write redis+cluster://HOST:PORT,HOST:PORT" if is_cluster(url) else "Write redis://HOST:PORT"
        raise InvalidSetting(
            "TTA_REDIS_URL is not a Redis URL", cure=f"{cure}, percent-encoding the password."
        ) from None


def _client(url: str, retry: Retry, connections: int, timeout_s: float) -> "Redis":
    """Of one server. Raises ValueError, TypeError."""
    pool = BoundedPool.from_url(
        url,
        max_connections=connections,
        socket_timeout=timeout_s,
        socket_connect_timeout=min(WAIT_S, timeout_s),
        retry=retry,
    )
    send_directly(pool)
    pool.make_connection()  # options that no connection knows are told only here
    return WatchedRedis.from_pool(pool)


def cluster_of(redis: "Redis") -> "ClusterRedis | None":
    """The client, if it is a Cluster's."""
    return cast("ClusterRedis", redis) if getattr(redis, "clustered", False) else None


async def _nothing() -> None:
    """Real servers are healed by whoever runs them."""


async def check_redis(redis: "Redis", *, configured: bool) -> None:
    """Raises StoreUnavailable, with the address, where Redis does not answer."""
    try:
        await redis.ping()  # pyright: ignore[reportGeneralTypeIssues]
    except (RedisError, OSError) as error:
        raise _told(redis, error, configured) from error


def _told(redis: "Redis", error: BaseException, configured: bool) -> StoreError:
    told = translate_redis(error, configured=configured)
    told.place = told.place or _address(redis)
    return told


async def check_kind(redis: "Redis") -> None:
    """Raises InvalidSetting where a URL of one Redis names a node of a Cluster, or the other way round: it would work as far
    as the first key that lies elsewhere, or not at all. And StoreUnavailable, as `check_redis`.
    """
    clustered = cluster_of(redis) is not None
    try:
        told = await redis.info("cluster")
    except ResponseError as error:
        if clustered and "cluster support disabled" in str(error):
            raise InvalidSetting(
                "TTA_REDIS_URL names no Redis Cluster but one server", cure="Write redis://HOST:PORT."
            ) from None
        return  # who may not ask is not kept from playing
    except (RedisError, OSError) as error:
        raise _told(redis, error, True) from error
    if told.get("cluster_enabled") and not clustered:
        raise InvalidSetting(
            "TTA_REDIS_URL names a node of a Redis Cluster",
            cure="Write redis+cluster://HOST:PORT, with any of its nodes.",
        )


def _address(redis: "Redis") -> str:
    """Host and port or the socket's path; never the login."""
    if cluster := cluster_of(redis):
        return cluster.place
    asked = redis.connection_pool.connection_kwargs
    return str(asked.get("path") or f"{asked.get('host', 'localhost')}:{asked.get('port', 6379)}")


@contextmanager
def translated(*, configured: bool) -> Generator[None]:
    """Whatever Redis fails with inside is a StoreError outside."""
    try:
        yield
    except REDIS_FAILS as error:
        raise translate_redis(error, configured=configured) from error


def translate_redis(error: BaseException, *, configured: bool = True) -> StoreError:
    """A Redis error as one of ours. The text of the vendor is not told: it may hold data."""
    if isinstance(error, StoreNewer):
        return StoreTooNew("The checkpoints were written by a newer version of TTA", cure="Update TTA.")
    if isinstance(error, CheckpointError):
        if error.__cause__ is None:
            return StoreUnavailable(f"A checkpoint failed ({type(error).__name__})", cure="Run `tta doctor`.")
        return translate_redis(error.__cause__, configured=configured)
    cure = "Check TTA_REDIS_URL and that the server runs (`tta doctor`)." if configured else "Run `tta doctor`."
    text = str(error)
    if isinstance(error, AuthenticationError) or "NOAUTH" in text or "WRONGPASS" in text:
        return StoreUnavailable("Redis refuses the login", cure="Check the password in TTA_REDIS_URL.")
    if "OOM" in text or "MISCONF" in text or "No space left" in text or getattr(error, "errno", None) == errno.ENOSPC:
        return StoreFull("Redis takes no more writes: its memory or its disk is full", cure="Make room and try again.")
    if isinstance(error, MaxConnectionsError):
        return StoreUnavailable(
            "All connections to Redis are in use",
            cure="Try again in a moment; TTA_REDIS_POOL allows more, and TTA_REDIS_QUEUE_POOL the queue.",
        )
    if isinstance(error, BusyLoadingError):
        return StoreUnavailable("Redis is still loading its data", cure="Wait a moment and try again.")
    if isinstance(error, ClusterDownError):
        return StoreUnavailable("The Redis Cluster is down: some slots have no primary", cure=cure)
    if isinstance(error, ResponseError) and "READONLY" in text:
        return StoreUnavailable("Redis is a read-only replica", cure="Point TTA_REDIS_URL at the primary.")
    if isinstance(error, RedisConnectionError | RedisTimeoutError | OSError):
        return StoreUnavailable("Redis is not reachable", cure=cure)
    return StoreUnavailable(f"Redis failed ({type(error).__name__})", cure=cure)
