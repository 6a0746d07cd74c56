"""Opening the stores that the settings name: real servers where they are configured, the embedded one where not."""

import errno
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    MaxConnectionsError,
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
from graphs.connections import send_directly
from graphs.memory.protocol import StoryMemory
from graphs.pools import WAIT_S, BoundedPool
from graphs.roundtrips import WatchedRedis
from graphs.sealing import PLAIN, FernetSeal, Seal
from graphs.settings import Settings
from graphs.telemetry import observe

if TYPE_CHECKING:
    from graphs.memory.falkordb import FalkorMemory
    from graphs.memory.neo4j import Neo4jMemory

REDIS_FAILS = (RedisError, OSError, CheckpointError)
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
    """Of Redis, for what brings a client of its own. It may hold a password."""


class Reviving(Retry):
    """A lost connection is tried once more, after the embedded server was brought back if it had died.

    A command may so be sent twice. All of ours bear it: the worst is a sentence that stands twice in an event stream.
    """

    def __init__(self, revive: Callable[[], Awaitable[None]]) -> None:
        super().__init__(NoBackoff(), 1)
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
    """The client of a URL, which opens so many connections at most and waits so long for an answer; the URL itself may say
    otherwise (`?max_connections=`). Raises InvalidSetting for one that is none; it is never quoted: it may hold a password.
    """
    try:
        pool = BoundedPool.from_url(
            url,
            max_connections=connections,
            socket_timeout=timeout_s,
            socket_connect_timeout=min(WAIT_S, timeout_s),
            retry=Reviving(heal),
        )
        send_directly(pool)
        pool.make_connection()  # options that no connection knows are told only here
    except (ValueError, TypeError):
        raise InvalidSetting(
            "TTA_REDIS_URL is not a Redis URL", cure="Write redis://HOST:PORT, percent-encoding the password."
        ) from None
    return WatchedRedis.from_pool(pool)


async def _nothing() -> None:
    """Real servers are healed by whoever runs them."""


async def check_redis(redis: "Redis", *, configured: bool) -> None:
    """Raises StoreUnavailable, with the address, where Redis does not answer."""
    try:
        await redis.ping()  # pyright: ignore[reportGeneralTypeIssues]
    except (RedisError, OSError) as error:
        told = translate_redis(error, configured=configured)
        told.place = told.place or _address(redis)
        raise told from error


def _address(redis: "Redis") -> str:
    """Host and port or the socket's path; never the login."""
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
            "All connections to Redis are in use", cure="Try again in a moment; TTA_REDIS_POOL allows more."
        )
    if isinstance(error, BusyLoadingError):
        return StoreUnavailable("Redis is still loading its data", cure="Wait a moment and try again.")
    if isinstance(error, ResponseError) and "READONLY" in text:
        return StoreUnavailable("Redis is a read-only replica", cure="Point TTA_REDIS_URL at the primary.")
    if isinstance(error, RedisConnectionError | RedisTimeoutError | OSError):
        return StoreUnavailable("Redis is not reachable", cure=cure)
    return StoreUnavailable(f"Redis failed ({type(error).__name__})", cure=cure)
