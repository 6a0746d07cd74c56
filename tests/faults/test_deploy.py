"""A deploy with turns in flight: what the new version finds of the old one's graph is ended all the same, and once."""

from pathlib import Path
from typing import Any, ClassVar

import pytest
from cottage import begun
from fakes import ScriptedModel
from flight import left_in_flight
from langgraph.graph import StateGraph

from graphs import turn
from graphs.engine import open_engine
from graphs.settings import Settings, read_settings

SHOWN = "The range ticks."


class OlderGraph(StateGraph):  # type: ignore[type-arg]
    """As the turn graph was, when the node had another name, or looked for another key."""

    named: ClassVar = {"narrate": "tell_story"}

    def add_node(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        return super().add_node(self.named.get(node, node), *args, **kwargs)

    def add_edge(self, start_key: Any, end_key: str) -> Any:
        return super().add_edge(self.named.get(start_key, start_key), self.named.get(end_key, end_key))


class LongerGraph(OlderGraph):
    """The next node is there still; one before it is not any more, and nobody does now what that one did."""

    named: ClassVar = {"resolve_action": "resolve"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(data_dir=tmp_path, linger_s=1, model_timeout_s=60)


@pytest.mark.parametrize("older", [OlderGraph, LongerGraph])
async def test_a_turn_begun_in_another_graph_begins_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, older: type[Any]
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(turn, "StateGraph", older)
        async with open_engine(settings) as engine:
            engine.use_model("scripted", ScriptedModel(answers=[f"{SHOWN} The cups hang still. <hang>"]))
            await begun(engine, model="scripted")
            turn_id, shown = await left_in_flight(engine, "s", "take lamp")
            assert shown == SHOWN
    async with open_engine(settings) as engine:
        engine.use_model("scripted", ScriptedModel(answers=["And the rain goes on outside."]))
        ended = await engine.recover("s")
        assert ended
        assert (ended["turn_id"], ended["inventory"]) == (turn_id, ["lamp"])
        assert ended["narration"].startswith(SHOWN)
        assert ended["narration"].count(SHOWN) == 1
        nodes = [entry["node"] for entry in await engine.trace("s", turn_id)]
        assert nodes.count("begin") == 2, "from its accepted action"
        assert [t["turn_id"] for t in await engine.turns("s")] == [turn_id]
        assert (await engine.act("s", "wait"))["number"] == 2


async def test_a_turn_begun_in_the_same_graph_goes_on(settings: Settings) -> None:
    async with open_engine(settings) as engine:
        engine.use_model("scripted", ScriptedModel(answers=[f"{SHOWN} The cups hang still. <hang>"]))
        await begun(engine, model="scripted")
        turn_id, _ = await left_in_flight(engine, "s", "take lamp")
    async with open_engine(settings) as engine:
        engine.use_model("scripted", ScriptedModel(answers=["And the rain goes on outside."]))
        await engine.recover("s")
        nodes = [entry["node"] for entry in await engine.trace("s", turn_id)]
        assert nodes.count("begin") == 1
