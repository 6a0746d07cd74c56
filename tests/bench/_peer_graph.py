"""The graph that `langgraph dev` serves in `tta bench api`: six nodes that do nothing."""

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph


class Said(TypedDict, total=False):
    action: str
    narration: str


async def nothing(_: Said) -> dict[str, Any]:
    return {"narration": "The lamp throws its ring over the table."}


NAMES = ("begin", "screen", "recall", "resolve", "narrate", "commit")
building = StateGraph(Said)
for name in NAMES:
    building.add_node(name, nothing)
for one, following in zip((START, *NAMES), (*NAMES, END), strict=True):
    building.add_edge(one, following)
graph = building.compile()
