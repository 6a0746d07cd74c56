"""What the saver promises of a store: bounded, private to a thread, whole or not at all, in few round trips."""

from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, empty_checkpoint
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.memory import InMemorySaver
from redis.asyncio import Redis
from redis.crc import key_slot

from graphs.checkpoint import RedisSaver
from graphs.checkpoint.keys import Keys, name

LARGE = "a long passage of prose " * 100


def line(thread: str, ns: str = "", checkpoint_id: str | None = None) -> RunnableConfig:
    named = {"checkpoint_id": checkpoint_id} if checkpoint_id else {}
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ns, **named}}


def checkpoint(values: dict[str, Any], versions: dict[str, str]) -> Checkpoint:
    return {**empty_checkpoint(), "id": str(uuid6()), "channel_values": values, "channel_versions": dict(versions)}


async def put_turns(saver: RedisSaver, thread: str, count: int, *, ns: str = "") -> list[RunnableConfig]:
    """A line of checkpoints, each with a new large value, an old large one, and small ones; and a pending write."""
    at, stored = line(thread, ns), list[RunnableConfig]()
    for turn in range(count):
        values = {"prose": f"{turn} {LARGE}", "world": LARGE, "turn": turn}
        versions = {"prose": f"{turn:08}", "world": "0", "turn": f"{turn:08}", "empty": "0"}
        new = versions if turn == 0 else {"prose": versions["prose"], "turn": versions["turn"]}
        metadata = {"source": "loop", "step": turn, "parents": {}}
        at = await saver.aput(at, checkpoint(values, versions), metadata, dict(new))  # type: ignore[arg-type]
        await saver.aput_writes(at, [("prose", f"next {turn}"), ("turn", turn + 1)], f"task{turn}")
        stored.append(at)
    return stored


async def ids(saver: RedisSaver, config: RunnableConfig | None, **asked: Any) -> list[str]:
    return [found.checkpoint["id"] async for found in saver.alist(config, **asked)]


def id_of(config: RunnableConfig) -> str:
    return config["configurable"]["checkpoint_id"]  # type: ignore[typeddict-item]


async def test_a_checkpoint_comes_back_whole(redis: Redis) -> None:
    *_, last = await put_turns(RedisSaver(redis), "t", 3)
    found = await RedisSaver(redis).aget_tuple(line("t"))
    assert found is not None
    assert found.config == last
    assert found.checkpoint["channel_values"] == {"prose": f"2 {LARGE}", "world": LARGE, "turn": 2}
    assert found.pending_writes == [("task2", "prose", "next 2"), ("task2", "turn", 3)]
    assert found.metadata["step"] == 2
    assert await RedisSaver(redis).aget_tuple(line("other")) is None
    assert await RedisSaver(redis).aget_tuple(line("t", checkpoint_id="none")) is None


async def test_a_large_value_is_stored_once_and_small_ones_travel_inside(redis: Redis) -> None:
    await put_turns(RedisSaver(redis), "t", 5)
    fields = await redis.hkeys("tta:3:{t}:data")
    assert sorted(field.split(b"\0")[2:] for field in fields if field.startswith(b"v")) == [
        [b"prose", b"%08d" % turn] for turn in range(5)
    ] + [[b"world", b"0"]]
    assert await redis.hget("tta:3:{t}:data", name("n", "", "world", "0")) == b"5"


async def test_keep_bounds_what_a_thread_holds(redis: Redis) -> None:
    saver = RedisSaver(redis, keep=4)
    stored = await put_turns(saver, "t", 12)
    sizes = [await redis.hlen("tta:3:{t}:data"), await redis.zcard("tta:3:{t}:names")]
    assert await ids(saver, line("t")) == [id_of(config) for config in reversed(stored[-4:])]
    for config in stored[-4:]:
        assert (await saver.aget_tuple(config)) is not None
    assert await saver.aget_tuple(stored[7]) is None
    await put_turns(saver, "t", 200)
    assert [await redis.hlen("tta:3:{t}:data"), await redis.zcard("tta:3:{t}:names")] == sizes


async def test_keep_counts_each_namespace_for_itself(redis: Redis) -> None:
    saver = RedisSaver(redis, keep=2)
    await put_turns(saver, "t", 3, ns="")
    await put_turns(saver, "t", 3, ns="inner")
    assert len(await ids(saver, line("t"))) == 2
    assert len(await ids(saver, line("t", "inner"))) == 2


