"""What a turn leaves behind too much is cut while its caller goes on; whatever becomes of the cut, the put is in the store."""

from typing import Any

import pytest
from drawn import Run
from redis.asyncio import Redis

from graphs.checkpoint import RedisSaver, StoreUnreachable
from graphs.checkpoint.scripts import CUT
from graphs.checkpoint.wires import WIRES

TURN = (("grow",), ("say", "fail"))


async def play(saver: RedisSaver, turns: int) -> Run:
    run = Run(saver, TURN)
    for turn in range(turns):
        await run.do(("say", f"turn {turn}"), "sync")
    return run


async def test_a_cut_that_got_lost_is_made_up_for_by_the_next_turn(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    saver = RedisSaver(redis, keep=2)
    run = await play(saver, 3)

    async def lose(*_: Any) -> None: ...

    with monkeypatch.context() as patch:
        patch.setattr(saver._server, "tell", lose)  # pyright: ignore[reportPrivateUsage]
        await run.do(("say", "and"), "sync")
        await run.do(("say", "on"), "sync")
    assert len(await run.history()) == 4
    await run.do(("say", "again"), "sync")
    assert len(await run.history()) == 2


async def test_a_cut_that_fails_fails_no_put(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no wire, as in a Cluster, the cut is waited for."""
    monkeypatch.setattr(WIRES, "of", lambda _: None)
    saver = RedisSaver(redis, keep=2)
    run, ask = await play(saver, 3), saver._server.run  # pyright: ignore[reportPrivateUsage]

    async def refuse(script: Any, *asked: Any) -> Any:
        if script is CUT:
            raise StoreUnreachable("gone")
        return await ask(script, *asked)

    with monkeypatch.context() as patch:
        patch.setattr(saver._server, "run", refuse)  # pyright: ignore[reportPrivateUsage]
        await run.do(("say", "and on"), "sync")
    assert len(await run.history()) == 3
    await run.do(("say", "again"), "sync")
    assert len(await run.history()) == 2


@pytest.mark.parametrize("keep", [1, 2])
async def test_a_cut_that_comes_late_leaves_the_last_finished_turn(
    redis: Redis, keep: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile the next turn has begun, and failed: there must be one to go back to."""
    saver = RedisSaver(redis, keep=keep)
    run, tell = await play(saver, 3), saver._server.tell  # pyright: ignore[reportPrivateUsage]
    late: list[Any] = []

    async def hold(*cut: Any) -> None:
        late.append(cut)

    with monkeypatch.context() as patch:
        patch.setattr(saver._server, "tell", hold)  # pyright: ignore[reportPrivateUsage]
        await run.do(("say", "the last that is finished"), "sync")
        assert "Fault" in await run.do(("fail",), "sync")
    for cut in late:
        await tell(*cut)
    under_way, *finished = await run.history()
    assert under_way.next
    assert "the last that is finished" in finished[0].values["said"]
    assert len(finished) >= keep
    await run.do(("say", "on"), "sync")
    assert len(await run.history()) == keep


async def test_a_server_that_forgot_the_cut_learns_it(redis: Redis) -> None:
    run = await play(RedisSaver(redis, keep=2), 3)
    assert WIRES.of(redis)
    await redis.script_flush()
    await run.do(("say", "and on"), "sync")
    assert len(await run.history()) == 2


async def test_a_cut_behind_a_deletion_leaves_nothing(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    saver = RedisSaver(redis, keep=2)
    run, late = await play(saver, 3), list[Any]()

    async def hold(*cut: Any) -> None:
        late.append(cut)

    monkeypatch.setattr(saver._server, "tell", hold)  # pyright: ignore[reportPrivateUsage]
    await run.do(("say", "and on"), "sync")
    await saver.adelete_thread(run.config["configurable"]["thread_id"])
    [cut] = late
    assert await saver._server.run(*cut) == 1  # pyright: ignore[reportPrivateUsage]
    assert await redis.dbsize() == 0
