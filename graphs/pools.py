"""Pools of connections to Redis that are bounded: who finds none free waits for one, in order, and not for ever.

redis-py has two pools: one refuses at once, and one waits on a condition, which before Python 3.13 may lose the wake-up of
a waiter that is cancelled meanwhile, and lets a newcomer have what a waiter was woken for.
"""

import asyncio
from collections import deque
from typing import Any

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import MaxConnectionsError
from typing_extensions import override

WAIT_S = 5.0
"""Longest wait for a connection that is free, and for one that is opened; never longer than for an answer."""


class BoundedPool(ConnectionPool):
    """At most `max_connections` at a time. Raises MaxConnectionsError where none came free in `WAIT_S` or the time-out for
    an answer, whichever is shorter.

    Nobody holds one connection while waiting for another, so that a small pool is slow and never stands still.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._promised = 0
        """Connections that are free, for waiters who were woken and have not come yet."""

    @override
    async def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> AbstractConnection:
        if self._waiting or not self._free():
            await self._wait()
        connection = self.get_available_connection()  # nothing is awaited since it was free
        try:
            await self.ensure_connection(connection)
        except BaseException:
            await self.release(connection)
            raise
        return connection

    @override
    async def release(self, connection: AbstractConnection) -> None:
        try:
            await super().release(connection)
        finally:
            self._wake()

    def _free(self) -> int:
        return self.max_connections - len(self._in_use_connections) - self._promised

    async def _wait(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(min(WAIT_S, self.connection_kwargs.get("socket_timeout") or WAIT_S)):
                await waiter
        except BaseException as error:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            if waiter.done() and not waiter.cancelled():  # woken, and gone: it is the next one's
                self._promised -= 1
                self._wake()
            if isinstance(error, TimeoutError):
                raise MaxConnectionsError("Too many connections") from None
            raise
        self._promised -= 1

    def _wake(self) -> None:
        while self._waiting and self._free() > 0:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                self._promised += 1
