"""Whose wire is whose: one a client, however many savers and commands share it."""

import asyncio
from contextlib import suppress
from weakref import WeakKeyDictionary, WeakSet

from redis.asyncio import Redis
from redis.exceptions import RedisError

from graphs.checkpoint.wire import Wire, hiredis

SPARE_CONNECTIONS = 8
"""A pool that allows fewer has none to give away for good."""


class Wires:
    """The wires of all clients of this process, one each, however many savers share a client."""

    def __init__(self) -> None:
        self._laid: WeakKeyDictionary[Redis, Wire] = WeakKeyDictionary()
        self._laying: WeakSet[Redis] = WeakSet()

    def of(self, client: object) -> Wire | None:
        """The client's wire in the running loop, if it has one."""
        wire = self._laid.get(client) if isinstance(client, Redis) else None
        return wire if wire is not None and wire.loop is asyncio.get_running_loop() else None

    async def lay(self, client: object, timeout_s: float) -> None:
        """Called when the server has just answered. None is laid for a Cluster, a small pool, or without hiredis."""
        if hiredis is None or not isinstance(client, Redis) or client in self._laying:
            return
        pool, there = client.connection_pool, self._laid.get(client)
        if there is not None and not there.loop.is_closed():
            return
        if pool.max_connections < SPARE_CONNECTIONS or client.connection is not None or not pool.can_get_connection():
            return
        self._laying.add(client)
        try:
            if there is not None:  # of a loop that has ended
                del self._laid[client]
                await pool.release(there.connection)
            connection = await pool.get_connection()
        except (RedisError, OSError, RuntimeError):
            return  # the call that came before has its answer: it needs no wire
        finally:
            self._laying.discard(client)
        writer = getattr(connection, "_writer", None)
        if writer is None or getattr(writer, "_loop", None) is not asyncio.get_running_loop():
            with suppress(RuntimeError):  # a connection of a loop that has ended
                await connection.disconnect(nowait=True)
            await pool.release(connection)
            return
        self._laid[client] = Wire(connection, timeout_s)

    async def cut(self, client: object, wire: Wire) -> None:
        """Gives a wire up, and its connection back to the pool; who waits on it is told."""
        if not isinstance(client, Redis) or self._laid.get(client) is not wire:
            return
        del self._laid[client]
        wire.cut()
        await wire.connection.disconnect(nowait=True)
        await client.connection_pool.release(wire.connection)


WIRES = Wires()
