"""A story that leaves one backend and comes back through the other is the same, word for word, and plays on the same."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
from story_reference import Reference, new_scope, new_turn
from walk import Walk

from agents.errors import Conflict
from agents.story import Turn
from graphs.archive.check import check_file, read_lines
from graphs.archive.dump import story_lines
from graphs.archive.load import Loader
from graphs.memory import Commit, Scope, StoryMemory
from graphs.memory.keeping import Node, Place

AT = "2026-02-01T00:00:00+00:00"


@pytest.fixture(autouse=True)
def any_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stories of these tests have a word for a world."""
    monkeypatch.setattr("graphs.archive.check.load_pinned", str)


async def export(memory: StoryMemory, scope: Scope, path: Path, *, traces: bool = True) -> Path:
    lines = [line async for line in story_lines(memory, scope, at=AT, traces=traces)]
    path.write_text("\n".join(lines) + "\n")
    return path


async def load(memory: StoryMemory, scope: Scope, path: Path) -> Loader:
    with path.open("rb") as file:
        check_file(file, path.name, "story")
        loader = Loader(memory, scope, None)
        await loader.run(read_lines(file, path.name))
        await loader.end()
    return loader


def told(path: Path) -> list[dict[str, Any]]:
    """The lines without the header and without what names the story."""
    text = path.read_text()
    record = json.loads(text.splitlines()[1])["session"]
    for name in ("session", "tenant"):
        text = text.replace(record[name], name)
    return [json.loads(line) for line in text.splitlines()[1:]]


async def walked(memory: StoryMemory, seed: int, steps: int) -> Walk:
    """A story with branches, abandoned lines, keyframes, traces, and turns that are no story."""
    story = Reference(memory)
    await story.begin()
    walk = Walk(story, seed)
    for _ in range(steps):
        await walk.step()
    for n in range(33):
        walk.markers[(await story.play(marker=f"late{n}"))["turn_id"]] = f"late{n}"
    for number, turn_id in enumerate(list(story.told)[:3]):
        await memory.put_trace(story.scope, turn_id, [{"node": "begin", "session": story.scope.session, "n": number}])
    beside = new_turn(story.scope, 3, story.head, kind="crisis", action="")
    await memory.commit(story.scope, Commit(beside, [], [], risk="crisis", paused=True))
    return walk


def copied(walk: Walk, memory: StoryMemory, scope: Scope, seed: int) -> Walk:
    """What plain Python knows of the story, beside its copy."""
    told = {turn_id: cast(Turn, {**turn, "session": scope.session}) for turn_id, turn in walk.story.told.items()}
    other = Walk(
        Reference(
            memory, scope, told, dict(walk.story.heads), walk.story.active, walk.story.lines, dict(walk.story.on)
        ),
        seed,
    )
    other.markers = dict(walk.markers)
    return other


async def same(walk: Walk) -> None:
    """The memory says of the story what the plain list says, and of every word whether it was told on this line."""
    story = walk.story
    await story.check()
    for turn_id, turn in story.told.items():
        assert await story.memory.turn(story.scope, turn_id) == turn
    chain = [turn["turn_id"] for turn in story.chain(story.head)[1:]]
    for turn_id, marker in list(walk.markers.items())[::7]:
        assert [m["turn_id"] for m in await story.recall(marker)] == ([turn_id] if turn_id in chain[:-3] else [])
    assert {b["name"]: b["head"] for b in await story.memory.branches(story.scope)} == story.heads


@pytest.mark.parametrize("way", [("neo4j", "falkordb"), ("falkordb", "neo4j")])
async def test_there_and_back_it_is_the_same_story(both: dict[str, StoryMemory], way: tuple[str, str], tmp_path: Path) -> None:  # fmt: skip
    first, second = (both[name] for name in way)
    walk = await walked(first, 11, 20)
    story, start = walk.story, walk.story.scope
    out = await export(first, start, tmp_path / "out")
    there = new_scope()
    loader = await load(second, there, out)
    assert loader.lines == {turn["line"] for turn in story.told.values() if turn["parent"]}
    back = await export(second, there, tmp_path / "back")
    assert told(back) == told(out)
    again = new_scope()
    await load(first, again, back)
    assert told(await export(first, again, tmp_path / "again")) == told(out)
    record = await second.session(there)
    assert {**record, "session": "", "tenant": ""} == {**await first.session(start), "session": "", "tenant": ""}
    assert record["risk"] == "crisis"
    assert await second.world_text(there) == await first.world_text(start)
    for memory, scope in ((second, there), (first, again)):
        copy = copied(walk, memory, scope, 5)
        await same(copy)
        for _ in range(12):
            await copy.step()
        for n in range(34):  # over a keyframe
            copy.markers[(await copy.story.play(marker=f"on{n}"))["turn_id"]] = f"on{n}"
        await same(copy)
    await same(walk)
    for memory, scope in ((first, start), (second, there), (first, again)):
        assert await memory.delete(scope) > len(story.told)


