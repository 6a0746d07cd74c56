"""What a writer knows of the head saves time and changes nothing: the store is the same as without knowing it."""

import asyncio
import random
from typing import Any

import ormsgpack
import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base.id import uuid6
from redis.asyncio import Redis
from test_saver import LARGE, checkpoint, line

from graphs.checkpoint import RedisSaver
from graphs.checkpoint import saver as saver_module
from graphs.checkpoint.scripts import AFTER
from graphs.checkpoint.wires import WIRES


async def contents(redis: Redis, prefix: str) -> tuple[dict[bytes, Any], list[bytes]]:
    """A thread's data, its headings and records unpacked: channels have no order; and its names."""
    data: dict[bytes, Any] = await redis.hgetall(f"{prefix}:3:{{t}}:data")
    for field, packed in data.items():
        if field[:1] in b"Cc":
            data[field] = ormsgpack.unpackb(packed)
        elif field[:1] in b"Hh":
            parent, kind, step, run, refs, made = ormsgpack.unpackb(packed)
            data[field] = (parent, kind, step, run, set(refs), made)
    return data, await redis.zrange(f"{prefix}:3:{{t}}:names", 0, -1)


class Play:
    """Draws what LangGraph might ask for: turns of some steps, writes, forks, repeats, runs, other namespaces."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.at: RunnableConfig = line("t")
        self.step = -1
        self.versions: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self.past: list[tuple[RunnableConfig, dict[str, str], dict[str, Any]]] = []
        self.run: str | None = None

    def put(self) -> tuple[Any, ...]:
        """The arguments of the next put."""
        begins = self.step < 0 or self.chance.random() < 0.3
        if begins:
            self.run = self.chance.choice([None, "run-1", f"run-{self.chance.random()}"])
            if self.past and self.chance.random() < 0.2:  # a fork of an older one
                self.at, self.versions, values = self.chance.choice(self.past)
                self.values = dict(values)
        self.step += 1
        new = dict[str, str]()
        for channel in self.chance.sample(["prose", "world", "turn", "mood"], self.chance.randrange(1, 4)):
            new[channel] = f"{self.step:08}{self.chance.getrandbits(32):08x}"
            self.values[channel] = LARGE + new[channel] if self.chance.random() < 0.6 else self.step
        self.versions = {**self.versions, **new}
        ends = self.chance.random() < 0.4
        values = self.values if ends else {**self.values, "branch:to:next": None}
        versions = self.versions if ends else {**self.versions, "branch:to:next": f"{self.step:08}"}
        made = checkpoint(dict(values), versions)
        made["versions_seen"] = {} if begins else {"node": {"turn": "1"}}
        metadata = {"source": "input" if begins else "loop", "step": self.step, "parents": {}}
        config = {**self.at, "metadata": {"run_id": self.run}} if self.run else self.at
        if not ends:
            new["branch:to:next"] = versions["branch:to:next"]
        return config, made, metadata, new

    def went(self, at: RunnableConfig) -> None:
        self.at = at
        self.past = [*self.past, (at, dict(self.versions), dict(self.values))][-4:]


@pytest.mark.parametrize("keep", [1, 2, 5])
@pytest.mark.parametrize("ttl", [None, 60])
async def test_the_store_is_the_same(
    redis: Redis, keep: int, ttl: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    knowing, unknowing = (RedisSaver(redis, prefix=prefix, keep=keep, ttl=ttl) for prefix in ("knows", "asks"))
    taken: list[Any] = []
    run = knowing._server.run  # pyright: ignore[reportPrivateUsage]

    async def counted(script: Any, keys: Any, args: Any) -> Any:
        reply = await run(script, keys, args)
        if script is AFTER:
            taken.append(bool(reply))
        return reply

    monkeypatch.setattr(knowing._server, "run", counted)  # pyright: ignore[reportPrivateUsage]
    for seed in range(8):
        await redis.flushdb()
        play = Play(seed)
        for _ in range(25):
            args = play.put()
            if play.chance.random() < 0.2:  # somebody else wrote, or this process is a new one
                knowing._known.clear()  # pyright: ignore[reportPrivateUsage]
            for saver in (knowing, unknowing):
                unknowing._known.clear()  # pyright: ignore[reportPrivateUsage]
                at = await saver.aput(*args)
                if play.step % 3 == 0:
                    await saver.aput_writes(at, [("prose", "next"), ("turn", 1)], f"task{play.step}")
            play.went(at)
            if (wire := WIRES.of(redis)) is not None:
                await wire.ask(("PING",))  # what was told without waiting has been done
            known, asked = await contents(redis, "knows"), await contents(redis, "asks")
            differing = {k for k in known[0].keys() | asked[0].keys() if known[0].get(k) != asked[0].get(k)}
            assert not differing, (seed, play.step)
            assert known[1] == asked[1], (seed, play.step)
    assert sum(taken) > 100, "the common case was met"
    assert len(taken) > sum(taken), "and not met, in forks"


async def test_a_head_that_another_writer_moved_is_noticed(redis: Redis) -> None:
    one, other = RedisSaver(redis, keep=3), RedisSaver(redis, keep=3)
    first = await one.aput(line("t"), checkpoint({"a": LARGE}, {"a": "1"}), {"source": "input", "step": -1}, {"a": "1"})
    await other.aget_tuple(line("t"))
    second = await other.aput(first, checkpoint({"a": "b"}, {"a": "2"}), {"source": "loop", "step": 0}, {"a": "2"})
    third = await one.aput(first, checkpoint({"a": LARGE}, {"a": "1"}), {"source": "loop", "step": 0}, {})
    for at, value in ((first, LARGE), (second, "b"), (third, LARGE)):
        found = await RedisSaver(redis).aget_tuple(at)
        assert found is not None
        assert found.checkpoint["channel_values"] == {"a": value}


async def test_writes_of_a_head_that_only_seemed_to_go_stay(redis: Redis) -> None:
    """They leave with the checkpoint that would take its place, and another writer has begun a turn meanwhile."""
    one, other = RedisSaver(redis, keep=3), RedisSaver(redis, keep=3)
    first = await one.aput(line("t"), checkpoint({"a": 1}, {"a": "1"}), {"source": "input", "step": -1}, {"a": "1"})
    await other.aput(first, checkpoint({"a": 2}, {"a": "2"}), {"source": "input", "step": 0}, {"a": "2"})
    made = {**checkpoint({"a": 3}, {"a": "3"}), "versions_seen": {"node": {"a": "1"}}}
    await asyncio.gather(
        one.aput_writes(first, [("a", 3)], "task"),
        one.aput(first, made, {"source": "loop", "step": 0}, {"a": "3"}),  # type: ignore[arg-type]
    )
    found = await RedisSaver(redis).aget_tuple(first)
    assert found is not None
    assert found.pending_writes == [("task", "a", 3)]


async def test_the_script_that_is_told_too_little_changes_nothing(redis: Redis) -> None:
    """An id that repeats, an older id, a namespace of a task: the whole script is asked."""
    saver = RedisSaver(redis, keep=2)
    made = checkpoint({"a": 1}, {"a": "1"})
    at = await saver.aput(line("t"), made, {"source": "loop", "step": 0}, {"a": "1"})
    asked: list[Any] = []
    run = saver._server.run  # pyright: ignore[reportPrivateUsage]

    async def told(script: Any, keys: Any, args: Any) -> Any:
        asked.append(script)
        return await run(script, keys, args)

    saver._server.run = told  # type: ignore[method-assign]  # pyright: ignore[reportPrivateUsage]
    await saver.aput(line("t"), made, {"source": "loop", "step": 0}, {"a": "1"})
    old = {**made, "id": "00000000-0000-6000-8000-000000000000"}
    await saver.aput(line("t"), old, {"source": "loop", "step": 0}, {"a": "1"})  # type: ignore[arg-type]
    await saver.aput(line("t", "task:1"), {**made, "id": str(uuid6())}, {"source": "loop", "step": 0}, {"a": "1"})  # type: ignore[arg-type]
    await saver.aput(line("t", "task:1"), {**made, "id": str(uuid6())}, {"source": "loop", "step": 1}, {"a": "1"})  # type: ignore[arg-type]
    assert [script for script in asked if script is not saver_module.READ] == [saver_module.APPLY] * 4
    # The root's line was last put at an older id: its writer knows no head until it reads it, and then the short way.
    await saver.aget_tuple(line("t"))
    asked.clear()
    await saver.aput(at, {**made, "id": str(uuid6())}, {"source": "loop", "step": 1}, {})  # type: ignore[arg-type]
    assert asked == [AFTER]
