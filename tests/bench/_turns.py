"""A graph of the shape of a turn, six nodes that take no time: what is left is the checkpointer."""

from typing import Any, TypedDict

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph

SLOTS = {f"thing{number}.in": f"place{number % 12}" for number in range(60)}
"""A world of some sixty facts: about 2 KB, as those that are shipped."""
PROSE = "The lamp throws its ring over the water, and the water gives it back in pieces. " * 8


class TurnShape(TypedDict, total=False):
    action: str
    number: int
    slots: dict[str, str]
    exchanges: list[dict[str, str]]
    verdicts: list[dict[str, str]]
    memories: list[str]
    outcome: dict[str, str]
    changes: list[dict[str, str]]
    narration: str
    choices: list[str]


async def begin(state: TurnShape) -> TurnShape:
    number = state.get("number", 0) + 1
    kept = [*state.get("exchanges", []), {"action": state["action"], "narration": state.get("narration", "")}][-3:]
    return {
        "number": number,
        "slots": {**SLOTS, "turn": str(number)},
        "exchanges": kept,
        "changes": [],
        "narration": "",
    }


async def screen(state: TurnShape) -> TurnShape:
    return {"verdicts": [{"gate": "action", "tier": "none", "action": "allow"}]}


async def recall(state: TurnShape) -> TurnShape:
    return {"memories": [f"Moment {state['number'] - back}: the bell was rung." for back in range(4)]}


async def resolve(state: TurnShape) -> TurnShape:
    return {"outcome": {"status": "done", "verb": "look"}, "changes": [{"slot": "turn", "value": str(state["number"])}]}


async def narrate(state: TurnShape) -> TurnShape:
    return {"narration": f"{state['number']}. {PROSE}"}


async def settle(state: TurnShape) -> TurnShape:
    return {"choices": ["look around", "go north", f"wait {state['number']}"]}


def build(saver: BaseCheckpointSaver[Any] | None) -> Any:
    """The compiled graph on a saver, or on none."""
    graph = StateGraph(TurnShape)
    nodes = (begin, screen, recall, resolve, narrate, settle)
    for node in nodes:
        graph.add_node(node.__name__, node)
    for one, following in zip((START, *(n.__name__ for n in nodes)), (*(n.__name__ for n in nodes), END), strict=True):
        graph.add_edge(one, following)
    return graph.compile(checkpointer=saver)
