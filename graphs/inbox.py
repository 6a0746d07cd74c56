"""The action that a session has accepted and not yet finished.

It is written before the turn begins, so that a turn whose process died is found again and brought to its end, whether or
not its first checkpoint was reached.
"""

import json
import time
from typing import Any, cast

from redis.asyncio import Redis
from typing_extensions import TypedDict

from agents.story import Heard, Verdict
from graphs.keys import story_key
from graphs.sealing import PLAIN, Seal

TURNS_KEPT_S = 2 * 24 * 3600
"""Seconds that a turn's id is remembered here: longer than its event stream and its trace live."""


class Accepted(TypedDict):
    """One accepted action: all that is needed to begin or to resume its turn.

    Of a person at risk it holds the verdict and no words.
    """

    turn_id: str
    branch: str
    line: str
    action: str
    seed: int
    screened: Verdict | None
    """What the safety gate said; None in one that an earlier version accepted and that was allowed."""
    heard: list[Heard] | None
    """What the session's safety agent keeps in mind once this turn is over; None: what it kept before."""
    instead_of: str
    """The turn at HEAD that a retry is played instead of; empty for any other."""
    tries: int
    """How often a process has taken the turn up again."""


def is_stopped(accepted: Accepted) -> bool:
    """Whether the safety gate said anything but yes: then fixed words answer, and no model is asked."""
    return accepted["screened"] is not None and accepted["screened"]["action"] != "allow"


class Inbox:
    """A session's accepted action, every line it was ever played on, and the turns of late, by which deletion finds
    their event streams and traces.
    """

    def __init__(self, redis: "Redis", story: str, *, seal: Seal = PLAIN, prefix: str = "tta") -> None:
        self._redis = redis
        self._seal = seal
        self._key = story_key("inbox", story, prefix=prefix)
        self._lines = story_key("lines", story, prefix=prefix)
        self._turns = story_key("turns", story, prefix=prefix)

    async def put(self, accepted: Accepted) -> None:
        now = int(time.time())
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(self._key, self._seal.close(json.dumps(accepted, ensure_ascii=False)))
            pipe.sadd(self._lines, accepted["line"])
            pipe.zadd(self._turns, {accepted["turn_id"]: now})
            pipe.zremrangebyscore(self._turns, 0, now - TURNS_KEPT_S)
            pipe.expire(self._turns, TURNS_KEPT_S)
            await pipe.execute()

    async def count_lines(self) -> int:
        """How many lines the session has been played on."""
        return int(await cast(Any, self._redis.scard(self._lines)))

    async def current(self) -> Accepted | None:
        """The action in flight, or None."""
        raw: Any = await self._redis.get(self._key)
        if not raw:
            return None
        text = self._seal.open(raw.decode() if isinstance(raw, bytes) else str(raw))
        try:
            return cast(Accepted, {"screened": None, "heard": None, "instead_of": "", "tries": 0, **json.loads(text)})
        except (ValueError, TypeError):  # nobody can end what cannot be read: it must not stand in the way for ever
            await self.clear()
            return None

    async def clear(self) -> None:
        await self._redis.delete(self._key)
