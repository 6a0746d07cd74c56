"""Limits, newer stores, cancelled callers, late and repeated puts: an error or the same store, never half of one."""

import asyncio
import random
from contextlib import suppress
from typing import Any

import pytest
from redis.asyncio import Redis
from test_saver import LARGE, checkpoint, id_of, ids, line, put_turns

from graphs.checkpoint import (
    RedisSaver,
    StoreNewer,
    ValueTooLarge,
)
from graphs.checkpoint.keys import SCHEMA


@pytest.mark.parametrize("where", ["value", "write", "metadata"])
async def test_what_is_over_the_limit_is_named_and_changes_nothing(redis: Redis, where: str) -> None:
    saver = RedisSaver(redis, max_value=4096)
    (at,) = await put_turns(saver, "t", 1)
    before = {key: await redis.dump(key) for key in await redis.keys("*")}
    big = "x" * 5000
    values = {"prose": big} if where == "value" else {}
    metadata: Any = {"step": 2, "source": "loop", "note": big if where == "metadata" else ""}
    call = saver.aput(at, checkpoint(values, {"prose": "9"}), metadata, {"prose": "9"})
    if where == "write":
        call.close()
        call = saver.aput_writes(at, [("prose", big)], "task")
    with pytest.raises(ValueTooLarge, match="5,0"):
        await call
    assert {key: await redis.dump(key) for key in await redis.keys("*")} == before


async def test_a_write_too_large_fails_alone(redis: Redis) -> None:
    """What is asked in the same breath for the same thread is carried out."""
    saver = RedisSaver(redis, max_value=4096)
    (at,) = await put_turns(saver, "t", 1)
    told = await asyncio.gather(
        saver.aput_writes(at, [("prose", "x" * 5000)], "large"),
        saver.aput_writes(at, [("prose", "small")], "small"),
        return_exceptions=True,
    )
    assert [type(one) for one in told] == [ValueTooLarge, type(None)]
    found = await saver.aget_tuple(line("t"))
    assert found
    assert ("small", "prose", "small") in (found.pending_writes or [])


async def test_a_store_of_a_newer_version_is_not_begun_again(redis: Redis) -> None:
    await redis.zadd(f"tta:{SCHEMA + 2}:{{t}}:names", {"something": 0})
    for call in (RedisSaver(redis).aget_tuple(line("t")), put_turns(RedisSaver(redis), "t", 1)):
        with pytest.raises(StoreNewer, match=f"schema {SCHEMA + 2}"):
            await call
    assert len(await redis.keys("*")) == 1
    await put_turns(RedisSaver(redis), "other", 1)


async def test_a_store_of_a_newer_version_is_refused_however_often_one_asks(redis: Redis) -> None:
    """Who was told once, and tries again, must not be told that the thread is new."""
    await redis.zadd(f"tta:{SCHEMA + 1}:{{t}}:names", {"something": 0})
    saver = RedisSaver(redis, keep=2)
    for _ in range(3):
        with pytest.raises(StoreNewer):
            await saver.aget_tuple(line("t"))
        with pytest.raises(StoreNewer):
            await put_turns(saver, "t", 1)
    assert len(await redis.keys("*")) == 1


@pytest.mark.parametrize("undo", ["thread", "run", "prune", "copy"])
async def test_what_a_cancelled_caller_left_under_way_does_not_come_back(redis: Redis, undo: str) -> None:
    """A run is broken off and its story deleted: the put that was still to go out goes before, not after."""
    for ticks in range(1, 6):
        saver = RedisSaver(redis, keep=5)
        await put_turns(saver, "other", 1)
        (at,) = await put_turns(saver, "t", 1)
        made, config = checkpoint({"prose": LARGE}, {"prose": "9"}), {**at, "metadata": {"run_id": "r"}}
        broken_off = asyncio.create_task(saver.aput(config, made, {"source": "loop", "step": 7}, {"prose": "9"}))  # type: ignore[arg-type]
        for _ in range(ticks):
            await asyncio.sleep(0)
        broken_off.cancel()
        with suppress(asyncio.CancelledError):
            await broken_off
        if undo == "thread":
            await saver.adelete_thread("t")
        elif undo == "run":
            await saver.adelete_for_runs(["r"])
        elif undo == "prune":
            await saver.aprune(["t"])
        else:
            await saver.acopy_thread("other", "t")
        await asyncio.sleep(0.02)
        left = await ids(saver, line("t"))
        expected = {"thread": [], "run": [id_of(at)], "prune": [made["id"]], "copy": await ids(saver, line("other"))}
        assert left == expected[undo], ticks
        await redis.flushdb()


async def test_tasks_cancelled_before_they_began_leave_the_thread_usable(redis: Redis) -> None:
    """Somebody ends every task of the loop, at any moment of a call, and goes on with the loop."""
    for ticks in range(8):
        saver = RedisSaver(redis, keep=2)
        (at,) = await put_turns(saver, "t", 1)
        ended = asyncio.create_task(saver.aput_writes(at, [("a", 1)], "ended"))
        for _ in range(ticks):
            await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.gather(ended, return_exceptions=True)
        async with asyncio.timeout(60):
            await saver.aput_writes(at, [("a", 2)], "after")
        found = await saver.aget_tuple(at)
        assert found
        assert ("after", "a", 2) in (found.pending_writes or [])


@pytest.mark.parametrize("keep", [None, 2])
async def test_puts_that_come_late_twice_or_at_once_come_to_the_same(redis: Redis, keep: int | None) -> None:
    """One turn's checkpoints in any order, some twice, from several savers at once."""
    made: list[tuple[Any, Any, Any, Any]] = []
    at = line("t")
    for step in range(6):
        value = {"prose": f"{step} {LARGE}", "world": LARGE}
        one = checkpoint(value, {"prose": f"{step:08}", "world": "0"})
        if step:
            one = {**one, "versions_seen": {"node": {"prose": "0"}}}
        metadata = {"source": "loop" if step else "input", "step": step}
        made.append((at, one, metadata, {"prose": f"{step:08}", "world": "0"}))
        at = line("t", "", one["id"])
    accounts: list[Any] = []
    for seed in range(12):
        chance = random.Random(seed)
        savers = [RedisSaver(redis, keep=keep) for _ in range(3)]
        calls = [*made, *chance.choices(made, k=4)]
        if seed:
            chance.shuffle(calls)
        if seed % 3:
            await asyncio.gather(*(chance.choice(savers).aput(*call) for call in calls))
        else:
            for call in calls:
                await chance.choice(savers).aput(*call)
        found = await RedisSaver(redis).aget_tuple(line("t"))
        assert found
        counts = await redis.hmget("tta:3:{t}:data", [f"n\0\0prose\0{step:08}" for step in range(6)])
        listed = await ids(savers[0], line("t"))
        accounts.append((found.checkpoint, found.parent_config, listed[0], counts[-1]))
        if keep is None:
            assert len(listed) == 6
        await savers[0].adelete_thread("t")
    assert all(account == accounts[0] for account in accounts)
