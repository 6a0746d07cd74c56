"""The synchronous half: graphs driven with `invoke`, on a loop that is elsewhere; and the loop's own thread refused."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from drawn import State
from langgraph.graph import StateGraph
from langgraph.types import Command, interrupt
from redis.asyncio import Redis

from graphs.checkpoint import RedisSaver

CONFIG: Any = {"configurable": {"thread_id": "t"}}


def build(saver: RedisSaver) -> Any:
    def speak(state: State) -> State:
        return {"said": ["spoken"], "prose": "the sea " * 100}

    def ask(state: State) -> State:
        return {"said": [str(interrupt("who?"))]}

    return StateGraph(State).add_sequence([("speak", speak), ("ask", ask)]).set_entry_point("speak").compile(saver)


def play(saver: RedisSaver) -> None:
    """A turn with an interrupt, read, listed, copied, pruned and deleted, all without awaiting anything."""
    app = build(saver)
    app.invoke({"said": ["one"]}, CONFIG, durability="sync")
    assert app.get_state(CONFIG).next == ("ask",)
    assert app.invoke(Command(resume="Maren"), CONFIG)["said"] == ["one", "spoken", "Maren"]
    history = list(app.get_state_history(CONFIG))
    assert next(shot.values["said"] for shot in history) == ["one", "spoken", "Maren"]
    listed = list(saver.list(CONFIG, limit=2))
    assert [found.config for found in listed] == [shot.config for shot in history[:2]]
    assert saver.get_tuple(listed[1].config) == listed[1]
    saver.copy_thread("t", "u")
    assert app.get_state({"configurable": {"thread_id": "u"}}).values == history[0].values
    saver.prune(["u"])
    assert len(list(saver.list({"configurable": {"thread_id": "u"}}))) == 1
    saver.delete_thread("u")
    assert saver.get_tuple({"configurable": {"thread_id": "u"}}) is None
    app.invoke({"said": ["two"]}, {**CONFIG, "metadata": {"run_id": "r"}})
    saver.delete_for_runs(["r"])
    saver.delete_thread("t")
    assert list(saver.list(None)) == []


async def test_a_saver_made_in_a_loop_is_driven_from_other_threads(redis: Redis) -> None:
    saver = RedisSaver(redis)
    await asyncio.to_thread(play, saver)


def test_a_saver_made_without_a_loop_has_one_of_its_own(embedded_socket: str) -> None:
    client = Redis(unix_socket_path=embedded_socket, db=9)
    saver = RedisSaver(client)
    play(saver)

    async def close() -> None:
        await client.flushdb()
        await client.aclose()

    saver._home.drive(close, "aclose")  # pyright: ignore[reportPrivateUsage]


async def test_from_the_loops_own_thread_it_says_what_to_call(redis: Redis) -> None:
    saver = RedisSaver(redis)
    calls: dict[str, Callable[[], Any]] = {
        "aget_tuple": lambda: saver.get_tuple(CONFIG),
        "alist": lambda: list(saver.list(CONFIG)),
        "aput": lambda: saver.put(CONFIG, {}, {}, {}),  # type: ignore[typeddict-item]
        "aput_writes": lambda: saver.put_writes(CONFIG, [], "task"),
        "adelete_thread": lambda: saver.delete_thread("t"),
        "adelete_for_runs": lambda: saver.delete_for_runs(["r"]),
        "acopy_thread": lambda: saver.copy_thread("t", "u"),
        "aprune": lambda: saver.prune(["t"]),
    }
    for instead, call in calls.items():
        with pytest.raises(RuntimeError, match=instead):
            call()
