"""Who waits is woken by what happens, in whichever process, over one connection; a message that is lost costs a moment."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from redis.asyncio import Redis
from redis_servers import cluster_url_of

from graphs import wakes
from graphs.cluster.client import ClusterRedis
from graphs.events import Events
from graphs.stores import build_redis
from graphs.wakes import Wakes

READERS = 100


async def nothing() -> None:
    """A server that needs no healing."""


@pytest.fixture(params=["embedded", "cluster"])
async def redis(request: pytest.FixtureRequest) -> AsyncGenerator["Redis"]:
    if request.param == "cluster":
        client = build_redis(cluster_url_of(request.getfixturevalue("cluster_nodes")), nothing)
        await client.ping()  # pyright: ignore[reportGeneralTypeIssues]
    else:
        client = Redis.from_url(f"unix://{request.getfixturevalue('embedded_socket')}", max_connections=1_000)
    yield client
    await client.aclose()


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


def nodes(redis: "Redis") -> list["Redis"]:
    """All servers behind a client."""
    if isinstance(redis, ClusterRedis):
        return [redis.slots.node(address) for address in redis.slots.primaries()]
    return [redis]


async def subscribed(redis: "Redis") -> set[tuple[int, str]]:
    """The connections that listen to a channel: on which server, and its id there."""
    lists = [await node.client_list() for node in nodes(redis)]
    return {(number, client["id"]) for number, told in enumerate(lists) for client in told if int(client["sub"])}


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
        mine = await subscribed(redis)
        assert mine
        for number, client in mine:
            await nodes(redis)[number].client_kill_filter(_id=client)
        async with asyncio.timeout(30):
            while not channel._heard or mine & await subscribed(redis):
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
