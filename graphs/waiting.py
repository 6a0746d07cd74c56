"""Actions that wait in a session until its turn is over, oldest first. Nobody else knows an order: what wakes whoever plays
them (`graphs.queueing`) is only a nudge.

    waiting:{TENANT:SESSION}   a list, sealed. Of a person at risk it holds the verdict and no words
    dropped:{TENANT:SESSION}   ids of those that were dropped just now, a set that expires
    waiting:{TENANT}           the sessions that have any, by which a process that begins finds what another one left
"""

import json
import time
from collections.abc import Sequence
from typing import Any, cast

from redis.asyncio import Redis
from typing_extensions import TypedDict

from agents.story import Heard, Verdict
from graphs.keys import story_key, text_of
from graphs.sealing import PLAIN, Seal

MOST = 8
"""Actions that may wait in one session."""


DROPPED_S = 60
"""How long it is remembered what was dropped: longer than a turn takes from waiting to being played."""

# Sent again, since the answer was lost with its connection, it says the same.
_DROP = """
if redis.call('lrem', KEYS[1], 1, ARGV[1]) == 0 then return redis.call('sismember', KEYS[2], ARGV[2]) end
redis.call('sadd', KEYS[2], ARGV[2])
redis.call('expire', KEYS[2], ARGV[3])
return 1
"""


class Waits(TypedDict):
    """One action that waits, under the id of the turn that it will be."""

    turn_id: str
    action: str
    screened: Verdict | None
    """What the safety gate said, where it said anything but yes; else it is read again with what was said meanwhile."""
    heard: list[Heard] | None
    instead_of: str
    """The turn that it takes back, if that is the last one then; empty for none."""


def is_cry(waits: Waits) -> bool:
    """Whether it is that of a person at risk: it goes before all others, and nobody drops it."""
    return waits["screened"] is not None and waits["screened"]["tier"] != "none"


class Waiting:
    """What waits in one session."""

    def __init__(self, redis: "Redis", tenant: str, session: str, *, seal: Seal = PLAIN, prefix: str = "tta") -> None:
        self._redis = redis
        self._seal = seal
        self._session = session
        self._key = story_key("waiting", f"{tenant}:{session}", prefix=prefix)
        self._dropped = story_key("dropped", f"{tenant}:{session}", prefix=prefix)
        self._sessions = story_key("waiting", tenant, prefix=prefix)

    async def put(self, waits: Waits, *, first: bool = False) -> None:
        """At the end, or before all others."""
        text = self._seal.close(json.dumps(waits, ensure_ascii=False))
        await cast(Any, self._redis.zadd(self._sessions, {self._session: time.time()}))
        await cast(Any, self._redis.srem(self._dropped, waits["turn_id"]))  # sent again, it is not dropped any more
        await cast(Any, (self._redis.lpush if first else self._redis.rpush)(self._key, text))

    async def all(self) -> list[Waits]:
        """What waits, the next one first: whoever is at risk before all others, whatever came in between."""
        return sorted((waits for _, waits in await self._read()), key=lambda waits: not is_cry(waits))

    async def count(self) -> int:
        return int(await cast(Any, self._redis.llen(self._key)))

    async def remove(self, turn_id: str) -> bool:
        """Whether it was there."""
        gone = 0
        for raw, waits in await self._read():
            if waits["turn_id"] == turn_id:
                gone += int(await cast(Any, self._redis.lrem(self._key, 1, raw)))
        return bool(gone)

    async def drop(self, turn_id: str) -> bool:
        """Removes it for good: whoever is about to play it does not. Whether it was there."""
        gone = 0
        for raw, waits in await self._read():
            if waits["turn_id"] == turn_id:
                asked = self._redis.eval(_DROP, 2, self._key, self._dropped, raw, turn_id, DROPPED_S)
                gone += int(await cast(Any, asked))
        return bool(gone)

    async def was_dropped(self, turn_id: str) -> bool:
        """Whether it is no more because somebody wants it so: that it is not there may be an own removal, sent twice."""
        return bool(await cast(Any, self._redis.sismember(self._dropped, turn_id)))

    async def forget(self) -> None:
        """The session is found no more, if nothing waits there."""
        if not await self.count():
            await self._redis.zrem(self._sessions, self._session)
        if await self.count():  # somebody was quicker
            await cast(Any, self._redis.zadd(self._sessions, {self._session: time.time()}))

    async def _read(self) -> list[tuple[Any, Waits]]:
        raws: Sequence[Any] = await cast(Any, self._redis.lrange(self._key, 0, -1))
        return [(raw, cast(Waits, json.loads(self._seal.open(text_of(raw))))) for raw in raws]


async def sessions_that_wait(redis: "Redis", tenant: str, *, prefix: str = "tta") -> list[str]:
    """Those with actions that wait, the longest first."""
    found: Any = await redis.zrange(story_key("waiting", tenant, prefix=prefix), 0, -1)
    return [text_of(session) for session in found]
