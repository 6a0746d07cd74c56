"""Round trips to Redis, told to whoever watches by a client that is else what it inherits from, like `watchedsaver.py`.

Told are the command and how many went in one breath, never a key or a value. A command that waits for something to happen
(XREAD with BLOCK) is no round trip and not told. `graphs.checkpoint` imports nothing of ours, so what it does is told from
around it: a call of the saver is one operation, whatever it takes.
"""

from collections.abc import Awaitable
from typing import Any, TypeVar

from typing_extensions import override

from graphs.direct import DirectPipeline, DirectRedis
from graphs.telemetry import operation, watched

_T = TypeVar("_T")

_WAITING = frozenset({"BLOCK", b"BLOCK"})


class WatchedRedis(DirectRedis):
    """The client of the stores."""

    @override
    async def execute_command(self, *args: Any, **options: Any) -> Any:
        if not watched() or not _WAITING.isdisjoint(one for one in args[1:6] if isinstance(one, str | bytes)):
            return await super().execute_command(*args, **options)
        return await told(str(args[0]).upper(), 1, super().execute_command(*args, **options))

    @override
    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> "WatchedPipeline":
        return WatchedPipeline(self, transaction, shard_hint)


class WatchedPipeline(DirectPipeline):
    """Commands that go in one breath."""

    @override
    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        if not watched():
            return await super().execute(raise_on_error)
        name, size = "MULTI" if self.is_transaction else "PIPELINE", len(self.command_stack)
        return await told(name, size, super().execute(raise_on_error))


async def told(name: str, size: int, asked: Awaitable[_T]) -> _T:
    """Does what is asked, as one operation of Redis."""
    with operation("redis", name, store="redis", size=size):
        return await asked
