"""A backup is a consistent pair: what was acknowledged before it is in it, and a turn in flight is ended once."""

import asyncio
import json
import random
import stat
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from archive_stores import keys_of, nodes_of
from cottage import COTTAGE, begun
from fakes import ScriptedModel
from flight import left_in_flight

from agents.errors import Conflict, InvalidInput, StoreUnavailable, TurnInProgress, UnknownSession
from agents.story import Turn
from graphs.engine import StoryEngine, open_engine
from graphs.keeping import StoryKeeper

PLAYED = ["one", "two", "three"]


async def wipe(engine: StoryEngine) -> None:
    """Everything of the tenant goes from both stores, as when a disk is lost."""
    redis: Any = engine._stores.redis  # pyright: ignore[reportPrivateUsage]
    for session in await engine.memory.session_ids(engine.settings.tenant):
        await engine.memory.delete(engine.scope(session))
    keys = await keys_of(engine)
    if keys:
        await redis.delete(*keys)
    assert (await keys_of(engine), await nodes_of(engine)) == ([], 0)


async def in_flight(engine: StoryEngine, session: str, *, answer: str) -> tuple[str, str]:
    """A turn whose process is gone after a sentence: its id and what was shown."""
    model = "scripted-" + session
    engine.use_model(model, ScriptedModel(answers=[answer]))
    await engine.create(COTTAGE, session=session, model=model, seed=1)
    turn_id, shown = await left_in_flight(engine, session, "look")
    assert await engine._runner(session).inbox.current()  # pyright: ignore[reportPrivateUsage]
    return turn_id, shown


