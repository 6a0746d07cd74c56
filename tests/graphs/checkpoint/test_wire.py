"""While a thread that is alone waits for Redis the loop does not go to sleep; it never keeps others waiting for long."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis
from test_saver import line, put_turns

from graphs.checkpoint import RedisSaver
from graphs.checkpoint.wire import NAPS
from graphs.checkpoint.wires import WIRES


class Sleeps:
    """How often the loop went to sleep: asked for what is ready without saying that it has other things to do."""

    def __init__(self, selector: Any) -> None:
        self.count = self.turns = 0
        self._select = selector.select

    def select(self, timeout: float | None = None) -> Any:
        self.turns += 1
        self.count += timeout is None or timeout > 0
        return self._select(timeout)


@pytest.fixture
async def sleeps(monkeypatch: pytest.MonkeyPatch) -> Sleeps:
    selector: Any = getattr(asyncio.get_running_loop(), "_selector")  # noqa: B009 asyncio's own name for it
    counted = Sleeps(selector)
    monkeypatch.setattr(selector, "select", counted.select)
    return counted


@pytest.fixture
async def saver(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> RedisSaver:
    monkeypatch.setattr("graphs.checkpoint.wire.AWAKE_S", 5.0)  # however loaded the machine
    saver = RedisSaver(redis, keep=2)
    await put_turns(saver, "t", 2)
    assert WIRES.of(redis)
    return saver


async def test_a_thread_that_is_alone_keeps_the_loop_awake(saver: RedisSaver, sleeps: Sleeps) -> None:
    await put_turns(saver, "t", 20)
    assert sleeps.count == 0


async def test_where_nobody_else_is_ready_the_answer_is_looked_for_at_once(
    saver: RedisSaver, sleeps: Sleeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphs.checkpoint.wire.FIRST_LOOK_S", 5.0)
    for _ in range(3):  # until what the fixtures have begun is done
        await asyncio.sleep(0)
    before = sleeps.turns
    for _ in range(3):
        assert await saver.aget_tuple(line("t"))
    assert sleeps.turns == before


async def test_whoever_is_ready_has_a_turn_before_that(
    saver: RedisSaver, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphs.checkpoint.wire.FIRST_LOOK_S", 60.0)
    await redis.client_pause(60_000, all=False)  # pyright: ignore[reportUnknownMemberType]
    tasks: list[asyncio.Task[Any]] = []
    asyncio.get_running_loop().call_soon(lambda: tasks.append(asyncio.create_task(go_on(redis))))
    async with asyncio.timeout(30):
        assert await saver.aget_tuple(line("t"))
    await asyncio.gather(*tasks)


async def go_on(redis: Redis) -> None:
    await redis.client_unpause()  # pyright: ignore[reportUnknownMemberType]


async def test_others_get_their_turns_meanwhile(saver: RedisSaver, redis: Redis) -> None:
    # The answer waits for the others' turns, not for a clock.
    await redis.client_pause(60_000, all=False)  # pyright: ignore[reportUnknownMemberType]
    putting = asyncio.create_task(put_turns(saver, "t", 1))
    async with asyncio.timeout(30):
        for _ in range(100):
            await asyncio.sleep(0)
        assert not putting.done()
        await redis.client_unpause()  # pyright: ignore[reportUnknownMemberType]
        await putting


async def test_threads_beside_each_other_leave_the_loop_alone(saver: RedisSaver, sleeps: Sleeps) -> None:
    for _ in range(10):
        await put_turns(saver, "u", 1)
        sleeps.count = 0
        await put_turns(saver, "t", 1)
        assert sleeps.count, "another asked last: it may ask again"


async def test_a_server_that_is_slow_is_slept_for(
    saver: RedisSaver, sleeps: Sleeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphs.checkpoint.wire.AWAKE_S", 0.0)
    monkeypatch.setattr("graphs.checkpoint.wire.FIRST_LOOK_S", 0.0)
    await put_turns(saver, "t", 1)
    monkeypatch.setattr("graphs.checkpoint.wire.AWAKE_S", 5.0)
    slept: list[bool] = []
    for _ in range(NAPS + 1):
        before = sleeps.count
        await put_turns(saver, "t", 1)
        slept.append(sleeps.count > before)
    assert (slept[0], slept[-1]) == (True, False)


async def test_a_call_that_is_cancelled_while_it_is_awake_leaves_no_error_behind(
    saver: RedisSaver, redis: Redis
) -> None:
    wire = WIRES.of(redis)
    assert wire
    await redis.client_pause(200)  # pyright: ignore[reportUnknownMemberType]
    call = asyncio.create_task(put_turns(saver, "t", 1))
    while not wire._waiting:  # pyright: ignore[reportPrivateUsage]
        await asyncio.sleep(0)
    [(answer, _)] = wire._waiting  # pyright: ignore[reportPrivateUsage]
    call.cancel()
    await asyncio.wait([call])
    assert answer.cancelled(), "else what becomes of it is told to nobody"
