"""What a thread takes is bounded: turns, values, pending writes, and the namespaces of subgraphs, through real graphs."""

from typing import Annotated, Any, TypedDict

import pytest
from drawn import Run, State
from langgraph.channels.delta import DeltaChannel
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt
from redis.asyncio import Redis

from graphs.checkpoint import CannotPrune, RedisSaver
from graphs.checkpoint.keys import NUL

TURN = (("grow",), ("say", "fan"), ("say",))


async def size(redis: Redis) -> int:
    return sum([await redis.memory_usage(key, samples=0) or 0 for key in await redis.keys("*")])


async def fields(redis: Redis) -> list[str]:
    """The kinds of everything that is stored."""
    found: list[str] = []
    for key in await redis.keys("*:data"):
        found += [field.decode().split(NUL)[0] for field in await redis.hkeys(key)]
    for key in await redis.keys("*:names"):
        found += [member.decode().split(NUL)[0] for member in await redis.zrange(key, 0, -1)]
    return sorted(found)


async def test_keep_holds_the_final_checkpoint_of_each_of_the_last_turns(redis: Redis) -> None:
    run = Run(RedisSaver(redis, keep=3), TURN)
    for turn in range(8):
        await run.do(("say", f"turn {turn}"), "sync")
    past = await run.history()
    assert [shot.next for shot in past] == [(), (), ()]
    assert [[said for said in shot.values["said"] if said.startswith("turn")][-1] for shot in past] == [
        "turn 7",
        "turn 6",
        "turn 5",
    ]
    assert len([kind for kind in await fields(redis) if kind == "v"]) <= 2 * 3, "values go with their checkpoints"
    assert "w" not in await fields(redis), "and so do pending writes"


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
async def test_a_turn_that_was_interrupted_and_resumed_takes_one_place(redis: Redis, durability: str) -> None:
    run = Run(RedisSaver(redis, keep=2), (("grow",), ("ask",), ("say",)))
    for turn in range(4):
        await run.do(("say", f"turn {turn}"), durability)
        await run.do(("answer", "yes"), durability)
    past = await run.history()
    assert [shot.next for shot in past] == [(), ()]
    await run.do(("say", "not answered"), durability)
    await run.do(("say", "turn 5"), durability)
    await run.do(("answer", "yes"), durability)
    assert [bool(shot.next) for shot in await run.history()] == [False, True], "what was left unanswered is a turn"


async def test_a_turn_under_way_is_kept_beside_them_with_what_it_needs(redis: Redis) -> None:
    run = Run(RedisSaver(redis, keep=2), (("grow",), ("ask", "fail")))
    for _ in range(3):
        await run.do(("say", "on"), "sync")
        await run.do(("answer", "yes"), "sync")
    assert "Fault" in await run.do(("fail",), "sync")
    run.restart(RedisSaver(redis, keep=2))
    past = await run.history()
    assert [bool(shot.next) for shot in past] == [True, False, False]
    assert [task.name for task in past[0].tasks] == ["ask10", "fail11"]
    await run.do(("answer", "after all"), "sync")
    state = await run.app.aget_state(run.config)
    assert state.next == ()
    assert "ask10 after all" in state.values["said"]


@pytest.mark.parametrize("defer", [False, True])
async def test_a_turn_whose_next_node_waited_for_several_is_under_way(redis: Redis, defer: bool) -> None:
    """Both that it waits for have come: no branch leads there, yet it is next. If one only comes, the turn has ended."""

    async def one(state: State) -> State:
        return {"said": ["one"]}

    async def ask(state: State) -> State:
        return {"said": [str(interrupt("who?"))]}

    graph = StateGraph(State).add_node("one", one).add_node("two", one).add_node("ask", ask, defer=defer)
    graph.add_edge(START, "one")
    graph.add_conditional_edges(START, lambda state: "two" if state["said"][-1] != "alone" else END)
    graph.add_edge(["one", "two"], "ask")
    app = graph.compile(checkpointer=RedisSaver(redis, keep=2))
    config: Any = {"configurable": {"thread_id": "t"}}

    async def following() -> list[tuple[str, ...]]:
        return [shot.next async for shot in app.aget_state_history(config)]

    for _ in range(3):
        await app.ainvoke({"said": ["both"]}, config, durability="sync")
        await app.ainvoke(Command(resume="Maren"), config, durability="sync")
    await app.ainvoke({"said": ["both"]}, config, durability="sync")
    assert await following() == [("ask",), (), ()]
    await app.ainvoke(Command(resume="Maren"), config, durability="sync")
    assert await following() == [(), ()]
    await app.ainvoke({"said": ["alone"]}, config, durability="sync")
    assert await following() == [(), ()]


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
async def test_two_hundred_and_fifty_turns_take_no_more_than_fifty(redis: Redis, durability: str) -> None:
    async def narrate(state: State) -> State:
        return {"prose": f"{state['count']:04} " * 500}

    graph = StateGraph(State).add_sequence([("narrate", narrate)]).set_entry_point("narrate")
    app = graph.compile(checkpointer=RedisSaver(redis, keep=20))

    async def size_after(turns: int) -> int:
        for turn in range(turns):
            await app.ainvoke({"count": turn}, {"configurable": {"thread_id": "t"}}, durability=durability)
        return await size(redis)

    after_fifty = await size_after(50)
    assert await size_after(200) < after_fifty * 1.1