async def test_a_backup_under_load_is_restored_and_play_goes_on(
    engine: StoryEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for session in PLAYED:
        await begun(engine, session)
    held, shown = await in_flight(engine, "held", answer="The range ticks. The cups hang still. <hang>")
    acknowledged: dict[str, list[Turn]] = defaultdict(list)
    before: dict[str, list[Turn]] = {}
    stop, chance = asyncio.Event(), random.Random(7)

    async def play(session: str) -> None:
        mine = acknowledged[session]
        while not stop.is_set():
            with suppress(TurnInProgress):
                mine.append(await engine.act(session, chance.choice(["look", "wait", "take lamp"])))
            if len(mine) > 5 and chance.random() < 0.3:
                last = mine.pop()
                try:
                    await engine.undo(session)
                except TurnInProgress:
                    mine.append(last)
            await asyncio.sleep(0.01)

    put = StoryKeeper._put_story  # pyright: ignore[reportPrivateUsage]

    async def noting(self: StoryKeeper, file: Any, done: Any, session: str) -> None:
        before[session] = list(acknowledged[session])
        await put(self, file, done, session)

    monkeypatch.setattr(StoryKeeper, "_put_story", noting)
    players = [asyncio.create_task(play(session)) for session in PLAYED]
    while min(len(acknowledged[session]) for session in PLAYED) < 4:
        await asyncio.sleep(0.05)
    done = await engine.backup(tmp_path / "backup")
    stop.set()
    await asyncio.gather(*players)
    assert set(done["sessions"]) == {*PLAYED, "held"}
    assert min(len(turns) for turns in before.values() if turns) >= 4
    await wipe(engine)
    async with open_engine(engine.settings) as other:
        other.use_model("scripted-held", ScriptedModel(answers=["And the rain goes on outside."]))
        assert set((await other.restore(tmp_path / "backup"))["sessions"]) == {*PLAYED, "held"}
        for session in PLAYED:
            await other.recover(session)
            turns = (await other.turns(session, limit=500))[::-1]
            kept = [turn["turn_id"] for turn in turns]
            assert kept[: len(before[session])] == [turn["turn_id"] for turn in before[session]]
            assert turns[: len(before[session])] == before[session]
            assert [turn["number"] for turn in turns] == list(range(1, len(turns) + 1))
            assert (await other.act(session, "look"))["number"] == len(turns) + 1
        turn = await other.recover("held")
        assert turn
        assert turn["turn_id"] == held
        assert turn["narration"].startswith(shown)
        assert turn["narration"].count(shown) == 1
        assert [t["turn_id"] for t in await other.turns("held")] == [held]
        assert await other.recover("held") is None
        await other.delete_tenant()


async def test_a_turn_that_does_not_end_is_kept_as_it_stands_and_ended_once(
    engine: StoryEngine, tmp_path: Path
) -> None:
    model = ScriptedModel(answers=["The range ticks. The cups <held> hang still. "])
    engine.use_model("scripted", model)
    await engine.create(COTTAGE, session="s", model="scripted", seed=1)
    turn_id, task = await engine.start("s", "look")
    shown: list[str] = []
    async for event in engine.events("s", turn_id):
        if event["kind"] == "sentence":
            shown.append(event["data"]["text"])
            break
    waited: list[str] = []
    done = await engine.backup(tmp_path / "early", wait_s=0.05, waiting=waited.append)
    assert (done["sessions"], done["in_flight"], waited) == (["s"], ["s"], ["s"])
    model.go.set()
    assert (await task)["turn_id"] == turn_id
    done = await engine.backup(tmp_path / "late")
    assert done["in_flight"] == []
    for backup, ended in (("early", False), ("late", True)):
        await wipe(engine)
        async with open_engine(engine.settings) as other:
            other.use_model("scripted", ScriptedModel(answers=["And the rain goes on."]))
            await other.restore(tmp_path / backup)
            assert bool(await other.turns("s")) == ended
            turn = await other.recover("s")
            assert (turn is None) == ended
            (turn,) = await other.turns("s")
            assert turn["turn_id"] == turn_id
            assert turn["narration"].count(shown[0]) == 1
            assert turn["narration"].startswith(shown[0])
            assert (await other.act("s", "look", turn_id=turn_id)) == turn
            assert (await other.position("s"))["number"] == 1
    await engine.delete_tenant()


async def test_what_is_there_is_replaced_only_if_that_is_asked_for(engine: StoryEngine, tmp_path: Path) -> None:
    for session in ("one", "two"):
        await begun(engine, session)
        await engine.act(session, "look")
    file = tmp_path / "backup"
    await engine.backup(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(InvalidInput, match="already"):
        await engine.backup(file)
    await engine.act("one", "take lamp")
    await engine.delete("two")
    await begun(engine, "three")
    with pytest.raises(Conflict) as caught:
        await engine.restore(file)
    assert caught.value.choices == ("one",)
    with pytest.raises(UnknownSession):
        await engine.session("two")
    done = await engine.restore(file, force=True)
    assert (done["sessions"], done["replaced"]) == (["one", "two"], ["one"])
    assert [(await engine.position(session))["number"] for session in ("one", "two", "three")] == [1, 1, 0]
    assert (await engine.act("one", "take lamp"))["inventory"] == ["lamp"]
    await engine.delete_tenant()


async def test_a_backup_that_fails_leaves_no_file_and_an_old_one_as_it_was(
    engine: StoryEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begun(engine)
    file = tmp_path / "b" / "backup"
    file.parent.mkdir()
    await engine.backup(file)
    old = file.read_bytes()

    async def gone(*_: Any) -> None:
        raise StoreUnavailable("The plug was pulled")

    with monkeypatch.context() as patched:
        patched.setattr(engine.memory, "nodes", gone)
        with pytest.raises(StoreUnavailable):
            await engine.backup(file, force=True)
    assert file.read_bytes() == old
    assert list(file.parent.iterdir()) == [file]
    headers = [json.loads(line) for line in old.splitlines() if line.startswith(b'{"tta"')]
    assert [header["tta"] for header in headers] == ["backup", "story"]
    await engine.delete_tenant()


async def test_a_restore_that_is_cut_off_shows_no_half_session_and_can_be_asked_again(
    engine: StoryEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for session in ("one", "two"):
        await begun(engine, session)
        await engine.act(session, "look")
    file = tmp_path / "backup"
    await engine.backup(file)
    await wipe(engine)
    end, ended = engine.memory.end_import, list[str]()

    async def cut(scope: Any, session: Any) -> Any:
        if ended:
            raise StoreUnavailable("The plug was pulled")
        ended.append(scope.session)
        return await end(scope, session)

    with monkeypatch.context() as patched:
        patched.setattr(engine.memory, "end_import", cut)
        with pytest.raises(StoreUnavailable):
            await engine.restore(file)
    assert [s["session"] for s in await engine.memory.sessions(engine.settings.tenant)] == ended
    assert not [key for key in await keys_of(engine) if ":two" in key or "Atwo" in key]
    done = await engine.restore(file, force=True)
    assert (done["sessions"], done["replaced"]) == (["one", "two"], ended)
    assert (await engine.act("two", "look"))["number"] == 2
    await engine.delete_tenant()
