"""The way to Redis: scripts by their digest, asked again while that may help, and errors as ours."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from redis.asyncio import Redis, RedisCluster
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisClusterException, RedisError

from graphs.checkpoint.errors import CheckpointError, passing, translate
from graphs.checkpoint.scripts import Reply, Script
from graphs.checkpoint.wire import WireCut
from graphs.checkpoint.wires import WIRES

FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 1.0
LEAST_TRY_S = 0.1

_T = TypeVar("_T")

Client = Redis | RedisCluster


class Server:
    """A borrowed client. Every script may run twice with the effect of once, so that a cut connection is no question."""

    def __init__(self, client: Client, patience: float) -> None:
        self.client = client
        self._patience = patience

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Reply:
        """Run a script, teaching it to a server that does not know it. Raises a CheckpointError."""
        deadline = asyncio.get_running_loop().time() + self._patience
        if (wire := WIRES.of(self.client)) is not None:
            try:
                return await wire.run(script, keys, args)
            except WireCut:
                await WIRES.cut(self.client, wire)

        async def once() -> Reply:
            try:
                return await self.client.evalsha(script.digest, len(keys), *keys, *args)
            except NoScriptError:
                return await self.client.eval(script.text, len(keys), *keys, *args)
            except AttributeError as error:
                # redis-py's Cluster closes its connections when it learns new slots, those that another task is just
                # opening among them, which then meets a writer that is None.
                raise RedisConnectionError("closed while it was opened") from error
            except RuntimeError as error:
                # "Event loop is closed", "attached to a different loop", or uvloop's "the handler is closed"
                if "loop" not in str(error) and "closed" not in str(error):
                    raise
                raise RedisConnectionError("of a loop that has ended") from error

        reply = await self.persist(once, deadline)
        await WIRES.lay(self.client, self._patience / 2)
        return reply

    async def tell(self, script: Script, keys: Sequence[str], args: Sequence[str | bytes | int]) -> None:
        """Run a script whose answer nobody needs and that may fail: once the caller has gone on, where that can be."""
        if (wire := WIRES.of(self.client)) is not None:
            wire.loop.call_soon(wire.tell, script, keys, args)
            return
        with suppress(CheckpointError):
            await self.run(script, keys, args)

    async def persist(self, do: Callable[[], Awaitable[_T]], deadline: float | None = None) -> _T:
        """Do it, again while the error is one that passes, until the deadline (the loop's time; without one, for the
        saver's patience); pauses double, with some chance. A try that hangs is ended then."""
        time = asyncio.get_running_loop().time
        until, pause = time() + self._patience if deadline is None else deadline, FIRST_PAUSE_S
        while True:
            try:
                async with asyncio.timeout_at(max(until, time() + LEAST_TRY_S)):
                    return await do()
            except (RedisError, RedisClusterException, OSError) as error:  # a TimeoutError is an OSError
                if not passing(error) or time() + pause > until:
                    raise translate(error) from error
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def unlink(self, *keys: str) -> None:
        await self.persist(lambda: _awaitable(self.client.unlink(*keys)))


def _awaitable(made: Any) -> Awaitable[Any]:
    """redis-py types a command as its sync or its async result; of an asyncio client it is the latter."""
    return made
