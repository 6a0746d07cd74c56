"""One wake-up channel a tenant: whoever waits for something of a story looks again when it happens, in any process.

What happened lies in Redis; a message says only where to look. So a message that is lost costs a moment and nothing else,
and a process has one connection that waits, however many clients it serves.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from agents.errors import StoryError
from graphs.ending import end
from graphs.keys import text_of

LOOK_AGAIN_S = 2.0
"""Longest wait of a waiter that is listened for: then it looks by itself, for a message may have been lost."""

UNHEARD_S = 0.1
"""The same while nobody listens: the channel is being connected, or its server is gone."""

SILENCE_S = 10.0
"""After so much silence the server is asked whether it is there; after twice that the connection is taken for dead."""

MEND_S = 0.2

LOOKS = 32
"""Looks at once: all that wait may be woken together, and each look takes a connection."""


class Waiter:
    """Somebody who waits. What happens between two waits is not missed: the next one returns at once."""

    def __init__(self, heard: Callable[[], bool]) -> None:
        self._heard = heard
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def wait(self, at_most_s: float = LOOK_AGAIN_S) -> None:
        """Until something happened, or it is time to look anyway."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(at_most_s, LOOK_AGAIN_S if self._heard() else UNHEARD_S)):
                await self._woken.wait()
        self._woken.clear()


class Wakes:
    """The channel of a tenant. It is listened to from the first waiter on, until `close`."""

    def __init__(
        self, redis: "Redis", tenant: str, heal: Callable[[], Awaitable[None]], *, prefix: str = "tta"
    ) -> None:
        self._redis = redis
        self._heal = heal
        self.channel = f"{prefix}:1:wakes:{{{tenant}}}"
        self._waiters: defaultdict[str, set[Waiter]] = defaultdict(set)
        self._listening: asyncio.Task[None] | None = None
        self._heard = False
        self._closed = False
        self.looking = asyncio.Semaphore(LOOKS)
        """Held by whoever looks, having been woken."""

    def tell(self, pipe: Any, about: str) -> None:
        """Adds the message to what is sent in a pipeline anyway."""
        pipe.publish(self.channel, about)

    @contextmanager
    def waiting(self, about: str) -> Generator[Waiter]:
        """Register first, then look, then wait: so nothing that happens after the look is missed."""
        if self._listening is None and not self._closed:
            self._listening = asyncio.create_task(self._listen())
        waiter = Waiter(lambda: self._heard)
        self._waiters[about].add(waiter)
        try:
            yield waiter
        finally:
            self._waiters[about].discard(waiter)
            if not self._waiters[about]:
                del self._waiters[about]

    async def close(self) -> None:
        """Whoever waits from now on looks by itself."""
        self._closed, self._heard = True, False
        if self._listening:
            await end(self._listening)

    async def _listen(self) -> None:
        while True:
            try:
                await self._connected()
            except (RedisError, OSError, StoryError):  # the last from a client that brings its server back
                self._heard = False
                self._wake_all()  # what they read next finds the server gone, or brings it back
                await asyncio.sleep(MEND_S)
                with suppress(StoryError):
                    await self._heal()

    async def _connected(self) -> None:
        """Reads the channel until its connection fails. Raises RedisError, OSError."""
        async with self._redis.pubsub() as channel:
            await channel.subscribe(self.channel)
            asked = False
            while True:
                message = await channel.get_message(timeout=SILENCE_S)
                if message is None:
                    if asked:
                        raise ConnectionError
                    await channel.ping()
                asked = message is None
                if message is None or message["type"] == "pong":
                    continue
                if message["type"] == "subscribe":
                    self._heard = True
                    self._wake_all()  # what happened before is not told any more
                elif message["type"] == "message":
                    self._wake(text_of(message["data"]))

    def _wake(self, about: str) -> None:
        for waiter in self._waiters.get(about, ()):
            waiter.wake()

    def _wake_all(self) -> None:
        for about in list(self._waiters):
            self._wake(about)
