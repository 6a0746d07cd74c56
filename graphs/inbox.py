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
    """A session's accepted action: `{prefix}:1:inbox:{story}`."""

    def __init__(self, redis: "Redis", story: str, *, prefix: str = "tta") -> None:
        self._redis = redis
        self._key = f"{prefix}:1:inbox:{{{story}}}"

    async def put(self, accepted: Accepted) -> None:
        await self._redis.set(self._key, json.dumps(accepted, ensure_ascii=False))

    async def current(self) -> Accepted | None:
        """The action in flight, or None."""
        raw: Any = await self._redis.get(self._key)
        return cast(Accepted, json.loads(raw)) if raw else None

    async def clear(self) -> None:
        await self._redis.delete(self._key)