async def test_a_thread_grown_without_keep_shrinks_under_it(redis: Redis) -> None:
    await put_turns(RedisSaver(redis), "t", 40)
    saver = RedisSaver(redis, keep=3)
    await put_turns(saver, "t", 8)
    assert len(await ids(saver, line("t"))) == 3
    counts = [field for field in await redis.hkeys("tta:3:{t}:data") if field.startswith(b"n")]
    assert len(counts) == 3 + 1


async def test_keep_leaves_what_a_fork_refers_to(redis: Redis) -> None:
    """A fork takes a value from an old checkpoint; that goes, the value stays; with the fork it goes too."""
    saver = RedisSaver(redis, keep=3)
    stored = await put_turns(saver, "t", 3)
    old = await saver.aget_tuple(stored[0])
    assert old is not None
    fork = {**old.checkpoint, "id": str(uuid6())}
    forked = await saver.aput(stored[0], fork, {"source": "fork", "step": 9}, {})  # type: ignore[arg-type]
    assert await saver.aget_tuple(stored[0]) is None
    found = await RedisSaver(redis).aget_tuple(forked)
    assert found is not None
    assert found.checkpoint["channel_values"]["prose"] == f"0 {LARGE}"
    await put_turns(saver, "t", 3)
    assert await saver.aget_tuple(forked) is None


async def test_a_fork_of_what_was_just_pruned_sends_its_values_again(redis: Redis) -> None:
    saver = RedisSaver(redis, keep=2)
    stored = await put_turns(saver, "t", 2)
    old = await saver.aget_tuple(stored[0])
    assert old is not None
    await put_turns(RedisSaver(redis, keep=2), "t", 3)
    forked = await saver.aput(stored[0], {**old.checkpoint, "id": str(uuid6())}, {"source": "fork"}, {})
    found = await RedisSaver(redis).aget_tuple(forked)
    assert found is not None
    assert found.checkpoint["channel_values"] == old.checkpoint["channel_values"]


async def test_a_repeated_put_counts_once(redis: Redis) -> None:
    saver = RedisSaver(redis)
    one = checkpoint({"prose": LARGE}, {"prose": "1"})
    for _ in range(3):
        await saver.aput(line("t"), one, {"step": 1}, {"prose": "1"})
    assert await redis.hget("tta:3:{t}:data", name("n", "", "prose", "1")) == b"1"
    assert len(await ids(saver, line("t"))) == 1


@pytest.mark.parametrize("special", ["__error__", "__interrupt__", "__resume__", "__scheduled__"])
async def test_repeated_writes_are_as_in_memory(redis: Redis, special: str) -> None:
    """Ordinary writes stay as first written, special ones are replaced, and the order is that of the run."""
    ours, theirs = RedisSaver(redis), InMemorySaver()
    one = checkpoint({}, {})
    for saver in (ours, theirs):
        at = await saver.aput(line("t"), one, {"step": 1}, {})
        for attempt in range(2):
            await saver.aput_writes(at, [("a", attempt), (special, attempt), ("b", attempt)], "task1", "~2")
            await saver.aput_writes(at, [("a", attempt)] * 12, "task0", "~10")
            await saver.aput_writes(at, [("c", attempt)], "task2", "~1")
            await saver.aput_writes(at, [], "task3")
    mine, reference = await ours.aget_tuple(line("t")), await theirs.aget_tuple(line("t"))
    assert mine is not None
    assert reference is not None
    assert mine.pending_writes == reference.pending_writes


async def test_writes_may_come_before_their_checkpoint(redis: Redis) -> None:
    saver = RedisSaver(redis)
    early = checkpoint({}, {})
    await saver.aput_writes(line("t", "", early["id"]), [("a", 1)], "task")
    assert await saver.aget_tuple(line("t")) is None
    await saver.aput(line("t"), early, {"step": 1}, {})
    found = await saver.aget_tuple(line("t"))
    assert found is not None
    assert found.pending_writes == [("task", "a", 1)]


async def test_ttl_is_set_and_refreshed_for_the_whole_thread(redis: Redis) -> None:
    saver = RedisSaver(redis, ttl=100)
    (at,) = await put_turns(saver, "t", 1)
    for key in await redis.keys("*"):
        assert 95_000 < await redis.pttl(key) <= 100_000
        await redis.pexpire(key, 5_000)
    await saver.aget_tuple(at)
    assert {await redis.pttl(key) > 5_000 for key in await redis.keys("*")} == {False}
    await saver.aput_writes(at, [("a", 1)], "later")
    assert {await redis.pttl(key) > 95_000 for key in await redis.keys("*")} == {True}


