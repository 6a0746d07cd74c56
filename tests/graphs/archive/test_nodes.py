"""Pages of nodes: written once however often they are sent, with whatever properties and labels there are."""

import json
from pathlib import Path
from typing import Any

import pytest
from story_reference import BORN, Reference, new_scope
from test_round_trip import export, load, told

from agents.errors import Conflict, StoreError, UnknownSession
from graphs.memory import StoryMemory
from graphs.memory.vectors import DIMENSIONS


@pytest.fixture(autouse=True)
def any_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphs.archive.check.load_pinned", str)


async def test_a_page_that_is_sent_again_is_written_once(memory: StoryMemory) -> None:
    scope = new_scope()
    await memory.begin_import(scope, player="p", at=BORN)
    with pytest.raises(Conflict):
        await memory.begin_import(scope, player="p", at=BORN)
    root = {"turn_id": "root", "number": 0, "parent": "", "kind": "story", "body": "{}"}
    turn = {**root, "turn_id": "t1", "number": 1, "parent": "root"}
    for _ in range(2):
        await memory.put_nodes(scope, "Turn", 1, [root, turn])
    kept = await memory.count(scope)
    for _ in range(2):
        await memory.put_nodes(scope, "Moment", 2, [{"turn_id": "t1", "number": 1, "text": "a", "words": "a"}])
    assert await memory.count(scope) == kept + 1
    with pytest.raises(StoreError):
        await memory.put_nodes(scope, "Moment", 4, [{"turn_id": "root"}])
    with pytest.raises(StoreError):
        await memory.put_nodes(scope, "Moment", 3, [{"turn_id": "nothing"}])
    with pytest.raises(UnknownSession):
        await memory.session(scope)
    assert await memory.unfinished(scope.tenant) == [scope.session]
    await memory.delete(scope)
    assert await memory.unfinished(scope.tenant) == []
    with pytest.raises(StoreError):
        await memory.put_nodes(scope, "Turn", 4, [turn])
    assert await memory.count(scope) == 0


async def test_vectors_and_properties_of_tomorrow_come_along(both: dict[str, StoryMemory], tmp_path: Path) -> None:
    first, second = both["falkordb"], both["neo4j"]
    story = Reference(first)
    await story.begin()
    await story.play(marker="one")
    out = await export(first, story.scope, tmp_path / "out")
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    (moment,) = (line["moment"] for line in lines if line.get("moment", {}).get("number") == 1)
    moment |= {
        "vector": [0.5, -0.25, 1.0, *[0.0] * (DIMENSIONS - 3)],
        "mood": "calm",
        "weights": [1, 2],
        "seen": True,
        "ratio": 0.1,
    }
    out.write_text("\n".join(map(json.dumps, lines)) + "\n")
    there, back = new_scope(), new_scope()
    await load(second, there, out)
    await load(first, back, await export(second, there, tmp_path / "there"))
    assert told(await export(first, back, tmp_path / "back")) == told(out)
    raw: Any = first
    rows = await raw._read(back, "MATCH (n:Moment) WHERE n.vector IS NOT NULL RETURN vec.euclideanDistance(n.vector, vecf32($near)) AS far", {"near": [0.5, -0.25, *[0.0] * (DIMENSIONS - 2)]})  # fmt: skip
    assert rows == [{"far": 1}]
    for memory, scope in ((first, story.scope), (second, there), (first, back)):
        await memory.delete(scope)


async def test_a_mark_hides_a_session_from_every_call(memory: StoryMemory) -> None:
    story = Reference(memory)
    await story.begin()
    await story.play(marker="one")
    scope = story.scope
    assert await memory.session_ids(scope.tenant) == [scope.session]
    assert await memory.session_ids(scope.tenant, player="nobody") == []
    assert await memory.session_ids(scope.tenant, after=scope.session) == []
    assert await memory.session_ids(scope.tenant, newest_first=True) == [scope.session]
    assert await memory.session_ids(scope.tenant, player="nobody", newest_first=True) == []
    assert await memory.session_ids(scope.tenant, after=scope.session, newest_first=True) == []
    assert not await memory.mark_deleted(new_scope(scope.tenant))
    assert await memory.unfinished(scope.tenant) == []
    for _ in range(2):
        assert await memory.mark_deleted(scope)
    for call in (memory.session, memory.position, memory.branches, memory.turns, memory.world_text, memory.update):
        with pytest.raises(UnknownSession):
            await call(scope)
    for refused in (memory.switch(scope, "main"), memory.create_branch(scope, "new")):
        with pytest.raises(UnknownSession):
            await refused
    with pytest.raises(Exception, match="session"):
        await story.begin()
    assert await memory.unfinished(scope.tenant) == [scope.session]
    assert await memory.sessions(scope.tenant) == []
    assert await memory.delete(scope) >= 5
    assert await memory.count(scope) == 0
