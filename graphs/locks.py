"""One turn at a time in a session, one try at a time of a request: a lease in Redis that its holder renews.

The lease only keeps two processes from working for nothing; what keeps two turns from both landing is the comparison of
HEAD in the commit. A holder that died on this machine is noticed at once by its process id, elsewhere by the expiry; a
lease that this process could not give back, since the store was gone or full, is its own again as soon as it asks.
"""

import asyncio
import os
import socket
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

from agents.errors import StoreError, TurnInProgress
from graphs.ending import end
from graphs.keys import story_key, text_of

LEASE_MS = 3_000
"""How long a process that died on another machine keeps others waiting."""

RENEWED = 0.3
"""After which part of its time a lease is renewed."""

_held: set[str] = set()
"""The leases that this process holds or asks for, by their unique text."""

_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"
_RENEW = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0"
_TAKE_OVER = "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('set', KEYS[1], ARGV[2], 'PX', ARGV[3]) return 1 end return 0"  # noqa: E501


@asynccontextmanager
async def hold(
    redis: "Redis",
    story: str,
    token: str,
    *,
    wait_s: float = 0.0,
    kind: str = "lock",
    of: str = "",
    lease_ms: int = LEASE_MS,
    prefix: str = "tta",
) -> AsyncGenerator[None]:
    """Holds the session's lease, renewing it. Raises TurnInProgress when somebody else has it after `wait_s`.

    `kind` and `of` name another lease than that of a turn, `lease_ms` is how long a holder that died elsewhere keeps it.
    """
    key = story_key(kind, story, of, prefix=prefix)
    mine = f"{socket.gethostname()}|{os.getpid()}|{token}|{uuid.uuid4().hex[:8]}"
    _held.add(mine)  # before it is asked for: another task of this process may read it there before we know
    try:
        await _take(redis, key, mine, wait_s, lease_ms)
        over = asyncio.Event()
        renewing = asyncio.create_task(_renew(redis, key, mine, lease_ms, over))
        try:
            yield
        finally:
            over.set()
            await end(renewing)
            with suppress(RedisError, OSError, StoreError):
                # A lease that cannot be given back runs out by itself.
                await redis.eval(_RELEASE, 1, key, mine)  # pyright: ignore[reportGeneralTypeIssues]
    finally:
        _held.discard(mine)


async def is_held(redis: "Redis", story: str, *, kind: str = "lock", prefix: str = "tta") -> bool:
    """Whether somebody who may be alive holds the session's lease."""
    holder = await redis.get(story_key(kind, story, prefix=prefix))
    return bool(holder) and not _is_dead(text_of(holder))


async def _take(redis: "Redis", key: str, mine: str, wait_s: float, lease_ms: int) -> None:
    deadline = asyncio.get_running_loop().time() + wait_s
    while True:
        if await redis.set(key, mine, nx=True, px=lease_ms):
            return
        holder = await redis.get(key)
        text = holder.decode() if isinstance(holder, bytes) else str(holder or "")
        if holder and _is_dead(text):
            taken = await redis.eval(_TAKE_OVER, 1, key, text, mine, lease_ms)  # pyright: ignore[reportGeneralTypeIssues]
            if taken:
                return
        if asyncio.get_running_loop().time() >= deadline:
            raise TurnInProgress(
                "The session is playing another turn", cure="Wait until it has ended, then send the action again."
            )
        await asyncio.sleep(0.02)


def _is_dead(holder: str) -> bool:
    """Whether the holder was a process of this machine that is gone, or this one, which knows what it holds."""
    host, _, rest = holder.partition("|")
    pid = rest.partition("|")[0]
    if host != socket.gethostname() or not pid.isdigit():
        return False
    if int(pid) == os.getpid():
        return holder not in _held
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


async def _renew(redis: "Redis", key: str, mine: str, lease_ms: int, over: asyncio.Event) -> None:
    while not over.is_set():  # cancelled it is as well, and that may be lost
        await asyncio.sleep(lease_ms * RENEWED / 1000)
        with suppress(RedisError, OSError, StoreError):
            await redis.eval(_RENEW, 1, key, mine, lease_ms)  # pyright: ignore[reportGeneralTypeIssues]
