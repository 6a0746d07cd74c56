"""A store that goes away: every call says so in our own words, what was committed is told, and nothing is left dangling."""

import asyncio
import gc
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from cottage import COTTAGE
from redis.exceptions import ConnectionError as RedisConnectionError

from agents.errors import StoreFull, StoreUnavailable, StoryError
from graphs.embedded_home import disk_full
from graphs.engine import StoryEngine, open_engine
from graphs.settings import read_settings


@pytest.fixture
async def engine(tmp_path: Path) -> Any:
    async with open_engine(read_settings(data_dir=tmp_path, linger_s=0.2)) as opened:
        yield opened


async def gone(*_: Any, **__: Any) -> Any:
    raise RedisConnectionError("redis://:password@host")


def take_away(engine: StoryEngine, patched: pytest.MonkeyPatch) -> None:
    """Redis answers nothing any more; the graph does."""
    patched.setattr(engine._stores.redis, "execute_command", gone)  # pyright: ignore[reportPrivateUsage]
    patched.setattr("redis.asyncio.client.Pipeline.execute", gone)


async def test_every_call_says_so_in_our_own_words(engine: StoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    await engine.create(COTTAGE, session="s", seed=1)
    turn = await engine.act("s", "look")
    await engine.memory.put_trace(engine.scope("s"), turn["turn_id"], [])
    with monkeypatch.context() as patched:
        take_away(engine, patched)
        for call in (
            engine.undo("s"), engine.retry("s"), engine.recover("s"), engine.trace("s", turn["turn_id"]),
            engine.act("s", "look"), engine.delete("s"), anext(engine.events("s", turn["turn_id"])),
        ):  # fmt: skip
            with pytest.raises(StoreUnavailable) as caught:
                await call
            assert "password" not in caught.value.line()
            assert "TTA_REDIS_URL" not in caught.value.line(), "none is set"
        with pytest.raises(StoryError) as danger:
            await engine.act("s", "I want to end my life tonight")
        assert danger.value.help
    assert (await engine.act("s", "wait"))["number"] == 2


async def test_what_was_committed_is_told(engine: StoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis dies after the commit: the turn is there, nobody sends it again, and the next one tidies up."""
    await engine.create(COTTAGE, session="s", seed=1)
    commit = engine.memory.commit

    with monkeypatch.context() as patched:

        async def and_gone(*args: Any) -> Any:
            turn = await commit(*args)
            patched.setattr("graphs.runner.Runner._keep_trace", gone)
            patched.setattr("graphs.events.Events.append", gone)
            patched.setattr("graphs.inbox.Inbox.clear", gone)
            return turn

        patched.setattr(engine.memory, "commit", and_gone)
        assert (await engine.act("s", "take lamp"))["number"] == 1
    assert (await engine.act("s", "wait"))["number"] == 2
    assert [turn["action"] for turn in await engine.turns("s")] == ["wait", "take lamp"]


async def test_a_turn_that_failed_unseen_is_no_error_of_the_loop(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.create(COTTAGE, session="s", seed=1)
    said: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    monkeypatch.setattr("graphs.runner.Runner.run", gone)
    _, task = await engine.start("s", "look")
    await asyncio.wait([task])
    del task
    gc.collect()
    await asyncio.sleep(0)
    assert said == []


async def test_a_server_that_died_of_a_full_disk_is_not_called_unreachable(
    engine: StoryEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`test_full_disk.py` fills a real one, where it may be mounted; here the room is only said to be none."""
    await engine.create(COTTAGE, session="s", seed=1)

    def full(directory: Path) -> None:
        raise disk_full(directory)

    with monkeypatch.context() as patched:
        patched.setattr("graphs.embedded.check_room", full)
        info = await engine._stores.redis.info("server")  # pyright: ignore[reportPrivateUsage]
        os.kill(info["process_id"], signal.SIGKILL)
        for _ in range(2):
            with pytest.raises(StoreFull) as caught:
                await engine.act("s", "look")
        assert str(tmp_path) in caught.value.line()
        with pytest.raises(StoreFull) as danger:
            await engine.act("s", "I want to end my life tonight")
        assert danger.value.help
    assert (await engine.act("s", "wait"))["action"] == "wait"


async def test_a_lease_that_could_not_be_given_back_keeps_nobody_waiting(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.create(COTTAGE, session="s", seed=1)
    with monkeypatch.context() as patched:
        patched.setattr("graphs.locks._RELEASE", "return redis.error_reply('LOST')")
        await engine.act("s", "look")
    assert (await engine.act("s", "wait"))["number"] == 2
