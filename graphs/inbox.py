"""The action that a session has accepted and not yet finished.

It is written before the turn begins, so that a turn whose process died is found again and brought to its end, whether or
not its first checkpoint was reached.
"""

import json
from typing import Any, cast

from redis.asyncio import Redis
from typing_extensions import TypedDict


class Accepted(TypedDict):
    """One accepted action: all that is needed to begin or to resume its turn."""

    turn_id: str
    branch: str
    line: str
    action: str
    seed: int


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

    async def forget(self) -> None:
        """Nothing of the session is left here."""
        await self._redis.delete(self._key, self._lines)

    async def current(self) -> Accepted | None:
        """The action in flight, or None."""
        raw: Any = await self._redis.get(self._key)
        return cast(Accepted, json.loads(raw)) if raw else None

    async def clear(self) -> None:
        await self._redis.delete(self._key)