async def test_the_namespaces_of_a_tasks_subgraph_go_with_its_turn(redis: Redis) -> None:
    async def deepen(state: Deep) -> Deep:
        return {"deep": "deep " * 300}

    below = StateGraph(Deep).add_sequence([("deepen", deepen)]).set_entry_point("deepen")
    lasting, passing = below.compile(checkpointer=True), below.compile()

    async def last(state: State) -> State:
        await lasting.ainvoke({"deep": ""})
        return {"said": ["last"]}

    async def once(state: State) -> State:
        await passing.ainvoke({"deep": ""})
        return {"said": ["once"]}

    graph = StateGraph(State).add_node("last", last).add_node("once", once)
    graph.add_conditional_edges(START, lambda state: [Send("once", {}), Send("once", {}), "last"])
    app = graph.compile(checkpointer=RedisSaver(redis, keep=2))
    for turn in range(12):
        await app.ainvoke({"said": [f"turn {turn}"]}, {"configurable": {"thread_id": "t"}}, durability="sync")
        if turn == 5:
            after_six = await size(redis)
    assert await size(redis) < after_six * 1.25
    namespaces = {
        m.decode().split(NUL)[1] for m in await redis.zrange("tta:3:{t}:names", 0, -1) if m.startswith(b"s\0")
    }
    assert "" in namespaces
    assert len(namespaces) <= 1 + 3 * 4


async def test_a_fork_of_an_old_turn_keeps_what_it_refers_to(redis: Redis) -> None:
    run = Run(RedisSaver(redis, keep=3), TURN)
    for turn in range(3):
        await run.do(("say", f"turn {turn}"), "sync")
    oldest = (await run.history())[-1]
    assert await run.do(("edit", 0), "sync", oldest) == "edited"
    for turn in range(2):
        await run.do(("say", f"after {turn}"), "sync")
    newest = await run.app.aget_state(run.config)
    said = [said for said in newest.values["said"] if said.startswith(("turn", "after", "edited"))]
    assert said == ["turn 0", "edited", "after 0", "after 1"]
    assert newest.values["prose"].startswith("the sea")


async def test_a_kept_turn_can_be_replayed_and_an_interrupt_answered_twice(redis: Redis) -> None:
    async def ask(state: State) -> State:
        return {"said": [str(interrupt("who?"))]}

    graph = StateGraph(State).add_sequence([("ask", ask)]).set_entry_point("ask")
    app = graph.compile(checkpointer=RedisSaver(redis, keep=2))
    config: Any = {"configurable": {"thread_id": "t"}}
    await app.ainvoke({"said": ["one"]}, config, durability="sync")
    asked = await app.aget_state(config)
    first = await app.ainvoke(Command(resume="Maren"), config, durability="sync")
    assert first["said"] == ["one", "Maren"]
    assert (await app.aget_state(asked.config)).values == {}, "what took its place took it"
    again = await app.ainvoke(None, (await app.aget_state(config)).config, durability="sync")
    assert again["said"] == ["one", "Maren"]


class Deep(TypedDict, total=False):
    deep: str


def join(said: list[str], more: list[list[str]]) -> list[str]:
    return said + [line for lines in more for line in lines]


class Told(TypedDict, total=False):
    said: Annotated[list[str], DeltaChannel(join)]


async def test_a_graph_whose_values_live_in_older_checkpoints_is_never_cut(redis: Redis) -> None:
    async def speak(state: Told) -> Told:
        return {"said": [f"line {len(state['said'])}"]}

    graph = StateGraph(Told).add_node("speak", speak)
    graph.add_edge(START, "speak")
    graph.add_edge("speak", END)
    saver = RedisSaver(redis, keep=1)
    app = graph.compile(checkpointer=saver)
    config: Any = {"configurable": {"thread_id": "t"}}
    for turn in range(6):
        await app.ainvoke({"said": [f"turn {turn}"]}, config, durability="sync")
    said = (await app.aget_state(config)).values["said"]
    assert [one for one in said if one.startswith("turn")] == [f"turn {turn}" for turn in range(6)]
    with pytest.raises(CannotPrune):
        await saver.aprune(["t"])
    assert (await app.aget_state(config)).values["said"] == said
    await saver.aprune(["t"], strategy="delete")
    assert await redis.keys("*") == []


async def test_a_turn_asks_the_server_for_neither_keys_nor_a_scan(redis: Redis) -> None:
    """Every command of three turns, as MONITOR tells it."""
    run = Run(RedisSaver(redis, keep=2, ttl=60), TURN)
    await run.do(("say", "first"), "sync")
    said: list[str] = []
    async with redis.monitor() as monitor:
        await redis.echo("begin")
        for turn in range(3):
            await run.do(("say", f"turn {turn}"), "sync")
        await redis.echo("the end")
        async for told in monitor.listen():
            word = told["command"].split()[0].upper()
            said = [] if "begin" in told["command"] else [*said, word]
            if "the end" in told["command"]:
                break
    assert "EVALSHA" in said
    assert not {"KEYS", "SCAN", "HSCAN", "ZSCAN", "SSCAN", "HGETALL", "HKEYS", "HVALS"} & set(said)
    assert set(said) <= {
        "EVALSHA", "EXISTS", "HGET", "HMGET", "HSET", "HDEL", "HEXISTS", "ZADD", "ZREM", "ZRANGE", "ZLEXCOUNT", "PEXPIRE",
        "ECHO",
    }, said  # fmt: skip
