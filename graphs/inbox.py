"""The action that a session has accepted and not yet finished.

It is written before the turn begins, so that a turn whose process died is found again and brought to its end, whether or
not its first checkpoint was reached.
"""

import json
from typing import Any, cast

from redis.asyncio import Redis
from typing_extensions import TypedDict

from agents.story import Verdict


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
    """What the safety gate said, where it said anything but yes."""
    instead_of: str
    """The turn at HEAD that a retry is played instead of; empty for any other."""
    tries: int
    """How often a process has taken the turn up again."""


class Inbox:
    """A session's accepted action, `{prefix}:1:inbox:{story}`, and every line it was ever played on, `...:lines:...`."""

    def __init__(self, redis: "Redis", story: str, *, prefix: str = "tta") -> None:
        self._redis = redis
        self._key = f"{prefix}:1:inbox:{{{story}}}"
        self._lines = f"{prefix}:1:lines:{{{story}}}"

    async def put(self, accepted: Accepted) -> None:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(self._key, json.dumps(accepted, ensure_ascii=False))
            pipe.sadd(self._lines, accepted["line"])
            await pipe.execute()

    async def lines(self) -> list[str]:
        """The lines whose threads the session has; deletion asks for them."""
        found: Any = await self._redis.smembers(self._lines)
        return sorted(line.decode() if isinstance(line, bytes) else str(line) for line in found)

    async def count_lines(self) -> int:
        """How many lines the session has been played on."""
        return int(await cast(Any, self._redis.scard(self._lines)))

    async def forget(self) -> None:
        """Nothing of the session is left here."""
        await self._redis.delete(self._key, self._lines)

    async def current(self) -> Accepted | None:
        """The action in flight, or None."""
        raw: Any = await self._redis.get(self._key)
        if not raw:
            return None
        try:
            return cast(Accepted, {"screened": None, "instead_of": "", "tries": 0, **json.loads(raw)})
        except (ValueError, TypeError):  # nobody can end what cannot be read: it must not stand in the way for ever
            await self.clear()
            return None

    async def clear(self) -> None:
        await self._redis.delete(self._key)