async def test_a_copy_in_the_same_store_does_not_mix(memory: StoryMemory, tmp_path: Path) -> None:
    walk = await walked(memory, 3, 15)
    story = walk.story
    other = Scope(story.scope.tenant, new_scope().session)
    out = await export(memory, story.scope, tmp_path / "out")
    await load(memory, other, out)
    kept = await memory.count(story.scope)
    assert await memory.count(other) == kept
    turn_id = list(story.told)[1]
    assert (await memory.turn(other, turn_id))["session"] == other.session
    assert (await memory.trace(other, turn_id))[0]["session"] == other.session
    assert (await memory.turn(story.scope, turn_id))["session"] == story.scope.session
    copy = copied(walk, memory, other, 8)
    for _ in range(8):
        await copy.step()
    await same(walk)
    assert story.scope.session not in (await export(memory, other, tmp_path / "copy")).read_text()
    with pytest.raises(Conflict, match="already"):
        await load(memory, other, out)
    await same(copy)
    await memory.delete(other)
    await same(walk)
    assert await memory.count(story.scope) == kept
    await memory.delete(story.scope)


async def test_without_traces_the_rest_is_the_same(memory: StoryMemory, tmp_path: Path) -> None:
    walk = await walked(memory, 4, 5)
    full = told(await export(memory, walk.story.scope, tmp_path / "full"))
    bare = told(await export(memory, walk.story.scope, tmp_path / "bare", traces=False))
    assert sum("trace" in line for line in full) == 3
    assert bare[:-1] == [line for line in full[:-1] if "trace" not in line]
    assert "trace" not in bare[-1]["end"]
    await memory.delete(walk.story.scope)


class Busy:
    """A memory to which a turn is committed after every statement of an export."""

    def __init__(self, story: Reference) -> None:
        self.story = story

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.story.memory, name)

        async def and_play(*args: Any) -> Any:
            found = await call(*args)
            await self.story.play(marker="meanwhile")
            return found

        return and_play


async def test_what_is_committed_meanwhile_is_whole_or_not_there(memory: StoryMemory, tmp_path: Path) -> None:
    """Turns land between any two statements of an export: before the branches are read, and before the moments are."""
    story = Reference(memory)
    await story.begin()
    await story.play(marker="early")
    out = await export(cast(StoryMemory, Busy(story)), story.scope, tmp_path / "out")
    copy = new_scope()
    await load(memory, copy, out)
    place = await memory.position(copy)
    assert 1 < place["number"] < (await memory.position(story.scope))["number"]
    assert len(await memory.places(copy, "Turn")) == len(await memory.places(copy, "Moment")) == place["number"] + 1
    turns = await memory.turns(copy)
    assert [turn["number"] for turn in turns] == list(range(place["number"], 0, -1))
    await memory.delete(copy)
    await memory.delete(story.scope)


async def test_an_export_asks_for_pages_and_never_twice(memory: StoryMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    story = Reference(memory)
    await story.begin()
    for n in range(50):
        await story.play(marker=f"m{n}")
    monkeypatch.setattr("graphs.archive.dump.PAGE", 8)
    asked: list[int] = []
    read = memory.nodes

    async def counted(scope: Scope, label: str, places: list[Place]) -> list[Node]:
        asked.append(len(places))
        return await read(scope, label, places)

    monkeypatch.setattr(memory, "nodes", counted)
    lines = [line async for line in story_lines(memory, story.scope, at=AT)]
    assert len(lines) == 2 + 1 + 1 + 51 + 51
    assert max(asked) == 8
    assert len(asked) == 1 + 1 + 7 + 7
    assert sum(asked) == len(lines) - 2
    await memory.delete(story.scope)