async def test_a_line_continues_after_its_thread_expired(redis: Redis) -> None:
    """The saver remembers the line's values as stored; the store has forgotten them."""
    saver = RedisSaver(redis)
    (at,) = await put_turns(saver, "t", 1)
    found = await saver.aget_tuple(at)
    assert found is not None
    await redis.flushdb()
    at = await saver.aput(at, {**found.checkpoint, "id": str(uuid6())}, {"step": 2}, {})
    again = await saver.aget_tuple(at)
    assert again is not None
    assert again.checkpoint["channel_values"] == found.checkpoint["channel_values"]


NAMES = [
    "plain",
    "",
    "%",
    "{a}b",
    "}{",
    "a:b:{c",
    "tta:3:{x}:names",
    "ночь 🌙",
    "with space\n",
    "%7B",
    "*?[a]",
    "nul\0",
]


@pytest.mark.parametrize("thread", NAMES)
async def test_any_thread_id_has_its_own_slot_and_leaves_nothing_behind(redis: Redis, thread: str) -> None:
    saver = RedisSaver(redis)
    await put_turns(saver, "neighbour", 1)
    left = set(await redis.keys("*"))
    await put_turns(saver, thread, 2)
    await put_turns(saver, thread, 1, ns="inner:1|deep:2")
    found = await saver.aget_tuple(line(thread))
    assert found is not None
    assert found.config["configurable"]["thread_id"] == thread  # type: ignore[typeddict-item]
    mine = set(await redis.keys("*")) - left
    assert len(mine) == 2
    assert len({key_slot(key) for key in mine}) == 1
    assert thread in {named.config["configurable"]["thread_id"] async for named in saver.alist(None)}  # type: ignore[typeddict-item]
    await saver.adelete_thread(thread)
    assert set(await redis.keys("*")) == left
    assert await ids(saver, line(thread)) == []
    assert len(await ids(saver, line("neighbour"))) == 1


def test_thread_ids_never_share_keys() -> None:
    keys = Keys("tta")
    assert len({tuple(keys.of(thread)) for thread in NAMES}) == len(NAMES)
    assert [keys.thread_of(keys.of(thread)[0]) for thread in NAMES] == NAMES
    assert all(key.startswith("tta:3:{") and key.count("{") == key.count("}") == 1 for key in keys.of("}{:{"))


async def test_names_with_nul_are_refused(redis: Redis) -> None:
    saver = RedisSaver(redis)
    with pytest.raises(ValueError, match="NUL"):
        await saver.aput(line("t", "a\0b"), checkpoint({}, {}), {"step": 1}, {})
    assert await redis.keys("*") == []


async def test_prefixes_do_not_meet(redis: Redis) -> None:
    await put_turns(RedisSaver(redis, prefix="one"), "t", 1)
    two = RedisSaver(redis, prefix="two")
    assert await two.aget_tuple(line("t")) is None
    await two.adelete_thread("t")
    assert await ids(two, None) == []
    assert len(await ids(RedisSaver(redis, prefix="one"), None)) == 1


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 70])
async def test_listing_pages_as_memory_does(redis: Redis, count: int) -> None:
    saver = RedisSaver(redis)
    expected = [id_of(config) for config in reversed(await put_turns(saver, "t", count))]
    assert await ids(saver, line("t")) == expected
    assert await ids(saver, {"configurable": {"thread_id": "t"}}) == expected
    for limit in (0, 1, 32, 50):
        assert await ids(saver, line("t"), limit=limit) == expected[:limit]
    for at in range(0, count, 13):
        before = line("t", "", expected[at])
        assert await ids(saver, line("t"), before=before) == expected[at + 1 :]
        assert await ids(saver, line("t"), before=before, limit=2) == expected[at + 1 : at + 3]
        assert await ids(saver, before) == [expected[at]]
        assert await ids(saver, before, before=before) == []
        assert await ids(saver, line("t"), filter={"step": count - 1 - at}) == [expected[at]]
    assert await ids(saver, line("t"), filter={"source": "loop"}, limit=40) == expected[:40]
    assert await ids(saver, line("t"), filter={"source": "loop", "step": -1}) == []


async def test_listing_without_namespace_goes_through_all_root_first(redis: Redis) -> None:
    saver = RedisSaver(redis)
    for ns in ("b", "", "a", "a:b"):
        await put_turns(saver, "t", 1, ns=ns)
    found = [each.config["configurable"]["checkpoint_ns"] async for each in saver.alist({"configurable": {"thread_id": "t"}})]  # type: ignore[typeddict-item] # fmt: skip
    assert found == ["", "a", "a:b", "b"]
