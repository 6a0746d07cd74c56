"""Chapters hang on keyframe turns: who descends from the turn sees its chapter, and nobody else."""

import asyncio
import random

import pytest
from story_reference import Reference, new_scope, take

from agents.errors import InvalidInput, UnknownTurn
from graphs.memory import KEYFRAME, StoryMemory, open_falkordb
from graphs.memory.shapes import Chapter


async def play_on(story: Reference, count: int) -> None:
    for _ in range(count):
        await story.play(marker=f"m{len(story.told)}")


async def test_a_chapter_is_closed_once_and_says_which_turns_it_tells(story: Reference) -> None:
    await play_on(story, KEYFRAME - 1)
    assert await story.memory.open_chapters(story.scope) == []
    await play_on(story, 2)
    (open_,) = await story.memory.open_chapters(story.scope)
    assert open_ == story.chain(story.head)[KEYFRAME]["turn_id"]
    assert (await story.memory.position(story.scope))["closed"] == 0
    made = await story.close(open_)
    assert (made["number"], made["first"], made["last"]) == (1, 1, KEYFRAME)
    again = await story.memory.close_chapter(story.scope, Chapter(**{**made, "text": "Another.", "number": 9}))
    assert again == made
    assert await story.memory.open_chapters(story.scope) == []
    await story.check()


async def test_what_a_chapter_is_made_of(story: Reference) -> None:
    for n in range(1, 2 * KEYFRAME + 1):
        await story.play(take(f"place-{n}"), **({"marker": f"m{n}"} if n % 2 else {}))
    chain = story.chain(story.head)
    await story.close(chain[KEYFRAME]["turn_id"])
    made = await story.memory.open_chapter(story.scope, story.head)
    assert made["turns"] == chain[KEYFRAME + 1 :]
    assert (made["number"], made["turn_id"]) == (2, story.head)
    assert made["before"] == story.slots(chain[KEYFRAME]["turn_id"])
    assert made["after"] == story.slots(story.head)
    assert made["so_far"] == story.closed[chain[KEYFRAME]["turn_id"]]["so_far"]
    assert made["moments"] == {
        turn["turn_id"]: [f"Somebody spoke of m{turn['number']}."] for turn in made["turns"] if turn["number"] % 2
    }


async def test_only_a_keyframe_ends_a_chapter(story: Reference) -> None:
    await play_on(story, 3)
    for turn_id in (story.head, "root", "nowhere"):
        with pytest.raises(UnknownTurn):
            await story.memory.open_chapter(story.scope, turn_id)
        with pytest.raises(UnknownTurn):
            await story.close(turn_id)
    await play_on(story, KEYFRAME - 3)
    with pytest.raises(InvalidInput):
        await story.close(story.head, so_far="x" * 4_001)
    assert await story.memory.chapters(story.scope) == []


async def test_twenty_who_close_one_chapter_get_the_same(story: Reference) -> None:
    await play_on(story, KEYFRAME - 1)
    for _ in range(3):
        await play_on(story, 1)
        before = await story.memory.count(story.scope)
        closed = await asyncio.gather(*(story.close(story.head, text=f"Version {n}.") for n in range(20)))
        assert len({made["text"] for made in closed}) == 1
        assert await story.memory.chapters(story.scope) == closed[:1]
        assert await story.memory.count(story.scope) == before + 1
        await story.undo(1)


async def test_two_tenants_with_the_same_ids_do_not_meet(memory: StoryMemory) -> None:
    stories = [Reference(memory, scope=new_scope(tenant)) for tenant in ("ten-a", "ten-b")]
    stories[1].scope = type(stories[1].scope)("ten-b", stories[0].scope.session)
    for story in stories:
        await story.begin()
        for n in range(1, KEYFRAME + 1):
            await story.play(turn_id=f"turn-{n}")
    await stories[0].close(f"turn-{KEYFRAME}", text="The first one's.")
    assert (await memory.position(stories[1].scope))["story_so_far"] == ""
    assert await memory.open_chapters(stories[1].scope) == [f"turn-{KEYFRAME}"]
    assert await memory.delete(stories[0].scope) > KEYFRAME
    assert await memory.count(stories[0].scope) == 0
    assert await memory.count(stories[1].scope) > KEYFRAME
    await memory.delete(stories[1].scope)


async def test_random_play_sees_the_chapters_of_its_own_line_and_no_other(memory: StoryMemory) -> None:
    chance = random.Random(5)
    story = Reference(memory)
    await story.begin()
    for _ in range(40 if "Falkor" in type(memory).__name__ else 12):
        await play_on(story, chance.choice((1, 7, 20, 33)))
        for turn_id in (await memory.open_chapters(story.scope))[: chance.randrange(3)]:
            await story.close(turn_id)
        await story.check()
        match chance.randrange(4):
            case 0:
                await story.undo(chance.choice((1, 3, 30, 70)))
            case 1:
                await story.fork(f"branch-{len(story.heads)}", chance.choice(list(story.told)))
            case 2:
                await story.switch(chance.choice(list(story.heads)))
        await story.check()
        await story.check_chapters()
    await memory.delete(story.scope)


async def test_pages_go_on_across_blocks(embedded_socket: str) -> None:
    """1,024 turns are a block: its keyframes are listed in its own leaves, the blocks before are reached through it."""
    async with open_falkordb(embedded_socket) as memory:
        await memory.setup()
        story = Reference(memory)
        await story.begin()
        for _ in range(34 * KEYFRAME):
            await story.play_quickly()
        opened = await memory.open_chapters(story.scope)
        assert opened == [turn["turn_id"] for turn in story.chain(story.head)[KEYFRAME::KEYFRAME]]
        for turn_id in opened[:33]:
            await story.close(turn_id)
        assert await memory.open_chapters(story.scope) == opened[33:]
        await story.close(opened[33])
        await story.check_chapters()
        await story.undo(KEYFRAME + 1)
        assert (await memory.position(story.scope))["closed"] == 32 * KEYFRAME
        await story.check_chapters()
        await memory.delete(story.scope)
