"""Deletion leaves nothing in either store, is out of sight at once, and ends even when whoever began it did not end it."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from archive_stores import keys_of, nodes_of
from cottage import COTTAGE, begun
from fakes import ScriptedModel

from agents.errors import Conflict, StoreUnavailable, StoryError, TurnInProgress, UnknownSession
from graphs.archive.keyspace import Keyspace
from graphs.engine import StoryEngine, open_engine
from graphs.memory import Commit
from graphs.repeats import Answer
from graphs.settings import Settings, read_settings


async def answered(engine: StoryEngine, name: str, session: str) -> None:
    """A request that may be sent again, about a session or about none."""
    async with engine.repeats.attempt(name, b"asked") as attempt:
        await attempt.keep(Answer(201, (), b"made"), session)


async def played(engine: StoryEngine, session: str = "s", **options: Any) -> str:
    """A session with two lines, a branch, a turn that failed, one that is no story, and what Redis holds of all that."""
    await begun(engine, session, **options)
    for action in ("look", "take lamp"):
        await engine.act(session, action)
    await engine.save(session, "saved")
    await engine.undo(session)
    await engine.act(session, "wait")
    engine.use_model("offline", ScriptedModel(answers=["<fail>"]))
    with pytest.raises(StoryError):
        await engine.act(session, "look closely")
    engine._storytellers.models.clear()  # pyright: ignore[reportPrivateUsage]
    await engine.act(session, "Help me, I want to end my life tonight")
    await answered(engine, f"n-{session}", session)
    assert len([key for key in await keys_of(engine) if f":{session}" in key or f"%3A{session}" in key]) >= 9
    return session


@pytest.mark.parametrize("settings", ["embedded", "servers", "cluster"], indirect=True)
async def test_a_session_leaves_nothing_and_its_neighbour_everything(engine: StoryEngine) -> None:
    await played(engine, "s")
    kept, nodes = set(await keys_of(engine)), await nodes_of(engine)
    await played(engine, "s2")
    scope = engine.scope("s2")
    nodes_there = await engine.memory.count(scope)
    assert [len(await engine.audit_entries(session=session)) for session in ("s", "s2")] == [1, 1]
    assert await engine.delete("s2") == nodes_there
    assert [entry["session"] for entry in await engine.audit_entries()] == ["s"]
    assert await engine.memory.count(scope) == 0
    assert set(await keys_of(engine)) == kept
    assert await nodes_of(engine) == nodes
    with pytest.raises(UnknownSession):
        await engine.delete("s2")


@pytest.mark.parametrize("settings", ["embedded", "servers", "cluster"], indirect=True)
async def test_a_player_goes_with_all_sessions_and_no_other_does(engine: StoryEngine) -> None:
    for session, player in (("one", "ann"), ("two", "bob"), ("three", "ann")):
        await played(engine, session, player=player)
    bobs = await engine.memory.count(engine.scope("two"))
    removed = await engine.delete_player("ann")
    assert removed["sessions"] == ["one", "three"]
    assert removed["nodes"] > 20
    assert [s["session"] for s in await engine.memory.sessions(engine.settings.tenant)] == ["two"]
    assert await engine.memory.count(engine.scope("two")) == bobs
    assert not [key for key in await keys_of(engine) if "one" in key or "three" in key]
    assert await engine.delete_player("ann") == {"sessions": [], "nodes": 0}


@pytest.mark.parametrize("settings", ["embedded", "servers", "cluster"], indirect=True)
async def test_a_tenant_goes_whole_and_no_other_does(engine: StoryEngine, settings: Settings) -> None:
    async with open_engine(settings.model_copy(update={"tenant": settings.tenant + "-2"})) as other:
        await played(other, "s")
        theirs, nodes = await keys_of(other), await nodes_of(other)
        for session in ("s", "s2"):
            await played(engine, session)
        await answered(engine, "of-no-session", "")
        stray = Keyspace(engine._stores.redis, settings.tenant, "gone")  # pyright: ignore[reportPrivateUsage]
        await stray.put_lines(["of a session that is no more"])
        assert (await engine.delete_tenant())["sessions"] == ["s", "s2"]
        assert [key for key in await keys_of(engine) if settings.tenant + "-2" not in key] == []
        assert await nodes_of(engine) == 0
        assert (sorted(await keys_of(other)), await nodes_of(other)) == (sorted(theirs), nodes)
        assert (await other.act(await begun(other, "new"), "look"))["number"] == 1
        await other.delete_tenant()


def audit_of_nobody(engine: StoryEngine) -> list[str]:
    """What of the safety audit is the tenant's, however many sessions go: the stream, how many there were, the key."""
    return sorted(f"tta:1:{kind}:{{{engine.settings.tenant}}}" for kind in ("audit", "audit_counts", "audit_key"))


def at(engine: StoryEngine, seam: str) -> tuple[Any, str]:
    """The object and the call at which a deletion is cut off."""
    memory: Any = engine.memory
    calls: dict[str, tuple[Any, str]] = {
        "the threads": (engine._saver, "adelete_thread"),  # pyright: ignore[reportPrivateUsage]
        "the keys": (Keyspace, "remove"),
        "the nodes": (memory, "delete"),
        "among the nodes": (memory, "_sweep" if hasattr(memory, "_sweep") else "_drop"),
    }
    return calls[seam]


SEAMS = ["the threads", "the keys", "the nodes", "among the nodes"]


