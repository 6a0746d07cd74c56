"""A graph that a test draws, run on a saver: the same on two savers must come to the same."""

import asyncio
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict
from uuid import uuid4

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, StateSnapshot, interrupt

Shape = Sequence[Sequence[str]]
"""Layers of nodes, each by what it does: `say`, `grow` (a large value), `ask` (an interrupt), `fail`, `fan` (two tasks)."""

USUAL: Shape = (("grow",), ("fan", "fail"), ("ask",))


class State(TypedDict, total=False):
    said: Annotated[list[str], operator.add]
    prose: str
    count: int


class Fault(Exception):
    """A node that fails when it is told to."""


class Crash(BaseException):
    """The process that dies: nothing may catch it."""


@dataclass
class Run:
    """One graph on one saver; `failing` names the nodes that fail, `joined` whether a layer waits for all of the last."""

    saver: BaseCheckpointSaver[str]
    shape: Shape = USUAL
    joined: bool = False
    thread: str = field(default_factory=lambda: f"story:{uuid4()}")
    failing: set[str] = field(default_factory=set)
    ran: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.graph = graph = StateGraph(State)
        graph.add_node("each", self._node("each", "each"))
        before: list[str] = []
        for depth, layer in enumerate(self.shape):
            names = [f"{what}{depth}{place}" for place, what in enumerate(layer)]
            for name, what in zip(names, layer, strict=True):
                graph.add_node(name, self._node(name, what if len(layer) == 1 or what != "grow" else "say"))
                if what == "fan":
                    graph.add_conditional_edges(name, fan, ["each"])
                if not before:
                    graph.add_edge(START, name)
                elif self.joined and len(before) > 1:
                    graph.add_edge(before, name)
                else:
                    for earlier in before:
                        graph.add_edge(earlier, name)
            before = names
        for last in before:
            graph.add_edge(last, END)
        self.restart(self.saver)

    def restart(self, saver: BaseCheckpointSaver[str]) -> None:
        self.saver, self.app = saver, self.graph.compile(checkpointer=saver)

    def _node(self, name: str, what: str) -> Any:
        async def run(state: State) -> State:
            self.ran.append(name)
            if what == "fail" and name in self.failing:
                raise Fault(name)
            if what == "grow":
                return {"count": state.get("count", 0) + 1, "prose": "the sea " * 200 + str(len(state["said"]))}
            if what == "ask":
                return {"said": [f"{name} {interrupt({'ask': name})}"]}
            return {"said": [f"{name} {state.get('count', 0)}"]}

        return run

    @property
    def config(self) -> RunnableConfig:
        return {"configurable": {"thread_id": self.thread}}

    async def history(self) -> list[StateSnapshot]:
        return [snapshot async for snapshot in self.app.aget_state_history(self.config)]

    async def do(self, step: Sequence[Any], durability: Any, at: StateSnapshot | None = None) -> str:
        """Take one step, from a past state if one is given; answers what it came to."""
        what, *rest = step
        config = at.config if at else self.config
        try:
            if what == "say":
                return await self.invoke({"said": [rest[0]]}, config, durability)
            if what == "answer":
                return await self.invoke(Command(resume=rest[0]), config, durability)
            if what == "go on" or what == "replay":
                return await self.invoke(None, config, durability)
            if what == "fail":
                # One a layer: which of two that fail at once is told is a matter of time.
                layers = [layer.index("fail") for layer in self.shape if "fail" in layer]
                depths = [depth for depth, layer in enumerate(self.shape) if "fail" in layer]
                self.failing = {f"fail{depth}{place}" for depth, place in zip(depths, layers, strict=True)}
                return await self.invoke({"said": ["fail"]}, config, durability)
            if what == "crash":
                return await self.crash(rest[0])
            await self.app.aupdate_state(config, {"said": ["edited"]})
            return "edited"
        except Exception as error:
            return repr(error)
        finally:
            self.failing = set()

    async def invoke(self, given: Any, config: RunnableConfig, durability: Any) -> str:
        values = await self.app.ainvoke(given, config, durability=durability)
        return repr({key: value for key, value in values.items() if key != "__interrupt__"})

    async def crash(self, after: int) -> str:
        """A run whose process dies at the `after`-th call of its saver, which is not carried out."""
        calls = 0

        def dying(method: Any) -> Any:
            async def call(*args: Any, **kwargs: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls >= after:
                    raise Crash
                return await method(*args, **kwargs)

            return call

        saver: Any = self.saver
        saver.aput, saver.aput_writes = dying(saver.aput), dying(saver.aput_writes)
        try:
            return await self.invoke({"said": ["dying"]}, self.config, "sync")
        except (Crash, asyncio.CancelledError):
            return "died"
        finally:
            del saver.aput, saver.aput_writes


def fan(state: State) -> list[Send]:
    return [Send("each", {"count": number}) for number in range(2)]


def told(snapshot: StateSnapshot) -> list[Any]:
    """All that a state tells, but for ids."""
    return [
        snapshot.values,
        snapshot.next,
        {key: value for key, value in (snapshot.metadata or {}).items() if key in ("source", "step")},
        [
            (task.name, task.path, repr(task.error), [asked.value for asked in task.interrupts], task.result)
            for task in snapshot.tasks
        ],
    ]


def account(past: list[StateSnapshot]) -> list[Any]:
    """All that a history tells, parents by their place in it."""
    places = {shot.config["configurable"]["checkpoint_id"]: place for place, shot in enumerate(past)}
    parents = [
        places.get(shot.parent_config["configurable"]["checkpoint_id"]) if shot.parent_config else None for shot in past
    ]
    return [[*told(shot), parent] for shot, parent in zip(past, parents, strict=True)]
