"""A bounded pool: who finds no connection waits for one in order, nobody for ever, and none is lost."""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from neo4j_server import Server
from redis.exceptions import MaxConnectionsError

from agents.errors import InvalidSetting, StoreUnavailable
from graphs import pools
from graphs.memory.falkordb import open_falkordb
from graphs.memory.neo4j import open_neo4j
from graphs.pools import BoundedPool
from graphs.settings import read_settings
from graphs.stores import translate_redis

MOST = 3


@pytest.fixture
async def pool(embedded_socket: str) -> AsyncGenerator[BoundedPool]:
    made = BoundedPool.from_url(f"unix://{embedded_socket}", max_connections=MOST)
    yield made
    await made.aclose()


def in_use(pool: BoundedPool) -> int:
    return len(pool._in_use_connections)  # pyright: ignore[reportPrivateUsage]


async def test_who_waits_gets_a_connection_in_order(pool: BoundedPool) -> None:
    held = [await pool.get_connection() for _ in range(MOST)]
    came: list[int] = []

    async def come(number: int) -> None:
        connection = await pool.get_connection()
        came.append(number)
        await asyncio.sleep(0)
        await pool.release(connection)

    waiting = [asyncio.create_task(come(number)) for number in range(20)]
    await asyncio.sleep(0)
    late: list[asyncio.Task[None]] = []
    for connection in held:
        await pool.release(connection)
        late.append(asyncio.create_task(come(100 + len(late))))  # comes when one is free, and others were first
    async with asyncio.timeout(10):
        await asyncio.gather(*waiting, *late)
    assert came == [*range(20), 100, 101, 102]
    assert in_use(pool) == 0


async def test_nobody_waits_for_ever(pool: BoundedPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "WAIT_S", 0.1)
    held = [await pool.get_connection() for _ in range(MOST)]
    with pytest.raises(MaxConnectionsError) as caught:
        async with asyncio.timeout(10):
            await pool.get_connection()
    told = translate_redis(caught.value)
    assert isinstance(told, StoreUnavailable)
    assert "TTA_REDIS_POOL" in told.line()
    await pool.release(held.pop())
    await pool.release(await pool.get_connection())


@pytest.mark.parametrize("cancelled", ["waiting", "woken"])
async def test_a_waiter_that_goes_away_takes_no_connection_along(pool: BoundedPool, cancelled: str) -> None:
    held = [await pool.get_connection() for _ in range(MOST)]
    first, second = (asyncio.create_task(pool.get_connection()) for _ in range(2))
    await asyncio.sleep(0)
    if cancelled == "waiting":
        first.cancel()
        await asyncio.sleep(0)
    await pool.release(held.pop())  # wakes the first, which has not run yet
    first.cancel()
    async with asyncio.timeout(2):
        await pool.release(await second)
        assert await asyncio.gather(first, return_exceptions=True) != [None]
        for _ in range(3):  # all that are free can be had
            await pool.release(await pool.get_connection())
    assert in_use(pool) == MOST - 1


async def test_many_that_are_cancelled_anywhere_leave_the_pool_whole(pool: BoundedPool) -> None:
    async def use() -> None:
        connection = await pool.get_connection()
        try:
            await asyncio.sleep(0)
        finally:
            await pool.release(connection)

    for steps in range(60):
        tasks = [asyncio.create_task(use()) for _ in range(12)]
        for _ in range(steps % 12):
            await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        async with asyncio.timeout(10):
            await asyncio.gather(*tasks, return_exceptions=True)
    assert in_use(pool) == 0
    assert [await pool.get_connection() for _ in range(MOST)]


async def test_a_graph_with_few_connections_answers_many(embedded_socket: str) -> None:
    async with open_falkordb(embedded_socket, connections=2) as memory:
        await memory.setup()
        async with asyncio.timeout(30):
            await asyncio.gather(*(memory.sessions("nobody") for _ in range(50)))


async def test_a_graph_without_a_free_connection_says_so_and_revives_nobody(
    embedded_socket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "WAIT_S", 0.1)

    async def revive() -> None:
        raise AssertionError("no connection was lost")

    async with open_falkordb(embedded_socket, connections=1, revive=revive) as memory:
        pool: Any = memory._client.connection_pool  # pyright: ignore[reportPrivateUsage]
        held = await pool.get_connection()
        with pytest.raises(StoreUnavailable, match="in use"):
            await memory.sessions("nobody")
        await pool.release(held)
        assert await memory.sessions("nobody") == []


async def test_neo4j_with_one_connection_answers_many_and_says_when_none_is_free(neo4j_server: Server) -> None:
    login = (neo4j_server.uri, neo4j_server.user, neo4j_server.password)
    async with open_neo4j(*login, connections=1) as memory:
        await memory.setup()
        await memory.sessions("nobody")  # the first of a statement is planned, which takes a while
        async with asyncio.timeout(60):
            await asyncio.gather(*(memory.sessions("nobody") for _ in range(8)))
    async with (
        open_neo4j(*login, connections=1, timeout_s=4) as memory,
        memory._driver.session() as session,  # pyright: ignore[reportPrivateUsage]
    ):
        held = await session.begin_transaction()
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="in use") as caught:
            await memory.sessions("nobody")
        assert time.monotonic() - began < 9  # it waits for four seconds, and not for the ten of the default
        assert "TTA_NEO4J_POOL" in caught.value.line()
        await held.close()
        assert await memory.sessions("nobody") == []


async def test_a_statement_that_takes_too_long_may_be_sent_again(neo4j_server: Server) -> None:
    login = (neo4j_server.uri, neo4j_server.user, neo4j_server.password)
    async with open_neo4j(*login, timeout_s=1) as memory:
        slow = "UNWIND range(1, 3000) AS a UNWIND range(1, 3000) AS b UNWIND range(1, 3000) AS c RETURN sum(a * b * c) AS n"
        with pytest.raises(StoreUnavailable):
            await memory._run(slow, {})  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("redis_pool", 7),
        ("redis_pool", 10_001),
        ("redis_pool", "many"),
        ("redis_timeout_s", 0),
        ("redis_timeout_s", 601),
        ("neo4j_pool", 0),
        ("neo4j_timeout_s", -1),
        ("falkordb_pool", 0),
        ("falkordb_timeout_s", "inf"),
        ("falkordb_timeout_s", "nan"),
    ],
)
def test_a_bound_that_cannot_be_is_told_with_its_name(name: str, value: object) -> None:
    with pytest.raises(InvalidSetting, match=f"TTA_{name.upper()}"):
        read_settings(**{name: value})
