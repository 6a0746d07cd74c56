"""What has been used up of a limit, in Redis, so that every process counts the same: windows, and leases of what is open.

    limit:{TENANT}:...              windows, as PyPI `limits` keeps them
    streams:{TENANT}:WHO            a zset: each open stream or socket, by the moment at which its lease runs out

A WHO is a hash: neither a player nor an address is kept in clear. All of it goes away by itself: a window once it is over, a
lease LEASE_MS after its process has last renewed it. Like accounts, these are the tenant's and of no story: no backup has
them, and a story that is deleted gives no turn back.

Turns and sessions are remembered one by one (a moving window): `amount` in any stretch of the window, exactly, and what is
refused leaves no mark. Requests are counted in two buckets of which the older one weighs less with time (a sliding window):
that takes the same room whatever the limit. Tokens are counted when they are spent, past the limit too, from the first one
on (a fixed window): then nothing more is begun until the window is over.
"""

import asyncio
import math
import time
import uuid
from contextlib import suppress
from hashlib import sha256
from typing import Any, ClassVar, NamedTuple, cast

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import (
    FixedWindowRateLimiter,
    MovingWindowRateLimiter,
    RateLimiter,
    SlidingWindowCounterRateLimiter,
)
from typing_extensions import override

from agents.errors import StoryError
from graphs.ending import end
from graphs.keys import story_key
from graphs.quotas import Quota
from graphs.stores import Stores, translated

LEASE_MS = 30_000
"""How long a stream counts whose process died. Renewed after a third of it: two renewals may fail."""

_OPEN = """
local clock = redis.call('time')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('zremrangebyscore', KEYS[1], '-inf', now)
local held = redis.call('zcard', KEYS[1])
if ARGV[2] ~= '' and held >= tonumber(ARGV[2]) then
  return {-1, redis.call('zrange', KEYS[1], 0, 0, 'WITHSCORES')[2] - now}
end
redis.call('zadd', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('pexpire', KEYS[1], ARGV[3])
return {redis.call('zcard', KEYS[1]), 0}
"""
"""Takes a lease, or renews it where no limit is given: how many there are, or -1 and when the first of them runs out."""


class Standing(NamedTuple):
    """How a limit stands for somebody: `remaining` for the next `reset_s` seconds."""

    quota: Quota
    allowed: bool
    remaining: int
    reset_s: int


class Limits:
    """What one tenant's players, keys and addresses have used. Every method raises StoreError and nothing else."""

    def __init__(self, stores: Stores, tenant: str, *, prefix: str = "tta") -> None:
        self._redis: Any = stores.redis
        self._configured, self._tenant, self._prefix = stores.configured, tenant, prefix
        self._storage = _Borrowing(stores.redis, story_key("limit", tenant, prefix=prefix))
        self._counted = FixedWindowRateLimiter(self._storage)
        self._one_by_one = MovingWindowRateLimiter(self._storage)
        self._in_buckets = SlidingWindowCounterRateLimiter(self._storage)

    async def take(self, quota: Quota, who: str) -> Standing:
        """Counts one more, if there is one left."""
        with translated(configured=self._configured):
            allowed = await self._limiter(quota).hit(_item(quota), _hidden(who))
            return await self._standing(quota, who, allowed=allowed)

    async def look(self, quota: Quota, who: str) -> Standing:
        """How it stands, and nothing is counted."""
        with translated(configured=self._configured):
            found = await self._standing(quota, who, allowed=True)
            return found._replace(allowed=found.remaining > 0)

    async def give_back(self, quota: Quota, who: str) -> None:
        """One that was taken came to nothing. Of the entries of a moving window the newest goes: they are all alike."""
        with translated(configured=self._configured):
            await self._redis.lpop(self._storage.bridge.prefixed_key(_item(quota).key_for(_hidden(who))))

    async def spend(self, quota: Quota, who: str, amount: int) -> None:
        """Counts what is spent already, more than there was left too."""
        with translated(configured=self._configured):
            await self._counted.hit(_item(quota), _hidden(who), cost=amount)

    async def open(self, quota: Quota, who: str) -> "tuple[Standing, Lease | None]":
        """A lease of one of `amount` at a time, if one is left."""
        lease = Lease(self, story_key("streams", self._tenant, _hidden(who), prefix=self._prefix))
        held, wait_ms = await self.run(lease.key, lease.name, quota.amount)
        if held < 0:
            return Standing(quota, allowed=False, remaining=0, reset_s=max(1, math.ceil(wait_ms / 1000))), None
        lease.begin()
        return Standing(quota, allowed=True, remaining=max(0, quota.amount - held), reset_s=0), lease

    async def run(self, key: str, name: str, most: int | str) -> tuple[int, int]:
        with translated(configured=self._configured):
            held, wait_ms = await self._redis.eval(_OPEN, 1, key, name, most, LEASE_MS)
            return int(held), int(wait_ms)

    async def drop(self, key: str, name: str) -> None:
        with translated(configured=self._configured):
            await self._redis.zrem(key, name)

    def _limiter(self, quota: Quota) -> RateLimiter:
        if quota.policy == "tokens":
            return self._counted
        return self._in_buckets if quota.policy == "requests" else self._one_by_one

    async def _standing(self, quota: Quota, who: str, *, allowed: bool) -> Standing:
        stats = await self._limiter(quota).get_window_stats(_item(quota), _hidden(who))
        # Of what nobody has begun to use up, the store knows no end: it would be a window from now.
        unused = stats.remaining >= quota.amount
        reset_s = quota.window_s if unused else min(quota.window_s, max(1, math.ceil(stats.reset_time - time.time())))
        return Standing(quota, allowed, max(0, stats.remaining) if allowed else 0, reset_s)


class Lease:
    """Something that is open: it counts until it is closed, or until this process no longer says that it is."""

    def __init__(self, limits: Limits, key: str) -> None:
        self._limits, self.key, self.name = limits, key, uuid.uuid4().hex
        self._renewing: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """From now on it is renewed."""
        self._renewing = asyncio.create_task(self._renew())

    async def close(self) -> None:
        """It counts no longer. What cannot be given back runs out."""
        if self._renewing:
            await end(self._renewing)
        with suppress(StoryError):
            await self._limits.drop(self.key, self.name)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(LEASE_MS / 3000)
            with suppress(StoryError):
                await self._limits.run(self.key, self.name, "")


class _Borrowing(RedisStorage):
    """Over our own client, which it never closes: the same server or Cluster, pool, retries and revival as all else."""

    STORAGE_SCHEME: ClassVar[list[str]] = ["async+redis+borrowed"]

    def __init__(self, redis: Any, key_prefix: str) -> None:
        self._borrowed = redis
        super().__init__("async+redis://", implementation="redispy", key_prefix=key_prefix)

    @override
    def configure_bridge(self) -> None:
        cast(Any, self.bridge).connection_getter = self._client

    def _client(self, _: bool) -> Any:
        return self._borrowed


def _item(quota: Quota) -> RateLimitItem:
    return RateLimitItemPerSecond(quota.amount, quota.window_s, namespace=quota.policy)


def _hidden(who: str) -> str:
    return sha256(who.encode()).hexdigest()[:32]
