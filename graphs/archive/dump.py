"""Reading a story out of its memory, page by page: nothing is held of it but the turns' ids.

No lease is needed for the file to be consistent. Turns never change, and whatever is committed meanwhile is kept out:
the turns are listed first and the branches after them, so that a HEAD stands on a turn of the list or on one that is
added to it together with its ancestors; what hangs on other turns is left out.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Iterable

from agents.errors import StoreError
from graphs.archive.lines import HANGING, encode_node, header
from graphs.memory.cypher import LABELS
from graphs.memory.keeping import Node, Place
from graphs.memory.protocol import StoryMemory
from graphs.memory.records import encode
from graphs.memory.shapes import Scope

PAGE = 100
"""Nodes that one statement reads: some hundred KB, at most 7 MB."""

TRACE_PAGE = 8
"""Traces are larger: at most 1 MB each."""


async def story_lines(
    memory: StoryMemory, scope: Scope, *, at: str, traces: bool = True, redis: Iterable[str] = ()
) -> AsyncGenerator[str]:
    """The lines of the story's file, without their ends. Raises UnknownSession. `redis` are lines that come along."""
    await memory.session(scope)
    yield header("story", at, store=(await memory.version())["server"])
    for line in redis:
        yield line
    counts: Counter[str] = Counter()
    turns = await memory.places(scope, "Turn")
    branches = await _all(memory, scope, "Branch")
    sessions = await _all(memory, scope, "Session")
    if not sessions or sessions[0]["branch"] not in {branch["name"] for branch in branches}:
        raise StoreError("The story changed while it was read", cure="Export it again")
    turns += await _missing(memory, scope, turns, [branch["head"] for branch in branches])
    yield encode_node("Session", {**sessions[0], "session": scope.session, "tenant": scope.tenant})
    for branch in branches:
        yield encode_node("Branch", branch)
    counts.update(session=1, branch=len(branches))
    kept = {place.key for place in turns}
    for label in ("Turn", *(each for each in HANGING if traces or each != "Trace")):
        places = turns if label == "Turn" else await memory.places(scope, label)
        if LABELS[label] == "turn_id":
            places = [place for place in places if place.key in kept]
        async for node in _paged(memory, scope, label, places):
            counts[label.lower()] += 1
            yield encode_node(label, node)
    yield encode({"end": dict(counts)})


async def _all(memory: StoryMemory, scope: Scope, label: str) -> list[Node]:
    return [node async for node in _paged(memory, scope, label, await memory.places(scope, label))]


async def _paged(memory: StoryMemory, scope: Scope, label: str, places: list[Place]) -> AsyncGenerator[Node]:
    size = TRACE_PAGE if label == "Trace" else PAGE
    for start in range(0, len(places), size):
        for node in await memory.nodes(scope, label, places[start : start + size]):
            yield node


async def _missing(memory: StoryMemory, scope: Scope, turns: list[Place], heads: list[str]) -> list[Place]:
    """Turns that were committed after the list was made, as far as a HEAD descends from them; oldest first."""
    known = {place.key for place in turns}
    if known.issuperset(heads):
        return []
    fresh = {place.key: place for place in await memory.places(scope, "Turn") if place.key not in known}
    parents = {node["turn_id"]: node["parent"] for node in await memory.nodes(scope, "Turn", list(fresh.values()))}
    found: dict[str, Place] = {}
    for head in heads:
        turn_id = head
        while turn_id not in known and turn_id not in found:
            if turn_id not in parents:
                raise StoreError("The story changed while it was read", cure="Export it again")
            found[turn_id], turn_id = fresh[turn_id], parents[turn_id]
    return sorted(found.values(), key=lambda place: place.number)
