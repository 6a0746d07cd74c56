"""The action that a session has accepted and not yet finished.

It is written before the turn begins, so that a turn whose process died is found again and brought to its end, whether or
not its first checkpoint was reached.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError
from typing_extensions import TypedDict

from agents.errors import StoryError
from agents.halt import Halt, How
from agents.story import Heard, Verdict
from graphs.keys import story_key, text_of
from graphs.sealing import PLAIN, Seal
from graphs.wakes import Wakes

TURNS_KEPT_S = 2 * 24 * 3600
"""Seconds that a turn's id is remembered here: longer than its event stream and its trace live."""


HALT_S = 60
"""How long the wish that a turn should stop is remembered: longer than a process that died in it is missed."""


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
    """A session's accepted action, whether it is to stop, every line it was ever played on, and the turns of late, by
    which deletion finds their event streams and traces.
    """

    def __init__(self, redis: "Redis", story: str, wakes: Wakes, *, seal: Seal = PLAIN, prefix: str = "tta") -> None:
        self._redis = redis
        self._wakes = wakes
        self._seal = seal
        self._key = story_key("inbox", story, prefix=prefix)
        self._halt = story_key("halt", story, prefix=prefix)
        self._lines = story_key("lines", story, prefix=prefix)
        self._turns = story_key("turns", story, prefix=prefix)

    async def put(self, accepted: Accepted) -> None:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(self._key, self._seal.close(json.dumps(accepted, ensure_ascii=False)))
            pipe.sadd(self._lines, accepted["line"])
            self._remember(pipe, accepted["turn_id"])
            await pipe.execute()

    async def expect(self, turn_id: str) -> None:
        """A turn of which something is kept before it is accepted."""
        async with self._redis.pipeline(transaction=True) as pipe:
            self._remember(pipe, turn_id)
            await pipe.execute()

    def _remember(self, pipe: Any, turn_id: str) -> None:
        now = int(time.time())
        pipe.zadd(self._turns, {turn_id: now})
        pipe.zremrangebyscore(self._turns, 0, now - TURNS_KEPT_S)
        pipe.expire(self._turns, TURNS_KEPT_S)

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

    async def is_current(self, turn_id: str) -> bool:
        """Whether that turn is accepted and not over."""
        accepted = await self.current()
        return accepted is not None and accepted["turn_id"] == turn_id

    async def clear(self) -> None:
        """Nothing is accepted, and nothing is to stop."""
        await self._redis.delete(self._key, self._halt)

    async def ask_to_halt(self, turn_id: str, how: How) -> None:
        """Whoever runs that turn stops it, in this process or another (`agents.halt`)."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(self._halt, f"{how} {turn_id}", ex=HALT_S)
            self._wakes.tell(pipe, self._halt)
            await pipe.execute()

    @asynccontextmanager
    async def watched(self, turn_id: str, halt: Halt) -> AsyncGenerator[None]:
        """Meanwhile, what is asked of that turn is passed on."""
        over = False
        with self._wakes.waiting(self._halt) as waiter:

            async def watch() -> None:
                while not over:
                    with suppress(RedisError, OSError, StoryError):  # the turn itself will tell
                        how, _, asked = text_of(await self._redis.get(self._halt) or b"").partition(" ")
                        if asked == turn_id and how in ("interrupt", "rollback"):
                            halt.ask(how)
                    if not over:
                        await waiter.wait()

            watching = asyncio.create_task(watch())
            try:
                yield
            finally:  # not cancelled: a connection that is being opened then would stay open
                over = True
                waiter.wake()
                await asyncio.wait({watching})
