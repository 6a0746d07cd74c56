"""What every story memory promises, on every backend: sessions, tenants, servers."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from story_reference import Reference, new_scope, new_session, new_turn, take

from agents.characters import Protagonist
from agents.errors import (
    InvalidInput,
    StoreTooNew,
    StoreUnavailable,
    UnknownBranch,
    UnknownSession,
    UnknownTurn,
)
from graphs.embedded import open_embedded
from graphs.memory import SCHEMA_VERSION, Commit, Scope, StoryMemory, open_falkordb, open_neo4j


class TestSessions:
    async def test_a_new_session_stands_at_its_root(self, story: Reference) -> None:
        place = await story.memory.position(story.scope)
        assert place == {
            "branch": "main",
            "head": "root",
            "number": 0,
            "line": "line-0",
            "slots": {"lamp.in": "hall", "door.open": False},
            "exchanges": [],
            "focus": [],
            "choices": ["go north"],
            "risk": "none",
            "heard": [],
            "paused": False,
            "story_so_far": "",
            "closed": 0,
        }

    async def test_creating_it_again_returns_what_is_there(self, story: Reference) -> None:
        await story.play()
        first = await story.memory.session(story.scope)
        root = new_turn(story.scope, 0, "", turn_id="root")
        again = await story.memory.create(new_session(story.scope, title="Other"), "other", root, {"x.y": 1})
        assert again == first
        assert (await story.memory.position(story.scope))["number"] == 1
        assert await story.memory.world_text(story.scope) == "world: text"

    async def test_twenty_creators_make_one_session(self, memory: StoryMemory) -> None:
        scope = new_scope()
        root = new_turn(scope, 0, "", turn_id="root")
        made = await asyncio.gather(
            *(memory.create(new_session(scope, title=f"{n}"), "w", root, {"a.b": n}) for n in range(20))
        )
        assert all(session == made[0] for session in made)
        assert len(await memory.sessions(scope.tenant)) == 1
        await memory.delete(scope)

    async def test_what_is_not_there_is_said_to_be_unknown(self, story: Reference) -> None:
        memory, scope, nowhere = story.memory, story.scope, new_scope()
        for call in (memory.session, memory.position, memory.world_text, memory.update, memory.branches, memory.facts):
            with pytest.raises(UnknownSession):
                await call(nowhere)
        with pytest.raises(UnknownSession):
            await memory.turns(nowhere)
        with pytest.raises(UnknownSession):
            await memory.create_branch(nowhere, "other")
        with pytest.raises(UnknownSession):
            await memory.commit(nowhere, Commit(new_turn(nowhere, 1, "root"), [], []))
        with pytest.raises(UnknownSession):
            await memory.commit(nowhere, Commit(new_turn(nowhere, 1, "root", kind="crisis"), [], []))
        for ask in (memory.position, memory.turns, memory.facts, memory.switch):
            with pytest.raises(UnknownBranch):
                await ask(scope, "nowhere")
        for ask in (memory.turn, memory.slots_at):
            with pytest.raises(UnknownTurn):
                await ask(scope, "nothing")
        with pytest.raises(UnknownBranch):
            await memory.move_head(scope, "nowhere", back=1)
        with pytest.raises(UnknownTurn):
            await memory.put_trace(scope, "nothing", [])
        assert await memory.trace(scope, "nothing") == []
        assert await memory.recall(scope, "nowhere", "anything") == []
        assert await memory.count(nowhere) == 0
        assert await memory.delete(nowhere) == 0

    async def test_a_tenants_sessions_come_last_played_first(self, memory: StoryMemory) -> None:
        tenant = new_scope().tenant
        stories = [Reference(memory, new_scope(tenant)) for _ in range(3)]
        for story in stories:
            await story.begin()
        await stories[1].play(at="2026-03-01T00:00:00.000+00:00")
        await stories[0].play(at="2026-03-02T00:00:00.000+00:00")
        listed = await memory.sessions(tenant)
        assert [s["session"] for s in listed] == [stories[n].scope.session for n in (0, 1, 2)]
        assert len(await memory.sessions(tenant, limit=2)) == 2
        assert await memory.sessions(tenant, player="somebody else") == []
        assert len(await memory.sessions(tenant, player="player-1")) == 3
        for story in stories:
            await memory.delete(story.scope)
        assert await memory.sessions(tenant) == []

    async def test_whom_the_player_is_comes_back_as_it_was(self, memory: StoryMemory) -> None:
        scope = new_scope()
        whom = Protagonist(
            character="c1", name="Zoë 🕯️", pronouns="she/her", description='a "b" \\ c', traits=["slow", "kind"]
        )
        root = new_turn(scope, 0, "", turn_id="root")
        made = await memory.create(new_session(scope, character=whom), "w", root, {"a.b": 1})
        assert made["character"] == whom
        assert (await memory.session(scope))["character"] == whom
        assert (await memory.update(scope, title="Other"))["character"] == whom

    async def test_title_and_pause_change_and_nothing_else(self, story: Reference) -> None:
        before = await story.memory.session(story.scope)
        assert await story.memory.update(story.scope, title="Ünïcödé 🕯️") == {**before, "title": "Ünïcödé 🕯️"}
        kept = await story.memory.update(story.scope, avoid=["spiders", "the sea 🕯️"])
        assert (kept["avoid"], kept["title"]) == (["spiders", "the sea 🕯️"], "Ünïcödé 🕯️")
        assert (await story.memory.update(story.scope, avoid=[]))["avoid"] == []
        assert (await story.memory.update(story.scope, paused=True))["paused"]
        assert (await story.memory.position(story.scope))["paused"]
        assert not (await story.memory.update(story.scope, paused=False))["paused"]
        assert (await story.memory.session(story.scope))["title"] == "Ünïcödé 🕯️"

    async def test_the_worlds_text_comes_back_as_it_was(self, memory: StoryMemory) -> None:
        scope, text = new_scope(), "name: \"Lïght\\house\"\n  rooms: ['hall']\t🗼\n" * 2_000
        await memory.create(new_session(scope), text, new_turn(scope, 0, "", turn_id="root"), {})
        assert await memory.world_text(scope) == text
        await memory.delete(scope)

    async def test_names_that_no_store_can_keep_apart_are_refused(self, memory: StoryMemory) -> None:
        for tenant in ("", "a\0b", "x" * 201, "a\nb"):
            with pytest.raises(InvalidInput):
                await memory.session(Scope(tenant, "s"))


class TestTenants:
    async def test_two_tenants_with_the_same_ids_never_meet(self, memory: StoryMemory) -> None:
        session = new_scope().session
        one, two = (Reference(memory, Scope(new_scope().tenant, session)) for _ in range(2))
        for story, word in ((one, "apple"), (two, "berry")):
            await story.begin()
            for n in range(3):
                await story.play(take(word), marker=f"{word}{n}", turn_id=f"t{n}")
            await memory.put_trace(story.scope, "t1", [{"word": word}])
        await two.play(marker="berry3")
        for story, word, other in ((one, "apple", "berry"), (two, "berry", "apple")):
            await story.check()
            assert await story.recall(f"{other}0 {other}1", skip=0) == []
            assert [m["number"] for m in await story.recall(f"{word}1", skip=0)] == [2]
            assert await memory.trace(story.scope, "t1") == [{"word": word}]
            assert [s["tenant"] for s in await memory.sessions(story.scope.tenant)] == [story.scope.tenant]
        kept = await memory.count(two.scope)
        assert await memory.delete(one.scope) > 0
        assert await memory.count(two.scope) == kept
        await two.check()
        await memory.delete(two.scope)

    async def test_names_are_not_patterns_and_do_not_run_together(self, memory: StoryMemory) -> None:
        scopes = [Scope("a", "b:c"), Scope("a:b", "c"), Scope("a", "b%3Ac"), Scope("{a}", "*"), Scope("é", "“s' \"\\")]
        for n, scope in enumerate(scopes):
            await memory.delete(scope)
            root = new_turn(scope, 0, "", turn_id="root")
            await memory.create(new_session(scope, title=f"{n}"), "w", root, {"n.n": n})
        for n, scope in enumerate(scopes):
            assert (await memory.position(scope))["slots"] == {"n.n": n}
        for n, scope in enumerate(scopes):
            assert await memory.delete(scope) > 0
            for later in scopes[n + 1 :]:
                assert (await memory.session(later))["session"] == later.session

    async def test_delete_leaves_nothing_and_is_final(self, story: Reference) -> None:
        neighbour = Reference(story.memory, new_scope(story.scope.tenant))
        await neighbour.begin()
        turns = [await story.play(marker=f"m{n}") for n in range(40)]
        await story.memory.put_trace(story.scope, turns[3]["turn_id"], [{}])
        await story.fork("other", "root")
        await story.memory.commit(story.scope, Commit(new_turn(story.scope, 9, "root", kind="refused"), [], []))
        kept = await story.memory.count(neighbour.scope)
        nodes = await story.memory.count(story.scope)
        assert nodes >= 84
        assert await story.memory.delete(story.scope) == nodes
        assert await story.memory.count(story.scope) == 0
        with pytest.raises(UnknownSession):
            await story.memory.commit(story.scope, Commit(new_turn(story.scope, 41, story.head), [], []))
        assert await story.memory.count(story.scope) == 0
        assert await story.memory.count(neighbour.scope) == kept
        await neighbour.check()
        await story.begin()
        assert (await story.memory.position(story.scope))["number"] == 0
        assert await story.recall("m1 m2 m3", skip=0) == []
        await story.memory.delete(neighbour.scope)


class TestServers:
    async def test_it_tells_its_version(self, memory: StoryMemory) -> None:
        version = await memory.version()
        assert version["server"] in ("falkordb", "neo4j")
        assert version["version"][0].isdigit()
        assert version["schema"] == str(SCHEMA_VERSION)

    async def test_a_store_of_a_newer_version_is_refused(
        self, memory: StoryMemory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await memory.setup()
        monkeypatch.setattr(f"{type(memory).__module__}.SCHEMA_VERSION", 0)
        with pytest.raises(StoreTooNew):
            await memory.setup()

    async def test_a_server_that_is_gone_is_unavailable(self, tmp_path: Any) -> None:
        async with (
            open_falkordb(str(tmp_path / "no.sock")) as falkor,
            open_falkordb("redis://127.0.0.1:1") as redis,
            open_neo4j("bolt://127.0.0.1:1", patience_s=0.2) as neo4j,
        ):
            for memory in (falkor, redis, neo4j):
                scope = new_scope()
                for call in (memory.setup, memory.version):
                    with pytest.raises(StoreUnavailable):
                        await call()
                for ask in (memory.session, memory.position, memory.count, memory.delete):
                    with pytest.raises(StoreUnavailable):
                        await ask(scope)
                with pytest.raises(StoreUnavailable):
                    await memory.commit(scope, Commit(new_turn(scope, 1, "root"), [], []))

    async def test_a_server_that_died_is_brought_back_with_all_that_was_committed(self, tmp_path: Path) -> None:
        async with (
            open_embedded(tmp_path, linger_s=0.1) as server,
            open_falkordb(server.redis_url) as left_alone,
            open_falkordb(server.redis_url, revive=server.ensure) as memory,
        ):
            await memory.setup()
            story = Reference(memory)
            await story.begin()
            await story.play(take("hand"))
            await left_alone.session(story.scope)
            os.kill(server.pid, signal.SIGKILL)
            with pytest.raises(StoreUnavailable):
                await left_alone.session(story.scope)
            await story.check()
            os.kill(server.pid, signal.SIGKILL)
            await story.play(take("hall"))
            await story.check()
            assert (await left_alone.session(story.scope))["session"] == story.scope.session

    async def test_a_write_to_a_story_that_is_gone_leaves_no_graph_behind(self, embedded_socket: str) -> None:
        async with open_falkordb(embedded_socket) as memory, Redis(unix_socket_path=embedded_socket) as redis:
            scope = new_scope()
            for kind in ("story", "crisis"):
                with pytest.raises(UnknownSession):
                    await memory.commit(scope, Commit(new_turn(scope, 1, "root", kind=kind), [], []))
            with pytest.raises(UnknownSession):
                await memory.update(scope, title="x")
            assert not [key async for key in redis.scan_iter(f"*{scope.session}*")]
