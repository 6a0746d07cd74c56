"""Round trips to Redis, told to whoever watches: a client, and a saver of checkpoints, that are else what they inherit from.

Told are the command and how many went in one breath, never a key or a value. A command that waits for something to happen
(XREAD with BLOCK) is no round trip and not told. `graphs.checkpoint` imports nothing of ours, so what it does is told from
around it: a call of the saver is one operation, whatever it takes.
"""

from collections.abc import Awaitable
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from typing_extensions import override

from graphs.checkpoint import RedisSaver
from graphs.telemetry import operation, watched

_T = TypeVar("_T")

_WAITING = frozenset({"BLOCK", b"BLOCK"})


class WatchedRedis(Redis):
    """The client of the stores."""

    @override
    async def execute_command(self, *args: Any, **options: Any) -> Any:
        if not watched() or not _WAITING.isdisjoint(one for one in args[1:6] if isinstance(one, str | bytes)):
            return await super().execute_command(*args, **options)
        return await _told(str(args[0]).upper(), 1, super().execute_command(*args, **options))

    @override
    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> "WatchedPipeline":
        return WatchedPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class WatchedPipeline(Pipeline):
    """Commands that go in one breath."""

    @override
    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        if not watched():
            return await super().execute(raise_on_error)
        name, size = "MULTI" if self.is_transaction else "PIPELINE", len(self.command_stack)
        return await _told(name, size, super().execute(raise_on_error))


class WatchedSaver(RedisSaver):
    """The saver of the turn graph."""

    @override
    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return await _told("checkpoint read", 1, super().aget_tuple(config))

    @override
    async def aput(self, *args: Any, **options: Any) -> RunnableConfig:
        return await _told("checkpoint put", 1, super().aput(*args, **options))

    @override
    async def aput_writes(self, *args: Any, **options: Any) -> None:
        await _told("checkpoint writes", 1, super().aput_writes(*args, **options))


async def _told(name: str, size: int, asked: Awaitable[_T]) -> _T:
    with operation("redis", name, store="redis", size=size):
        return await asked
