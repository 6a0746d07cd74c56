"""Whoever moves HEAD ends first what a dead process left unfinished: neither that turn nor the next action is lost."""

import asyncio

import pytest
from cottage import begun

from agents.errors import SessionPaused
from graphs.engine import StoryEngine


async def leave_unfinished(engine: StoryEngine, session: str, action: str | None, *, stepped_back: bool = False) -> str:
    """Accepts an action and lets its process die there; without an action, a retry. Its turn's id."""
    runner = engine._runner(session)  # pyright: ignore[reportPrivateUsage]
    entry = await engine._entry(await engine.session(session), action, engine.ids.new(), runner)  # pyright: ignore[reportPrivateUsage]
    await runner.inbox.put(entry)
    if stepped_back:
        await runner._step_back(entry)  # pyright: ignore[reportPrivateUsage]
    return entry["turn_id"]


@pytest.mark.parametrize("number", [1, 2])
async def test_undo_takes_the_unfinished_turn_back(engine: StoryEngine, number: int) -> None:
    session = await begun(engine)
    for action in ("look", "wait"):
        await engine.act(session, action)
    turn_id = await leave_unfinished(engine, session, "take lamp")
    assert (await engine.undo(session, number))["number"] == 3 - number
    assert (await engine.turn(session, turn_id))["action"] == "take lamp", "it stays reachable"
    assert (await engine.act(session, "north"))["number"] == 4 - number


async def test_undo_takes_back_a_retry_that_was_broken_off_and_no_more(engine: StoryEngine) -> None:
    session = await begun(engine)
    for action in ("look", "wait"):
        await engine.act(session, action)
    await leave_unfinished(engine, session, None, stepped_back=True)
    assert (await engine.undo(session))["number"] == 1
    assert (await engine.act(session, "north"))["number"] == 2


async def test_another_attempt_is_one_at_the_unfinished_turn(engine: StoryEngine) -> None:
    session = await begun(engine)
    await engine.act(session, "wait")
    await leave_unfinished(engine, session, None)
    assert (await engine.take_attempt(session, 2))["number"] == 1
    assert len(await engine.attempts(session)) == 2
    assert (await engine.act(session, "north"))["number"] == 2


async def test_an_unfinished_crisis_pauses_what_would_move_head(engine: StoryEngine) -> None:
    session = await begun(engine)
    await engine.act(session, "wait")
    await leave_unfinished(engine, session, "I want to end my life tonight")
    with pytest.raises(SessionPaused):
        await engine.undo(session)
    assert (await engine.position(session))["number"] == 1


async def test_who_reads_a_turn_before_its_first_event_is_told_it_from_the_beginning(engine: StoryEngine) -> None:
    session = await begun(engine)
    turn_id = await leave_unfinished(engine, session, "look")
    reading = asyncio.create_task(anext(engine.events(session, turn_id)))
    await asyncio.wait({reading}, timeout=0.2)
    assert not reading.done(), "it is accepted, so it is waited for"
    await engine.recover(session)
    assert (await asyncio.wait_for(reading, 10))["kind"] == "sentence"
