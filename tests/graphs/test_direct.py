"""Plain commands share one connection, and nobody can tell: the same answers, the same errors, nobody else's reply."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from graphs.checkpoint.wires import WIRES
from graphs.connections import send_directly
from graphs.roundtrips import WatchedRedis

COMMANDS: list[tuple[Any, ...]] = [
    ("SET", "s", "one"),
    ("SET", "s", "two", "NX"),
    ("SET", "s", "two", "XX", "GET"),
    ("GET", "s"),
    ("GET", "none"),
    ("MGET", "s", "none"),
    ("EXISTS", "s", "none"),
    ("EXPIRE", "s", 60),
    ("TTL", "none"),
    ("INCR", "n"),
    ("INCRBY", "n", -3),
    ("RPUSH", "l", b"\xff\x00", "b"),
    ("LRANGE", "l", 0, -1),
    ("LREM", "l", 1, "b"),
    ("LLEN", "l"),
    ("HSET", "h", "a", "1", "b", "2"),
    ("HGETALL", "h"),
    ("HMGET", "h", "a", "none"),
    ("HDEL", "h", "a"),
    ("SADD", "m", "a", "a"),
    ("SMEMBERS", "m"),
    ("SISMEMBER", "m", "a"),
    ("SCARD", "m"),
    ("ZADD", "z", 1.5, "a"),
    ("ZSCORE", "z", "a"),
    ("ZRANGE", "z", 0, -1),
    ("ZREMRANGEBYSCORE", "z", 0, 2),
    ("XADD", "x", "7-1", "kind", "end"),
    ("XRANGE", "x", "-", "+"),
    ("XREVRANGE", "x", "+", "-", "COUNT", 1),
    ("XDEL", "x", "7-1"),
    ("EVAL", "return {1, ARGV[1]}", 0, "a"),
    ("DEL", "s", "n"),
]


@pytest.fixture
async def direct(embedded_socket: str) -> AsyncGenerator[WatchedRedis]:
    """A client whose wire is laid, in a database of its own."""
    client = WatchedRedis.from_url(f"unix://{embedded_socket}?db=9")
    send_directly(client.connection_pool)
    await client.flushdb()
    assert WIRES.of(client), "its first answer has laid it"
    yield client
    await client.flushdb()
    await client.aclose()


@pytest.fixture
async def plain(embedded_socket: str) -> AsyncGenerator[Redis]:
    async with Redis.from_url(f"unix://{embedded_socket}?db=10") as client:
        await client.flushdb()
        yield client
        await client.flushdb()


@contextmanager
def over_the_wire(monkeypatch: pytest.MonkeyPatch, client: WatchedRedis) -> Generator[None]:
    """Meanwhile a connection of the pool is a fault."""

    async def taken(*_: Any) -> Any:
        raise AssertionError("a connection was taken")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(client.connection_pool, "get_connection", taken)
        yield


async def test_answers_are_those_of_redis_py(
    direct: WatchedRedis, plain: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in COMMANDS:
        with over_the_wire(monkeypatch, direct):
            told = await direct.execute_command(*command)
        assert told == await plain.execute_command(*command), command


@pytest.mark.parametrize("transaction", [True, False])
async def test_so_are_those_of_a_pipeline(
    direct: WatchedRedis, plain: Redis, monkeypatch: pytest.MonkeyPatch, transaction: bool
) -> None:
    async def told_by(client: Redis) -> list[Any]:
        async with client.pipeline(transaction=transaction) as pipe:
            for command in COMMANDS:
                pipe.execute_command(*command)  # pyright: ignore[reportUnusedCoroutine]
            answers = await pipe.execute()
            assert await pipe.execute() == [], "nothing is left in it"
            return answers

    with over_the_wire(monkeypatch, direct):
        told = await told_by(direct)
    assert told == await told_by(plain)
    assert len(told) == len(COMMANDS)


async def test_so_are_its_errors(direct: WatchedRedis) -> None:
    await direct.set("s", "text")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await direct.rpush("s", "a")  # pyright: ignore[reportGeneralTypeIssues]
    pipe = direct.pipeline()
    pipe.set("t", "kept").rpush("s", "a")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await pipe.execute()
    assert await direct.get("t") == b"kept"


async def test_what_waits_for_something_to_happen_keeps_nobody_waiting(direct: WatchedRedis) -> None:
    reading = asyncio.create_task(direct.xread({"x": "$"}, block=30_000))
    while not await direct.info("clients") or (await direct.info("clients"))["blocked_clients"] == 0:
        await asyncio.sleep(0.01)
    assert await direct.set("s", "one")
    await direct.xadd("x", {"kind": "end"})
    assert await reading


async def test_many_at_once_have_their_own_answers(direct: WatchedRedis) -> None:
    async def one(number: int) -> None:
        await direct.set(f"k{number}", number)
        async with direct.pipeline() as pipe:
            assert await pipe.get(f"k{number}").incr(f"k{number}").execute() == [str(number).encode(), number + 1]
        assert await direct.get(f"k{number}") == str(number + 1).encode()

    await asyncio.gather(*(one(number) for number in range(200)))


async def test_who_gives_up_shifts_no_answer(direct: WatchedRedis) -> None:
    await direct.mset({f"k{number}": number for number in range(50)})
    asking = [asyncio.ensure_future(direct.get(f"k{number}")) for number in range(50)]
    await asyncio.sleep(0)
    for each in asking[::3]:
        each.cancel()
    done = await asyncio.gather(*asking, return_exceptions=True)
    for number, answer in enumerate(done):
        assert isinstance(answer, asyncio.CancelledError) if number % 3 == 0 else answer == str(number).encode()


def cut(client: WatchedRedis) -> None:
    wire = WIRES.of(client)
    assert wire
    wire.cut()


def close(client: WatchedRedis) -> None:
    wire = WIRES.of(client)
    assert wire
    wire._transport.close()  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("how", [cut, close])
async def test_a_wire_that_is_cut_is_laid_anew(direct: WatchedRedis, how: Callable[[WatchedRedis], None]) -> None:
    await direct.set("s", "one")
    before = WIRES.of(direct)
    how(direct)
    async with direct.pipeline() as pipe:
        assert await pipe.get("s").get("none").execute() == [b"one", None]
    how_many = [await direct.get("s") for _ in range(3)]
    assert how_many == [b"one"] * 3
    assert WIRES.of(direct) not in (None, before)


async def test_whoever_waits_on_a_wire_that_is_cut_is_answered(direct: WatchedRedis) -> None:
    await direct.set("s", "one")
    asking = [asyncio.ensure_future(direct.get("s")) for _ in range(20)]
    await asyncio.sleep(0)
    cut(direct)
    assert await asyncio.gather(*asking) == [b"one"] * 20
