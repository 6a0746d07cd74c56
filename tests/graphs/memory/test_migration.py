"""A store of schema 1 becomes one of schema 2: nothing is lost, and what was remembered is found as if it were new."""

from typing import Any

import pytest
from story_reference import Reference, take

from agents.errors import StoreUnavailable
from graphs.memory import SCHEMA_VERSION, StoryMemory, schema
from graphs.memory.cypher import SCOPE
from graphs.memory.falkordb import REGISTRY
from graphs.memory.words import words_of

MOMENTS = f"MATCH (m:Moment {{{SCOPE}}}) RETURN m.turn_id AS turn_id, m.text AS text, m.words AS words, m.at AS at, m.people AS people"
FORGET = f"""
UNWIND $moments AS old
MATCH (m:Moment {{{SCOPE}}}) WHERE m.turn_id = old.turn_id
SET m.words = old.words, m.at = null, m.people = null
"""
UNSTAMP = f"MATCH (s:Session {{{SCOPE}}}) SET s.schema = null RETURN 1"
UNLISTED = f"MATCH (l:Listed {{{SCOPE}}}) SET l.schema = null RETURN 1"
STAMPED = f"MATCH (s:Session {{{SCOPE}}}) RETURN s.schema AS schema"


class OldStore:
    """A store as schema 1 left it: what is new is taken away again."""

    def __init__(self, memory: StoryMemory) -> None:
        self.memory: Any = memory

    async def ask(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        if "Falkor" in type(self.memory).__name__:
            return await self.memory._query(REGISTRY, statement, parameters)
        return await self.memory._run(statement, parameters)

    async def become(self, version: int) -> None:
        await self.ask(schema.RESTAMP, version=version)

    async def forget(self, story: Reference) -> list[dict[str, Any]]:
        """The story as schema 1 wrote it; its moments as they were before."""
        names = {"tenant": story.scope.tenant, "session": story.scope.session}
        new = await self.memory._read(story.scope, MOMENTS, names)
        old = [{"turn_id": m["turn_id"], "words": " ".join(words_of(m["text"]))} for m in new]
        await self.memory._write(story.scope, FORGET, {**names, "moments": old})
        await self.memory._write(story.scope, UNSTAMP, names)
        if "Falkor" in type(self.memory).__name__:
            await self.ask(UNLISTED, **names)
        return new


async def test_an_old_story_is_as_a_new_one(memory: StoryMemory, story: Reference) -> None:
    story.reminded = True
    for n in range(40):
        await story.play(take(f"place-{n}"), marker=f"marker{n}")
    await story.undo(3)
    await story.play(action="light the lanterns", narration="The lanterns are burning quietly.")
    old = OldStore(memory)
    before = await old.forget(story)
    await old.become(1)
    await memory.setup()
    names = {"tenant": story.scope.tenant, "session": story.scope.session}
    after: list[dict[str, Any]] = await old.memory._read(story.scope, MOMENTS, names)
    assert sorted(after, key=lambda m: m["turn_id"]) == sorted(before, key=lambda m: m["turn_id"])
    assert await old.memory._read(story.scope, STAMPED, names) == [{"schema": SCHEMA_VERSION}]
    await story.check()
    assert [m["number"] for m in await story.recall("burning lantern", skip=0)] == [38]
    assert (await memory.version())["schema"] == str(SCHEMA_VERSION)


async def test_a_migration_that_was_cut_off_goes_on(memory: StoryMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    stories = [Reference(memory, reminded=True) for _ in range(3)]
    old = OldStore(memory)
    before: list[list[dict[str, Any]]] = []
    for story in stories:
        await story.begin()
        for n in range(3):
            await story.play(marker=f"marker{n}")
        before.append(await old.forget(story))
    await old.become(1)
    renew, done = old.memory._renew, list[str]()

    async def cut(scope: Any) -> None:
        if len(done) == 1:
            raise StoreUnavailable("cut off")
        done.append(scope.session)
        await renew(scope)

    with monkeypatch.context() as patched:
        patched.setattr(memory, "_renew", cut)
        with pytest.raises(StoreUnavailable):
            await memory.setup()
    again = list[str]()

    async def watched(scope: Any) -> None:
        again.append(scope.session)
        await renew(scope)

    with monkeypatch.context() as patched:
        patched.setattr(memory, "_renew", watched)
        await memory.setup()
    assert not set(done) & set(again), "what was done is not done again"
    for story, moments in zip(stories, before, strict=True):
        names = {"tenant": story.scope.tenant, "session": story.scope.session}
        after = await old.memory._read(story.scope, MOMENTS, names)
        assert sorted(after, key=lambda m: m["turn_id"]) == sorted(moments, key=lambda m: m["turn_id"])
        await memory.delete(story.scope)
