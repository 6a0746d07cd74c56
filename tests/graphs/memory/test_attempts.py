"""Attempts: the turns with one parent, whatever became of them, and the way from one to another."""

import pytest
from story_reference import Reference, new_turn, take

from agents.errors import UnknownBranch, UnknownTurn
from graphs.memory import KEYFRAME, Commit


async def three_attempts(story: Reference, depth: int = 2) -> list[str]:
    """A story in which the turn of that depth was tried three times; HEAD is on the third."""
    for n in range(1, depth):
        await story.play(take(f"place-{n}"))
    tried: list[str] = []
    for n in range(3):
        if tried:
            await story.undo(1)
        tried.append(
            (await story.play(take(f"attempt-{n}"), marker=f"tried{n}", at=f"2026-01-03T00:00:0{n}"))["turn_id"]
        )
    return tried


async def test_attempts_are_the_story_turns_with_one_parent_oldest_first(story: Reference) -> None:
    assert await story.memory.attempts(story.scope, "root") == []
    tried = await three_attempts(story)
    parent = story.told[tried[0]]["parent"]
    aside = new_turn(story.scope, 1, parent, kind="check_in", at="2026-01-03T00:00:09")
    await story.memory.commit(story.scope, Commit(aside, [], []))
    for turn_id in tried:
        assert await story.memory.attempts(story.scope, turn_id) == [story.told[each] for each in tried]
    assert await story.memory.attempts(story.scope, parent) == [story.told[parent]]
    newest = await story.memory.attempts(story.scope, tried[0], limit=2)
    assert [turn["turn_id"] for turn in newest] == tried[1:]
    assert await story.memory.attempts(story.scope, aside["turn_id"]) == []
    assert await story.memory.attempts(story.scope, "nowhere") == []


@pytest.mark.parametrize("depth", [1, 2, KEYFRAME, KEYFRAME + 1])
async def test_head_goes_to_another_attempt_and_everything_with_it(story: Reference, depth: int) -> None:
    tried = await three_attempts(story, depth)
    branch = await story.memory.take_attempt(story.scope, "main", tried[0])
    assert (branch["head"], branch["number"], branch["line"], branch["active"]) == (tried[0], depth, "", True)
    story.heads["main"], story.on["main"] = tried[0], ""
    await story.check()
    assert [m["turn_id"] for m in await story.recall("tried0 tried1 tried2", skip=0)] == [tried[0]]
    await story.play(take("on"))
    await story.check()
    assert await story.memory.take_attempt(story.scope, "main", story.head)


async def test_only_attempts_at_the_last_turn_are_gone_to(story: Reference) -> None:
    tried = await three_attempts(story)
    for turn_id in ("root", story.told[tried[0]]["parent"], "nowhere"):
        with pytest.raises(UnknownTurn):
            await story.memory.take_attempt(story.scope, "main", turn_id)
    with pytest.raises(UnknownBranch):
        await story.memory.take_attempt(story.scope, "other", tried[0])
    await story.undo(2)
    with pytest.raises(UnknownTurn):
        await story.memory.take_attempt(story.scope, "main", tried[0])
    await story.check()
