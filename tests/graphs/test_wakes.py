"""Who waits is woken by what happens, in whichever process, over one connection; a message that is lost costs a moment."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from redis.asyncio import Redis

from graphs import wakes
from graphs.events import Events
from graphs.wakes import Wakes

READERS = 100


async def nothing() -> None:
    """A server that needs no healing."""


@pytest.fixture
async def redis(embedded_socket: str) -> AsyncGenerator["Redis"]:
    async with Redis.from_url(f"unix://{embedded_socket}", max_connections=1_000) as client:
        yield client


@pytest.fixture
async def channel(redis: "Redis") -> AsyncGenerator[Wakes]:
    made = Wakes(redis, "wakes", nothing)
    yield made
    await made.close()


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks by himself: only a message wakes."""
    monkeypatch.setattr(wakes, "LOOK_AGAIN_S", 3600.0)


async def tell(redis: "Redis", channel: Wakes, about: str) -> None:
    async with redis.pipeline() as pipe:
        channel.tell(pipe, about)
        await pipe.execute()


async def subscribed(redis: "Redis") -> list[dict[str, str]]:
    """The connections that listen to a channel."""
    return [client for client in await redis.client_list() if int(client["sub"])]


async def until_heard(channel: Wakes) -> None:
    async with asyncio.timeout(30):
        while not channel._heard:
            await asyncio.sleep(0.01)


async def test_a_message_of_another_process(redis: "Redis", channel: Wakes, never: None) -> None:
    other = Wakes(redis, "wakes", nothing)
    with channel.waiting("a") as waiter, channel.waiting("b") as stranger:
        await until_heard(channel)
        await waiter.wait(0.001)  # the connection itself wakes everybody once
        await stranger.wait(0.001)
        waiting, not_meant = asyncio.create_task(waiter.wait(3600)), asyncio.create_task(stranger.wait(3600))
        await tell(redis, other, "a")
        async with asyncio.timeout(30):
            await waiting
        assert not not_meant.done()
        not_meant.cancel()


async def test_what_happens_between_two_waits_is_not_missed(redis: "Redis", channel: Wakes, never: None) -> None:
    with channel.waiting("a") as waiter:
        await until_heard(channel)
        await waiter.wait(0.001)
        await tell(redis, channel, "a")
        async with asyncio.timeout(30):
            while not waiter._woken.is_set():
                await asyncio.sleep(0.01)
            await waiter.wait(3600)


async def test_many_readers_are_one_connection(redis: "Redis", channel: Wakes, never: None) -> None:
    events = Events(redis, "wakes:many", channel)
    before = len(await subscribed(redis))

    async def read() -> list[str]:
        return [event["kind"] async for event in events.read("turn")]

    readers = [asyncio.create_task(read()) for _ in range(READERS)]
    await until_heard(channel)
    for kind in ("metadata", "sentence", "committed", "end"):
        await events.append("turn", kind, {})  # type: ignore[arg-type]
    async with asyncio.timeout(60):
        told = await asyncio.gather(*readers)
    assert told == [["metadata", "sentence", "committed", "end"]] * READERS
    assert len(await subscribed(redis)) == before + 1
    await events.drop("turn")


async def test_a_connection_that_breaks_is_made_again(redis: "Redis", channel: Wakes, never: None) -> None:
    with channel.waiting("a") as waiter:
        await until_heard(channel)
        mine = {client["id"] for client in await subscribed(redis)}
        for client in mine:
            await redis.client_kill_filter(_id=client)
        async with asyncio.timeout(30):
            while not channel._heard or mine & {client["id"] for client in await subscribed(redis)}:
                await asyncio.sleep(0.01)
            while not await subscribed(redis):
                await asyncio.sleep(0.01)
        await waiter.wait(0.001)
        waiting = asyncio.create_task(waiter.wait(3600))
        async with asyncio.timeout(30):
            while not waiting.done():
                await tell(redis, channel, "a")
                await asyncio.sleep(0.05)


async def test_without_any_message_somebody_looks_all_the_same(redis: "Redis", channel: Wakes, monkeypatch) -> None:
    monkeypatch.setattr(wakes, "LOOK_AGAIN_S", 0.01)
    with channel.waiting("a") as waiter:
        async with asyncio.timeout(30):
            await waiter.wait(3600)


async def test_after_the_end_nobody_listens(redis: "Redis", channel: Wakes) -> None:
    await channel.close()
    with channel.waiting("a") as waiter:
        async with asyncio.timeout(30):
            await waiter.wait(3600)
        assert channel._listening is None