@pytest.mark.parametrize("seam", SEAMS)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_deletion_that_was_cut_off_is_out_of_sight_and_finished_later(
    engine: StoryEngine, seam: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await played(engine)
    scope, (where, name) = engine.scope("s"), at(engine, seam)
    head = await engine.memory.position(scope)
    last = await engine.find_turn("s", None)
    call = getattr(where, name)

    async def cut(*args: Any) -> Any:
        if when == "after":
            await call(*args)
        raise StoreUnavailable("The plug was pulled")

    with monkeypatch.context() as patched:
        patched.setattr(where, name, cut)
        with pytest.raises(StoreUnavailable):
            await engine.delete("s")
    assert await engine.memory.sessions(scope.tenant) == []
    for ask in (engine.session, engine.position, engine.turns, engine.branches, engine.recover):
        with pytest.raises(UnknownSession):
            await ask("s")
    left = await engine.memory.count(scope)
    late = {**last, "turn_id": "late", "parent": head["head"], "number": head["number"] + 1}
    for kind in ("story", "crisis"):  # a turn that was being played elsewhere lands now
        with pytest.raises(StoryError):
            await engine.memory.commit(scope, Commit({**late, "kind": kind}, [], []))  # type: ignore[typeddict-item]
    assert await engine.memory.count(scope) == left
    async with open_engine(engine.settings):
        pass
    assert await engine.memory.unfinished(scope.tenant) == []
    assert [key for key in await keys_of(engine) if "lock" not in key and "audit" not in key] == []
    assert sorted(key for key in await keys_of(engine) if "audit" in key) == audit_of_nobody(engine)
    assert await engine.audit_entries() == []
    assert await nodes_of(engine) == 0
    assert (await engine.act(await begun(engine), "look"))["number"] == 1
    assert (await engine.facts("s"))[0]["turn_id"] in ("root", (await engine.find_turn("s", 1))["turn_id"])
    await engine.delete("s")


async def test_the_same_id_can_be_taken_again_while_the_rest_of_the_old_one_is_there(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await played(engine)
    assert await engine.memory.mark_deleted(engine.scope("s"))
    await begun(engine)
    assert (await engine.position("s"))["number"] == 0
    assert [branch["name"] for branch in await engine.branches("s")] == ["main"]
    assert await engine.memory.count(engine.scope("s")) <= 5
    await engine.delete("s")

    async def never() -> list[str]:
        return []

    await played(engine)
    await engine.memory.mark_deleted(engine.scope("s"))
    monkeypatch.setattr(engine, "finish_removals", never)
    with pytest.raises(Conflict, match="being imported or deleted"):
        await begun(engine)
    assert await engine.delete("s") > 0


async def test_a_turn_that_is_played_is_waited_for_and_nothing_comes_back(engine: StoryEngine) -> None:
    model = ScriptedModel(answers=["You look. <held> All is well."])
    engine.use_model("scripted", model)
    for session in ("s", "quiet"):
        await engine.create(COTTAGE, session=session, model="scripted", seed=1)
    _, task = await engine.start("s", "look")
    with pytest.raises(TurnInProgress):
        await engine.delete("s", wait_s=0.05)
    with pytest.raises(TurnInProgress, match="Still being played: s"):
        await engine.delete_tenant(wait_s=0.05)
    assert [s["session"] for s in await engine.memory.sessions(engine.settings.tenant)] == ["s"]
    model.go.set()
    assert await engine.delete("s") > 0  # once the turn has ended
    assert (await task)["number"] == 1
    await asyncio.sleep(0.1)
    assert await keys_of(engine) == []
    assert await nodes_of(engine) == 0


@pytest.mark.parametrize("settings", ["embedded", "servers", "cluster"], indirect=True)
async def test_a_sweep_removes_what_nothing_refers_to_and_no_more(engine: StoryEngine) -> None:
    await played(engine)
    keys = Keyspace(engine._stores.redis, engine.settings.tenant, "s")  # pyright: ignore[reportPrivateUsage]
    stray = Keyspace(engine._stores.redis, engine.settings.tenant, "gone")  # pyright: ignore[reportPrivateUsage]
    await stray.put_lines(["x"])
    await answered(engine, "late", "gone")
    before = await keys.kept_lines()
    used = {branch["line"] for branch in await engine.branches("s")}
    assert set(before) - used
    swept = await engine.sweep()
    assert swept == {"finished": [], "strays": ["gone"], "lines": len(set(before) - used)}
    assert set(await keys.kept_lines()) == set(before) & used
    assert not [key for key in await keys_of(engine) if "late" in key or "gone" in key]
    assert await keys.lines() != []
    assert await engine.sweep() == {"finished": [], "strays": [], "lines": 0}
    await engine.resume("s")
    assert (await engine.act("s", "look"))["number"] == 3
    assert await engine.delete("s") > 0


DYING = """
import asyncio, os, signal, sys
from graphs.archive.keyspace import Keyspace
from graphs.engine import open_engine
from graphs.settings import read_settings

async def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with open_engine(read_settings(data_dir=sys.argv[1])) as engine:
        if sys.argv[2] == "keys":
            Keyspace.remove = die
        else:
            engine.memory.delete = die
        await engine.delete("s")

asyncio.run(main())
"""


@pytest.mark.parametrize("seam", ["keys", "nodes"])
async def test_a_deletion_whose_process_was_killed_is_finished_by_the_next(tmp_path: Path, seam: str) -> None:
    settings = read_settings(data_dir=tmp_path, linger_s=2)
    async with open_engine(settings) as engine:
        await begun(engine)
        await engine.act("s", "look")
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "TTA_LINGER_S": "2"}
    died = subprocess.run([sys.executable, "-c", DYING, str(tmp_path), seam], env=env, check=False)
    assert died.returncode == -signal.SIGKILL
    async with open_engine(settings) as engine:
        assert await nodes_of(engine) == 0
        assert [key for key in await keys_of(engine) if key != "tta"] == []
