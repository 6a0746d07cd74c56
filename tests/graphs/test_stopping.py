"""A turn that runs or waits is stopped, wherever it is played, and nothing of it stays."""

import asyncio

import pytest
from cottage import begun
from fakes import ScriptedModel
from flight import broken_off, sentence_of
from second import SHORT, TALE, running, told

from agents.errors import Conflict, TurnCancelled, UnknownTurn
from agents.halt import Halt, How
from graphs.engine import StoryEngine, open_engine
from graphs.inbox import Accepted, Inbox


async def test_stopped(engine: StoryEngine, held: ScriptedModel) -> None:
    session, turn_id, task = await running(engine)
    assert await engine.cancel(session) == turn_id
    with pytest.raises(TurnCancelled):
        await task
    assert await engine.turns(session) == []
    assert (await engine.failure(session, turn_id)).code == "turn_cancelled"  # type: ignore[union-attr]
    with pytest.raises(UnknownTurn):
        await engine.cancel(session)
    turn = await engine.act(session, "wait")
    assert (turn["number"], turn["narration"]) == (1, SHORT), "the story goes on as if nothing had been"


@pytest.mark.parametrize("engine", ["embedded", "cluster"], indirect=True)
async def test_one_that_waits_is_stopped_by_its_id(engine: StoryEngine, held: ScriptedModel) -> None:
    session, _, first = await running(engine)
    waiting, task = await engine.send(session, "say nothing", strategy="enqueue")
    assert await engine.cancel(session, waiting) == waiting
    with pytest.raises(TurnCancelled):
        await task
    with pytest.raises(UnknownTurn):
        await engine.cancel(session, "b" * 32)
    held.go.set()
    await first


async def test_a_retry_that_is_stopped_leaves_the_turn_before_it(engine: StoryEngine, held: ScriptedModel) -> None:
    session, turn_id, first = await running(engine)
    held.go.set()
    await first
    held.go.clear()
    held.answers[:] = [TALE]
    again, task = await engine.start_retry(session)
    await sentence_of(engine, session, again)
    await engine.cancel(session)
    with pytest.raises(TurnCancelled):
        await task
    assert [turn["turn_id"] for turn in await engine.turns(session)] == [turn_id]


@pytest.mark.parametrize("engine", ["embedded", "cluster"], indirect=True)
async def test_stopped_in_another_process(engine: StoryEngine, held: ScriptedModel) -> None:
    session, turn_id, task = await running(engine)
    async with open_engine(engine.settings) as other:
        assert await other.cancel(session) == turn_id
    with pytest.raises(TurnCancelled):
        await task


async def test_stopped_when_its_process_is_dead(engine: StoryEngine, held: ScriptedModel) -> None:
    session, turn_id, task = await running(engine)
    await broken_off(task)
    assert await engine.cancel(session) == turn_id
    assert await engine.turns(session) == []
    assert await engine._runner(session).inbox.current() is None


async def test_too_late_to_be_stopped(engine: StoryEngine, held: ScriptedModel, monkeypatch) -> None:
    session, turn_id, task = await running(engine)

    async def slow(*_: object) -> None:
        """The wish is on its way when the turn commits."""
        held.go.set()

    monkeypatch.setattr("graphs.inbox.Inbox.ask_to_halt", slow)
    with pytest.raises(Conflict) as refused:
        await engine.cancel(session)
    assert "undo" in refused.value.cure
    await task
    assert (await engine.turns(session))[0]["turn_id"] == turn_id


async def test_an_id_whose_turn_failed_or_was_stopped_begins_anew(engine: StoryEngine, held: ScriptedModel) -> None:
    """Who reads along hears of this try and not of the one before it."""
    session, turn_id, first = await running(engine)
    await engine.cancel(session)
    await asyncio.wait([first])
    _, task = await engine.send(session, "look", turn_id=turn_id, strategy="enqueue")
    assert (await task)["narration"] == SHORT
    assert [event["kind"] for event in await told(engine, session, turn_id)] == [
        "metadata",
        "sentence",
        "committed",
        "end",
    ]
    held.answers[:] = ["<fail>", SHORT]
    _, failing = await engine.start(session, "wait", turn_id="c" * 32)
    await asyncio.wait([failing])
    await engine.act(session, "wait", turn_id="c" * 32)
    assert [event["kind"] for event in await told(engine, session, "c" * 32)] == [
        "metadata",
        "sentence",
        "committed",
        "end",
    ]


async def test_stopped_though_no_model_is_waited_for(engine: StoryEngine, held: ScriptedModel, monkeypatch) -> None:
    """Where the commit begins is the last place."""
    passed_on = asyncio.Event()
    ask = Halt.ask

    def noting(self: Halt, how: How) -> None:
        ask(self, how)
        passed_on.set()

    monkeypatch.setattr(Halt, "within", lambda _, seconds: asyncio.timeout(seconds))
    monkeypatch.setattr(Halt, "ask", noting)
    session, turn_id, task = await running(engine)
    stopping = asyncio.create_task(engine.cancel(session))
    async with asyncio.timeout(60):
        await passed_on.wait()
    held.go.set()
    assert await stopping == turn_id
    with pytest.raises(TurnCancelled):
        await task
    assert await engine.turns(session) == []


async def test_one_that_is_dropped_as_it_is_taken_up_is_not_played(
    engine: StoryEngine, held: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has dropped it was told that nothing of it stays."""
    session = await begun(engine, "", model="scripted")
    queued = await engine.enqueue(session, "look")
    put = Inbox.put

    async def meanwhile(self: Inbox, accepted: Accepted) -> None:
        assert await engine.cancel(session, accepted["turn_id"]) == queued["turn_id"]
        await put(self, accepted)

    monkeypatch.setattr(Inbox, "put", meanwhile)
    await engine.play_all(session)
    assert held.asked == []
    assert await engine.turns(session) == []
    assert (await told(engine, session, queued["turn_id"]))[-2]["data"]["code"] == "turn_cancelled"
    assert await engine._runner(session).inbox.current() is None
