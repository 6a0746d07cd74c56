"""Whatever is done with a graph, it goes on Redis as it goes in memory: state, history, tasks, errors."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, StateSnapshot, interrupt
from redis.asyncio import Redis

from graphs.checkpoint import RedisSaver


class State(TypedDict, total=False):
    said: Annotated[list[str], operator.add]
    prose: str
    answer: str
    count: int


class Fault(Exception):
    pass


@dataclass
class Run:
    """One graph on one saver; `failing` names the nodes that fail."""

    saver: BaseCheckpointSaver[str]
    thread: str = field(default_factory=lambda: f"story:{uuid4()}")
    failing: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        graph = StateGraph(State)
        for name in ("open", "left", "right", "each", "close"):
            graph.add_node(name, getattr(self, name))
        graph.add_edge(START, "open")
        graph.add_edge("open", "left")
        graph.add_edge("open", "right")
        graph.add_conditional_edges("left", lambda state: [Send("each", {"count": n}) for n in range(2)])
        graph.add_edge("right", "close")
        graph.add_edge("close", END)
        self.graph = graph
        self.restart(self.saver)

    def restart(self, saver: BaseCheckpointSaver[str]) -> None:
        self.saver, self.app = saver, self.graph.compile(checkpointer=saver)

    def fail(self, node: str) -> None:
        if node in self.failing:
            raise Fault(node)

    async def open(self, state: State) -> State:
        return {"count": state.get("count", 0) + 1, "prose": "the sea " * 200 + str(state.get("count", 0))}

    async def left(self, state: State) -> State:
        return {"said": [f"left {state['count']}"]}

    async def right(self, state: State) -> State:
        self.fail("right")
        return {"said": [f"right {len(state['said'])}"]}

    async def each(self, state: State) -> State:
        return {"said": [f"each {state['count']}"]}

    async def close(self, state: State) -> State:
        self.fail("close")
        return {"answer": str(interrupt({"ask": state["count"]}))}

    @property
    def config(self) -> RunnableConfig:
        return {"configurable": {"thread_id": self.thread}}

    async def history(self) -> list[StateSnapshot]:
        return [snapshot async for snapshot in self.app.aget_state_history(self.config)]

    async def do(self, step: Sequence[Any], durability: Any) -> str:
        """Take one step; answers what it came to."""
        what, *rest = step
        try:
            if what == "say":
                return repr(await self.invoke({"said": [rest[0]]}, self.config, durability))
            if what == "answer":
                return repr(await self.invoke(Command(resume=rest[0]), self.config, durability))
            if what == "go on":
                return repr(await self.invoke(None, self.config, durability))
            if what == "fail":
                self.failing = {rest[0]}
                return repr(await self.invoke({"said": ["fail"]}, self.config, durability))
            past = await self.history()
            if not past:
                return "nothing yet"
            at = past[rest[0] % len(past)].config
            if what == "replay":
                return repr(await self.invoke(None, at, durability))
            await self.app.aupdate_state(at, {"said": ["edited"]}, as_node=rest[1])
            return "edited"
        except Exception as error:
            return repr(error)
        finally:
            self.failing = set()

    async def invoke(self, given: Any, config: RunnableConfig, durability: Any) -> Any:
        values = await self.app.ainvoke(given, config, durability=durability)
        return {key: value for key, value in values.items() if key != "__interrupt__"}

    async def account(self) -> list[Any]:
        """All that the history tells, ids replaced by their place in it."""
        past = await self.history()
        places = {shot.config["configurable"]["checkpoint_id"]: place for place, shot in enumerate(past)}
        latest = await self.app.aget_state(self.config)
        return [
            [
                snapshot.values,
                snapshot.next,
                {key: value for key, value in (snapshot.metadata or {}).items() if key in ("source", "step")},
                places.get(snapshot.parent_config["configurable"]["checkpoint_id"]) if snapshot.parent_config else None,
                [
                    (task.name, task.path, repr(task.error), [i.value for i in task.interrupts], task.result)
                    for task in snapshot.tasks
                ],
            ]
            for snapshot in [latest, *past]
        ]


STEPS = st.one_of(
    st.tuples(st.just("say"), st.sampled_from(["hello", "", "ночь"])),
    st.tuples(st.just("answer"), st.sampled_from(["yes", "no"])),
    st.tuples(st.just("go on")),
    st.tuples(st.just("fail"), st.sampled_from(["right", "close"])),
    st.tuples(st.just("replay"), st.integers(0, 30)),
    st.tuples(st.just("edit"), st.integers(0, 30), st.sampled_from([None, "open", "right"])),
    st.tuples(st.just("restart")),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(STEPS, min_size=2, max_size=8),
    durability=st.sampled_from(["sync", "async", "exit"]),
    keep=st.sampled_from([None, 1000]),
)
async def test_a_graph_goes_as_in_memory(redis: Redis, steps: list[Any], durability: str, keep: int | None) -> None:
    ours, theirs = Run(RedisSaver(redis, keep=keep)), Run(InMemorySaver())
    for step in [("say", "first"), *steps]:
        if step[0] == "restart":
            ours.restart(RedisSaver(redis, keep=keep))
            continue
        assert await ours.do(step, durability) == await theirs.do(step, durability), step
        assert await ours.account() == await theirs.account(), step
    await ours.saver.adelete_thread(ours.thread)
    assert await redis.keys("*") == []


async def test_an_interrupted_run_is_resumed_by_another_process(redis: Redis) -> None:
    run = Run(RedisSaver(redis, keep=2))
    await run.do(("say", "first"), "sync")
    assert (await run.app.aget_state(run.config)).next == ("close",)
    run.restart(RedisSaver(redis, keep=2))
    await run.do(("answer", "yes"), "sync")
    state = await run.app.aget_state(run.config)
    assert state.next == ()
    assert state.values["answer"] == "yes"


async def test_what_succeeded_beside_a_failure_is_not_run_again(redis: Redis) -> None:
    """`left` succeeds while `right` fails: its writes wait in the store, and only `right` runs on resumption."""
    run = Run(RedisSaver(redis))
    assert "Fault" in await run.do(("fail", "right"), "sync")
    run.restart(RedisSaver(redis))
    await run.do(("go on",), "sync")
    said = (await run.app.aget_state(run.config)).values["said"]
    assert said[:3] == ["fail", "left 1", "right 1"]
    assert said.count("left 1") == 1


async def test_three_hundred_turns_take_no_more_room_than_fifty(redis: Redis) -> None:
    async def narrate(state: State) -> State:
        return {"prose": f"{state['count']:04} " * 500, "answer": "short"}

    async def close(state: State) -> State:
        return {"count": state["count"] + 1}

    async def size_after(turns: int) -> int:
        for turn in range(turns):
            await app.ainvoke({"count": turn}, {"configurable": {"thread_id": "t"}}, durability="sync")
        return sum([await redis.memory_usage(key, samples=0) or 0 for key in await redis.keys("*")])

    graph = StateGraph(State).add_sequence([("narrate", narrate), ("close", close)]).set_entry_point("narrate")
    app = graph.compile(checkpointer=RedisSaver(redis, keep=20))
    after_fifty = await size_after(50)
    assert await size_after(250) < after_fifty * 1.1
