"""Long stories: chapters are closed behind the player's back, follow every branch, and are what a recap tells from."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from cottage import COTTAGE, begun

from agents.errors import StoreUnavailable, UnknownTurn
from agents.story import Turn
from graphs.chapters import behind
from graphs.engine import StoryEngine, open_engine
from graphs.memory import KEYFRAME
from graphs.settings import read_settings

ROUND = ["look", "wait", "look at the lamp", "inventory"]


async def play_to(engine: StoryEngine, session: str, number: int, *first: str) -> list[Turn]:
    """The turns up to that number: the actions given, then aimless ones."""
    told: list[Turn] = []
    actions = list(first)
    while not told or told[-1]["number"] < number:
        action = actions.pop(0) if actions else ROUND[len(told) % len(ROUND)]
        told.append(await engine.act(session, action))
    await settled(engine, session)
    return told


async def settled(engine: StoryEngine, session: str) -> None:
    await engine._chapters.wait(engine.scope(session), 60)  # pyright: ignore[reportPrivateUsage]


async def texts(engine: StoryEngine, session: str) -> list[str]:
    return [chapter["text"] for chapter in await engine.chapters(session)][::-1]


async def test_a_chapter_tells_what_its_turns_came_to(engine: StoryEngine) -> None:
    session = await begun(engine)
    await play_to(engine, session, KEYFRAME, "take lamp", "north", "talk to maren", "ask maren about the bell",
                  "take stone", "give stone to maren")  # fmt: skip
    (chapter,) = await engine.chapters(session)
    assert chapter["text"] == (
        "In the kitchen you picked up the brass lamp. In the garden you met Maren, talked with her about the bell, gave "
        "her the flat stone and got the folded note from her."
    )
    assert (chapter["number"], chapter["first"], chapter["last"], chapter["source"]) == (1, 1, 32, "extract")
    assert chapter["so_far"] == chapter["text"]
    assert chapter["usage"]["calls"] == 0


async def test_a_recap_tells_the_story_so_far_what_came_since_and_where_one_is(engine: StoryEngine) -> None:
    session = await begun(engine)
    await play_to(engine, session, KEYFRAME, "take lamp")
    await play_to(engine, session, KEYFRAME + 4, "north", "take small key")
    recap = await engine.recap(session)
    assert recap.startswith(
        "The story so far: In the kitchen you picked up the brass lamp. In the garden you picked up the small key.\n\n"
    )
    assert "You are in the garden, with Maren." in recap
    assert "You have a brass lamp and a small key with you." in recap


async def test_what_was_taken_back_is_in_no_chapter_and_no_recap(engine: StoryEngine) -> None:
    session = await begun(engine)
    await play_to(engine, session, KEYFRAME - 2, "north", "take small key")
    await play_to(engine, session, KEYFRAME + 3, "take large key", "take stone")
    assert "large key" in (await texts(engine, session))[0]
    await engine.undo(session, 5)
    assert await engine.chapters(session) == []
    assert "large key" not in await engine.recap(session)
    await play_to(engine, session, KEYFRAME + 1, "talk to maren")
    (text,) = await texts(engine, session)
    assert "met Maren" in text
    assert "large key" not in text + await engine.recap(session)


async def test_a_fork_shares_the_chapters_before_it_and_none_after(engine: StoryEngine) -> None:
    session = await begun(engine)
    await play_to(engine, session, 2 * KEYFRAME, "take lamp")
    shared = (await engine.chapters(session))[-1]
    await engine.fork(session, "other", at=KEYFRAME + 8)
    assert await engine.chapters(session) == [shared]
    await play_to(engine, session, 2 * KEYFRAME, "north", "take stone")
    own, first = await engine.chapters(session)
    assert first == shared
    assert "flat stone" in own["text"]
    assert "flat stone" in own["so_far"]
    await engine.switch(session, "main")
    assert "flat stone" not in (await engine.chapters(session))[0]["so_far"]
    assert "flat stone" not in await engine.recap(session)


async def test_turns_that_are_no_story_are_told_nowhere(engine: StoryEngine) -> None:
    session = await begun(engine)
    await play_to(engine, session, 5)
    assert (await engine.act(session, "I feel so alone and nobody would miss me"))["kind"] != "story"
    if (await engine.session(session))["paused"]:
        await engine.resume(session)
    await play_to(engine, session, KEYFRAME)
    made = await engine.memory.open_chapter(engine.scope(session), (await engine.position(session))["head"])
    assert [turn["number"] for turn in made["turns"]] == list(range(1, KEYFRAME + 1))
    assert "alone" not in str(made) + str(await engine.chapters(session))


async def test_a_chapter_that_a_dead_process_left_open_is_closed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read_settings(data_dir=tmp_path, linger_s=1)
    async with open_engine(settings) as first:
        session = await begun(first)
        monkeypatch.setattr(first._chapters, "begin", lambda *_: None)  # pyright: ignore[reportPrivateUsage]
        await play_to(first, session, 2 * KEYFRAME + 1, "take lamp")
        assert await first.chapters(session) == []
    monkeypatch.setattr(
        "graphs.playing.RECAP_WAIT_S", 60
    )  # a busy machine may need longer for chapters than a player waits
    async with open_engine(settings) as second:
        assert behind(await second.position(session))
        assert (await second.recap(session)).startswith(
            "The story so far: In the kitchen you picked up the brass lamp."
        )
        assert [chapter["number"] for chapter in await second.chapters(session)] == [2, 1]
        assert not behind(await second.position(session))


async def test_the_next_end_of_a_chapter_makes_up_for_one_before(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await begun(engine)
    with monkeypatch.context() as patched:

        async def gone(*_: Any) -> None:
            raise StoreUnavailable("The graph server does not answer")

        patched.setattr(engine.memory, "close_chapter", gone)
        await play_to(engine, session, KEYFRAME + 1)
        assert await engine.chapters(session) == []
    await play_to(engine, session, 2 * KEYFRAME)
    assert len(await engine.chapters(session)) == 2


async def test_two_processes_close_the_same_chapter_once(tmp_path: Path) -> None:
    settings = read_settings(data_dir=tmp_path, linger_s=1)
    async with open_engine(settings) as one, open_engine(settings) as two:
        session = await begun(one)
        one._chapters.begin = lambda *_: None  # type: ignore[method-assign]  # pyright: ignore
        await play_to(one, session, 3 * KEYFRAME)
        del one._chapters.begin  # type: ignore[attr-defined]  # pyright: ignore
        before = await one.memory.count(one.scope(session))
        await asyncio.gather(*(engine.recap(session) for engine in (one, two, one, two)))
        for engine in (one, two):
            await settled(engine, session)
        assert await one.chapters(session) == await two.chapters(session)
        assert await one.memory.count(one.scope(session)) == before + 3


async def test_a_deleted_session_leaves_no_chapter_and_no_task(engine: StoryEngine) -> None:
    session = (await engine.create(COTTAGE, session="gone", seed=1))["session"]
    for _ in range(KEYFRAME):
        await engine.act(session, "look")
    assert await engine.delete(session) > 0
    assert await engine.memory.count(engine.scope(session)) == 0
    assert engine._chapters._tasks == {}  # pyright: ignore[reportPrivateUsage]


async def test_a_branch_begins_at_any_turn_that_was_ever_played(engine: StoryEngine) -> None:
    session = await begun(engine)
    first = await engine.act(session, "take lamp")
    again = await engine.retry(session)
    branch = await engine.fork(session, "first", turn_id=first["turn_id"])
    assert (branch["head"], branch["active"]) == (first["turn_id"], True)
    assert [turn["turn_id"] for turn in await engine.attempts(session)] == [first["turn_id"], again["turn_id"]]
    with pytest.raises(UnknownTurn):
        await engine.fork(session, "none", turn_id="nowhere-1")
