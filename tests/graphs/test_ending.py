"""Whatever is told to end ends, also when a store answers at that moment."""

import asyncio
from typing import Any

from redis.asyncio import Redis

from graphs.ending import end
from graphs.memory.falkordb import open_falkordb
from graphs.stores import build_redis


class Deaf:
    """Loses the first cancellations, each as a client does whose answer comes at the same time."""

    def __init__(self, times: int) -> None:
        self.left = times

    async def go_on(self) -> None:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if not self.left:
                    raise
                self.left -= 1


async def test_a_task_that_loses_cancellations_is_ended_all_the_same() -> None:
    deaf, failing, over = Deaf(2), asyncio.create_task(_failing()), asyncio.create_task(asyncio.sleep(0))
    task = asyncio.create_task(deaf.go_on())
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await end(task, failing, over)
    assert (task.cancelled(), deaf.left, over.done()) == (True, 0, True)


async def _failing() -> None:
    raise RuntimeError("nobody's")


async def _nothing() -> None:
    """These servers are nobody's to heal."""


async def test_a_client_of_redis_loses_no_cancellation(real_redis: str) -> None:
    async with build_redis(real_redis, _nothing) as redis:
        await _cancel_everywhere(redis)


async def test_nor_does_that_of_the_story_memory(embedded_socket: str) -> None:
    async with open_falkordb(embedded_socket) as memory:
        await _cancel_everywhere(memory._client)  # pyright: ignore[reportPrivateUsage]


async def _cancel_everywhere(redis: "Redis[Any]") -> None:
    """One cancellation after each number of steps of the event loop, so also while a command goes out."""

    async def go_on() -> None:
        while True:
            await redis.ping()

    for steps in range(120):
        task = asyncio.create_task(go_on())
        for _ in range(steps % 40):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task}, timeout=2)
        lost = not task.done()
        await end(task)
        assert not lost, f"the cancellation was lost after {steps % 40} steps"
